"""The denoising loop: picture and sound together, from noise to clean latents."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import torch
from attrs import evolve

import longtake as lt
from longtake_ltx2.conditioning.reference_checks import is_masked
from longtake_ltx2.denoising.denoiser import Denoiser
from longtake_ltx2.denoising.guidance import Guidance
from longtake_ltx2.denoising.previews import LatentColors, previewing
from longtake_ltx2.denoising.res_2s import StepGenerators, res_2s
from longtake_ltx2.denoising.samplers import (
    Point,
    Sampling,
    evaluated_levels,
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
from longtake_ltx2.estimating.loop_passes import (
    NOT_AT_EVERY_LEVEL,
    loop_bytes,
    pass_estimates,
    union_of_passes,
)
from longtake_ltx2.forward.choice import ForwardChoice
from longtake_ltx2.forward.protocol import Both
from longtake_ltx2.generation import Generation
from longtake_ltx2.latents import audio_from_tokens, video_from_tokens
from longtake_ltx2.numerics import OFFICIAL, Numerics
from longtake_ltx2.parallel.leader import Leader, shared_predictions
from longtake_ltx2.stage_overrides import LTX2DenoiseOptions, LTX2LoopOptions
from longtake_ltx2.stage_overrides.loops import SamplerName
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
    ranks, when several share the work. ``latent_colors``: what previews are made with.
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
        latent_colors: LatentColors | None = None,
    ) -> None:
        self._transformer = transformer
        self._latent_colors = latent_colors
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
        self._check_preview(job, settled)
        if self._leader is not None:
            for index, reference in enumerate(job.inputs.references):
                if is_masked(reference):
                    raise lt.ValidationError(
                        f"inputs.references[{index}].attention",
                        "is weakened, which several devices at once cannot do; take one device",
                    )
            if settled.nag is not None:
                raise lt.ValidationError(
                    "options.nag", "is not possible with several devices at once; take one device"
                )
        guidance = Guidance.from_options(settled, self._numerics, job.output)
        if any(each.needs_perturbed for each in guidance.every):
            self._check_blocks(settled)
        if any(each.needs_voiceless for each in guidance.every):
            self._check_voice(job)

    def _check_preview(self, job: lt.Job, options: LTX2DenoiseOptions) -> None:
        path = "options.preview_every"
        if options.preview_every is None:
            return
        if not job.output.video:
            raise lt.ValidationError(path, "asks for pictures, and output.video is false")
        if self._latent_colors is None:
            raise lt.ValidationError(path, "needs the video VAE, which these stages do not have")

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

    def _check_voice(self, job: lt.Job) -> None:
        path = "options.voice_scale"
        if job.inputs.voice is None:
            raise lt.ValidationError(path, "guides towards a voice; give inputs.voice, or take 0")
        if self._leader is not None:
            raise lt.ValidationError(
                path, "is not possible with several devices at once; take one device"
            )

    @property
    def _colors(self) -> LatentColors:
        assert self._latent_colors is not None  # or the check refuses previews
        return self._latent_colors

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
        every = settled.preview_every if run.is_read else None
        if every is not None:  # before the transformer takes the VAE's place on the device
            self._colors.fit(noisy.video.latents.device)
        denoiser = self._denoiser(noisy, text, geometry, guidance, made)
        levels = self._sigmas(settled, self._tokens(noisy, geometry))
        sampler = self._chosen_sampler(settled, job)
        total = len(evaluated_steps(sampler, len(levels) - 1))
        with shared_predictions(denoiser, self._leader) as predictions:

            def evaluate(point: Point) -> Both:
                video, audio = predictions(point.video, point.audio, point.sigma)
                here = guidance.at(point.sigma)
                return here.combine(video, here.video), here.combine(audio, here.audio)

            sampling = self._sampling(sampler, settled, noisy, levels, run.seed)
            evaluated = reusing(evaluate, settled.skip_step or 0)
            if every is not None:
                evaluated = previewing(
                    evaluated,
                    self._colors,
                    noisy.video,
                    geometry,
                    run,
                    every=every,
                    total=total,
                )
            video, audio = walked(sampling, evaluated, run.steps(total))
        return _on_grids(video, audio, noisy, geometry)

    def _denoiser(
        self,
        noisy: NoisyLatents,
        text: TextContext,
        geometry: Geometry,
        guidance: Guidance,
        made: dict[str, bool],
    ) -> Denoiser:
        """Of the loop; ``made``: which streams are."""
        guidance, text = guidance.of_what_is_made(**made), text.of_what_is_made(**made)

        def looped(noisy: NoisyLatents, without_voice: Denoiser | None = None) -> Denoiser:
            forward = self._forward.begin(self._transformer)
            of_loop = self._transformer, self._numerics, noisy, text, geometry, guidance, forward
            return Denoiser(*of_loop, without_voice)

        own = geometry.clock.num_latents
        if not any(each.needs_voiceless for each in guidance.every):
            return looped(noisy)
        return looped(noisy, looped(evolve(noisy, audio=noisy.audio.first(own))))

    @classmethod
    def estimate(cls, spec: lt.StageSpec, scene: Scene) -> lt.StageEstimate:
        """Every pass of every step; what `check` refuses is refused."""
        networks, options = scene.networks, scene.stage_options.get(spec.name)
        config = networks.transformer
        arguments = {"numerics": scene.numerics, **spec.arguments}
        colors = LatentColors(lambda: networks.built("vae"))  # which are never fitted
        stage = cls(SimpleNamespace(config=config), latent_colors=colors, **arguments)
        stage.check(scene.job, options)
        settled = stage._settled(options)
        guidance = Guidance.from_options(settled, scene.numerics, scene.job.output)
        added = added_by_inputs(scene)
        guidance = guidance.of_what_is_made(
            video=not added.fills_video, audio=not (added.fills_audio or added.keeps_sound)
        )
        evaluated = stage._evaluated(settled, scene.job, scene.video_tokens)
        passes = union_of_passes(guidance, scene)
        channels, mel_bins = networks.audio_latent_shape
        return lt.StageEstimate(
            values=[
                array("CleanLatents.video", scene.video_latent_shape),
                array("CleanLatents.audio", (1, channels, scene.audio_latents, mel_bins)),
            ],
            steps=len(evaluated),
            passes=pass_estimates(guidance, scene, evaluated),
            note=NOT_AT_EVERY_LEVEL if guidance.levels else "",
            weights=networks.weights("transformer"),
            activation_bytes=loop_bytes(scene, passes),
        )

    def _evaluated(
        self, options: LTX2DenoiseOptions, job: lt.Job, tokens: int
    ) -> tuple[float, ...]:
        """The noise levels that passes run at."""
        sampler, sigmas = self._chosen_sampler(options, job), self._sigmas(options, tokens)
        steps, every = evaluated_steps(sampler, len(sigmas) - 1), (options.skip_step or 0) + 1
        levels = zip(steps, evaluated_levels(sampler, sigmas), strict=True)
        return tuple(level for number, level in levels if number % every == 0)

    def _settled(self, options: LTX2LoopOptions | None) -> LTX2DenoiseOptions:
        return (options or LTX2LoopOptions()).settled(
            num_inference_steps=self._num_steps, guidance_scale=self._guidance_scale
        )

    def _chosen_sampler(self, options: LTX2DenoiseOptions, job: lt.Job) -> SamplerName:
        """No fresh noise by itself beside a clip or a voice (``ICLoraPipeline``, ``dubit``)."""
        if options.sampler is not None:
            return options.sampler
        given = job.inputs
        has_clip = bool(given.references or given.source or given.voice)
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


def _on_grids(
    video: torch.Tensor, audio: torch.Tensor, noisy: NoisyLatents, geometry: Geometry
) -> CleanLatents:
    """What the sampler made of the tokens ``[1, T, C]`` of both streams, in its places."""
    grid = (geometry.latent_height, geometry.latent_width)
    keyframes, slots = noisy.keyframes, noisy.slot_frames
    if slots:
        beside = video[:, slice(*noisy.video.slots)]
        keyframes = KeyframeLatents(video_from_tokens(beside, len(slots), *grid), slots)
    own = video[:, : geometry.video_tokens]
    return CleanLatents(
        video_from_tokens(own, geometry.latent_frames, *grid),
        audio_from_tokens(audio[:, : geometry.clock.num_latents], noisy.mel_bins),
        keyframes,
    )
