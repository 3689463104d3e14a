"""Noise, and the clean latents and masks of what the segment is conditioned on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

import longtake as lt
from longtake_ltx2.checkpoints.folder import default_image_crf
from longtake_ltx2.clock import SegmentClock
from longtake_ltx2.conditioning.frame_encoder import FrameEncoder
from longtake_ltx2.conditioning.keyframe_slots import check_slots, slot_frames
from longtake_ltx2.conditioning.preparation import Preparation, SegmentAsked
from longtake_ltx2.conditioning.reference_checks import check_references, scales_of
from longtake_ltx2.conditioning.requested import RequestedInputs
from longtake_ltx2.continuation import LTX2ContinuationState
from longtake_ltx2.continuation.carried import carried_count
from longtake_ltx2.estimating.arrays import encoded_frames, noisy_latents
from longtake_ltx2.estimating.inputs import added_by_inputs
from longtake_ltx2.generation import Generation
from longtake_ltx2.loading.fingerprint import fingerprint_of_vae
from longtake_ltx2.noise import noise_generator
from longtake_ltx2.numerics import OFFICIAL, Numerics
from longtake_ltx2.pipeline_configs import LTX2T2VConfig
from longtake_ltx2.sound import check_latents
from longtake_ltx2.stage_overrides import LTX2BlendOptions, LTX2PreparationOptions
from longtake_ltx2.values import Geometry, NoiseState, NoisyLatents

if TYPE_CHECKING:
    from longtake_ltx2.estimating.scene import Scene

__all__ = ["LTX2LatentPreparationStage"]

_AUDIO_CHANNELS = 8


class LTX2LatentPreparationStage:
    """Draws the noise, video then audio, in token order, and lays the conditioning over it.

    ``vae`` encodes frames. ``audio_vae`` encodes sound and tells the shape of audio latents;
    without it they have 8 channels, as in every published checkpoint. ``generation``: its images
    were compressed as the model's training images were. ``config``: tells the VAE from another, of
    which a state may bring latents, and names the LoRAs that say how reference videos are scaled.
    ``scale``: by what the picture's sides are divided.
    """

    def __init__(
        self,
        transformer: Any,
        vae: Any = None,
        audio_vae: Any = None,
        config: LTX2T2VConfig | None = None,
        *,
        numerics: Numerics = OFFICIAL,
        generation: Generation = "2.0",
        scale: int = 1,
    ) -> None:
        self._video_channels = transformer.config.in_channels
        self._has_mark = bool(transformer.config.use_keyframes_abs_pos_embedding)
        self._noise_dtype = transformer.dtype
        self._frames, self._audio_vae = (
            FrameEncoder(vae, fingerprint_of_vae(vae, config)),
            audio_vae,
        )
        self._scale, self._references = scale, scales_of(config)
        channels = _AUDIO_CHANNELS if audio_vae is None else audio_vae.config.latent_channels
        self._audio_shape = (channels, transformer.config.audio_in_channels // channels)
        self._numerics = numerics
        self._image_crf = default_image_crf(generation)

    def check(
        self,
        job: lt.Job,
        state: LTX2ContinuationState | None,
        inputs: lt.DecodedInputs,
        segment: SegmentClock,
        options: LTX2PreparationOptions | None,
        blending: LTX2BlendOptions | None,
    ) -> None:
        """Refuse latents of other models, and what there is no network to encode for or to make.

        Raises `longtake.ValidationError`.
        """
        if state is not None:
            check_latents(state, *self._audio_shape)
        carried = job.output.video and state is not None and carried_count(state)
        vae = self._frames.vae
        for path, given, network in (
            ("state.payload.video", carried, vae),
            ("inputs.images", job.inputs.images, vae),
            ("inputs.clips", job.inputs.clips, vae),
            ("inputs.references", job.inputs.references, vae),
            ("inputs.source", job.inputs.source, vae),
            ("inputs.audio", job.inputs.audio, self._audio_vae),
            ("inputs.voice", job.inputs.voice, self._audio_vae),
        ):
            if given and network is None:
                raise lt.ValidationError(path, "this stage has no VAE to encode it")
        repeated = segment.repeated_frames if carried else 0
        check_slots(
            options or LTX2PreparationOptions(),
            job,
            self._numerics,
            repeated,
            has_mark=self._has_mark,
        )
        paints = blending is not None
        check_references(job, inputs, self._references, self._scale, paints=paints)
        if carried:
            height, width = job.sampling.height, job.sampling.width
            self._frames.check(state, height // self._scale, width // self._scale)

    @staticmethod
    def estimate(spec: lt.StageSpec, scene: Scene) -> lt.StageEstimate:
        """Encoding the frames that the state carries, and the inputs.

        References that do not fit are refused, and pictures that the network cannot make.
        """
        options, repeated = scene.stage_options.get(spec.name), scene.repeated_frames
        has_mark = scene.networks.transformer.use_keyframes_abs_pos_embedding
        if options is not None:
            check_slots(options, scene.job, scene.numerics, repeated, has_mark=has_mark)
        scale = spec.arguments.get("scale", 1)
        check_references(
            scene.job, scene.decoded, scene.reference_scales, scale, paints=scene.paints
        )
        passes, held = encoded_frames(scene)
        names = ("vae", "audio_vae") if added_by_inputs(scene).mel_frames else ("vae",)
        return lt.StageEstimate(
            values=noisy_latents(scene),
            passes=passes,
            weights=scene.networks.weights(*names),
            activation_bytes=held,
        )

    @torch.no_grad()
    def __call__(
        self,
        job: lt.Job,
        run: lt.Run,
        geometry: Geometry,
        inputs: RequestedInputs,
        state: LTX2ContinuationState | None,
        options: LTX2PreparationOptions | None,
        blending: LTX2BlendOptions | None,
    ) -> tuple[NoisyLatents, NoiseState]:
        generator = noise_generator(run.seed)
        preparation = Preparation(
            frames=self._frames,
            audio_vae=self._audio_vae,
            numerics=self._numerics,
            video_channels=self._video_channels,
            audio_shape=self._audio_shape,
            noise_dtype=self._noise_dtype,
            device=run.device,
            references=self._references,
            voices=True,
        )
        options = options or LTX2PreparationOptions()
        crf = self._image_crf if options.image_crf is None else options.image_crf
        clock = geometry.clock
        asked = SegmentAsked(
            job.output,
            geometry,
            inputs,
            state,
            crf,
            options.append_first,
            slots=slot_frames(options, clock.num_frames, clock.repeated_frames),
            mask_growth=round((blending or LTX2BlendOptions()).mask_growth / self._scale),
        )
        noisy = preparation.noisy(asked, generator)
        return noisy, NoiseState(generator.get_state())
