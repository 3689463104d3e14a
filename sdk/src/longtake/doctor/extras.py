"""Which extras of a distribution are not installed."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution

from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import InvalidVersion

from longtake.doctor.values import MissingExtra
from longtake.plugins.metadata import normalized_name

__all__ = ["missing_extras"]


def missing_extras(name: str) -> tuple[MissingExtra, ...]:
    """The extras of the distribution ``name`` with a requirement that is not installed."""
    found = [MissingExtra(each, _missing(name, each, frozenset())) for each in _extras_of(name)]
    return tuple(each for each in found if each.requirements)


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
    found = []
    for text in distribution(name).requires or []:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:  # its installer's affair
            continue
        marker = requirement.marker
        if marker and marker.evaluate({"extra": of}) and not marker.evaluate({"extra": ""}):
            found.append(requirement)
    return found


def _is_installed(requirement: Requirement) -> bool:
    try:
        version = distribution(requirement.name).version
        return requirement.specifier.contains(version, prereleases=True)
    except (PackageNotFoundError, InvalidVersion, UnicodeDecodeError):  # of damaged metadata
        return False
