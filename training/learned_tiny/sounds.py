"""The sound of a scene: a tone for each thing, whose pitch is its height, and a ring a bounce."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from longtake_ltx2.conditioning import encoding
from training.learned_tiny.scenes import RADIUS, SIZE, Scene, Thing

__all__ = ["MEL_BINS", "RATE", "TONES", "TONE_STEPS", "log_mel", "render"]

RATE = 24_000
"""Samples a second that are heard."""
MEL_RATE = encoding.SOUND_RATE
"""Samples a second of what the mel spectrogram is taken of."""
MEL_BINS = 16
_FRAMES_A_SECOND = 100
_HOP = MEL_RATE // _FRAMES_A_SECOND
_MARGIN = 4
"""Frames on both sides: more than half a window."""
TONE_STEPS = 6
TONES = ((300, 100), (1200, 200))
"""Hz of the lowest tone and of a step, of each thing: whole periods in a frame of 10 ms."""
_RINGS = (3000, 4000)
"""Hz."""
_TONE, _RING = 0.15, 0.3
"""Of full scale."""
_ATTACK, _DECAY, _FADE = 0.004, 0.1, 0.03
"""Seconds."""


def render(scene: Scene, begin: float, seconds: float, rate: int) -> NDArray[np.float32]:
    """The samples from ``begin`` on, mono: silence before the take begins.

    A pitch lasts a frame of 10 ms of the take's clock, in which it has whole periods: so phases
    follow from the time alone, and a vocoder need not guess them.
    """
    times = begin + np.arange(round(seconds * rate)) / rate
    sound = np.zeros(len(times))
    for thing, tone, ring in zip(scene.things, TONES, _RINGS, strict=False):
        there = np.clip((times - thing.appears) / _FADE, 0, 1)
        sound += _TONE * there * np.sin(2 * np.pi * pitch(thing, tone, times) * times)
        struck = np.zeros(len(times))
        for bounce in thing.bounces(max(begin - 1, 0), begin + seconds):
            since = np.clip(times - bounce, 0, None)
            struck += (1 - np.exp(-since / _ATTACK)) * np.exp(-since / _DECAY)
        sound += _RING * np.minimum(struck, 1.2) * np.sin(2 * np.pi * ring * times)
    return sound.astype(np.float32)


def pitch(thing: Thing, tone: tuple[int, int], times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Hz at each time: the higher it is in the picture, the higher."""
    frames = np.floor(times * _FRAMES_A_SECOND + 1e-6) / _FRAMES_A_SECOND
    height = 1 - (thing.position(frames)[:, 1] - RADIUS) / (SIZE - 2 * RADIUS)
    lowest, step = tone
    return lowest + step * np.round(TONE_STEPS * height)


def log_mel(scene: Scene, begin: float, frames: int) -> torch.Tensor:
    """The log mel spectrogram ``[2, frames, MEL_BINS]``, both channels alike.

    Frame i is of the 64 ms around ``begin + i / 100`` seconds, as the family takes it: of a sound
    that is longer on both sides, so that no frame sees an end that is none.
    """
    start = begin - _MARGIN / _FRAMES_A_SECOND
    seconds = (frames + 2 * _MARGIN - 1) / _FRAMES_A_SECOND
    sound = render(scene, start, seconds, MEL_RATE)[None]
    mel = encoding.log_mel(sound, sample_rate=MEL_RATE, hop_length=_HOP, mel_bins=MEL_BINS)
    return mel[:, _MARGIN : _MARGIN + frames].expand(2, -1, -1).contiguous()
