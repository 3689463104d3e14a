"""Refusing videos that a segment cannot follow."""

from __future__ import annotations

import longtake as lt
from longtake_ltx2.clock import FRAMES_PER_LATENT
from longtake_ltx2.lora.references import ReferenceScales, scales_of_loras
from longtake_ltx2.pipeline_configs import LTX2T2VConfig
from longtake_ltx2.sizes import SPATIAL_FACTOR

__all__ = ["check_references", "is_masked", "scales_of"]


def scales_of(config: LTX2T2VConfig | None) -> ReferenceScales:
    """Of reference videos, as the LoRAs say that were asked for."""
    if config is None:
        return ReferenceScales()
    return scales_of_loras(config.lora_path, config.loras)


def check_references(
    job: lt.Job,
    inputs: lt.DecodedInputs,
    scales: ReferenceScales,
    scale: int,
    *,
    paints: bool = False,
) -> None:
    """Refuse references whose size or length does not fit the segment and the LoRA.

    ``scale``: by what the sides of the pass are smaller than those that were asked for. ``paints``:
    whether the clip that the segment is made of is a reference, too. Raises
    `longtake.ValidationError`.
    """
    is_painted = paints and job.inputs.source is not None
    if not (job.inputs.references or is_painted):
        return
    factor = SPATIAL_FACTOR * scales.space * scale
    for name, size in (("height", job.sampling.height), ("width", job.sampling.width)):
        if size % factor:
            near = max(factor, round(size / factor) * factor)
            raise lt.ValidationError(
                f"sampling.{name}",
                f"is {size}; the LoRA's references are {scales.space} times smaller, so it must "
                f"divide by {factor}, e.g. {near}",
            )
    if is_painted:
        frames = min(len(inputs.source_frames()), job.sampling.num_frames)
        _check_count("inputs.source", frames, scales)
    for index in range(len(job.inputs.references)):
        _check_length(index, job, inputs, scales)


def is_masked(reference: lt.ReferenceInput) -> bool:
    """Whether the segment sees the reference less well than itself."""
    return reference.mask is not None or reference.attention != 1


def _check_length(
    index: int, job: lt.Job, inputs: lt.DecodedInputs, scales: ReferenceScales
) -> None:
    path = f"inputs.references[{index}]"
    count = min(len(inputs.reference(index)), job.sampling.num_frames)
    _check_count(path, count, scales)
    mask = inputs.reference_mask(index)
    if mask is not None and min(len(mask), job.sampling.num_frames) != count:
        raise lt.ValidationError(
            f"{path}.mask", f"has {len(mask)} frames; must have the {count} of the video"
        )


def _check_count(path: str, count: int, scales: ReferenceScales) -> None:
    group = FRAMES_PER_LATENT * scales.time
    if (count - 1) % group:
        fit = (count - 1) // group * group + 1
        raise lt.ValidationError(
            f"{path}.data",
            f"has {count} frames within the segment; must have {group}k + 1 for this LoRA: cut "
            f"it, e.g. to {fit}",
        )
