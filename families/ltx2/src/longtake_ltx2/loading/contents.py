"""What .safetensors files have in them, from their headers alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from attrs import evolve, field, frozen

import longtake as lt

__all__ = ["Contents", "Stored", "contents_of", "few"]

_SHOWN = 3


@frozen
class Stored:
    """A tensor in a file. ``dtype``: as safetensors writes it, e.g. ``"BF16"``, ``"F8_E4M3"``."""

    file: Path
    key: str
    dtype: str
    shape: tuple[int, ...]


@frozen
class Contents:
    """The tensors of one network.

    ``path``: the file or folder to name in errors. ``tensors``: by name. ``metadata``: what the
    files say beside them.
    """

    path: Path
    tensors: Mapping[str, Stored] = field(repr=False)
    metadata: Mapping[str, str] = field(repr=False)

    def within(self, prefix: str) -> Contents:
        """The tensors whose names start with ``prefix``, without it."""
        named = {
            name.removeprefix(prefix): stored
            for name, stored in self.tensors.items()
            if name.startswith(prefix)
        }
        return evolve(self, tensors=named)

    def named(self, names: Mapping[str, str]) -> Contents:
        """The tensors with these keys in the files, by the names given: ``names`` has the keys."""
        return evolve(self, tensors={name: self.tensors[key] for name, key in names.items()})


def contents_of(path: Path, files: Iterable[Path]) -> Contents:
    """What ``files``, which are those of ``path``, have in them.

    Raises `longtake.CheckpointError` naming a file that is missing, whose header is unsound, or
    that lacks bytes that its header speaks of.
    """
    from safetensors import SafetensorError, safe_open

    tensors: dict[str, Stored] = {}
    metadata: dict[str, str] = {}
    for file in files:
        try:
            with safe_open(file, framework="numpy") as opened:
                metadata |= opened.metadata() or {}
                for key in opened.keys():  # noqa: SIM118  (not a mapping)
                    part = opened.get_slice(key)
                    tensors[key] = Stored(file, key, part.get_dtype(), tuple(part.get_shape()))
        except FileNotFoundError:
            raise lt.CheckpointError(str(file), "missing; the checkpoint is incomplete") from None
        except (OSError, SafetensorError) as error:
            problem = f"is damaged ({error}); download it again"
            raise lt.CheckpointError(str(file), problem) from error
    return Contents(path, tensors, metadata)


def few(names: Iterable[str]) -> str:
    """The first few of some names, for an error."""
    ordered = sorted(names)
    shown = ", ".join(ordered[:_SHOWN])
    return shown if len(ordered) <= _SHOWN else f"{shown} and {len(ordered) - _SHOWN} more"
