"""Whether what a stage made is what it says, and what the request asked for."""

from __future__ import annotations

from typing import Any

from longtake.errors import shown
from longtake.families.places import SegmentPlace
from longtake.requests.request import Job
from longtake.runs.results import Frames, Stills, Waveform

__all__ = ["asked_problem", "form_problem"]


def form_problem(value: object) -> str | None:
    """What is wrong with `Frames`, `Stills` or a `Waveform` in any request; None for others."""
    if isinstance(value, Frames):
        return _array_problem("Frames", value.pixels, "uint8", "[T, H, W, 3]", 4)
    if isinstance(value, Stills):
        problem = _array_problem("Stills", value.pixels, "uint8", "[K, H, W, 3]", 4)
        if problem is None and len(value.pixels) != len(value.frames):
            return f"Stills of {len(value.pixels)} pictures at {len(value.frames)} frames"
        return problem
    if not isinstance(value, Waveform):
        return None
    rate = value.sample_rate
    if isinstance(rate, bool) or not isinstance(rate, int) or rate < 1:
        return f"a Waveform whose sample_rate is {shown(rate)}; must be a whole number of Hz"
    problem = _array_problem("a Waveform", value.samples, "float32", "[channels, samples]", 2)
    return problem or _sound_problem(value.samples)


def _array_problem(what: str, array: Any, dtype: str, form: str, dimensions: int) -> str | None:
    import numpy as np

    if not isinstance(array, np.ndarray):
        return f"{what} of a {type(array).__name__}; must be a numpy array, {dtype} {form}"
    fits = array.dtype == dtype and array.ndim == dimensions
    if not fits or (dimensions == 4 and array.shape[3] != 3):
        return f"{what} of {array.dtype} {list(array.shape)}; must be {dtype} {form}"
    return None


def _sound_problem(samples: Any) -> str | None:
    import numpy as np

    if not samples.shape[0]:
        return "a Waveform without a channel"
    if not np.isfinite(samples).all():
        return "a Waveform with NaN or infinity in it"
    return None


def asked_problem(frames: Frames, job: Job, place: object, *, continued: bool) -> str | None:
    """What is wrong with the new ``frames`` of a segment for its ``job``.

    ``place``: where the segment lies in its take, if the family says it. Without a `SegmentPlace`
    it is not known how many frames a segment that goes on from another repeats.
    """
    count, *size = frames.pixels.shape[:3]
    sampling = job.sampling
    if size != [sampling.height, sampling.width]:
        made = "x".join(map(str, size))
        return f"Frames of {made} (height x width); asked for {sampling.height}x{sampling.width}"
    if isinstance(place, SegmentPlace):
        wanted = sampling.num_frames - place.repeated_frames
    elif continued and 1 <= count <= sampling.num_frames:
        return None
    else:
        wanted = sampling.num_frames
    return None if count == wanted else f"{count} new frames; asked for {wanted}"
