"""A session keeps the state of one take, so that its caller only says what comes next."""

from __future__ import annotations

import threading
from collections.abc import Generator, Mapping
from contextlib import closing
from typing import Any

from attrs import asdict, evolve

from longtake.blobs.protocol import BlobStore
from longtake.errors import ValidationError
from longtake.pipeline import Pipeline
from longtake.requests.inputs import Inputs
from longtake.requests.request import GenerationRequest, Output, Sampling
from longtake.runs.results import Event, Final, GenerationResult
from longtake.states.state import ContinuationState

__all__ = ["Session"]


class Session:
    """One take, segment by segment.

    ``state``: go on from it; a state alone is enough, its size, frame rate and seed are the
    take's. ``state_kind``: what states are written as, by default the family's first kind.
    ``sampling``, ``stage_overrides``: of every segment; a segment may say otherwise, field by
    field. ``overlap_frames``: how many frames each next segment repeats. ``video``, ``audio``:
    whether the take has a picture, and a sound. ``blobs``: where the states' big parts are kept.

    A segment that fails or is cancelled leaves ``state`` as it was, so it can be tried again.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        *,
        state: ContinuationState | None = None,
        state_kind: str | None = None,
        sampling: Sampling | None = None,
        stage_overrides: Mapping[str, Mapping[str, Any]] | None = None,
        overlap_frames: int = 9,
        video: bool = True,
        audio: bool = True,
        blobs: BlobStore | None = None,
    ) -> None:
        self._pipeline = pipeline
        self._blobs = blobs
        self._sampling = sampling or Sampling()
        self._stage_overrides = stage_overrides or {}
        self._output = Output(
            last=False,
            return_state=True,
            state_kind=state_kind,
            overlap_frames=overlap_frames,
            video=video,
            audio=audio,
        )
        self._state = state

    @property
    def state(self) -> ContinuationState | None:
        """The state after the last finished segment; None before the first."""
        return self._state

    def extend(
        self,
        prompt: str,
        *,
        negative_prompt: str | None = None,
        inputs: Inputs | None = None,
        sampling: Sampling | None = None,
        stage_overrides: Mapping[str, Mapping[str, Any]] | None = None,
        overlap_frames: int | None = None,
        cancel: threading.Event | None = None,
    ) -> GenerationResult:
        """Roll the next segment and keep its state. Returns the new frames and samples only.

        Raises like `Pipeline.generate`; the state is then unchanged.
        """
        request = self._request(
            prompt, negative_prompt, inputs, sampling, stage_overrides, overlap_frames
        )
        result = self._pipeline.generate(request, blobs=self._blobs, cancel=cancel)
        self._state = result.state
        return result

    def stream(
        self,
        prompt: str,
        *,
        negative_prompt: str | None = None,
        inputs: Inputs | None = None,
        sampling: Sampling | None = None,
        stage_overrides: Mapping[str, Mapping[str, Any]] | None = None,
        overlap_frames: int | None = None,
        cancel: threading.Event | None = None,
    ) -> Generator[Event, None, None]:
        """Like `extend`, as the events of `Pipeline.stream`."""
        request = self._request(
            prompt, negative_prompt, inputs, sampling, stage_overrides, overlap_frames
        )
        with closing(self._pipeline.stream(request, blobs=self._blobs, cancel=cancel)) as events:
            for event in events:
                if isinstance(event, Final):
                    self._state = event.result.state
                yield event

    def finish(self) -> GenerationResult:
        """The end of the take: the sound that was held back, up to the end of the picture.

        The state stays as it is; a take may be finished and still be continued from its state.
        Raises `ValidationError` when there is no segment yet.
        """
        if self._state is None:
            raise ValidationError("state", "there is no segment to finish yet")
        return self._pipeline.finish(self._state, blobs=self._blobs)

    def _request(
        self,
        prompt: str,
        negative_prompt: str | None,
        inputs: Inputs | None,
        sampling: Sampling | None,
        stage_overrides: Mapping[str, Mapping[str, Any]] | None,
        overlap_frames: int | None,
    ) -> GenerationRequest:
        output = self._output
        if overlap_frames is not None:
            output = evolve(output, overlap_frames=overlap_frames)
        return GenerationRequest(
            prompt,
            negative_prompt=negative_prompt,
            inputs=inputs or Inputs(),
            sampling=_with_sampling(self._sampling, sampling),
            stage_overrides=_with_overrides(self._stage_overrides, stage_overrides or {}),
            output=output,
            state=self._state,
        )


def _with_sampling(common: Sampling, own: Sampling | None) -> Sampling:
    said = {} if own is None else asdict(own, recurse=False)
    return evolve(common, **{name: value for name, value in said.items() if value is not None})


def _with_overrides(
    common: Mapping[str, Mapping[str, Any]], own: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    return {name: {**common.get(name, {}), **own.get(name, {})} for name in {**common, **own}}
