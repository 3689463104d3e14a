"""Noisy latents of a segment: what both passes of a two-stage recipe make anew at their size."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from attrs import frozen

import longtake as lt
from longtake_ltx2.conditioning.coordinates import audio_coordinates, video_coordinates
from longtake_ltx2.conditioning.encoding import encoded_sound
from longtake_ltx2.conditioning.frame_encoder import FrameEncoder
from longtake_ltx2.conditioning.keyframe_slots import slot_tokens
from longtake_ltx2.conditioning.references import reference_tokens
from longtake_ltx2.conditioning.requested import RequestedInputs
from longtake_ltx2.conditioning.source import source_tokens
from longtake_ltx2.conditioning.tokens import (
    ConditioningTokens,
    appended_tokens,
    conditioned_stream,
    placed_video,
)
from longtake_ltx2.conditioning.voices import voice_tokens, voice_tokens_of
from longtake_ltx2.continuation import LTX2ContinuationState
from longtake_ltx2.continuation.carried import carried_audio
from longtake_ltx2.latents import audio_to_tokens, video_to_tokens
from longtake_ltx2.lora.references import ReferenceScales
from longtake_ltx2.numerics import Numerics
from longtake_ltx2.values import CleanLatents, Geometry, NoisyLatents, Stream

__all__ = ["Preparation", "SegmentAsked"]


@frozen(eq=False)
class SegmentAsked:
    """One segment at one size: where it lies, and what it is conditioned on.

    - ``output``: which streams are wanted.
    - ``image_crf``: of still images.
    - ``append_first``: whether images and clips at frame 0 are appended as those elsewhere.
    - ``offset``: seconds by which the video's positions shift; the clock's when None.
    - ``slots``: frames at which pictures are made beside it.
    - ``mask_growth``: pixels of this size by which the mask of a clip grows that is painted over.
    """

    output: lt.Output
    geometry: Geometry
    inputs: RequestedInputs
    state: LTX2ContinuationState | None
    image_crf: int
    append_first: bool = False
    offset: float | None = None
    slots: tuple[int, ...] = ()
    mask_growth: int = 0


@frozen(eq=False)
class Preparation:
    """Draws the noise, video then audio, in token order, and lays the conditioning over it.

    ``frames`` encodes pictures, ``audio_vae`` sound.

    - ``video_channels``, ``audio_shape``: of video tokens, and (channels, mel bins) of audio
      latents.
    - ``noise_dtype``: what noise is drawn in where the numerics do not say fp32.
    - ``device``: of what is made.
    - ``references``: scales of the videos that are followed; None where they are left out.
    - ``voices``: whether a sound that voices are like counts.
    """

    frames: FrameEncoder
    audio_vae: Any
    numerics: Numerics
    video_channels: int
    audio_shape: tuple[int, int]
    noise_dtype: torch.dtype
    device: str
    references: ReferenceScales | None = None
    voices: bool = False

    def noisy(
        self,
        asked: SegmentAsked,
        generator: torch.Generator,
        *,
        base: CleanLatents | None = None,
        noise_scale: float = 1.0,
        keeps_sound: bool = False,
    ) -> NoisyLatents:
        """Both streams: noise, or ``base`` renoised to the level ``noise_scale``.

        ``keeps_sound``: the sound of ``base`` is kept, and is itself what the voices are like.
        """
        video_conditions = self._video_conditions(asked)
        if keeps_sound and base is not None:
            audio_conditions = self._kept_sound(asked, base)
        else:
            audio_conditions = self._audio_conditions(asked)
        output, clock = asked.output, asked.geometry.clock
        channels, mel_bins = self.audio_shape
        own = asked.geometry.video_tokens if output.video else 0
        video_tokens = own + appended_tokens(video_conditions)
        audio_tokens = clock.num_latents + appended_tokens(audio_conditions) if output.audio else 0
        video_noise = self._noise(generator, video_tokens, self.video_channels)
        audio_noise = self._noise(generator, audio_tokens, channels * mel_bins)
        video_bounds = video_coordinates(asked.geometry, self.device, offset=asked.offset)
        audio_bounds = audio_coordinates(clock, self.device)
        video_base = None if base is None else video_to_tokens(base.video)
        audio_base = None if base is None else audio_to_tokens(base.audio)
        return NoisyLatents(
            self._stream(video_noise, video_bounds, video_conditions, video_base, noise_scale),
            self._stream(audio_noise, audio_bounds, audio_conditions, audio_base, noise_scale),
            mel_bins=mel_bins,
            slot_frames=asked.slots,
        )

    def _stream(
        self,
        noise: torch.Tensor,
        coordinates: torch.Tensor,
        conditions: list[ConditioningTokens],
        base: torch.Tensor | None,
        noise_scale: float,
    ) -> Stream:
        """The stream of these conditions; without tokens when there is no noise to start from."""
        if noise.shape[1] == 0:
            coordinates, base = coordinates[:, :, :0], None
        return conditioned_stream(
            noise,
            coordinates,
            conditions,
            base=base,
            noise_scale=noise_scale,
            conditions_after_noise=self.numerics.conditions_after_noise,
        )

    def _noise(self, generator: torch.Generator, tokens: int, channels: int) -> torch.Tensor:
        dtype = torch.float32 if self.numerics.noise_in_float32 else self.noise_dtype
        noise = torch.randn((1, tokens, channels), generator=generator, dtype=dtype)
        return noise.float().to(self.device)

    def _video_conditions(self, asked: SegmentAsked) -> list[ConditioningTokens]:
        geometry, conditions = asked.geometry, list[ConditioningTokens]()
        source = asked.inputs.source
        if source is not None:  # first: what is placed later wins
            encoded = self.frames.latents(source.frames, geometry, self.device, image_crf=0)
            offset = asked.offset
            conditions += source_tokens(source, encoded, geometry, self.numerics, offset=offset)
        for frames in asked.inputs.frames:
            latents = self.frames.latents(frames, geometry, self.device, image_crf=asked.image_crf)
            conditions.append(
                placed_video(
                    frames,
                    latents,
                    geometry,
                    self.numerics,
                    append_first=asked.append_first,
                    offset=asked.offset,
                )
            )
        conditions += self._followed(asked)
        if asked.slots:
            channels, offset = self.video_channels, asked.offset
            conditions.append(
                slot_tokens(asked.slots, geometry, channels, self.device, offset=offset)
            )
        return conditions

    def _followed(self, asked: SegmentAsked) -> Iterator[ConditioningTokens]:
        """The clip that is painted over, then the references."""
        if self.references is None:
            return
        geometry, painted, followed = asked.geometry, asked.inputs.painted, asked.inputs.references
        if painted is not None:
            followed = (painted.reference(geometry, asked.mask_growth, self.device), *followed)
        for reference in followed:
            yield reference_tokens(
                reference, self.references, self.frames, geometry, self.device, offset=asked.offset
            )

    def _kept_sound(self, asked: SegmentAsked, base: CleanLatents) -> list[ConditioningTokens]:
        """All of the sound that was made, and once more before it where there is a voice."""
        if not asked.output.audio:
            return []
        sound = base.audio.to(self.device)
        conditions = [ConditioningTokens(audio_to_tokens(sound), 0.0, start=0)]
        voice = asked.inputs.voice
        if voice is not None:
            clock = asked.geometry.clock
            conditions.append(voice_tokens_of(sound, clock, before=voice.before))
        return conditions

    def _audio_conditions(self, asked: SegmentAsked) -> list[ConditioningTokens]:
        if not asked.output.audio:
            return []
        clock, state, sound = asked.geometry.clock, asked.state, asked.inputs.sound
        conditions = []
        carried = carried_audio(state)
        if state is not None and carried is not None and clock.context_latents:
            context = carried[:, :, -clock.context_latents :].to(self.device)
            start = clock.context_latents - context.shape[2]
            mask = state.audio_conditioning_strength
            conditions.append(ConditioningTokens(audio_to_tokens(context), mask, start))
        if sound is not None:
            latents = encoded_sound(sound.samples, self.audio_vae, self.device)
            for start, stop in sound.runs():
                tokens = audio_to_tokens(latents[:, :, start:stop])
                conditions.append(ConditioningTokens(tokens, 1.0 - sound.strength, start))
        voice = asked.inputs.voice
        if voice is not None and self.voices:
            conditions.append(voice_tokens(voice, self.audio_vae, clock, self.device))
        return conditions
