"""What LoRAs say of the reference videos that they were trained with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from attrs import frozen

import longtake as lt
from longtake_ltx2.lora.adapters import LoRA
from longtake_ltx2.lora.file import lora_file

__all__ = ["ReferenceScales", "reference_scales", "scales_of_loras"]


@frozen
class ReferenceScales:
    """By what reference videos are smaller than the picture, and by what they have fewer frames."""

    space: int = 1
    time: int = 1


_NAMES = {"space": "reference_downscale_factor", "time": "reference_temporal_scale_factor"}
"""In the metadata of a file (ltx-pipelines ``iclora_utils``)."""
_MOST = 64


def reference_scales(paths: Iterable[str | Path]) -> ReferenceScales:
    """The scales that all these files agree about; 1 where none says another.

    Reads headers alone. Raises `longtake.CheckpointError` for a scale that is no whole number from
    1 on, and for two files that say different ones.
    """
    found: dict[str, int] = {}
    for path in paths:
        file = lora_file(Path(path))
        for field, name in _NAMES.items():
            said = file.metadata.get(name, "1")
            if not said.isdecimal() or not 1 <= int(said) <= _MOST:
                problem = f"has {name} {said!r}; must be a whole number from 1 to {_MOST}"
                raise lt.CheckpointError(str(file.path), problem)
            if int(said) == 1:
                continue
            if found.setdefault(field, int(said)) != int(said):
                problem = f"has {name} {said}, and another LoRA has {found[field]}"
                raise lt.CheckpointError(str(file.path), f"{problem}; load only one of them")
    return ReferenceScales(**found)


def scales_of_loras(lora_path: str | None, loras: Sequence[str]) -> ReferenceScales:
    """As the LoRAs say that were asked for: the one of single passes, and those of all.

    Raises as `reference_scales`.
    """
    single = () if lora_path is None else (lora_path,)
    return reference_scales([*single, *(LoRA.parse(text).path for text in loras)])
