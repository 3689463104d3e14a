"""What an estimate of one segment goes by: the networks, the job, and where the segment lies."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Protocol, runtime_checkable

from attrs import evolve, field, frozen

import longtake as lt
from longtake_ltx2.clock import samples_of
from longtake_ltx2.estimating.networks import Networks
from longtake_ltx2.lora.references import ReferenceScales
from longtake_ltx2.numerics import Numerics
from longtake_ltx2.stage_overrides import LTX2BlendOptions
from longtake_ltx2.values import Geometry

__all__ = ["Scene", "SupportsResize"]


@runtime_checkable
class SupportsResize(Protocol):
    """A stage, or its class, after which the segment has another size."""

    def resized(self, geometry: Geometry, scale: Fraction) -> Geometry:
        """The size that the stages behind it work at; a class has it as a static method.

        ``scale``: by how much the latent upsampler enlarges.
        """
        ...


@frozen(kw_only=True)
class Scene:
    """One segment where a stage finds it: what LTX-2's stages are asked for an estimate with.

    - ``networks``: of the checkpoint, without their weights.
    - ``numerics``: the ones that the pipeline follows.
    - ``stage_options``: an instance of every stage's options class, by stage name.
    - ``job``: of this segment.
    - ``geometry``: the size before the stage.
    - ``carried_latents``: audio latents that the state before the segment carries.
    - ``samples_before``: sound handed out before the segment.
    - ``decoded``: the inputs of the job.
    - ``reference_scales``: of the videos to follow among them.
    - ``is_refined``: whether a pass was there before, at a smaller size.
    - ``is_dubbed``: whether such a pass follows videos, too, and keeps the sound of the one before.
    """

    networks: Networks
    numerics: Numerics
    stage_options: Mapping[str, Any]
    job: lt.Job
    geometry: Geometry
    carried_latents: int = 0
    samples_before: int = 0
    decoded: lt.DecodedInputs = field(factory=lambda: lt.DecodedInputs(lt.Inputs()), repr=False)
    reference_scales: ReferenceScales = field(factory=ReferenceScales)
    is_refined: bool = False
    is_dubbed: bool = False

    @property
    def blending(self) -> LTX2BlendOptions | None:
        """Of a recipe that blends what is made into a clip, which it paints over and follows."""
        options: LTX2BlendOptions | None = self.stage_options.get("blend")
        return options

    @property
    def paints(self) -> bool:
        """Whether the recipe does so."""
        return self.blending is not None

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
        timing = self.networks.sound_timing
        stop = samples_of(self.geometry.clock.end_latent, timing.sample_rate)
        held_back = 0 if self.job.output.last else timing.hold_back
        return max(self.samples_before, stop - held_back)

    def after(self, spec: lt.StageSpec) -> Scene:
        """As the stage behind that of ``spec`` finds it."""
        stage = spec.stage
        named = lt.Reference(stage).resolve() if isinstance(stage, str) else stage
        if not isinstance(named, SupportsResize):
            return self
        return self.resized(named)

    def first_pass(self) -> Scene:
        """As the first of two passes finds it; this where there is one."""
        if not self.is_refined:
            return self
        scale, whole = self.networks.upsampler_scale, self.geometry
        small = evolve(whole, height=whole.height // scale, width=whole.width // scale)
        return evolve(self, geometry=small, is_refined=False)

    def resized(self, stage: SupportsResize) -> Scene:
        """At the size that the stages behind ``stage`` work at."""
        found = stage.resized(self.geometry, self.networks.upsampler_scale)
        refined = self.is_refined or found.height > self.geometry.height
        return evolve(self, geometry=found, is_refined=refined)
