"""Step 2: a request may change the pitch and the pulse."""

from __future__ import annotations

from attrs import field, frozen

import longtake as lt

RATE = 48000  # samples per second


@frozen(kw_only=True)
class Options:
    """What a request may change, e.g. with ``--set glow.pitch=330``."""

    pitch: float = field(default=220.0, validator=lt.between(20, 20_000))  # Hz
    pulse: float = field(default=1.0, validator=lt.between(0, 60))  # radians per second


def glow(job: lt.Job, options: Options) -> tuple[lt.Frames, lt.Waveform]:
    """Light that swells and fades, and a tone."""
    import numpy as np  # heavy, so not where plugins are listed

    asked = job.sampling
    shape = (asked.num_frames, asked.height, asked.width, 3)
    times = np.arange(asked.num_frames) / float(asked.fps)  # seconds
    light = 128 + 127 * np.sin(options.pulse * times)[:, None, None, None]
    samples = np.arange(int(asked.num_frames * RATE / asked.fps)) / RATE  # seconds
    tone = (0.2 * np.sin(2 * np.pi * options.pitch * samples))[None].astype(np.float32)
    return lt.Frames(np.broadcast_to(light, shape).astype(np.uint8)), lt.Waveform(tone, RATE)


@lt.hookimpl
def longtake_families() -> list[lt.ModelFamily]:
    size = {"seed": 0, "height": 64, "width": 96, "num_frames": 49, "fps": 24}
    return [lt.ModelFamily("glow", (lt.StageSpec("glow", glow, options=Options),), defaults=size)]
