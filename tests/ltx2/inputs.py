"""Requests with stills, clips, sound and a state, all of them small."""

from __future__ import annotations

from typing import Any

import numpy as np

import longtake as lt
from longtake_ltx2.continuation import LTX2ContinuationState
from tests.ltx2.support import moving_frames
from tests.ltx2.watching import quick


def asked(**fields: Any) -> lt.GenerationRequest:
    """Two steps without guidance."""
    return lt.GenerationRequest("a lighthouse", **{"stage_overrides": quick(), **fields})


def image(frame: int = 0, **fields: Any) -> lt.ImageInput:
    """A still of the size of the tiny preset."""
    return lt.ImageInput.from_pixels(moving_frames(1)[0], frame=frame, **fields)


def clip(frame: int = 0, count: int = 9, **fields: Any) -> lt.ClipInput:
    """Moving frames of the size of the tiny preset."""
    return lt.ClipInput.from_frames(np.stack(moving_frames(count)), frame=frame, **fields)


def tone(seconds: float = 0.5, **fields: Any) -> lt.AudioInput:
    """Another note on each side."""
    times = np.arange(round(16_000 * seconds)) / 16_000
    samples = np.stack([np.sin(440 * times), np.sin(990 * times)]).astype(np.float32)
    return lt.AudioInput.from_samples(samples, 16_000, **fields)


def prefix(**fields: Any) -> lt.ContinuationState:
    """A state of nine frames and no sound."""
    return LTX2ContinuationState(video_frames=moving_frames(9), **fields).to_continuation_state()
