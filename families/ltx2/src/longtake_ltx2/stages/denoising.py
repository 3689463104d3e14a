"""The denoising loop: picture and sound together, from noise to clean latents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from attrs import evolve

import longtake as lt
from longtake_ltx2.checkpoints.folder import Generation
from longtake_ltx2.denoising.denoiser import Denoiser
from longtake_ltx2.denoising.guidance import Guidance
from longtake_ltx2.denoising.schedule import fewer_steps, official_sigmas, shifted_sigmas
from longtake_ltx2.denoising.steps import AncestralSteps, Steps, euler_step
from longtake_ltx2.latents import audio_from_tokens, video_from_tokens
from longtake_ltx2.numerics import OFFICIAL, Numerics
from longtake_ltx2.parallel.leader import Leader, shared_predictions
from longtake_ltx2.stage_overrides import (
    LTX2DenoiseOptions,
    LTX2LoopOptions,
    LTX2RefineStageOverride,
    chosen,
)
from longtake_ltx2.values import CleanLatents, Geometry, NoisyLatents, TextContext

__all__ = ["LTX2DenoisingStage"]


class LTX2DenoisingStage:
    """Euler steps down the schedule, guided.

    ``sigmas_override``: a table of noise levels instead of the shifted schedule; fewer steps than
    it has are chosen from it. ``num_inference_steps_override``, ``force_guidance_scale``: defaults
    for what the options leave to the stage, the scale for both streams. ``is_distilled``: whether
    ``sigmas_override`` is the schedule that the network was distilled for, which some generations
    walk with fresh noise at every step. ``leader``: of the other ranks, when several share the
    work.
    """

    def __init__(
        self,
        transformer: Any,
        *,
        sigmas_override: Sequence[float] | None = None,
        num_inference_steps_override: int | None = None,
        force_guidance_scale: float | None = None,
        is_distilled: bool = False,
        numerics: Numerics = OFFICIAL,
        generation: Generation = "2.0",
        leader: Leader | None = None,
    ) -> None:
        self._transformer = transformer
        self._is_ancestral = is_distilled and generation in numerics.ancestral_generations
        self._leader = leader
        self._table = None if sigmas_override is None else tuple(sigmas_override)
        self._numerics = numerics
        self._defaults = LTX2DenoiseOptions()
        if num_inference_steps_override is not None:
            steps = num_inference_steps_override
            self._defaults = evolve(self._defaults, num_inference_steps=steps)
        if force_guidance_scale is not None:
            self._defaults = evolve(self._defaults, guidance_scale=force_guidance_scale)

    def check(self, job: lt.Job, options: LTX2LoopOptions | None) -> None:
        """Refuse steps that the schedule lacks and blocks that the network lacks.

        Raises `longtake.ValidationError`.
        """
        settled = chosen(self._defaults, options)
        try:
            self._sigmas(settled.num_inference_steps, tokens=1)
        except ValueError as error:
            stage = "refine" if isinstance(options, LTX2RefineStageOverride) else "denoise"
            path = f"stage_overrides.{stage}.num_inference_steps"
            raise lt.ValidationError(path, str(error)) from None
        if Guidance.from_options(settled, self._numerics, job.output).needs_perturbed:
            self._check_blocks(settled)

    def _check_blocks(self, options: LTX2DenoiseOptions) -> None:
        path = "stage_overrides.denoise.stg_blocks"
        layers = self._transformer.config.num_layers
        if not options.stg_blocks:
            raise lt.ValidationError(path, "is empty; STG needs at least one block to perturb")
        for block in options.stg_blocks:
            if block >= layers:
                raise lt.ValidationError(
                    path, f"has {block}; this transformer has blocks 0 to {layers - 1}"
                )

    @torch.no_grad()
    def __call__(
        self,
        noisy: NoisyLatents,
        text: TextContext,
        geometry: Geometry,
        job: lt.Job,
        options: LTX2LoopOptions | None,
        run: lt.Run,
    ) -> CleanLatents:
        settled = chosen(self._defaults, options)
        guidance = Guidance.from_options(settled, self._numerics, job.output)
        denoiser = Denoiser(self._transformer, self._numerics, noisy, text, geometry, guidance)
        tokens = noisy.video.latents.shape[1] or geometry.video_tokens
        levels = self._sigmas(settled.num_inference_steps, tokens)
        sigmas = torch.tensor(levels, dtype=torch.float32, device=noisy.video.latents.device)
        video, audio = noisy.video.latents, noisy.audio.latents
        onwards = self._steps(run.seed)
        with shared_predictions(denoiser, self._leader) as predictions:
            for step in run.steps(len(levels) - 1):
                sigma, following = sigmas[step], sigmas[step + 1]
                of_video, of_audio = predictions(video, audio, sigma)
                video_x0 = guidance.combine(of_video, guidance.video)
                audio_x0 = guidance.combine(of_audio, guidance.audio)
                video = onwards(video, video_x0, noisy.video, sigma, following)
                audio = onwards(audio, audio_x0, noisy.audio, sigma, following)
        return CleanLatents(
            video_from_tokens(
                video[:, : geometry.video_tokens],
                geometry.latent_frames,
                geometry.latent_height,
                geometry.latent_width,
            ),
            audio_from_tokens(audio, noisy.mel_bins),
        )

    def _sigmas(self, num_steps: int, tokens: int) -> tuple[float, ...]:
        if self._table is not None:
            return fewer_steps(self._table, num_steps)
        if self._numerics.schedule_tokens is not None:
            return official_sigmas(num_steps, self._numerics.schedule_tokens)
        return shifted_sigmas(num_steps, tokens)

    def _steps(self, seed: int) -> Steps:
        if not self._is_ancestral:
            return euler_step
        in_fp32 = self._numerics.noise_in_float32
        return AncestralSteps(seed, torch.float32 if in_fp32 else self._transformer.dtype)
