"""Checkpoints that a family knows by name, so that they can be planned before they are there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from attrs import field, frozen
from attrs.validators import deep_iterable, ge, instance_of, min_len

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["PublishedCheckpoint"]


def _texts(given: Iterable[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


_NAME: Any = [instance_of(str), min_len(1)]
_TEXTS = deep_iterable(instance_of(str))


@frozen(kw_only=True)
class PublishedCheckpoint:
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

    name: str = field(validator=_NAME)
    repository: str = field(validator=_NAME)
    licence: str = field(validator=_NAME)
    disk_bytes: int = field(validator=[instance_of(int), ge(0)])
    write_configs: str | Callable[[PublishedCheckpoint, Path], Path] = field()
    aliases: tuple[str, ...] = field(default=(), converter=_texts, validator=_TEXTS)
    files: tuple[str, ...] = field(default=(), converter=_texts, validator=_TEXTS)
    description: str = field(default="", validator=instance_of(str))

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
