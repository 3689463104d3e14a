"""What the next segment needs of this one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from attrs import evolve

import longtake as lt
from longtake_ltx2.clock import DECODE_CONTEXT_LATENTS, TakeClock, next_segment
from longtake_ltx2.conditioning.frame_encoder import FrameEncoder
from longtake_ltx2.conditioning.tokens import ConditioningFrames
from longtake_ltx2.continuation import EncodedPrefix, LTX2ContinuationState
from longtake_ltx2.continuation.carried import audio_until_end, carries_latents
from longtake_ltx2.continuation.texts import CarriedTexts
from longtake_ltx2.estimating.arrays import array, encoded_prefix, trailing_frames
from longtake_ltx2.loading.fingerprint import fingerprint_of_vae
from longtake_ltx2.pipeline_configs import LTX2T2VConfig
from longtake_ltx2.sound import sound_start
from longtake_ltx2.values import CleanLatents, Geometry, TrailingFrames

if TYPE_CHECKING:
    from longtake_ltx2.estimating.scene import Scene

__all__ = ["LTX2RememberingStage"]


class LTX2RememberingStage:
    """Makes the state after this segment: its last frames and audio latents, and the clock.

    For a state of kind ``ltx2.v2``, ``vae`` encodes the frames as the next segment would, and they
    are left out unless ``config`` says that states are portable. ``scales``: by what the sides of
    the picture are divided in each pass, the smallest picture first.
    """

    def __init__(
        self,
        vae: Any = None,
        config: LTX2T2VConfig | None = None,
        *,
        scales: Sequence[int] = (1,),
    ) -> None:
        self._frames = FrameEncoder(vae, fingerprint_of_vae(vae, config))
        self._scales = scales
        self._is_portable = config is not None and config.portable_states

    @staticmethod
    def estimate(spec: lt.StageSpec, scene: Scene) -> lt.StageEstimate:
        """The arrays of the state; the VAE runs for those that carry latents."""
        channels, mel_bins = scene.networks.audio_latent_shape
        clock = scene.geometry.clock
        known = max(scene.audio_latents, scene.carried_latents)
        following = clock.after(None).context_latents(scene.trailing_frames)
        carried = min(max(following, DECODE_CONTEXT_LATENTS), known)
        sound = array("LTX2ContinuationState.audio_latents", (1, channels, carried, mel_bins))
        if not carries_latents(scene.job):
            frames = trailing_frames("LTX2ContinuationState.video_frames", scene)
            return lt.StageEstimate(values=[frames, sound])
        latents, passes, held = encoded_prefix(scene, spec.arguments.get("scales", (1,)))
        return lt.StageEstimate(
            values=[*latents, sound],
            passes=passes,
            weights=scene.networks.weights("vae") if passes else {},
            activation_bytes=held,
        )

    @torch.no_grad()
    def __call__(
        self,
        job: lt.Job,
        geometry: Geometry,
        latents: CleanLatents,
        trailing: TrailingFrames,
        sound: lt.Waveform,
        state: LTX2ContinuationState | None,
        run: lt.Run,
        texts: CarriedTexts | None,
        used: lt.UsedPrompt | None,
    ) -> LTX2ContinuationState:
        segment, clock = geometry.clock, _clock_after(job, geometry, sound)
        following = next_segment(clock, job.sampling.num_frames, len(trailing.pixels))
        metadata = {} if state is None else dict(state.metadata)
        metadata["longtake"] = {"clock": clock.to_metadata(), "seed": job.sampling.seed}
        if run.model_fingerprint is not None:
            metadata["longtake"]["model"] = run.model_fingerprint
        if used is not None and used.text != job.prompt:
            metadata["longtake"]["prompt"] = used.text
        prefix = self._prefix(job, geometry, trailing, run)
        keeps_frames = prefix is None or self._is_portable
        remembered = LTX2ContinuationState(
            segment_index=job.segment_index,
            video_frames=(list(trailing.pixels) or None) if keeps_frames else None,
            video_latents=prefix,
            video_position_offset_sec=float(following.position_offset),
            metadata=metadata,
            texts=() if texts is None else texts.texts,
        )
        if not job.output.audio:
            return remembered
        wanted = max(following.context_latents, DECODE_CONTEXT_LATENTS)
        known = audio_until_end(state, segment, latents.audio, wanted)
        if known.shape[2] < following.context_latents:  # the state before carried few
            following = next_segment(
                clock, segment.num_frames, len(trailing.pixels), context_latents=known.shape[2]
            )
        return evolve(
            remembered,
            video_position_offset_sec=float(following.position_offset),
            audio_latents=known[:, :, -wanted:].contiguous().cpu(),
            audio_sample_rate=sound.sample_rate,
            audio_conditioning_num_frames=following.context_latents,
            audio_conditioning_strength=0.0,
        )

    def _prefix(
        self, job: lt.Job, geometry: Geometry, trailing: TrailingFrames, run: lt.Run
    ) -> EncodedPrefix | None:
        """What the next segment's passes would encode the frames to, if the state carries that."""
        if not carries_latents(job) or not len(trailing.pixels):
            return None
        passes = [
            evolve(geometry, height=geometry.height // scale, width=geometry.width // scale)
            for scale in self._scales
        ]
        return self._frames.prefix(ConditioningFrames(trailing.pixels, 0, 1.0), passes, run.device)


def _clock_after(job: lt.Job, geometry: Geometry, sound: lt.Waveform) -> TakeClock:
    """The take's clock; how much sound it has is not known to go on without any."""
    segment = geometry.clock
    if not job.output.audio:
        return segment.after(None)
    return segment.after(sound_start(segment, sound.sample_rate) + sound.samples.shape[1])
