"""The forward passes of one step, as predictions of the clean latents of both streams."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import torch
from attrs import frozen

from longtake_ltx2.denoising.guidance import Guidance, Predictions
from longtake_ltx2.denoising.passes import (
    BlockInputs,
    gates_follow,
    not_perturbed,
    recording,
    restarting,
)
from longtake_ltx2.generation import generation_of
from longtake_ltx2.numerics import Numerics
from longtake_ltx2.values import Geometry, NoisyLatents, PromptContext, Stream, TextContext

__all__ = ["Denoiser"]

_TIMESTEPS = 1000
"""The networks' timestep of sigma 1 (``FlowMatchEulerDiscreteScheduler``)."""

Both = tuple[torch.Tensor, torch.Tensor]


@frozen(eq=False)
class Denoiser:
    """The transformer, one segment's conditioning and text, and the numerics to follow."""

    transformer: Any
    numerics: Numerics
    noisy: NoisyLatents
    text: TextContext
    geometry: Geometry
    guidance: Guidance

    def predictions(
        self, video: torch.Tensor, audio: torch.Tensor, sigma: torch.Tensor
    ) -> tuple[Predictions, Predictions]:
        """Clean latents of every pass that the guidance needs, for the picture and the sound.

        ``video``, ``audio``: ``[1, T, C]`` fp32. ``sigma``: 0-D fp32, the step's noise level.
        """
        step = _Step(self, video, audio, sigma)
        passes = self._passes(step)
        return (
            Predictions(**{name: both[0] for name, both in passes.items()}),
            Predictions(**{name: both[1] for name, both in passes.items()}),
        )

    def _passes(self, step: _Step) -> dict[str, Both]:
        guidance, text = self.guidance, self.text
        passes = {}
        # Without perturbed attention (converted 2.0 checkpoints) the pass would change nothing.
        if guidance.needs_perturbed and self.transformer.config.perturbed_attn:
            passes["positive"], passes["perturbed"] = self._positive_and_perturbed(step)
        else:
            passes["positive"] = step.run(text.positive)
        if guidance.needs_negative:
            if text.negative is None:
                raise RuntimeError("the guidance needs the negative prompt, which was not encoded")
            passes["negative"] = step.run(text.negative)
        if guidance.needs_isolated:
            passes["isolated"] = step.run(text.positive, isolated=True)
        return passes

    def _positive_and_perturbed(self, step: _Step) -> tuple[Both, Both]:
        """The perturbed pass goes on from where it first differs: the same numbers, less work."""
        first = min(self.guidance.blocks)
        with recording(self.transformer, first) as inputs:
            positive = step.run(self.text.positive)
        return positive, self._perturbed(step, first, inputs)

    def _perturbed(self, step: _Step, first: int, inputs: BlockInputs) -> Both:
        blocks = [self.transformer.transformer_blocks[index] for index in self.guidance.blocks]
        with ExitStack() as hooks:
            if not self.guidance.perturbs_video:
                hooks.enter_context(not_perturbed([block.attn1 for block in blocks]))
            if not self.guidance.perturbs_audio:
                hooks.enter_context(not_perturbed([block.audio_attn1 for block in blocks]))
            hooks.enter_context(restarting(self.transformer, first, inputs))
            moved = [index - first + 1 for index in self.guidance.blocks]
            return step.run(self.text.positive, perturbed_blocks=moved)


