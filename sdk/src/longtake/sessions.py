"""A session keeps the state of one take, so that its caller only says what comes next."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import field, frozen

from longtake.blobs.protocol import BlobStore
from longtake.continuation import ContinuationState
from longtake.errors import ValidationError
from longtake.pipeline import Pipeline
from longtake.request import GenerationRequest, Inputs, Output, Sampling
from longtake.results import Event, Final, GenerationResult

__all__ = ["Session"]


@frozen
class Direction:
    """What the segments of a session have in common unless one says otherwise."""

    sampling: Sampling = field(factory=Sampling)
    stage_overrides: Mapping[str, Mapping[str, Any]] = field(factory=dict)
    overlap_frames: int = 9


class Session:
    """One take, segment by segment.

    ``state``: go on from it; a state alone is enough, its size, frame rate and seed are the
    take's. ``sampling``, ``stage_overrides``: of every segment that does not say otherwise.
    ``overlap_frames``: how many frames each next segment repeats. ``blobs``: where the states' big
    parts are kept.

    A segment that fails or is cancelled leaves ``state`` as it was, so it can be tried again.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        *,
        state: ContinuationState | None = None,
        sampling: Sampling | None = None,
        stage_overrides: Mapping[str, Mapping[str, Any]] | None = None,
        overlap_frames: int = 9,
        blobs: BlobStore | None = None,
    ) -> None:
        self._pipeline = pipeline
        self._blobs = blobs
        self._direction = Direction(sampling or Sampling(), stage_overrides or {}, overlap_frames)
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
        cancel: threading.Event | None = None,
    ) -> GenerationResult:
        """Roll the next segment and keep its state. Returns the new frames and samples only.

        Raises like `Pipeline.generate`; the state is then unchanged.
        """
        request = self._request(prompt, negative_prompt, inputs, sampling, stage_overrides)
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
        cancel: threading.Event | None = None,
    ) -> Iterator[Event]:
        """Like `extend`, as the events of `Pipeline.stream`."""
        request = self._request(prompt, negative_prompt, inputs, sampling, stage_overrides)
        for event in self._pipeline.stream(request, blobs=self._blobs, cancel=cancel):
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
    ) -> GenerationRequest:
        overrides = stage_overrides if stage_overrides is not None else self._direction.stage_overrides
        return GenerationRequest(
            prompt,
            negative_prompt=negative_prompt,
            inputs=inputs or Inputs(),
            sampling=sampling or self._direction.sampling,
            stage_overrides={name: dict(fields) for name, fields in overrides.items()},
            output=Output(
                last=False,
                return_state=True,
                overlap_frames=self._direction.overlap_frames,
            ),
            state=self._state,
        )
