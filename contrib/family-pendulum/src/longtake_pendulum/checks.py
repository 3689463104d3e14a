"""What a segment of pendulums refuses before anything is computed."""

from __future__ import annotations

import longtake as lt
from longtake_pendulum.physics import largest_angles, modes
from longtake_pendulum.state import PendulumState

__all__ = ["check_job", "check_swing"]

_MAX_SIDE = 4096
"""Pixels of a side of the picture."""

_MAX_SECONDS = 600
"""Of one segment. A take has any number of segments."""

_MAX_BYTES = 2**32
"""Of the picture of one segment, which is in memory as a whole."""

_ROUNDING = 1e-6
"""By which the largest angle of a state may exceed the amplitude, as a share of it."""


def check_job(job: lt.Job, span: lt.TakeSpan) -> None:
    """Refuse what no segment can have. Raises `longtake.ValidationError` with the path."""
    if job.inputs:
        raise lt.ValidationError("inputs", "pendulums take no images, clips or sounds")
    if job.negative_prompt:
        raise lt.ValidationError("negative_prompt", "pendulums take none; leave it out")
    for name, side in (("height", span.height), ("width", span.width)):
        if side > _MAX_SIDE:
            raise lt.ValidationError(f"sampling.{name}", f"is {side}; at most {_MAX_SIDE} pixels")
    problem = ""
    if span.num_frames > _MAX_SECONDS * span.fps:
        problem = f"a segment has at most {_MAX_SECONDS} s"
    elif job.output.video and span.num_frames * span.height * span.width * 3 > _MAX_BYTES:
        problem = f"frames of this size fill more than {_MAX_BYTES} bytes"
    if problem:
        raise lt.ValidationError("sampling.num_frames", f"is {job.sampling.num_frames}; {problem}")


def check_swing(state: PendulumState) -> None:
    """Refuse a swing wider than the take's, on whose tones there would be no bound.

    Raises `longtake.ValidationError`.
    """
    largest = largest_angles(modes(state.parameters), state.swing).max()
    if largest > state.parameters.amplitude * (1 + _ROUNDING):
        raise lt.ValidationError(
            "state.payload.state.angles",
            f"swing out to {largest:.6g} rad; the take's amplitude is {state.parameters.amplitude}",
        )
