"""What an estimate of one segment goes by: the networks, the job, and where the segment lies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import evolve, frozen

import longtake as lt
from longtake_ltx2.clock import samples_of
from longtake_ltx2.denoising.guidance import Guidance
from longtake_ltx2.estimating.networks import Networks
from longtake_ltx2.numerics import Numerics
from longtake_ltx2.sound import SoundDecoder
from longtake_ltx2.stage_overrides import LTX2DenoiseOptions, chosen
from longtake_ltx2.values import Geometry

__all__ = ["DENOISING", "Scene", "kind_of"]

DENOISING = "LTX2DenoisingStage"


@frozen(kw_only=True)
class Scene:
    """One segment while its stages are gone through.

    ``geometry``: the size at this stage. ``carried_latents``: audio latents that the state before
    it carries. ``samples_before``: sound handed out before it.
    """

    networks: Networks
    numerics: Numerics
    recipe: tuple[lt.StageSpec, ...]
    stage_options: Mapping[str, Any]
    job: lt.Job
    geometry: Geometry
    carried_latents: int = 0
    samples_before: int = 0

    @property
    def video_tokens(self) -> int:
        return self.geometry.video_tokens if self.job.output.video else 0

    @property
    def audio_latents(self) -> int:
        return self.geometry.clock.num_latents if self.job.output.audio else 0

    @property
    def video_latent_shape(self) -> tuple[int, ...]:
        """``[1, C, F, H, W]``."""
        geometry = self.geometry
        frames = geometry.latent_frames if self.job.output.video else 0
        channels = self.networks.transformer.in_channels
        return 1, channels, frames, geometry.latent_height, geometry.latent_width

    @property
    def repeated_frames(self) -> int:
        """Frames that the segment is conditioned on."""
        return self.geometry.clock.repeated_frames if self.job.output.video else 0

    @property
    def context_latents(self) -> int:
        """Audio latents that the segment is conditioned on."""
        return self.geometry.clock.context_latents if self.job.output.audio else 0

    @property
    def trailing_frames(self) -> int:
        """Frames that the next segment repeats."""
        output = self.job.output
        return min(output.overlap_frames, self.job.sampling.num_frames) if output.video else 0

    @property
    def new_samples_end(self) -> int:
        """The sample of the take at which the sound handed out so far ends."""
        decoder = SoundDecoder(self.networks.built("audio_vae"), self.networks.built("vocoder"))
        stop = samples_of(self.geometry.clock.end_latent, decoder.sample_rate)
        held_back = 0 if self.job.output.last else decoder.hold_back
        return max(self.samples_before, stop - held_back)

    @property
    def needs_negative(self) -> bool:
        """Whether any loop runs with the negative prompt."""
        return any(
            self.guidance(spec).needs_negative for spec in self.recipe if kind_of(spec) == DENOISING
        )

    def loop_options(self, spec: lt.StageSpec) -> LTX2DenoiseOptions:
        """Steps and scales of a denoising stage, as it settles them."""
        defaults = LTX2DenoiseOptions()
        steps = spec.arguments.get("num_inference_steps_override")
        scale = spec.arguments.get("force_guidance_scale")
        if steps is not None:
            defaults = evolve(defaults, num_inference_steps=steps)
        if scale is not None:
            defaults = evolve(defaults, guidance_scale=scale)
        return chosen(defaults, self.stage_options.get(spec.name))

    def guidance(self, spec: lt.StageSpec) -> Guidance:
        """Which passes a step of a denoising stage runs."""
        return Guidance.from_options(self.loop_options(spec), self.numerics, self.job.output)


def kind_of(spec: lt.StageSpec) -> str:
    """The name of a stage's class."""
    stage = spec.stage
    if isinstance(stage, str):
        return stage.rpartition(":")[2].rpartition(".")[2]
    return stage.__name__ if isinstance(stage, type) else type(stage).__name__