@frozen(eq=False)
class _Step:
    """One noise level: runs passes over the same latents."""

    denoiser: Denoiser
    video: torch.Tensor
    audio: torch.Tensor
    sigma: torch.Tensor

    def run(
        self,
        prompt: PromptContext,
        *,
        isolated: bool = False,
        perturbed_blocks: list[int] | None = None,
    ) -> Both:
        """The clean latents that one pass predicts: ``x - sigma v``."""
        transformer, noisy = self.denoiser.transformer, self.denoiser.noisy
        timestep = (self.sigma * _TIMESTEPS).expand(1)
        with ExitStack() as hooks:
            if self.denoiser.numerics.gate_from_other_sigma:
                hooks.enter_context(gates_follow(transformer, timestep * _gate_scale(transformer)))
            video_velocity, audio_velocity = transformer(
                **self._streams(isolated),
                encoder_hidden_states=prompt.video.to(transformer.dtype),
                audio_encoder_hidden_states=prompt.audio.to(transformer.dtype),
                timestep=_timesteps(timestep, noisy.video),
                audio_timestep=_timesteps(timestep, noisy.audio),
                sigma=timestep,
                audio_sigma=timestep,
                spatio_temporal_guidance_blocks=perturbed_blocks,
                use_cross_timestep=self._use_cross_timestep(),
                return_dict=False,
            )
        return (
            self._clean(self.video, noisy.video, video_velocity),
            self._clean(self.audio, noisy.audio, audio_velocity),
        )

    def _streams(self, isolated: bool) -> dict[str, Any]:
        """Both streams' tokens and places; a stream alone is isolated."""
        noisy, dtype = self.denoiser.noisy, self.denoiser.transformer.dtype
        video, video_coordinates = _or_stand_in(self.video, noisy.video)
        audio, audio_coordinates = _or_stand_in(self.audio, noisy.audio)
        alone = video is not self.video or audio is not self.audio
        return {
            "hidden_states": video.to(dtype),
            "audio_hidden_states": audio.to(dtype),
            "video_coords": video_coordinates,
            "audio_coords": audio_coordinates,
            "video_keyframes_mask": self._single_frame_tokens(video),
            "isolate_modalities": isolated or alone,
        }

    def _clean(self, latents: torch.Tensor, stream: Stream, velocity: torch.Tensor) -> torch.Tensor:
        wanted = velocity[:, : latents.shape[1]].float()
        return latents - self._token_sigma(stream) * wanted

    def _token_sigma(self, stream: Stream) -> torch.Tensor:
        per_token = self.denoiser.numerics.per_token_sigma
        return stream.denoise_mask * self.sigma if per_token else self.sigma

    def _single_frame_tokens(self, video: torch.Tensor) -> torch.Tensor | None:
        """``[1, T, 1]``, 1 on the tokens that encode one pixel frame: the first latent frame's.

        Networks before 2.5 have no mark for them. None of the frames that a segment is conditioned
        on are marked, as they are given and not made (ltx-core ``VideoConditionByKeyframeIndex``).
        """
        denoiser = self.denoiser
        marked = denoiser.transformer.config.use_keyframes_abs_pos_embedding
        if not marked or not denoiser.numerics.marks_first_frame:
            return None
        mask = torch.zeros_like(video[..., :1])
        mask[:, : denoiser.geometry.latent_height * denoiser.geometry.latent_width] = 1
        return mask

    def _use_cross_timestep(self) -> bool:
        if self.denoiser.numerics.gate_from_other_sigma:
            return False
        return generation_of(dict(self.denoiser.transformer.config)) != "2.0"


def _or_stand_in(latents: torch.Tensor, stream: Stream) -> tuple[torch.Tensor, torch.Tensor]:
    """Latents and coordinates; of one token, cut off from the rest, where no stream is wanted.

    The networks take no empty stream.
    """
    if latents.shape[1]:
        return latents, stream.coordinates
    axes = stream.coordinates.shape[1]
    return latents.new_zeros(1, 1, latents.shape[2]), latents.new_zeros(1, axes, 1, 2)


def _gate_scale(transformer: Any) -> float:
    config = transformer.config
    scale: float = config.cross_attn_timestep_scale_multiplier / config.timestep_scale_multiplier
    return scale


def _timesteps(timestep: torch.Tensor, stream: Stream) -> torch.Tensor:
    """``[1]`` for a stream without conditioning, ``[1, T]`` with it: each token at its level."""
    if stream.is_unconditioned:
        return timestep
    return timestep.unsqueeze(-1) * stream.denoise_mask.squeeze(-1)
