"""The sound of a scene: a tone for each thing, whose pitch is its height, and a ring a bounce."""

from __future__ import annotations

import functools

import numpy as np
import torch
from numpy.typing import NDArray

from training.learned_tiny.scenes import RADIUS, SIZE, Scene, Thing

__all__ = ["MEL_BINS", "RATE", "log_mel", "render"]

RATE = 24_000
"""Samples a second that are heard."""
MEL_RATE = 16_000
"""Samples a second of what the mel spectrogram is taken of."""
MEL_BINS = 16
_HOP, _WINDOW = 160, 1024
_FRAMES_A_SECOND = 100
_STEPS = 6
_TONES = ((300, 100), (1200, 200))
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
    for thing, tone, ring in zip(scene.things, _TONES, _RINGS, strict=False):
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
    return lowest + step * np.round(_STEPS * height)


@functools.cache
def _filters() -> torch.Tensor:
    from transformers.audio_utils import mel_filter_bank

    bank = mel_filter_bank(
        num_frequency_bins=_WINDOW // 2 + 1,
        num_mel_filters=MEL_BINS,
        min_frequency=0.0,
        max_frequency=MEL_RATE / 2,
        sampling_rate=MEL_RATE,
        norm="slaney",
        mel_scale="slaney",
    )
    return torch.from_numpy(bank).float()


def log_mel(scene: Scene, begin: float, frames: int) -> torch.Tensor:
    """The log mel spectrogram ``[2, frames, MEL_BINS]``, both channels alike.

    Frame i is of the 64 ms around ``begin + i / 100`` seconds: the sound is made longer than that
    on both sides, so that no frame sees an end that is none.
    """
    margin = _WINDOW // 2
    seconds = (frames * _HOP + 2 * margin) / MEL_RATE
    sound = torch.from_numpy(render(scene, begin - margin / MEL_RATE, seconds, MEL_RATE))
    window = torch.hann_window(_WINDOW)
    spectrum = torch.stft(sound, _WINDOW, _HOP, window=window, center=False, return_complex=True)
    mel = (spectrum.abs().T @ _filters()).clamp(min=1e-5).log()[:frames]
    return mel[None].expand(2, -1, -1).contiguous()
