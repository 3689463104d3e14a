"""A light that glides, flickers and hums, where two segments are one long one; and broken ones."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from attrs import field, frozen

import longtake as lt

if TYPE_CHECKING:
    import numpy as np

RATE = 2400


@frozen(kw_only=True)
class GliderState(lt.TakeState):
    """Where the light is and how much of a wave of the tone is done."""

    light: float = field(validator=lt.between(0, 1))
    tone: float = field(validator=lt.between(0, 1))


@frozen
class Glide:
    """The only stage. Each fault is what it is told to forget when a take goes on."""

    forgets: tuple[str, ...] = ()

    def __call__(
        self, job: lt.Job, span: lt.TakeSpan, state: GliderState | None, run: lt.Run
    ) -> tuple[lt.Frames, lt.Waveform, GliderState]:
        import numpy as np

        light = state.light if state and "motion" not in self.forgets else 0.2
        tone = state.tone if state and "tone" not in self.forgets else 0.0
        lights = light + 0.013 * np.arange(span.num_frames + 1)
        waves = tone + np.arange(span.num_samples(RATE) + 1) * (31.7 / RATE)
        shades = 60 + 100 * (lights[:-1] % 1 - 0.5) ** 2 + 20 * self.flicker(span)
        if state and "shade" in self.forgets:
            shades += 90
        size = (span.num_frames, span.height, span.width, 3)
        pixels = np.broadcast_to(shades.astype(np.uint8)[:, None, None, None], size).copy()
        sound = 0.3 * np.sin(2 * np.pi * waves[:-1])[None].astype(np.float32)
        if state and "level" in self.forgets:
            sound += np.float32(0.5)
        after = GliderState(span=span, light=float(lights[-1]) % 1, tone=float(waves[-1]) % 1)
        return lt.Frames(pixels), lt.Waveform(sound, RATE), after

    def flicker(self, span: lt.TakeSpan) -> np.ndarray:
        """A random number for each frame of the take."""
        import numpy as np

        if "numbers" in self.forgets:
            numbers = random.Random(span.seed)
            return np.array([numbers.random() for _ in range(span.num_frames)])
        frames = range(span.first_frame, span.end_frame)
        return np.array([random.Random(f"{span.seed} {frame}").random() for frame in frames])


def glider(name: str, *forgets: str) -> lt.ModelFamily:
    sizes = {"seed": 3, "height": 8, "width": 8, "num_frames": 25, "fps": 24}
    codec = lt.AttrsCodec(f"{name}.v1", GliderState)
    stage = lt.StageSpec("glide", Glide(forgets))
    return lt.ModelFamily(name, (stage,), defaults=sizes, codecs=(codec,))


@lt.hookimpl
def longtake_families() -> list[lt.ModelFamily]:
    return [
        glider("glider"),
        glider("restarts", "numbers"),
        glider("drops_the_motion", "motion"),
        glider("drops_the_tone", "tone"),
        glider("jumps", "shade"),
        glider("clicks", "level"),
        glider("starts_again", "motion", "numbers"),
    ]
