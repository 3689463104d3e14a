"""How long a shot is to be, predicted from its prompt."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import longtake as lt

__all__ = ["predict_num_frames", "predicted_num_frames"]

_MIN_SECONDS, _MAX_SECONDS = 1.0, 20.0


def predict_num_frames(
    pipeline: lt.Pipeline,
    prompt: str,
    *,
    fps: float | Fraction = 24,
    min_seconds: float = _MIN_SECONDS,
    max_seconds: float = _MAX_SECONDS,
) -> int:
    """The number of frames that ``prompt`` implies, for ``longtake.Sampling.num_frames``.

    It is what the checkpoint's duration head says, within the two bounds, rounded down to 8k + 1
    frames (up below the lower bound), as in diffusers' ``LTX2DurationHead.predict_num_frames``.
    Waits for a run that is going on.

    Raises `longtake.ValidationError` for bounds that make no sense, and for a pipeline whose
    checkpoint has no duration head; those of 2.5 have one.
    """
    _check(float(fps), float(min_seconds), float(max_seconds))
    with pipeline.components() as components:
        return _predict(components, prompt, float(fps), (float(min_seconds), float(max_seconds)))


def predicted_num_frames(components: Mapping[str, Any], prompt: str, fps: Fraction) -> int:
    """As `predict_num_frames` with its own bounds, from the networks."""
    return _predict(components, prompt, float(fps), (_MIN_SECONDS, _MAX_SECONDS))


def _check(fps: float, min_seconds: float, max_seconds: float) -> None:
    if not (math.isfinite(fps) and fps > 0):
        raise lt.ValidationError("fps", f"is {fps:g}; must be above 0")
    if not (math.isfinite(max_seconds) and max_seconds > 0):
        raise lt.ValidationError("max_seconds", f"is {max_seconds:g}; must be above 0")
    if not 0 <= min_seconds < max_seconds:
        problem = f"is {min_seconds:g}; must be 0 or more, and below max_seconds ({max_seconds:g})"
        raise lt.ValidationError("min_seconds", problem)


def _predict(
    components: Mapping[str, Any], prompt: str, fps: float, seconds: tuple[float, float]
) -> int:
    if "duration_head" not in components:
        raise lt.ValidationError(
            "sampling.num_frames", "the checkpoint has no duration head to predict it; say it"
        )
    import torch

    from longtake_ltx2.stages import LTX2TextEncodingStage
    from longtake_ltx2.values import TEMPORAL_FACTOR

    stage = LTX2TextEncodingStage(
        components["text_encoders"], components["tokenizers"], components["connectors"]
    )
    context, head = stage.encode(prompt), components["duration_head"]
    with torch.no_grad():
        frames: int = head.predict_num_frames(
            context.video,
            context.audio,
            frame_rate=fps,
            temporal_compression_ratio=TEMPORAL_FACTOR,
            min_seconds=seconds[0],
            max_seconds=seconds[1],
        )
    return frames
