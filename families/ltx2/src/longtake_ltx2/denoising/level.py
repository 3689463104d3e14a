"""The latents of a segment at one noise level, and the clean latents that passes predict."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import torch
from attrs import frozen

from longtake_ltx2.forward.negating import NegativeText
from longtake_ltx2.forward.passes import Restart, attending, gate_scale, gates_follow
from longtake_ltx2.forward.protocol import Both, Forward
from longtake_ltx2.generation import generation_of
from longtake_ltx2.numerics import Numerics
from longtake_ltx2.values import Geometry, NoisyLatents, PromptContext, Stream

__all__ = ["NoiseLevel"]

_TIMESTEPS = 1000
"""The networks' timestep of sigma 1 (``FlowMatchEulerDiscreteScheduler``)."""


@frozen(eq=False)
class NoiseLevel:
    """A segment's latents at one noise level; each `run` is a pass of the transformer over them.

    - ``forward``: computes the passes.
    - ``transformer``: diffusers' network.
    - ``dtype``: what it computes in.
    - ``numerics``: which of the public implementations is followed.
    - ``noisy``: what the latents are conditioned on.
    - ``geometry``: the size of the segment.
    - ``video``, ``audio``: the latents ``[1, T, C]`` now, fp32.
    - ``sigma``: 0-D fp32, their noise level.
    - ``negative``: what every pass but its own turns away from, if anything.
    - ``bias``: ``[T, T]``, added to the scores of the picture's attention to itself, if any is.
    """

    forward: Forward
    transformer: Any
    dtype: torch.dtype
    numerics: Numerics
    noisy: NoisyLatents
    geometry: Geometry
    video: torch.Tensor
    audio: torch.Tensor
    sigma: torch.Tensor
    bias: torch.Tensor | None = None
    negative: NegativeText | None = None

    def run(
        self,
        prompt: PromptContext,
        *,
        isolated: bool = False,
        perturbed_blocks: list[int] | None = None,
        restart: Restart | None = None,
    ) -> Both:
        """The clean latents that one pass predicts: ``x - sigma v``."""
        transformer, noisy = self.transformer, self.noisy
        timestep = (self.sigma * _TIMESTEPS).expand(1)
        of_video, of_audio = _level(timestep, noisy.video), _level(timestep, noisy.audio)
        arguments = {
            **self._streams(isolated),
            "timestep": self._timesteps(timestep, noisy.video),
            "audio_timestep": self._timesteps(timestep, noisy.audio),
            "sigma": of_video,
            "audio_sigma": of_audio,
            "spatio_temporal_guidance_blocks": perturbed_blocks,
            "use_cross_timestep": self._use_cross_timestep(),
        }
        with ExitStack() as hooks:
            if self.numerics.gate_from_other_sigma:
                scale = gate_scale(transformer)
                gates = gates_follow(transformer, video=of_video * scale, audio=of_audio * scale)
                hooks.enter_context(gates)
            if self.bias is not None:
                hooks.enter_context(attending(transformer, self.bias))
            if self.negative is not None and prompt is not self.negative.context:
                hooks.enter_context(self.negative.turning_away())
            video_velocity, audio_velocity = self.forward.run(prompt, arguments, restart)
        return (
            self._clean(self.video, noisy.video, video_velocity),
            self._clean(self.audio, noisy.audio, audio_velocity),
        )

    def _streams(self, isolated: bool) -> dict[str, Any]:
        """Both streams' tokens and places; a stream alone is isolated."""
        noisy, dtype = self.noisy, self.dtype
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

    def _timesteps(self, timestep: torch.Tensor, stream: Stream) -> torch.Tensor:
        """``[1]`` for a stream without conditioning, ``[1, T]`` with it: each token at its level.

        Guidance shows in which order its factors are rounded: ltx-core scales the token's level.
        """
        if stream.is_unconditioned:
            return timestep
        mask = stream.denoise_mask.squeeze(-1)
        if self.numerics.per_token_sigma:
            return mask * self.sigma * _TIMESTEPS
        return timestep.unsqueeze(-1) * mask

    def _token_sigma(self, stream: Stream) -> torch.Tensor:
        per_token = self.numerics.per_token_sigma
        return stream.denoise_mask * self.sigma if per_token else self.sigma

    def _single_frame_tokens(self, video: torch.Tensor) -> torch.Tensor | None:
        """``[1, T, 1]``, 1 on the tokens that encode one pixel frame: the first latent frame's.

        And those of pictures that are made beside the segment. Networks before 2.5 have no mark for
        them. None of the frames that a segment is conditioned on are marked, as they are given and
        not made (ltx-core ``VideoConditionByKeyframeIndex``).
        """
        marked = self.transformer.config.use_keyframes_abs_pos_embedding
        if not marked or not self.numerics.marks_first_frame:
            return None
        mask = torch.zeros_like(video[..., :1])
        mask[:, : self.geometry.latent_height * self.geometry.latent_width] = 1
        mask[:, slice(*self.noisy.video.slots)] = 1
        return mask

    def _use_cross_timestep(self) -> bool:
        if self.numerics.gate_from_other_sigma:
            return False
        return generation_of(dict(self.transformer.config)) != "2.0"


def _or_stand_in(latents: torch.Tensor, stream: Stream) -> tuple[torch.Tensor, torch.Tensor]:
    """Latents and coordinates; of one token, cut off from the rest, where no stream is wanted.

    The networks take no empty stream.
    """
    if latents.shape[1]:
        return latents, stream.coordinates
    axes = stream.coordinates.shape[1]
    return latents.new_zeros(1, 1, latents.shape[2]), latents.new_zeros(1, axes, 1, 2)


def _level(timestep: torch.Tensor, stream: Stream) -> torch.Tensor:
    """The stream's own noise level ``[1]``: none where nothing of it is made."""
    return torch.zeros_like(timestep) if stream.is_frozen else timestep
