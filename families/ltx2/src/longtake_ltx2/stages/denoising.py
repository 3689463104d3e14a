"""The denoising loop: picture and sound together, from noise to clean latents."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import torch

import longtake as lt
from longtake_ltx2.conditioning.reference_checks import is_masked
from longtake_ltx2.denoising.denoiser import Denoiser
from longtake_ltx2.denoising.guidance import Guidance
from longtake_ltx2.denoising.res_2s import StepGenerators, res_2s
from longtake_ltx2.denoising.samplers import (
    Point,
    Sampling,
    evaluated_steps,
    reusing,
    stepwise,
    walked,
)
from longtake_ltx2.denoising.schedule import (
    check_sigmas,
    fewer_steps,
    official_sigmas,
    shifted_sigmas,
)
from longtake_ltx2.denoising.steps import AncestralSteps, euler_step
from longtake_ltx2.estimating.arrays import array
from longtake_ltx2.estimating.inputs import added_by_inputs
from longtake_ltx2.estimating.loop_passes import loop_bytes, loop_passes
from longtake_ltx2.forward.choice import ForwardChoice
from longtake_ltx2.forward.protocol import Both
from longtake_ltx2.generation import Generation
from longtake_ltx2.latents import audio_from_tokens, video_from_tokens
from longtake_ltx2.numerics import OFFICIAL, Numerics
from longtake_ltx2.parallel.leader import Leader, shared_predictions
from longtake_ltx2.stage_overrides import LTX2DenoiseOptions, LTX2LoopOptions, SamplerName
from longtake_ltx2.values import CleanLatents, Geometry, KeyframeLatents, NoisyLatents, TextContext

if TYPE_CHECKING:
    from longtake_ltx2.estimating.scene import Scene

__all__ = ["LTX2DenoisingStage"]


class LTX2DenoisingStage:
    """Down the noise levels by the sampler that is chosen, guided.

    Progress counts evaluations: one an Euler step, two a step of ``res_2s`` and one at its end.

    ``sigmas_override``: a table of noise levels instead of the shifted schedule; fewer steps than
    it has are chosen from it. ``counts_tokens``: the schedule is shifted for the tokens that the
    picture has, whatever the numerics. ``sampler``: where the options leave it open.
    ``num_inference_steps_override``, ``force_guidance_scale``: for what the options leave open, the
    scale for both streams; a recipe says it with the defaults of its `longtake.StageSpec`, which
    every stage sees. ``is_distilled``: whether ``sigmas_override`` is the schedule that the network
    was distilled for, which some generations walk with fresh noise at every step, but for a segment
    that is made of a clip. ``forward``: who computes the transformer. ``leader``: of the other
    ranks, when several share the work.
    """

    def __init__(
        self,
        transformer: Any,
        *,
        sigmas_override: Sequence[float] | None = None,
        num_inference_steps_override: int | None = None,
        force_guidance_scale: float | None = None,
        is_distilled: bool = False,
        counts_tokens: bool = False,
        sampler: SamplerName | None = None,
        numerics: Numerics = OFFICIAL,
        generation: Generation = "2.0",
        forward: ForwardChoice | None = None,
        leader: Leader | None = None,
    ) -> None:
        self._transformer = transformer
        is_ancestral = is_distilled and generation in numerics.ancestral_generations
        self._sampler: SamplerName = sampler or ("euler_ancestral" if is_ancestral else "euler")
        self._counts_tokens = counts_tokens
        self._forward = forward or ForwardChoice()
        self._leader = leader
        self._table = None if sigmas_override is None else tuple(sigmas_override)
        self._numerics = numerics
        self._num_steps, self._guidance_scale = num_inference_steps_override, force_guidance_scale

    def check(self, job: lt.Job, options: LTX2LoopOptions | None) -> None:
        """Refuse steps that the schedule lacks, blocks that the network lacks, and masks on ranks.

        Raises `longtake.ValidationError`.
        """
        settled = self._settled(options)
        try:
            if settled.sigmas is not None:
                check_sigmas(settled.sigmas)
        except ValueError as error:
            raise lt.ValidationError("options.sigmas", str(error)) from None
        try:
            self._sigmas(settled, tokens=1)
        except ValueError as error:
            raise lt.ValidationError("options.num_inference_steps", str(error)) from None
        if self._leader is not None:
            for index, reference in enumerate(job.inputs.references):
                if is_masked(reference):
                    raise lt.ValidationError(
                        f"inputs.references[{index}].attention",
                        "is weakened, which several devices at once cannot do; take one device",
                    )
        if Guidance.from_options(settled, self._numerics, job.output).needs_perturbed:
            self._check_blocks(settled)

    def _check_blocks(self, options: LTX2DenoiseOptions) -> None:
        path = "options.stg_blocks"
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
        settled = self._settled(options)
        made = {"video": not noisy.video.is_frozen, "audio": not noisy.audio.is_frozen}
        guidance = Guidance.from_options(settled, self._numerics, job.output)
        forward = self._forward.begin(self._transformer)
        denoiser = Denoiser(
            self._transformer,
            self._numerics,
            noisy,
            text.of_what_is_made(**made),
            geometry,
            guidance.of_what_is_made(**made),
            forward,
        )
        levels = self._sigmas(settled, self._tokens(noisy, geometry))
        sampler = self._chosen_sampler(settled, job)
        ticks = run.steps(len(evaluated_steps(sampler, len(levels) - 1)))
        with shared_predictions(denoiser, self._leader) as predictions:

            def evaluate(point: Point) -> Both:
                video, audio = predictions(point.video, point.audio, point.sigma)
                return (
                    guidance.combine(video, guidance.video),
                    guidance.combine(audio, guidance.audio),
                )

            sampling = self._sampling(sampler, settled, noisy, levels, run.seed)
            video, audio = walked(sampling, reusing(evaluate, settled.skip_step or 0), ticks)
        grid = (geometry.latent_height, geometry.latent_width)
        keyframes, slots = noisy.keyframes, noisy.slot_frames
        if slots:
            beside = video[:, slice(*noisy.video.slots)]
            keyframes = KeyframeLatents(video_from_tokens(beside, len(slots), *grid), slots)
        own = video[:, : geometry.video_tokens]
        return CleanLatents(
            video_from_tokens(own, geometry.latent_frames, *grid),
            audio_from_tokens(audio, noisy.mel_bins),
            keyframes,
        )

    @classmethod
    def estimate(cls, spec: lt.StageSpec, scene: Scene) -> lt.StageEstimate:
        """Every pass of every step; what `check` refuses is refused."""
        networks, options = scene.networks, scene.stage_options.get(spec.name)
        config = networks.transformer
        arguments = {"numerics": scene.numerics, **spec.arguments}
        stage = cls(SimpleNamespace(config=config), **arguments)
        stage.check(scene.job, options)
        settled = stage._settled(options)
        guidance = Guidance.from_options(settled, scene.numerics, scene.job.output)
        added = added_by_inputs(scene)
        made = guidance.of_what_is_made(video=not added.fills_video, audio=not added.fills_audio)
        passes = loop_passes(made, scene)
        steps = len(stage._sigmas(settled, tokens=1)) - 1
        every = (settled.skip_step or 0) + 1
        evaluated = evaluated_steps(stage._chosen_sampler(settled, scene.job), steps)
        channels, mel_bins = networks.audio_latent_shape
        return lt.StageEstimate(
            values=[
                array("CleanLatents.video", scene.video_latent_shape),
                array("CleanLatents.audio", (1, channels, scene.audio_latents, mel_bins)),
            ],
            steps=sum(number % every == 0 for number in evaluated),
            passes=[lt.PassEstimate(name, config.flops(run)) for name, run in passes.items()],
            weights=networks.weights("transformer"),
            activation_bytes=loop_bytes(scene, passes),
        )

    def _settled(self, options: LTX2LoopOptions | None) -> LTX2DenoiseOptions:
        return (options or LTX2LoopOptions()).settled(
            num_inference_steps=self._num_steps, guidance_scale=self._guidance_scale
        )

    def _chosen_sampler(self, options: LTX2DenoiseOptions, job: lt.Job) -> SamplerName:
        """No fresh noise by itself beside a clip (``ICLoraPipeline``, ``RetakePipeline``)."""
        if options.sampler is not None:
            return options.sampler
        has_clip = bool(job.inputs.references) or job.inputs.source is not None
        return "euler" if has_clip and self._sampler == "euler_ancestral" else self._sampler

    def _tokens(self, noisy: NoisyLatents, geometry: Geometry) -> int:
        own = geometry.video_tokens
        return own if self._counts_tokens else noisy.video.latents.shape[1] or own

    def _sigmas(self, options: LTX2DenoiseOptions, tokens: int) -> tuple[float, ...]:
        if options.sigmas is not None:
            return options.sigmas
        num_steps = options.num_inference_steps
        if self._table is not None:
            return fewer_steps(self._table, num_steps)
        if self._numerics.schedule_tokens is not None:
            fixed = self._numerics.schedule_tokens
            return official_sigmas(num_steps, tokens if self._counts_tokens else fixed)
        return shifted_sigmas(num_steps, tokens)

    def _sampling(
        self,
        sampler: SamplerName,
        options: LTX2DenoiseOptions,
        noisy: NoisyLatents,
        levels: tuple[float, ...],
        seed: int,
    ) -> Sampling:
        sigmas = torch.tensor(levels, dtype=torch.float32, device=noisy.video.latents.device)
        if sampler == "res_2s":
            return res_2s(noisy, sigmas, StepGenerators.of(options.step_noise or "fixed", seed))
        if sampler == "euler":
            return stepwise(noisy, sigmas, euler_step)
        dtype = torch.float32 if self._numerics.noise_in_float32 else self._transformer.dtype
        return stepwise(noisy, sigmas, AncestralSteps(seed, dtype))
