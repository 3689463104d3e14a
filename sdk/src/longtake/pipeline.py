"""A pipeline: one family, one preset, its networks; runs one request at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import copy_context
from fractions import Fraction
from types import MappingProxyType
from typing import Any

from attrs import evolve

from longtake.blobs.protocol import BlobStore
from longtake.errors import Blaming, Cancelled, PipelineClosedError, ValidationError
from longtake.families.family import ModelFamily
from longtake.families.models import LoadedModel, ModelSource
from longtake.families.presets import Preset
from longtake.families.stages import Recipe
from longtake.requests.request import GenerationRequest, Job
from longtake.runs.admission import Admission
from longtake.runs.asked import Asked, as_request, asked_of
from longtake.runs.events import Event, Final, Purpose, RunEvent
from longtake.runs.following import Follower
from longtake.runs.observers import ObservedRun, Observers
from longtake.runs.prepared import PreparedRequest
from longtake.runs.results import GenerationResult
from longtake.runs.run import never, nobody
from longtake.runs.segments import SegmentMaker
from longtake.runs.shares import ExpectedShares
from longtake.runs.streaming import Meeting, Work, stream_events
from longtake.schema.references import resolve
from longtake.states.live import LiveState
from longtake.states.state import ContinuationState

__all__ = ["Pipeline"]

_TURN_POLL_SECONDS = 0.05


class Pipeline:
    """Generates segments. Made by `load`; a context manager that lets its networks go at the end.

    Runs one request at a time (others wait), so threads and sessions may share it. A run is
    stopped when the ``cancel`` that was given with it says so; it is asked in the run's thread.

    ``preset_overrides``: what of the preset is set as the pipeline is built, ``{stage: {field:
    value}}``. Raises `ValidationError` with a path such as ``preset_overrides.refine.enabled``.
    ``source``: what ``model`` was loaded from, by which the family can estimate its runs.
    ``observers``: are told the events of every run, in the thread that runs it. Those of
    ``own_observers``, too; where one has a ``close()``, it is called when the pipeline is closed.
    """

    def __init__(
        self,
        family: ModelFamily,
        *,
        preset: Preset | None = None,
        preset_overrides: Mapping[str, Any] | None = None,
        model: LoadedModel | None = None,
        source: ModelSource | None = None,
        observers: Sequence[Callable[[RunEvent], None]] = (),
        own_observers: Sequence[Callable[[RunEvent], None]] = (),
    ) -> None:
        self.family = family
        self.preset = preset or family.preset()
        self.preset_overrides = dict(preset_overrides or {})
        self._recipe = family.recipe(self.preset, preset_overrides)
        self._load_as(model or LoadedModel())
        self._shares = ExpectedShares(family, self._recipe, source)
        self._observers = Observers(observers, own_observers)
        self._lock = threading.Lock()
        self._meetings: set[Meeting] = set()
        self._closed = False

    def __repr__(self) -> str:
        preset = f"{self.preset.name}@{self.preset.version}"
        where = "closed" if self._closed else f"on {self._model.device}"
        return f"<Pipeline of {self.family.name!r}, preset {preset!r}, {where}>"

    @property
    def recipe(self) -> Recipe:
        """The stages that a segment goes through."""
        return self._recipe

    @property
    def device(self) -> str:
        """Where the networks are, such as ``"cuda:0"``."""
        return self._model.device

    @property
    def model_fingerprint(self) -> str | None:
        """What tells the model from others, and what states and takes say of it; None if nothing.

        Made from the checkpoint's files when it is first needed. Raises `CheckpointError` for one
        that is missing or damaged.
        """
        self._check_open()
        return self._admission.model_fingerprint

    def check(
        self,
        request: GenerationRequest | str,
        *,
        after: LiveState | None = None,
        blobs: BlobStore | None = None,
    ) -> PreparedRequest:
        """Admit a request: refuse what can be refused without the networks, and read the rest.

        A bad state, a bad option and whatever the checks of those stages refuse that are built of
        no network are refused; the other stages' checks come when it runs. It neither waits for a
        run that is going on nor loads anything, so threads may call it at any time. What it
        returns is accepted by `generate` and `stream`, which then read and decode nothing again.

        ``request``: or its prompt alone. ``after``: go on from this state in the place of the
        request's. ``blobs``: where the states' big parts are read and written; without it they are
        inline.

        Raises `ValidationError`, and what ``blobs`` raises.
        """
        self._check_open()
        prepared = self._admission.prepare(as_request(request), after, blobs)
        self._segments.check(prepared)
        return prepared

    def resolve(
        self,
        request: GenerationRequest | str,
        *,
        after: LiveState | None = None,
        blobs: BlobStore | None = None,
    ) -> Job:
        """The request with nothing left out. Raises `ValidationError` for a bad state or option."""
        self._check_open()
        return self._admission.resolve(as_request(request), after, blobs)

    def restore(
        self,
        state: ContinuationState,
        *,
        blobs: BlobStore | None = None,
        allow_other_model: bool = False,
    ) -> LiveState:
        """Read a state once, for whatever goes on from it in this process.

        ``allow_other_model``: the take may go on here although it was made with another model.
        Raises `ValidationError` for a state that is bad, another family's, or of another model
        without that.
        """
        self._check_open()
        return self._admission.restore(state, blobs, allow_other_model=allow_other_model)

    def num_frames_for(
        self,
        new_frames: int,
        request: GenerationRequest | str,
        *,
        after: LiveState | None = None,
        blobs: BlobStore | None = None,
    ) -> int:
        """The ``sampling.num_frames`` of a segment that adds ``new_frames`` to the request's take.

        It counts the frames that the state says to repeat; a family that makes only certain
        lengths gives the next one below. Raises `ValidationError` like `resolve`, and when the
        family's place is no `SegmentPlace`.
        """
        self._check_open()
        return self._admission.num_frames_for(new_frames, as_request(request), after, blobs)

    def prepare(self) -> None:
        """Load the networks and check the wiring now instead of at the first request.

        Raises `CheckpointError` for a damaged component, `WiringError` for a recipe that does not
        fit together.
        """
        with self._turn():
            self._segments.prepare()

    def generate(
        self,
        request: GenerationRequest | PreparedRequest | str,
        *,
        after: LiveState | None = None,
        blobs: BlobStore | None = None,
        cancel: Callable[[], bool] = never,
        defer_state: bool = False,
        num_segments: int | None = None,
        follow: Callable[[Event], None] | None = None,
    ) -> GenerationResult:
        """Generate one segment: ``pipeline.generate("dusk")``.

        ``request``: what to generate, or its prompt alone, with everything else the preset's; also
        one that `check` has prepared, and ``after`` and ``blobs`` are then its own.
        ``after``, ``blobs``: as in `check`. ``cancel``: asked between steps, and while the run
        waits for its turn, whether the result is no longer wanted, e.g. ``is_set`` of an event.
        ``defer_state``: the document of the state that was asked for is made when ``state`` of the
        result is first read, and the store gets its blobs then. ``num_segments``: of the take that
        this one is of, where that is known; observers are told. ``follow``: is told the events of
        `stream` in the thread of the run, which waits; what it raises ends the run and is raised.

        Raises `ValidationError` for a bad request or state before any network runs, `Cancelled`
        when stopped, `StageError` when a stage fails.
        """
        asked = asked_of(self._admission, request, after, blobs, num_segments)
        if follow is None:
            return self._generate(asked, nobody, cancel, defer_state)
        follower = Follower(follow, cancel)
        with follower.raising():
            return self._generate(asked, follower, follower.is_cancelled, defer_state)

    def stream(
        self,
        request: GenerationRequest | PreparedRequest | str,
        *,
        after: LiveState | None = None,
        blobs: BlobStore | None = None,
        cancel: Callable[[], bool] = never,
        defer_state: bool = False,
        num_segments: int | None = None,
    ) -> Generator[Event, None, None]:
        """Like `generate`, as events: `Progress`, `Partial`, and last a `Final` with the result.

        A request may ask some families for a `Preview` now and then, too.

        The run begins with the first event that is asked for and waits while the caller handles
        one; until its `Final` it holds the pipeline, so no other run may be awaited meanwhile.
        Closing the iterator cancels the run. Raises like `generate`, while iterated.
        """
        asked = asked_of(self._admission, request, after, blobs, num_segments)
        context = copy_context()  # the run's thread has the variables of whoever asked for the run

        def work(listener: Callable[[Event], None], is_cancelled: Callable[[], bool]) -> None:
            context.run(self._generate, asked, listener, is_cancelled, defer_state)

        return self._streamed(work, cancel)

    def finish(
        self,
        state: ContinuationState | LiveState,
        *,
        blobs: BlobStore | None = None,
        cancel: Callable[[], bool] = never,
    ) -> GenerationResult:
        """The end of a take that its last segment held back, from the take's state alone.

        Returns no frames, and the sound up to the end of the picture. ``blobs``, ``cancel``: as in
        `generate`. Raises `ValidationError` for a bad state, and when the family has nothing to
        finish.
        """
        with self._running("finish", None, nobody, cancel) as observed:
            return self._segments.finish(state, blobs, is_cancelled=cancel, observed=observed)

    def enhance(
        self,
        request: GenerationRequest | str,
        *,
        after: LiveState | None = None,
        blobs: BlobStore | None = None,
        cancel: Callable[[], bool] = never,
    ) -> str:
        """The prompt of ``request`` as it is rewritten where ``sampling.enhance_prompt`` is true.

        Nothing else of the segment is made, and no later stage's networks are loaded. The other
        arguments: as in `generate`. Raises `ValidationError` when nothing rewrites prompts here.
        """
        asked = as_request(request)
        wished = evolve(asked, sampling=evolve(asked.sampling, enhance_prompt=True))
        prepared = self.check(wished, after=after, blobs=blobs)
        with self._turn(cancel):
            return self._segments.prompt(prepared, is_cancelled=cancel)

    def predict_num_frames(self, prompt: str, *, fps: Fraction) -> int:
        """How many new frames ``prompt`` asks for, as far as the checkpoint knows.

        Raises `ValidationError` when the family or this checkpoint cannot tell.
        """
        predict: Any = resolve(self.family.predict_num_frames)
        if predict is None:
            name = self.family.name
            raise ValidationError("sampling.num_frames", f"family {name!r} cannot predict it")
        whose = f"family {self.family.name!r}: its predict_num_frames"
        with self.components() as components, Blaming(whose):
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

        Streams are cancelled, for their readers may never come back. Closing twice does nothing.
        """
        self._closed = True
        for meeting in tuple(self._meetings):
            meeting.abandon()
        with self._lock:
            try:
                self._model.close()
                self._load_as(LoadedModel())
            finally:
                self._observers.close()

    def __enter__(self) -> Pipeline:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _load_as(self, model: LoadedModel) -> None:
        self._admission = Admission(self.family, self.preset, self._recipe, model)
        self._segments = SegmentMaker(
            self.family, self.preset, self._recipe, model, self._admission
        )
        self._model = model

    def _check_open(self) -> None:
        if self._closed:
            raise PipelineClosedError("this pipeline is closed; load another one")

    @contextmanager
    def _turn(self, is_cancelled: Callable[[], bool] = never) -> Iterator[None]:
        """Have the pipeline to itself; a cancelled run does not wait for its turn."""
        while not self._lock.acquire(timeout=_TURN_POLL_SECONDS):
            if is_cancelled():
                raise Cancelled("the run was cancelled while it waited for another one")
        try:
            self._check_open()
            try:
                with self._model.computing():
                    yield
            finally:
                self._model.release()
        finally:
            self._lock.release()

    def _generate(
        self,
        asked: Asked,
        listener: Callable[[Event], None],
        is_cancelled: Callable[[], bool],
        defer_state: bool,
    ) -> GenerationResult:
        with self._running("segment", asked, listener, is_cancelled) as observed:
            result = self._segments.segment(
                asked.prepare(), listener=listener, is_cancelled=is_cancelled, observed=observed
            )
            if result.live_state is not None and not defer_state:
                result.live_state.document()
        if listener is not nobody:
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
        purpose: Purpose,
        asked: Asked | None,
        listener: Callable[[Event], None],
        is_cancelled: Callable[[], bool],
    ) -> Iterator[ObservedRun]:
        """Have the pipeline to itself for a run, of which the observers are told."""
        began = time.perf_counter()
        with (
            self._turn(is_cancelled),
            self._observers.run(
                purpose,
                family=self.family.name,
                preset=f"{self.preset.name}@{self.preset.version}",
                device=self._model.device,
                waited_seconds=time.perf_counter() - began,
                progress=self._shares.progress(
                    asked, is_heard=bool(self._observers) or listener is not nobody
                ),
                **({} if asked is None else asked.told),
            ) as observed,
        ):
            yield observed
