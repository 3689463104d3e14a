"""Which requirements of a distribution, and which of its extras, are not installed."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, distribution

from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import InvalidVersion

from longtake.doctor.values import MissingExtra, MissingRequirement
from longtake.plugins.metadata import normalized_name

__all__ = [
    "extras_with",
    "missing_extras",
    "missing_requirements",
    "required_distributions",
]


def missing_requirements(name: str) -> tuple[MissingRequirement, ...]:
    """What the distribution ``name`` needs without any extra, and is not there as it needs it."""
    try:
        needed = [each for each in _all_requirements(name) if _holds(each, "")]
    except PackageNotFoundError:  # of a plugin whose metadata is damaged
        return ()
    return tuple(
        dict.fromkeys(
            MissingRequirement(f"{each.name}{each.specifier}", _installed_version(each.name))
            for each in needed
            if not _is_installed(each)
        )
    )


def required_distributions(name: str) -> frozenset[str]:
    """The normalised names of what the distribution ``name`` needs without any extra."""
    try:
        needed = [each.name for each in _all_requirements(name) if _holds(each, "")]
    except PackageNotFoundError:
        return frozenset()
    return frozenset(map(normalized_name, needed))


def missing_extras(name: str) -> tuple[MissingExtra, ...]:
    """The extras of the distribution ``name`` with a requirement that is not installed."""
    found = [MissingExtra(each, _missing(name, each, frozenset())) for each in _extras_of(name)]
    return tuple(each for each in found if each.requirements)


def extras_with(package: str, missing: Iterable[MissingExtra]) -> list[str]:
    """Which of the ``missing`` extras would bring ``package``, a distribution or a module."""
    wanted = normalized_name(package)
    return [
        each.name
        for each in missing
        if any(normalized_name(Requirement(text).name) == wanted for text in each.requirements)
    ]


def _extras_of(name: str) -> list[str]:
    try:
        return distribution(name).metadata.get_all("Provides-Extra") or []
    except PackageNotFoundError:  # of a plugin whose metadata is damaged
        return []


def _missing(name: str, of: str, asked: frozenset[str]) -> tuple[str, ...]:
    """What the extra ``of`` needs and is not there; an extra may name others of its own."""
    missing: list[str] = []
    for requirement in _requirements(name, of):
        if normalized_name(requirement.name) == normalized_name(name):
            for other in requirement.extras - asked:
                missing += _missing(name, other, asked | requirement.extras | {of})
        elif not _is_installed(requirement):
            missing.append(f"{requirement.name}{requirement.specifier}")
    return tuple(dict.fromkeys(missing))


def _requirements(name: str, of: str) -> list[Requirement]:
    """Those that hold with the extra and not without it."""
    return [each for each in _all_requirements(name) if _holds(each, of) and not _holds(each, "")]


def _all_requirements(name: str) -> list[Requirement]:
    found = []
    for text in distribution(name).requires or []:
        with suppress(InvalidRequirement):  # its installer's affair
            found.append(Requirement(text))
    return found


def _holds(requirement: Requirement, of: str) -> bool:
    marker = requirement.marker
    return marker is None or marker.evaluate({"extra": of})


def _is_installed(requirement: Requirement) -> bool:
    version = _installed_version(requirement.name)
    if version is None:
        return False
    try:
        return requirement.specifier.contains(version, prereleases=True)
    except InvalidVersion:
        return False


def _installed_version(name: str) -> str | None:
    """As its metadata say; None when it is not there, or they are damaged."""
    try:
        found: str | None = distribution(name).metadata["Version"]
    except (PackageNotFoundError, UnicodeDecodeError):
        return None
    return found
