"""A sound whose voices a segment's are like: its tokens beside the segment's own, and their times.

As ltx-pipelines' ``dubit``: clean tokens behind those of the segment, which are dropped after the
loop.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from attrs import field, frozen
from numpy.typing import NDArray

import longtake as lt
from longtake_ltx2.clock import LATENTS_PER_SECOND, SegmentClock
from longtake_ltx2.conditioning.coordinates import voice_coordinates
from longtake_ltx2.conditioning.encoding import SOUND_RATE, encoded_sound
from longtake_ltx2.conditioning.tokens import ConditioningTokens
from longtake_ltx2.latents import audio_to_tokens

__all__ = ["RequestedVoice", "check_voice", "requested_voice", "voice_tokens", "voice_tokens_of"]

_LONGEST_SECONDS = 60
"""Its cost grows with the square."""
_SHORTEST = SOUND_RATE // LATENTS_PER_SECOND
"""Samples: of one latent."""


@frozen(eq=False)
class RequestedVoice:
    """``samples``: stereo ``[2, n]`` at 16 kHz. ``before``: whether it lies before the segment."""

    samples: NDArray[np.float32] = field(repr=False)
    before: bool


def check_voice(job: lt.Job, inputs: lt.DecodedInputs) -> None:
    """Refuse a sound that is too short to be encoded, or too long to be paid for.

    Raises `longtake.ValidationError`.
    """
    if job.inputs.voice is None:
        return
    seconds = inputs.voice(SOUND_RATE).shape[1] / SOUND_RATE
    if seconds < _SHORTEST / SOUND_RATE or seconds > _LONGEST_SECONDS:
        raise lt.ValidationError(
            "inputs.voice.data",
            f"lasts {seconds:.2f} s; must last from {_SHORTEST / SOUND_RATE:g} to "
            f"{_LONGEST_SECONDS} s",
        )


def requested_voice(job: lt.Job, inputs: lt.DecodedInputs) -> RequestedVoice | None:
    """That of a request, if it has one."""
    voice = job.inputs.voice
    if voice is None:
        return None
    samples = inputs.voice(SOUND_RATE).copy()  # decoded inputs are shared, and not to be written to
    return RequestedVoice(samples, voice.place == "before")


def voice_tokens(
    voice: RequestedVoice, audio_vae: Any, clock: SegmentClock, device: torch.device | str
) -> ConditioningTokens:
    """The sound, encoded as a whole, as it is appended to a segment."""
    latents = encoded_sound(voice.samples, audio_vae, device)
    return voice_tokens_of(latents, clock, before=voice.before)


def voice_tokens_of(
    latents: torch.Tensor, clock: SegmentClock, *, before: bool
) -> ConditioningTokens:
    """Normalised ``latents`` ``[1, C, L, mel]`` as they are appended to a segment."""
    bounds = voice_coordinates(latents.shape[2], clock, latents.device, before=before)
    return ConditioningTokens(audio_to_tokens(latents), 0.0, start=None, coordinates=bounds)
