"""Step 4: two stages. What one makes and the other asks for is a value of a type of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve, field, frozen

import longtake as lt
from docs.tutorials.steps.options import RATE, Options
from docs.tutorials.steps.state import GlowState

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@frozen(eq=False)
class Pulses:
    """How far the light is in its pulse, ``[T]``, one for each new frame."""

    shares: NDArray[np.float64] = field(repr=False)


def pulse(
    span: lt.TakeSpan, options: Options, state: GlowState | None
) -> tuple[Pulses, lt.Waveform, GlowState]:
    """Where the light and the tone are, and the tone."""
    import numpy as np

    before = state or GlowState(span=span, light=0.0, tone=0.0)
    rate = options.pulse / (2 * np.pi)
    waves = before.tone + options.pitch * span.sample_times(RATE)
    sound = (0.2 * np.sin(2 * np.pi * waves))[None].astype(np.float32)
    after = evolve(
        before,
        span=span,
        light=(before.light + rate * span.seconds) % 1,
        tone=(before.tone + options.pitch * span.num_samples(RATE) / RATE) % 1,
    )
    return Pulses(before.light + rate * span.frame_times()), lt.Waveform(sound, RATE), after


def draw(pulses: Pulses, span: lt.TakeSpan, run: lt.Run) -> lt.Frames:
    """One grey level for each frame."""
    import numpy as np

    frames = np.empty((span.num_frames, span.height, span.width, 3), np.uint8)
    for index in run.steps(span.num_frames):
        frames[index] = 128 + 127 * np.sin(2 * np.pi * pulses.shares[index])
    return lt.Frames(frames)


@lt.hookimpl
def longtake_families() -> list[lt.ModelFamily]:
    size = {"seed": 0, "height": 64, "width": 96, "num_frames": 49, "fps": 24}
    stages = (lt.StageSpec("pulse", pulse, options=Options), lt.StageSpec("draw", draw))
    codec = lt.AttrsCodec("glow.v1", GlowState)
    return [lt.ModelFamily("glow", stages, defaults=size, codecs=(codec,))]
