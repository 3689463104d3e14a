"""The metadata of what is installed: folders on the path, as installers leave them.

`importlib.metadata` knows them too, but importing it takes three times as long as Python takes to
start (it brings email, sockets and zip files), which every listing would pay. So plain folders are
read here, by its rules, and it is asked where there is anything else: zip files, eggs, and finders
that other packages have put on ``sys.meta_path``.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from importlib.machinery import PathFinder
from typing import Protocol

__all__ = ["Metadata", "MetadataFolder", "entry_points_in", "find_metadata", "normalized_name"]

_SUFFIXES = (".dist-info", ".egg-info")
_SEPARATORS = re.compile(r"[-_.]+")


class Metadata(Protocol):
    """What one distribution says of itself."""

    def read_text(self, filename: str) -> str | None:
        """The text of a file of the metadata; None when there is no such file."""
        ...


class MetadataFolder:
    """The metadata in one folder, e.g. ``longtake-0.1.0.dist-info``."""

    def __init__(self, path: str) -> None:
        self.path = path

    def read_text(self, filename: str) -> str | None:
        """Raises `UnicodeDecodeError` for a text that is not UTF-8."""
        try:
            with open(os.path.join(self.path, filename), "rb", buffering=0) as file:
                return file.read().decode().replace("\r\n", "\n")
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError):
            return None


def normalized_name(name: str) -> str:
    """Names of distributions are compared like this everywhere (PEP 503)."""
    return _SEPARATORS.sub("-", name).lower()


def find_metadata() -> Iterator[tuple[str, Metadata]]:
    """Normalised name and metadata of all that is installed, in the order of the path.

    The name is the folder's, which is the distribution's own unless that is damaged.
    """
    if _has_folders_alone():
        yield from _folders()
        return
    from importlib.metadata import distributions

    for distribution in distributions():
        try:
            name = distribution.metadata["Name"] or ""
        except Exception:  # isolation: whose metadata cannot be read still has entry points
            name = ""
        yield normalized_name(name), distribution


def entry_points_in(listed: str, group: str) -> Iterator[tuple[str, str]]:
    """Name and value of each entry point of ``group`` in the text of an ``entry_points.txt``.

    Raises `ValueError` at a line, of any group, that is none.
    """
    section = None
    for line in map(str.strip, listed.splitlines()):
        if not line or line.startswith("#"):
            continue
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
            continue
        name, equals, value = line.partition("=")
        if section is not None and not equals:
            raise ValueError(f"{line!r} is not of the form name = value")
        if section == group:
            yield name.strip(), value.strip()


def _has_folders_alone() -> bool:
    """Whether nothing but folders can hold metadata in this process."""
    others = (finder for finder in sys.meta_path if finder is not PathFinder)
    return not any(hasattr(finder, "find_distributions") for finder in others) and not any(
        _may_be_an_archive(entry) for entry in sys.path
    )


def _may_be_an_archive(entry: str) -> bool:
    """A zip file, or an egg, whose metadata are elsewhere in it."""
    return entry.endswith(".egg") or os.path.isfile(entry)


def _folders() -> Iterator[tuple[str, Metadata]]:
    for entry in sys.path:
        try:
            names = os.listdir(entry or ".")
        except OSError:  # it need not be there
            continue
        for name in names:
            stem, dot, _ = name.lower().rpartition(".")
            if name.lower().endswith(_SUFFIXES) and dot:
                owner = stem.partition("-")[0]
                yield normalized_name(owner), MetadataFolder(os.path.join(entry, name))
