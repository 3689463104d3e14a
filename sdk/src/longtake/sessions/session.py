"""A session keeps the state of one take, so that its caller only says what comes next."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

from attrs import asdict, evolve

from longtake.blobs.protocol import BlobStore
from longtake.errors import Cancelled, SessionBusyError, ValidationError
from longtake.pipeline import Pipeline
from longtake.requests.inputs import Inputs
from longtake.requests.request import GenerationRequest, Output, Sampling
from longtake.runs.events import Event, Final
from longtake.runs.results import GenerationResult
from longtake.runs.run import never
from longtake.states.live import LiveState
from longtake.states.state import ContinuationState

__all__ = ["Session"]

_TURN_POLL_SECONDS = 0.05


class Session:
    """One take, segment by segment.

    ``state``: go on from it; a state alone is enough, its size, frame rate and seed are the
    take's. ``allow_other_model``: also when it is of a take of another model.
    ``state_kind``: what states are written as, by default the family's first kind.
    ``sampling``, ``stage_overrides``: of every segment; a segment may say otherwise, field by
    field. ``overlap_frames``: how many frames each next segment repeats. ``video``, ``audio``:
    whether the take has a picture, and a sound. ``allow_empty_prompt``: as in a request.
    ``blobs``: where the states' big parts are kept.

    A segment that fails or is cancelled leaves ``state`` as it was, so it can be tried again.
    Threads may share a session: its segments are rolled one after another, each from the state of
    the one before. Between them nothing is encoded or decoded unless `state` is read.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        *,
        state: ContinuationState | None = None,
        allow_other_model: bool = False,
        state_kind: str | None = None,
        sampling: Sampling | None = None,
        stage_overrides: Mapping[str, Mapping[str, Any]] | None = None,
        overlap_frames: int = 9,
        video: bool = True,
        audio: bool = True,
        allow_empty_prompt: bool = False,
        blobs: BlobStore | None = None,
    ) -> None:
        self._pipeline = pipeline
        self._allow_empty_prompt = allow_empty_prompt
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
        self._given = state
        self._allow_other_model = allow_other_model
        self._live: LiveState | None = None
        self._turn = _Turn()

    def __repr__(self) -> str:
        known: object = self._live if self._live is not None else self._given
        state = "no segment yet" if known is None else f"state {known!r}"
        return f"<Session of {self._pipeline!r}, {state}>"

    @property
    def state(self) -> ContinuationState | None:
        """The state after the last finished segment; None before the first.

        It is written when it is first read: with ``blobs``, its big parts are in the store then.
        Raises what the family's codec and the store raise; it may be read again.
        """
        return self._given if self._live is None else self._live.document()

    def extend(
        self,
        prompt: str,
        *,
        negative_prompt: str | None = None,
        inputs: Inputs | None = None,
        sampling: Sampling | None = None,
        stage_overrides: Mapping[str, Mapping[str, Any]] | None = None,
        overlap_frames: int | None = None,
        cancel: Callable[[], bool] = never,
        num_segments: int | None = None,
    ) -> GenerationResult:
        """Roll the next segment and keep its state. Returns the new frames and samples only.

        ``num_segments``: of the whole take, where that is known; observers are told.

        Raises like `Pipeline.generate`; the state is then unchanged.
        """
        request = self._request(
            prompt, negative_prompt, inputs, sampling, stage_overrides, overlap_frames
        )
        with self._turn.taken(cancel):
            result = self._pipeline.generate(
                request,
                after=self._restored(),
                blobs=self._blobs,
                cancel=cancel,
                defer_state=True,
                num_segments=num_segments,
            )
            self._live = result.live_state
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
        cancel: Callable[[], bool] = never,
        num_segments: int | None = None,
    ) -> Generator[Event, None, None]:
        """Like `extend`, as the events of `Pipeline.stream`."""
        request = self._request(
            prompt, negative_prompt, inputs, sampling, stage_overrides, overlap_frames
        )
        with self._turn.taken(cancel):
            stream = self._pipeline.stream(
                request,
                after=self._restored(),
                blobs=self._blobs,
                cancel=cancel,
                defer_state=True,
                num_segments=num_segments,
            )
            with closing(stream) as events:
                for event in events:
                    if isinstance(event, Final):
                        self._live = event.result.live_state
                    yield event

    def finish(self, *, cancel: Callable[[], bool] = never) -> GenerationResult:
        """The end of the take: the sound that was held back, up to the end of the picture.

        The state stays as it is; a take may be finished and still be continued from its state.
        Raises `ValidationError` when there is no segment yet.
        """
        with self._turn.taken(cancel):
            state = self._restored()
            if state is None:
                raise ValidationError("state", "there is no segment to finish yet")
            return self._pipeline.finish(state, blobs=self._blobs, cancel=cancel)

    def _restored(self) -> LiveState | None:
        """The state to go on from; one that was given is read when it is first needed."""
        if self._live is None and self._given is not None:
            self._live = self._pipeline.restore(
                self._given, blobs=self._blobs, allow_other_model=self._allow_other_model
            )
        return self._live

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
            allow_empty_prompt=self._allow_empty_prompt,
        )


class _Turn:
    """Lets one segment of a session be rolled at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner: int | None = None

    @contextmanager
    def taken(self, is_cancelled: Callable[[], bool]) -> Iterator[None]:
        """Wait for the segments that other threads asked for before.

        Raises `Cancelled` when that is no longer wanted, and `SessionBusyError` where it would
        wait for ever: for a stream that this very thread has not read to its end.
        """
        while not self._lock.acquire(timeout=_TURN_POLL_SECONDS):
            if self._owner == threading.get_ident():
                raise SessionBusyError(
                    "a stream of this session is open in this thread: read it to its end, or close "
                    "it, before the next segment"
                )
            if is_cancelled():
                raise Cancelled("the segment was cancelled while it waited for another one")
        self._owner = threading.get_ident()
        try:
            yield
        finally:
            self._owner = None
            self._lock.release()


def _with_sampling(common: Sampling, own: Sampling | None) -> Sampling:
    said = {} if own is None else asdict(own, recurse=False)
    return evolve(common, **{name: value for name, value in said.items() if value is not None})


def _with_overrides(
    common: Mapping[str, Mapping[str, Any]], own: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    return {name: {**common.get(name, {}), **own.get(name, {})} for name in {**common, **own}}
