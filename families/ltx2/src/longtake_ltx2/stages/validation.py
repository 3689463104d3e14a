"""The first stage: refuse a bad request, and place the segment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import longtake as lt
from longtake_ltx2.clock import (
    FEWEST_NEW_FRAMES,
    LATENTS_PER_SECOND,
    SegmentClock,
    is_frame_count,
)
from longtake_ltx2.conditioning.checks import check_inputs
from longtake_ltx2.conditioning.given_whole import GivenStream, check_given
from longtake_ltx2.conditioning.painting_checks import check_there_is_a_clip
from longtake_ltx2.conditioning.requested import RequestedInputs, requested_inputs
from longtake_ltx2.continuation import LTX2ContinuationState
from longtake_ltx2.continuation.carried import LONGEST_PREFIX_SECONDS, repeated_count
from longtake_ltx2.continuation.v1.frames import most_frames
from longtake_ltx2.continuation.v1.metadata import check_latents_of
from longtake_ltx2.sizes import SPATIAL_FACTOR, check_sampling
from longtake_ltx2.stage_overrides import LTX2BlendOptions, LTX2PreparationOptions
from longtake_ltx2.values import Geometry

if TYPE_CHECKING:
    from longtake_ltx2.estimating.scene import Scene

__all__ = ["InputValidationStage"]


class InputValidationStage:
    """Refuses sizes, lengths and states that do not fit, before anything is computed.

    ``given``: the stream that a request has to bring whole, where a recipe makes the other to it.
    In a recipe that blends, a clip is painted over and followed, and there has to be one.
    """

    def __init__(self, given: GivenStream | None = None) -> None:
        self._given = given

    def check(
        self,
        job: lt.Job,
        segment: SegmentClock,
        inputs: lt.DecodedInputs,
        state: LTX2ContinuationState | None,
        options: LTX2PreparationOptions | None,
        blending: LTX2BlendOptions | None,
    ) -> None:
        """Raises `longtake.ValidationError` with the path of the field."""
        if blending is not None:
            check_there_is_a_clip(job)
        if state is not None:
            _check_fetched(state)
            _check_same_take(job.sampling, state)
            _check_clock(state)
        check_sampling(job.sampling)
        _check_overlap(job)
        if state is not None:
            _check_state(job.sampling, state, segment)
        if segment.num_latents < 1:
            raise lt.ValidationError(
                "sampling.fps",
                f"is {job.sampling.fps}; too fast for any sound beside so few frames",
            )
        check_inputs(job, inputs, state, segment, paints=blending is not None)
        if self._given is not None:
            check_given(self._given, job, inputs, state, segment, options)

    @staticmethod
    def estimate(spec: lt.StageSpec, scene: Scene) -> lt.StageEstimate:
        """No work to speak of; what `check` refuses is refused, once for a take.

        A stream that the recipe makes the other to need not be there to be planned with, nor need
        a clip that it paints over.
        """
        if scene.job.segment_index == 0:
            job, segment = scene.job, scene.geometry.clock
            blending = None if job.inputs.source is None else scene.blending
            InputValidationStage().check(job, segment, scene.decoded, None, None, blending)
        return lt.StageEstimate()

    def __call__(
        self,
        job: lt.Job,
        segment: SegmentClock,
        inputs: lt.DecodedInputs,
        state: LTX2ContinuationState | None,
        blending: LTX2BlendOptions | None,
    ) -> tuple[Geometry, RequestedInputs]:
        """Where the segment lies, and what it is conditioned on, decoded."""
        geometry = Geometry(job.sampling.height, job.sampling.width, segment)
        paints = blending is not None
        return geometry, requested_inputs(job, inputs, state, segment, paints=paints)


def _check_overlap(job: lt.Job) -> None:
    if not job.output.return_state:
        return
    overlap, frames = job.output.overlap_frames, job.sampling.num_frames
    if not is_frame_count(overlap):
        raise lt.ValidationError(
            "output.overlap_frames", f"is {overlap}; must be 8k + 1, e.g. 9 or 17"
        )
    most = most_frames(job.sampling.width, job.sampling.height)
    if overlap > most:
        raise lt.ValidationError(
            "output.overlap_frames",
            f"is {overlap}; at most {most} of this size, which a state can carry "
            "(LONGTAKE_STATE_BYTES allows more)",
        )
    if frames - overlap < FEWEST_NEW_FRAMES:
        raise lt.ValidationError(
            "output.overlap_frames",
            f"is {overlap}; of {frames} frames it must leave {FEWEST_NEW_FRAMES} or more new ones",
        )


def _check_fetched(state: LTX2ContinuationState) -> None:
    for part, missing in (
        ("video", state.video_frames is None and state.video_frames_blob_id is not None),
        ("audio", state.audio_latents is None and state.audio_latents_blob_id is not None),
        ("video_latents", state.video_latents_blob_id is not None),
    ):
        if missing:
            raise lt.ValidationError(
                f"state.payload.{part}.blob_id", "is in a blob store; give that store as blobs"
            )


def _check_clock(state: LTX2ContinuationState) -> None:
    clock = state.clock
    if clock is None:
        if state.video_position_offset_sec > LONGEST_PREFIX_SECONDS:
            raise lt.ValidationError(
                "state.payload.video_position_offset_sec",
                f"is {state.video_position_offset_sec}; at most {LONGEST_PREFIX_SECONDS} seconds "
                "of sound go before the picture",
            )
        return
    path = "state.payload.metadata.longtake.clock"
    repeated = repeated_count(state)
    if clock.frames < repeated:
        raise lt.ValidationError(
            f"{path}.frames", f"is {clock.frames}, but the state repeats {repeated} frames"
        )
    check_latents_of(clock)


def _check_state(
    sampling: lt.ResolvedSampling, state: LTX2ContinuationState, segment: SegmentClock
) -> None:
    if segment.new_frames < FEWEST_NEW_FRAMES:
        raise lt.ValidationError(
            "sampling.num_frames",
            f"is {sampling.num_frames}; the state repeats {segment.repeated_frames} frames, and "
            f"at least {FEWEST_NEW_FRAMES} must be new",
        )
    longest = LONGEST_PREFIX_SECONDS * LATENTS_PER_SECOND
    if segment.context_latents > longest:
        raise lt.ValidationError(
            "state.payload.audio_conditioning_num_frames",
            f"asks for {segment.context_latents} audio latents before the new ones; at most "
            f"{longest}",
        )
    if segment.num_latents > segment.context_latents:
        return
    if state.clock is not None:
        raise lt.ValidationError(
            "sampling.num_frames", f"is {sampling.num_frames}; so few new frames have no sound"
        )
    raise lt.ValidationError(
        "state.payload.audio_conditioning_num_frames",
        f"is {segment.context_latents}; the segment has room for {segment.num_latents} audio "
        "latents in all",
    )


def _check_same_take(sampling: lt.ResolvedSampling, state: LTX2ContinuationState) -> None:
    take = state.take_defaults
    for name in ("height", "width"):
        if take.get(name, SPATIAL_FACTOR) % SPATIAL_FACTOR:
            raise lt.ValidationError(
                "state.payload.video",
                f"its frames are {take['height']}x{take['width']} pixels (height x width); both "
                f"must divide by {SPATIAL_FACTOR}",
            )
    for name in ("height", "width", "fps"):
        if name in take and take[name] != (asked := _of(sampling, name)):
            raise lt.ValidationError(
                f"sampling.{name}", f"is {asked}; the take's is {take[name]}, and a take keeps it"
            )


def _of(sampling: lt.ResolvedSampling, name: str) -> object:
    return {"height": sampling.height, "width": sampling.width, "fps": sampling.fps}[name]
