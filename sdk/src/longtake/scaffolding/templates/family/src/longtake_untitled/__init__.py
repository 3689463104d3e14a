"""A model family for Longtake: a ball of light swings on a thread, and a tone swings with it."""

from __future__ import annotations

import colorsys
import random

from attrs import field, frozen

import longtake as lt

RATE = 48000  # samples per second


@frozen(kw_only=True)
class UntitledState(lt.TakeState):
    """What the next segment goes on from: the shares of a swing and of a wave that are done."""

    ball: float = field(validator=lt.between(0, 1))
    tone: float = field(validator=lt.between(0, 1))


@frozen(kw_only=True)
class Options:
    """What a request may change, e.g. with ``--set swing.period=4``."""

    period: float = field(default=2.0, validator=lt.between(0.5, 60))  # seconds


def swing(
    job: lt.Job, span: lt.TakeSpan, options: Options, state: UntitledState | None, run: lt.Run
) -> tuple[lt.Frames, lt.Waveform, UntitledState]:
    """The only stage: it gets what its annotations name, and makes what they promise."""
    import numpy as np  # heavy, so not where plugins are listed

    ball, tone = (state.ball, state.tone) if state else (run.random("ball").random(), 0.0)
    angles = 0.6 * np.sin(2 * np.pi * (ball + span.frame_times() / options.period))  # radians
    y, x = np.mgrid[: span.height, -span.width / 2 : span.width / 2] / span.height
    colour = colorsys.hsv_to_rgb(random.Random(job.prompt).random(), 0.6, 1.0)
    frames = np.empty((span.num_frames, span.height, span.width, 3), np.uint8)
    for index in run.steps(span.num_frames):  # tells the progress, and stops when cancelled
        sin, cos = np.sin(angles[index]), np.cos(angles[index])
        thread = np.clip(1 - abs(x * cos - y * sin) * span.height, 0, 1) * (y < 0.7 * cos)
        away = np.hypot(x - 0.7 * sin, y - 0.7 * cos)  # from the ball, in heights of the picture
        light = np.clip((0.08 - away) * span.height + 0.5, 0, 1) + 0.3 * np.exp(-away / 0.1)
        frames[index] = 255 * np.sqrt(np.clip((light + 0.2 * thread)[..., None] * colour, 0, 1))
    pitch = 220 * 2 ** np.sin(2 * np.pi * (ball + span.sample_times(RATE) / options.period))  # Hz
    waves = tone + np.cumsum(pitch / RATE)
    sound = 0.2 * np.sin(2 * np.pi * waves)[None].astype(np.float32)
    ball, tone = (ball + span.seconds / options.period) % 1, float(waves[-1] % 1)
    after = UntitledState(span=span, ball=ball, tone=tone)
    return lt.Frames(frames), lt.Waveform(sound, RATE), after


@lt.hookimpl
def longtake_families() -> list[lt.ModelFamily]:
    stage = lt.StageSpec("swing", swing, options=Options)
    codec = lt.AttrsCodec("untitled.v1", UntitledState)
    sizes = {"seed": 0, "height": 288, "width": 512, "num_frames": 57, "fps": 24}
    return [lt.ModelFamily("untitled", (stage,), defaults=sizes, codecs=(codec,))]
