"""Step 3: a state, so that the next segment goes on where this one ended."""

from __future__ import annotations

from attrs import field, frozen

import longtake as lt
from docs.tutorials.steps.options import RATE, Options


@frozen(kw_only=True)
class GlowState(lt.TakeState):
    """What the next segment goes on from: the shares of a pulse and of a wave that are done."""

    light: float = field(validator=lt.between(0, 1))
    tone: float = field(validator=lt.between(0, 1))


def glow(
    span: lt.TakeSpan, options: Options, state: GlowState | None, run: lt.Run
) -> tuple[lt.Frames, lt.Waveform, GlowState]:
    """Light that swells and fades, and a tone; both go on from ``state``."""
    import numpy as np

    light, tone = (state.light, state.tone) if state else (0.0, 0.0)
    pulses = light + options.pulse / (2 * np.pi) * span.frame_times()
    frames = np.empty((span.num_frames, span.height, span.width, 3), np.uint8)
    for index in run.steps(span.num_frames):  # tells the progress, and stops when cancelled
        frames[index] = 128 + 127 * np.sin(2 * np.pi * pulses[index])
    waves = tone + options.pitch * span.sample_times(RATE)
    sound = (0.2 * np.sin(2 * np.pi * waves))[None].astype(np.float32)
    light = (light + options.pulse / (2 * np.pi) * span.seconds) % 1
    tone = (tone + options.pitch * span.num_samples(RATE) / RATE) % 1
    return lt.Frames(frames), lt.Waveform(sound, RATE), GlowState(span=span, light=light, tone=tone)


@lt.hookimpl
def longtake_families() -> list[lt.ModelFamily]:
    size = {"seed": 0, "height": 64, "width": 96, "num_frames": 49, "fps": 24}
    stage = lt.StageSpec("glow", glow, options=Options)
    codec = lt.AttrsCodec("glow.v1", GlowState)
    return [lt.ModelFamily("glow", (stage,), defaults=size, codecs=(codec,))]
