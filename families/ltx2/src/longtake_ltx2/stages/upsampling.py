"""Between the passes of a two-stage run: latents of the double size, noisy again."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import torch
from attrs import evolve

import longtake as lt
from longtake_ltx2.checkpoints.folder import default_image_crf
from longtake_ltx2.conditioning.frame_encoder import FrameEncoder
from longtake_ltx2.conditioning.preparation import Preparation, SegmentAsked
from longtake_ltx2.conditioning.reference_checks import scales_of
from longtake_ltx2.conditioning.requested import RequestedInputs
from longtake_ltx2.continuation import LTX2ContinuationState
from longtake_ltx2.denoising.schedule import REFINE_SIGMAS
from longtake_ltx2.estimating.arrays import encoded_frames, noisy_latents
from longtake_ltx2.generation import Generation
from longtake_ltx2.latents import decodable_video, normalized_video
from longtake_ltx2.loading.fingerprint import fingerprint_of_vae
from longtake_ltx2.numerics import OFFICIAL, Numerics
from longtake_ltx2.pipeline_configs import LTX2T2VConfig
from longtake_ltx2.stage_overrides import LTX2PreparationOptions, LTX2RefineStageOverride
from longtake_ltx2.values import CleanLatents, Geometry, NoiseState, NoisyLatents, RefineTarget

if TYPE_CHECKING:
    from longtake_ltx2.estimating.scene import Scene

__all__ = ["LTX2UpsampleStage"]

_SCALE = Fraction(2)


class LTX2UpsampleStage:
    """Doubles the first pass's picture in latent space and brings both streams back to noise.

    What conditions the segment does so again at the new size. The noise goes on where the first
    pass's ended, video then audio, and its level is the first of ``sigmas``, or of the request's
    own. ``transformer``: noise is drawn in its dtype where the numerics say so. ``add_noise``:
    without it the second pass starts from clean latents. ``dubs``: videos are followed in this
    pass, too, and the first pass's sound is kept, and is what the voices are like where there is
    a voice. ``config``: tells the VAE from another, of which a state may bring latents, and names
    the LoRAs that say how reference videos are scaled.
    """

    def __init__(
        self,
        upsampler: Any,
        vae: Any,
        transformer: Any = None,
        sigmas: Sequence[float] | None = None,
        add_noise: bool = True,
        *,
        dubs: bool = False,
        audio_vae: Any = None,
        config: LTX2T2VConfig | None = None,
        numerics: Numerics = OFFICIAL,
        generation: Generation = "2.0",
    ) -> None:
        self._upsampler, self._vae, self._audio_vae = upsampler, vae, audio_vae
        self._frames = FrameEncoder(vae, fingerprint_of_vae(vae, config))
        self._noise_dtype = torch.float32 if transformer is None else transformer.dtype
        self._noise_scale, self._adds_noise = (sigmas or REFINE_SIGMAS)[0], add_noise
        self._numerics = numerics
        self._dubs, self._references = dubs, scales_of(config) if dubs else None
        self._image_crf = default_image_crf(generation)

    def check(self, job: lt.Job, state: LTX2ContinuationState | None) -> None:
        """Refuse a picture's latents that are not of this pass, where there are no frames.

        Raises `longtake.ValidationError`.
        """
        if job.output.video:
            self._frames.check(state, job.sampling.height, job.sampling.width)

    @staticmethod
    def resized(geometry: Geometry, scale: Fraction = _SCALE) -> Geometry:
        """The size of the second pass."""
        height, width = int(geometry.height * scale), int(geometry.width * scale)
        return evolve(geometry, height=height, width=width)

    @classmethod
    def estimate(cls, spec: lt.StageSpec, scene: Scene) -> lt.StageEstimate:
        """The network at the size before, what is encoded and made at the size behind it."""
        cost = scene.networks.upsampler(scene.video_latent_shape)
        doubled = scene.resized(cls)
        encoded, held = encoded_frames(doubled)
        return lt.StageEstimate(
            values=noisy_latents(doubled),
            passes=[lt.PassEstimate("upsample", cost.flops), *encoded],
            weights=scene.networks.weights("upsampler", "vae"),
            activation_bytes=max(cost.activation_bytes, held),
        )

    @torch.no_grad()
    def __call__(
        self,
        job: lt.Job,
        run: lt.Run,
        latents: CleanLatents,
        noise: NoiseState,
        target: RefineTarget,
        inputs: RequestedInputs,
        state: LTX2ContinuationState | None,
        options: LTX2RefineStageOverride | None,
        first_pass: LTX2PreparationOptions | None,
    ) -> tuple[NoisyLatents, Geometry]:
        options = options or LTX2RefineStageOverride()
        base = CleanLatents(self._upsampled(latents.video), latents.audio)
        generator = torch.Generator("cpu")
        generator.set_state(noise.state)
        preparation = Preparation(
            frames=self._frames,
            audio_vae=self._audio_vae,
            numerics=self._numerics,
            video_channels=base.video.shape[1],
            audio_shape=(base.audio.shape[1], base.audio.shape[3]),
            noise_dtype=self._noise_dtype,
            device=run.device,
            references=self._references,
        )
        asked = SegmentAsked(
            job.output,
            target.geometry,
            inputs,
            state,
            self._crf(options, first_pass),
            append_first=first_pass is not None and first_pass.append_first,
            offset=options.video_position_offset_sec,
        )
        noise_scale = self._noise_scale if options.sigmas is None else options.sigmas[0]
        noisy = preparation.noisy(
            asked,
            generator,
            base=base,
            noise_scale=noise_scale if self._adds_noise else 0.0,
            keeps_sound=self._dubs,
        )
        return evolve(noisy, keyframes=latents.keyframes), target.geometry

    def _upsampled(self, video: torch.Tensor) -> torch.Tensor:
        """``[1, C, F, H, W]`` to the size of the second pass; both normalised, fp32."""
        if not video.shape[2]:
            return video
        raw = decodable_video(video, self._vae)
        return normalized_video(self._upsampler(raw.to(self._upsampler.dtype)).float(), self._vae)

    def _crf(
        self, options: LTX2RefineStageOverride, first_pass: LTX2PreparationOptions | None
    ) -> int:
        if options.image_crf is not None:
            return options.image_crf
        if first_pass is not None and first_pass.image_crf is not None:
            return first_pass.image_crf
        return self._image_crf
