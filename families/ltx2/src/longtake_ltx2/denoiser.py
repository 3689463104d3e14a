"""One forward pass of the transformer on both streams, as a prediction of the clean latents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from attrs import frozen

from longtake_ltx2.checkpoints import generation_of
from longtake_ltx2.guidance import Guidance, Predictions
from longtake_ltx2.numerics import Numerics
from longtake_ltx2.values import Geometry, NoisyLatents, Stream, TextContext

__all__ = ["Denoiser"]

_TIMESTEPS = 1000
"""The networks' timestep of sigma 1 (``FlowMatchEulerDiscreteScheduler``)."""


@frozen
class Pass:
    """How one forward pass differs from the plain one."""

    perturbed_blocks: tuple[int, ...] = ()
    spare_video: bool = False
    spare_audio: bool = False
    isolated: bool = False


@frozen(eq=False)
class Denoiser:
    """The transformer, one segment's conditioning and text, and the numerics to follow."""

    transformer: Any
    numerics: Numerics
    noisy: NoisyLatents
    text: TextContext
    geometry: Geometry

    def predictions(
        self, video: torch.Tensor, audio: torch.Tensor, sigma: torch.Tensor, guidance: Guidance
    ) -> tuple[Predictions, Predictions]:
        """Clean latents of every pass that ``guidance`` needs, for the picture and the sound.

        ``video``, ``audio``: ``[1, T, C]`` fp32. ``sigma``: 0-D fp32, the step's noise level.
        """
        text = self.text
        passes = {"positive": self._x0(video, audio, sigma, text.video, text.audio, Pass())}
        if guidance.needs_negative and text.negative_video is not None:
            passes["negative"] = self._x0(
                video, audio, sigma, text.negative_video, text.negative_audio, Pass()
            )
        if guidance.needs_perturbed and self.transformer.config.perturbed_attn:
            perturbed = Pass(
                perturbed_blocks=guidance.blocks,
                spare_video=not guidance.perturbs_video,
                spare_audio=not guidance.perturbs_audio,
            )
            passes["perturbed"] = self._x0(video, audio, sigma, text.video, text.audio, perturbed)
        if guidance.needs_isolated:
            isolated = Pass(isolated=True)
            passes["isolated"] = self._x0(video, audio, sigma, text.video, text.audio, isolated)
        return (
            Predictions(**{name: both[0] for name, both in passes.items()}),
            Predictions(**{name: both[1] for name, both in passes.items()}),
        )

    def _x0(
        self,
        video: torch.Tensor,
        audio: torch.Tensor,
        sigma: torch.Tensor,
        video_text: torch.Tensor,
        audio_text: torch.Tensor | None,
        how: Pass,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        dtype = self.transformer.dtype
        timestep = (sigma * _TIMESTEPS).expand(1)
        with self._hooks(timestep, how):
            video_velocity, audio_velocity = self.transformer(
                hidden_states=video.to(dtype),
                audio_hidden_states=audio.to(dtype),
                encoder_hidden_states=video_text.to(dtype),
                audio_encoder_hidden_states=None if audio_text is None else audio_text.to(dtype),
                timestep=_timesteps(timestep, self.noisy.video),
                audio_timestep=_timesteps(timestep, self.noisy.audio),
                sigma=timestep,
                audio_sigma=timestep,
                num_frames=self.geometry.latent_frames,
                height=self.geometry.latent_height,
                width=self.geometry.latent_width,
                fps=float(self.geometry.clock.fps),
                audio_num_frames=self.geometry.clock.num_latents,
                video_coords=self.noisy.video.coordinates,
                audio_coords=self.noisy.audio.coordinates,
                isolate_modalities=how.isolated,
                spatio_temporal_guidance_blocks=list(how.perturbed_blocks) or None,
                use_cross_timestep=self._use_cross_timestep(),
                return_dict=False,
            )
        return (
            video - self._token_sigma(sigma, self.noisy.video) * video_velocity.float(),
            audio - self._token_sigma(sigma, self.noisy.audio) * audio_velocity.float(),
        )

    def _token_sigma(self, sigma: torch.Tensor, stream: Stream) -> torch.Tensor:
        return stream.denoise_mask * sigma if self.numerics.per_token_sigma else sigma

    def _use_cross_timestep(self) -> bool:
        if self.numerics.gate_from_other_sigma:
            return False
        return generation_of(dict(self.transformer.config)) != "2.0"

    @contextmanager
    def _hooks(self, timestep: torch.Tensor, how: Pass) -> Iterator[None]:
        """What the transformer's arguments cannot say, for the time of one pass."""
        with ExitStack() as hooks:
            if self.numerics.gate_from_other_sigma:
                config = self.transformer.config
                factor = (
                    config.cross_attn_timestep_scale_multiplier / config.timestep_scale_multiplier
                )
                hooks.enter_context(_gates_follow(self.transformer, timestep * factor))
            blocks = [self.transformer.transformer_blocks[i] for i in how.perturbed_blocks]
            if how.spare_video:
                hooks.enter_context(_not_perturbed([block.attn1 for block in blocks]))
            if how.spare_audio:
                hooks.enter_context(_not_perturbed([block.audio_attn1 for block in blocks]))
            yield


def _timesteps(timestep: torch.Tensor, stream: Stream) -> torch.Tensor:
    """``[1]`` for a stream without conditioning, ``[1, T]`` with it: each token at its level."""
    if stream.is_unconditioned:
        return timestep
    return timestep.unsqueeze(-1) * stream.denoise_mask.squeeze(-1)


@contextmanager
def _gates_follow(transformer: Any, timestep: torch.Tensor) -> Iterator[None]:
    """Both gates between picture and sound take the other stream's sigma (ltx-core)."""

    def replace(module: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
        return (timestep, *args[1:])

    gates = (transformer.av_cross_attn_video_a2v_gate, transformer.av_cross_attn_audio_v2a_gate)
    handles = [gate.register_forward_pre_hook(replace) for gate in gates]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _not_perturbed(attentions: Sequence[Any]) -> Iterator[None]:
    """These self-attentions stay whole in a perturbed pass."""

    def spare(
        module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return args, {**kwargs, "perturbation_mask": None, "all_perturbed": False}

    handles = [a.register_forward_pre_hook(spare, with_kwargs=True) for a in attentions]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
