"""A pipeline: one family, one preset, its networks; runs one request at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import copy_context
from fractions import Fraction
from types import MappingProxyType
from typing import Any, Literal

from longtake.blobs.protocol import BlobStore
from longtake.errors import Cancelled, PipelineClosedError, ValidationError
from longtake.families.family import ModelFamily
from longtake.families.models import LoadedModel
from longtake.families.presets import Preset
from longtake.families.stages import Recipe
from longtake.requests.request import GenerationRequest, Job
from longtake.runs.events import RunEvent
from longtake.runs.observers import ObservedRun, Observers
from longtake.runs.results import Event, Final, GenerationResult
from longtake.runs.segments import SegmentMaker
from longtake.runs.streaming import Meeting, Work, stream_events
from longtake.schema.references import resolve
from longtake.states.state import ContinuationState

__all__ = ["Pipeline"]

_TURN_POLL_SECONDS = 0.05


def _never() -> bool:
    return False


class Pipeline:
    """Generates segments. Made by `load`; a context manager that lets its networks go at the end.

    Runs one request at a time (others wait), so threads and sessions may share it. A run is
    cancelled by setting the ``cancel`` event that was given with it, from any thread.

    ``preset_overrides``: what of the preset is set as the pipeline is built, ``{stage: {field:
    value}}``. Raises `ValidationError` with a path such as ``preset_overrides.refine.enabled``.
    ``observers``: are told the events of every run, in the thread that runs it.
    """

    def __init__(
        self,
        family: ModelFamily,
        *,
        preset: Preset | None = None,
        preset_overrides: Mapping[str, Any] | None = None,
        model: LoadedModel | None = None,
        observers: Sequence[Callable[[RunEvent], None]] = (),
    ) -> None:
        self.family = family
        self.preset = preset or family.preset()
        self._recipe = family.recipe(self.preset, preset_overrides)
        self._load_as(model or LoadedModel())
        self._observers = Observers(observers)
        self._lock = threading.Lock()
        self._meetings: set[Meeting] = set()
        self._closed = False

    @property
    def recipe(self) -> Recipe:
        """The stages that a segment goes through."""
        return self._recipe

    def check(
        self,
        request: GenerationRequest,
        *,
        blobs: BlobStore | None = None,
        cancel: threading.Event | None = None,
    ) -> Job:
        """Refuse what can be refused before the networks are loaded.

        That is a bad state, a bad option, and what the checks of those stages refuse that are built
        of no network; the other stages' checks come with `generate`. Returns the request with
        nothing left out. Raises `ValidationError`, and `Cancelled` when ``cancel`` is set while it
        waits for its turn.
        """
        with self._turn(_is_set(cancel)):
            return self._segments.check(request, blobs)

    def resolve(self, request: GenerationRequest, *, blobs: BlobStore | None = None) -> Job:
        """The request with nothing left out. Raises `ValidationError` for a bad state or option."""
        with self._turn():
            return self._segments.resolve(request, blobs)

    def prepare(self) -> None:
        """Load the networks and check the wiring now instead of at the first request.

        Raises `CheckpointError` for a damaged component, `WiringError` for a recipe that does not
        fit together.
        """
        with self._turn():
            self._segments.prepare()

    def generate(
        self,
        request: GenerationRequest,
        *,
        blobs: BlobStore | None = None,
        cancel: threading.Event | None = None,
    ) -> GenerationResult:
        """Generate one segment.

        ``blobs``: where the states' big parts are read and written; without it they are inline.
        ``cancel``: set it to stop the run within one step.

        Raises `ValidationError` for a bad request or state before any network runs, `Cancelled`
        when stopped, `StageError` when a stage fails.
        """
        return self._generate(request, blobs, _ignore, _is_set(cancel))

    def stream(
        self,
        request: GenerationRequest,
        *,
        blobs: BlobStore | None = None,
        cancel: threading.Event | None = None,
    ) -> Generator[Event, None, None]:
        """Like `generate`, as events: `Progress`, `Partial`, and last a `Final` with the result.

        The run begins with the first event that is asked for and waits while the caller handles
        one; until its `Final` it holds the pipeline, so no other run may be awaited meanwhile.
        Closing the iterator cancels the run. Raises like `generate`, while iterated.
        """
        context = copy_context()  # the run's thread has the variables of whoever asked for the run

        def work(listener: Callable[[Event], None], is_cancelled: Callable[[], bool]) -> None:
            context.run(self._generate, request, blobs, listener, is_cancelled)

        return self._streamed(work, _is_set(cancel))

    def finish(
        self, state: ContinuationState, *, blobs: BlobStore | None = None
    ) -> GenerationResult:
        """The end of a take that its last segment held back, from the take's state alone.

        Returns no frames, and the sound up to the end of the picture. Raises `ValidationError`
        for a bad state, and when the family has nothing to finish.
        """
        with self._running("finish") as observed:
            return self._segments.finish(state, blobs, observed=observed)

    def predict_num_frames(self, prompt: str, *, fps: Fraction) -> int:
        """How many new frames ``prompt`` asks for, as far as the checkpoint knows.

        Raises `ValidationError` when the family or this checkpoint cannot tell.
        """
        predict: Any = resolve(self.family.predict_num_frames)
        if predict is None:
            name = self.family.name
            raise ValidationError("sampling.num_frames", f"family {name!r} cannot predict it")
        with self.components() as components:
            frames: int = predict(components, prompt, fps)
        return frames

    @contextmanager
    def components(self) -> Iterator[Mapping[str, Any]]:
        """Have the networks to yourself, by the names that stage constructors use.

        ``with pipeline.components() as components:`` waits for a run that is going on, and other
        runs wait for the end of the block. Raises `PipelineClosedError`.
        """
        with self._turn():
            yield MappingProxyType(self._model.components)

    def close(self) -> None:
        """Let the networks go, after the run that is going on; using the pipeline then raises.

        Streams are cancelled, because their readers may never come back. Closing twice does
        nothing.
        """
        self._closed = True
        for meeting in tuple(self._meetings):
            meeting.abandon()
        with self._lock:
            self._model.close()
            self._load_as(LoadedModel())

    def __enter__(self) -> Pipeline:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _load_as(self, model: LoadedModel) -> None:
        self._segments = SegmentMaker(self.family, self.preset, self._recipe, model)
        self._model = model

    @contextmanager
    def _turn(self, is_cancelled: Callable[[], bool] = _never) -> Iterator[None]:
        """Have the pipeline to itself; a cancelled run does not wait for its turn."""
        while not self._lock.acquire(timeout=_TURN_POLL_SECONDS):
            if is_cancelled():
                raise Cancelled("the run was cancelled while it waited for another one")
        try:
            if self._closed:
                raise PipelineClosedError("this pipeline is closed; load another one")
            try:
                yield
            finally:
                self._model.release()
        finally:
            self._lock.release()

    def _generate(
        self,
        request: GenerationRequest,
        blobs: BlobStore | None,
        listener: Callable[[Event], None],
        is_cancelled: Callable[[], bool],
    ) -> GenerationResult:
        prompts = (request.prompt, request.negative_prompt)
        with self._running("segment", prompts, is_cancelled) as observed:
            result = self._segments.segment(
                request, blobs, listener=listener, is_cancelled=is_cancelled, observed=observed
            )
        listener(Final(result))
        return result

    def _streamed(
        self, work: Work, is_cancelled: Callable[[], bool]
    ) -> Generator[Event, None, None]:
        meeting = Meeting()
        self._meetings.add(meeting)
        try:
            yield from stream_events(work, is_cancelled, meeting)
        finally:
            self._meetings.discard(meeting)

    @contextmanager
    def _running(
        self,
        purpose: Literal["segment", "finish"],
        prompts: Sequence[str | None] = (),
        is_cancelled: Callable[[], bool] = _never,
    ) -> Iterator[ObservedRun]:
        """Have the pipeline to itself for a run, of which the observers are told."""
        asked = time.perf_counter()
        with (
            self._turn(is_cancelled),
            self._observers.run(
                purpose,
                family=self.family.name,
                preset=f"{self.preset.name}@{self.preset.version}",
                device=self._model.device,
                waited_seconds=time.perf_counter() - asked,
                prompts=prompts,
            ) as observed,
        ):
            yield observed


def _ignore(event: Event) -> None:
    """The listener of a run without a reader."""


def _is_set(cancel: threading.Event | None) -> Callable[[], bool]:
    return _never if cancel is None else cancel.is_set
