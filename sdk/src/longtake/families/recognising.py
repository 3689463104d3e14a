"""Which preset of a family a checkpoint gets by default."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from longtake.errors import UnknownNameError
from longtake.schema.references import resolve

if TYPE_CHECKING:
    from longtake.families.family import ModelFamily

__all__ = ["recognised_preset"]


def recognised_preset(family: ModelFamily, path: Path | None) -> str | None:
    """The preset that ``family``, which was named, says of the checkpoint at ``path``.

    None where it says none, and where the one that it says is not one of its own: a family that is
    derived from another has its ``recognise``, and presets of other names. Raises what
    ``recognise`` raises.
    """
    recognise: Any = resolve(family.recognise)
    known = None if path is None or recognise is None else recognise(path)
    if known is None or known.preset is None:
        return None
    try:
        family.preset(known.preset)
    except UnknownNameError:
        return None
    return str(known.preset)
