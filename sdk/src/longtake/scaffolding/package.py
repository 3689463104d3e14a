"""Starting a plugin package: a template that ships with Longtake, under a new name."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Literal

from attrs import frozen

from longtake.errors import NameClashError, OutputError, ValidationError
from longtake.plugins.loading import Plugin
from longtake.plugins.metadata import normalized_name
from longtake.plugins.registry import Registry

__all__ = ["PackageName", "Template", "package_name", "rendered", "write_package"]

Template = Literal["family", "blob_store", "session_store", "observer", "extension"]

_WORDS = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_][A-Za-z0-9]+)*")
_MOST_CHARACTERS = 50
_ENDINGS: dict[Template, str] = {
    "family": "",
    "blob_store": "-blobs",
    "session_store": "-sessions",
    "observer": "-observer",
    "extension": "-extension",
}
"""Of the package's names, so that packages of one name and several kinds can stand side by side."""

_SUFFIX = ".template"
"""Of files that tools would take for this repository's own; a package has them without it."""


@frozen
class PackageName:
    """What the parts of a package are called.

    - ``given``: the family, the scheme of the store's URLs, the observer, or the preset.
    - ``folder``: of the package.
    - ``distribution``: as indexes of packages normalise it.
    - ``class_name``: what the names of classes begin with.
    """

    given: str
    folder: str
    distribution: str
    module: str
    class_name: str

    def put_into(self, text: str) -> str:
        """``text`` of a template, where every form of ``untitled`` is the same form of this."""
        distribution = f"longtake-{normalized_name(self.given)}"
        forms = {
            "longtake-untitled": distribution,
            "longtake_untitled": distribution.replace("-", "_"),
            "Untitled": self.class_name,
            "untitled": self.given,
        }
        return re.sub("|".join(forms), lambda found: forms[found[0]], text)


def package_name(template: Template, given: str) -> PackageName:
    """The names of a package for ``given``.

    Raises `ValidationError` for a text that is not both a module's and a distribution's name, or,
    for a store, that is no scheme of a URL (RFC 3986, section 3.1).
    """
    words, problem = re.split("[-_]", given), None
    if not _WORDS.fullmatch(given) or len(given) > _MOST_CHARACTERS:
        problem = f"is {given[: _MOST_CHARACTERS + 1]!r}; must be up to {_MOST_CHARACTERS} letters"
        problem += " and digits, in words joined by '-' or '_', a letter first: e.g. my-name"
    elif template in ("blob_store", "session_store") and "_" in given:
        instead = given.replace("_", "-")
        problem = f"is {given!r}; the scheme of a URL has no '_': write {instead!r}"
    if problem is not None:
        raise ValidationError("NAME", problem)
    folder = f"longtake-{given}{_ENDINGS[template]}"
    return PackageName(
        given=given,
        folder=folder,
        distribution=normalized_name(folder),
        module=normalized_name(folder).replace("-", "_"),
        class_name="".join(word[:1].upper() + word[1:] for word in words),
    )


def write_package(template: Template, given: str, parent: Path, registry: Registry) -> Path:
    """Write a new package for ``given`` into a folder of its own in ``parent``; its path.

    Raises what `package_name` raises, `NameClashError` when ``registry`` has the name already and
    `OutputError` when the folder cannot be written. Nothing is left behind then.
    """
    name = package_name(template, given)
    _check_free(template, name, registry)
    folder = parent / name.folder
    if os.path.lexists(folder):
        raise OutputError(str(folder), "exists already; choose another name, or remove it first")
    try:
        with TemporaryDirectory(prefix=f".{name.folder}-", dir=parent) as scratch:
            whole = Path(scratch, name.folder)
            for path, content in rendered(template, name):
                target = whole / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(content, encoding="utf-8", newline="\n")
            whole.rename(folder)
    except OSError as error:
        raise OutputError(str(folder), f"cannot be written: {error.strerror or error}") from error
    return folder


def rendered(template: Template, name: PackageName) -> Iterator[tuple[PurePosixPath, str]]:
    """The files of the package: their paths in it, and their texts."""
    for path, file in _files_in(
        files("longtake.scaffolding") / "templates" / template, PurePosixPath()
    ):
        target = PurePosixPath(name.put_into(str(path)).removesuffix(_SUFFIX))
        yield target, name.put_into(file.read_text(encoding="utf-8"))


def _files_in(
    folder: Traversable, path: PurePosixPath
) -> Iterator[tuple[PurePosixPath, Traversable]]:
    for entry in sorted(folder.iterdir(), key=lambda each: each.name):
        if entry.is_file():
            yield path / entry.name, entry
        elif entry.name != "__pycache__":
            yield from _files_in(entry, path / entry.name)


def _check_free(template: Template, name: PackageName, registry: Registry) -> None:
    for plugin in registry.plugins:
        taken = _taken_by(plugin, template, name)
        if taken is not None:
            raise NameClashError(f"{taken} of {plugin.provider}; choose another name")


def _taken_by(plugin: Plugin, template: Template, name: PackageName) -> str | None:
    """What of ``plugin`` has the name already, if anything has."""
    if template == "family" and name.given in {family.name for family in plugin.families}:
        return f"there is a family {name.given!r}"
    schemes = {backend.scheme.lower() for backend in plugin.blob_backends}
    if template == "blob_store" and name.given.lower() in schemes:
        return f"there is a blob store {name.given!r}"
    schemes = {backend.scheme.lower() for backend in plugin.session_backends}
    if template == "session_store" and name.given.lower() in schemes:
        return f"there is a session store {name.given!r}"
    presets = {preset.name for family in plugin.families for preset in family.presets}
    presets |= {preset.name for each in plugin.extensions for preset in each.presets}
    if template == "extension" and name.given in presets:
        return f"there is a preset {name.given!r}"
    if template == "observer" and f"observer:{name.given}" in plugin.provides:
        return f"there is an observer {name.given!r}"
    if normalized_name(plugin.distribution) == name.distribution:
        return f"{name.distribution!r} is the distribution"
    return None
