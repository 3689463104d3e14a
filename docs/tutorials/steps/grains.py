"""Grain moves over the picture. This module is imported when the family is used."""

from __future__ import annotations

import attrs
import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

import longtake as lt

GRAINS = 64


@frozen(kw_only=True)
class GrainState(lt.TakeState):
    """Where each grain is: shares of the picture's width and height, float32 ``[64, 2]``."""

    grains: NDArray[np.float32] = field(
        validator=lt.array("float32", (GRAINS, 2), most=2 * GRAINS, low=0, high=1),
        eq=attrs.cmp_using(eq=np.array_equal),
    )


def drift(span: lt.TakeSpan, state: GrainState | None, run: lt.Run) -> tuple[lt.Frames, GrainState]:
    """Grains that fall, each at a speed of its own."""
    noise = run.random("grains")
    grains = np.array([[noise.random(), noise.random()] for _ in range(GRAINS)], np.float32)
    grains = state.grains if state else grains
    speeds = np.linspace(0.05, 0.5, GRAINS)  # heights per second
    frames = np.zeros((span.num_frames, span.height, span.width, 3), np.uint8)
    for index in run.steps(span.num_frames):
        y = (grains[:, 1] + speeds * span.frame_times()[index]) % 1
        frames[index, (y * span.height).astype(int), (grains[:, 0] * span.width).astype(int)] = 255
    after = grains.copy()
    after[:, 1] = (grains[:, 1] + speeds * span.seconds) % 1
    return lt.Frames(frames), GrainState(span=span, grains=after)
