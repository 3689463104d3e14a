"""Checkpoints that a family knows by name, so that they can be planned before they are there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from longtake.schema import declared
from longtake.schema.frozen import Frozen

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["PublishedCheckpoint"]


def _texts(given: Iterable[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def _is_text(item: object) -> bool:
    return isinstance(item, str)


class PublishedCheckpoint(Frozen):
    """A checkpoint as somebody published it. Longtake downloads nothing.

    - ``name``: what ``longtake plan --published`` calls it, e.g. ``"fog-1.0"``.
    - ``aliases``: other names of it.
    - ``repository``: its name on the hub, ``"Org/Name"``.
    - ``licence``: of its weights, and what has to be done to get them.
    - ``disk_bytes``: of the files that are needed, about.
    - ``files``: patterns of those files; empty when all are.
    - ``write_configs``: ``(checkpoint, folder) -> folder``, or its name: writes the small files
      that the family's ``recognise`` and ``estimate`` read, as they are in the checkpoint.
    - ``description``: one line for listings.
    """

    __slots__ = (
        *("name", "repository", "licence", "disk_bytes", "write_configs"),
        *("aliases", "files", "description"),
    )

    def __init__(
        self,
        *,
        name: str,
        repository: str,
        licence: str,
        disk_bytes: int,
        write_configs: str | Callable[[PublishedCheckpoint, Path], Path],
        aliases: Iterable[str] = (),
        files: Iterable[str] = (),
        description: str = "",
    ) -> None:
        self.name: Final = name
        self.repository: Final = repository
        self.licence: Final = licence
        self.disk_bytes: Final = disk_bytes
        self.write_configs: Final = write_configs
        self.aliases: Final = _texts(aliases)
        self.files: Final = _texts(files)
        self.description: Final = description
        for each in ("name", "repository", "licence"):
            declared.name(self, each)
        declared.whole(self, "disk_bytes")
        if disk_bytes < 0:
            declared.refuse(self, "disk_bytes", disk_bytes, "at least 0")
        declared.target(self, "write_configs")
        declared.tuple_of(self, "aliases", _is_text, "a text")
        declared.tuple_of(self, "files", _is_text, "a text")
        declared.text(self, "description")

    @property
    def names(self) -> tuple[str, ...]:
        """All that it answers to."""
        return (self.name, *self.aliases, self.repository)

    @property
    def download_command(self) -> str:
        """The command of the hub's own client that fetches it, ready to paste."""
        return download_command(self.repository, self.files)


def download_command(repository: str, files: Iterable[str] = ()) -> str:
    """How the hub's own client fetches ``repository`` into a folder named after it."""
    wanted = [word for pattern in files for word in ("--include", pattern)]
    folder = repository.rpartition("/")[2]
    import shlex  # late: listings need none of it

    return shlex.join(["hf", "download", repository, "--local-dir", folder, *wanted])
