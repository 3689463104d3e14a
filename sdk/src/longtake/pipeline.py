"""A pipeline: one family, one preset, its networks; runs one request at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from fractions import Fraction
from types import MappingProxyType
from typing import Any

from longtake.blobs.protocol import BlobStore
from longtake.continuation import ContinuationCodec, ContinuationState
from longtake.errors import Cancelled, PipelineClosedError, ValidationError
from longtake.execution import Execution, execute, run_checks
from longtake.families import LoadedModel, ModelFamily
from longtake.observers import Observers
from longtake.planning import Plans
from longtake.presets import Preset
from longtake.references import resolve
from longtake.request import GenerationRequest, Job
from longtake.resolution import Resolved, naming_sampling, resolve_options, resolve_request
from longtake.results import Event, Final, GenerationResult
from longtake.run import Run
from longtake.stages import Recipe
from longtake.streaming import Meeting, stream_events
from longtake.values import Frames, Waveform

__all__ = ["Pipeline"]

_TURN_POLL_SECONDS = 0.05


class Pipeline:
    """Generates segments. Made by `load`; a context manager that lets its networks go at the end.

    Runs one request at a time (others wait), so threads and sessions may share it. A run is
    cancelled by setting the ``cancel`` event that was given with it, from any thread.

    ``preset_overrides``: what of the preset is set as the pipeline is built, ``{stage: {field:
    value}}``. Raises `ValidationError` with a path such as ``preset_overrides.refine.enabled``.
    """

    def __init__(
        self,
        family: ModelFamily,
        *,
        preset: Preset | None = None,
        preset_overrides: Mapping[str, Any] | None = None,
        model: LoadedModel | None = None,
        observers: Sequence[Callable[[Event], None]] = (),
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

    def check(self, request: GenerationRequest, *, blobs: BlobStore | None = None) -> Job:
        """Refuse what can be refused before the networks are loaded.

        That is a bad state, a bad option, and what the checks of those stages refuse that are built
        of no network; the other stages' checks come with `generate`. Returns the request with
        nothing left out. Raises `ValidationError`.
        """
        with self._turn():
            values, resolved = self._resolved(request, blobs)
            run = Run(seed=resolved.job.segment_seed, device=self._model.device)
            with naming_sampling(request):
                run_checks(
                    self._plans.first_checks(),
                    run=run,
                    job=resolved.job,
                    options=resolved.options,
                    values=values,
                )
        return resolved.job

    def resolve(self, request: GenerationRequest, *, blobs: BlobStore | None = None) -> Job:
        """The request with nothing left out. Raises `ValidationError` for a bad state or option."""
        with self._turn():
            return self._resolved(request, blobs)[1].job

    def prepare(self) -> None:
        """Load the networks and check the wiring now instead of at the first request.

        Raises `CheckpointError` for a damaged component, `WiringError` for a recipe that does not
        fit together.
        """
        with self._turn():
            self._plans.check()

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
        return self._generate(request, blobs, self._observers.notify, _is_set(cancel))

    def stream(
        self,
        request: GenerationRequest,
        *,
        blobs: BlobStore | None = None,
        cancel: threading.Event | None = None,
    ) -> Generator[Event, None, None]:
        """Like `generate`, as events: `Progress`, `Partial`, and last a `Final` with the result.

        The run begins with the first event that is asked for and waits while the caller handles
        one; until it is over it holds the pipeline, so no other run may be awaited meanwhile.
        Closing the iterator cancels the run. Raises like `generate`, while iterated.
        """
        meeting = Meeting()

        def work(listener: Callable[[Event], None], is_cancelled: Callable[[], bool]) -> None:
            def notify(event: Event) -> None:
                self._observers.notify(event)
                listener(event)

            self._generate(request, blobs, notify, is_cancelled)

        self._meetings.add(meeting)
        try:
            yield from stream_events(work, _is_set(cancel), meeting)
        finally:
            self._meetings.discard(meeting)

    def finish(
        self, state: ContinuationState, *, blobs: BlobStore | None = None
    ) -> GenerationResult:
        """The end of a take that its last segment held back, from the take's state alone.

        Returns no frames, and the sound up to the end of the picture. Raises `ValidationError`
        for a bad state, and when the family has nothing to finish.
        """
        with self._turn():
            if not self.family.finish:
                raise ValidationError(
                    "state", f"takes of family {self.family.name!r} need no finish"
                )
            codec = self._codec_of(state)
            decoded = codec.decode(state, blobs)
            take = decoded.take_defaults
            if not isinstance(take.get("fps"), Fraction):
                raise ValidationError(
                    "state", "has no clock, so there is no telling where the take ends"
                )
            run = Run(device=self._model.device, listener=self._observers.notify)
            done = execute(
                self._plans.finish(codec.state_type),
                run=run,
                options=resolve_options(self.family.finish),
                values={codec.state_type: decoded},
            )
            size = (take.get("height", 0), take.get("width", 0))
            result = _result(done, size=size, fps=take["fps"])
            run.emit(Final(result))
        return result

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
        self._plans = Plans(self.family, self.preset, self._recipe, model)
        self._model = model

    @contextmanager
    def _turn(self, is_cancelled: Callable[[], bool] = lambda: False) -> Iterator[None]:
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
        with self._turn(is_cancelled):
            values, resolved = self._resolved(request, blobs)
            job, codec = resolved.job, self._plans.writing_codec()
            if job.output.return_state and codec is None:
                raise ValidationError(
                    "output.return_state", f"family {self.family.name!r} makes no state"
                )
            run = Run(
                seed=job.segment_seed,
                device=self._model.device,
                listener=listener,
                is_cancelled=is_cancelled,
            )
            plan = self._plans.segment()
            with naming_sampling(request):
                done = execute(plan, run=run, job=job, options=resolved.options, values=values)
            result = _result(
                done,
                size=(job.sampling.height, job.sampling.width),
                fps=job.sampling.fps,
                resolved=resolved,
                state=(
                    codec.encode(done.values[codec.state_type], blobs)
                    if codec is not None and job.output.return_state
                    else None
                ),
            )
            run.emit(Final(result))
        return result

    def _resolved(
        self, request: GenerationRequest, blobs: BlobStore | None
    ) -> tuple[dict[type, Any], Resolved]:
        """The restored state, if any, as the first value of the run; and the job."""
        values: dict[type, Any] = {}
        index, take_defaults = 0, {}
        if request.state is not None:
            codec = self._codec_of(request.state)
            decoded = values[codec.state_type] = codec.decode(request.state, blobs)
            index, take_defaults = decoded.segment_index + 1, decoded.take_defaults
        return values, resolve_request(
            request,
            family=self.family,
            preset=self.preset,
            recipe=self.recipe,
            segment_index=index,
            take_defaults=take_defaults,
        )

    def _codec_of(self, state: ContinuationState) -> ContinuationCodec[Any]:
        codec = self.family.codec(state.kind)
        if codec is None:
            known = ", ".join(repr(codec.kind) for codec in self.family.codecs) or "none"
            raise ValidationError(
                "state.kind",
                f"{state.kind!r} is not a state of family {self.family.name!r}; it reads {known}",
            )
        return codec


def _result(
    done: Execution,
    *,
    size: tuple[int, int],
    fps: Fraction,
    resolved: Resolved | None = None,
    state: ContinuationState | None = None,
) -> GenerationResult:
    """The values at the end of a plan; ``size``: height and width of a picture without frames."""
    import numpy as np

    frames: Frames | None = done.values.get(Frames)
    sound: Waveform | None = done.values.get(Waveform)
    if resolved is not None:  # a family may make what was not asked for, on its way
        frames = frames if resolved.job.output.video else None
        sound = sound if resolved.job.output.audio else None
    return GenerationResult(
        frames=np.zeros((0, *size, 3), np.uint8) if frames is None else frames.pixels,
        audio=None if sound is None else sound.samples,
        audio_sample_rate=None if sound is None else sound.sample_rate,
        fps=fps,
        state=state,
        timings=done.timings,
        job=None if resolved is None else resolved.job,
        options={} if resolved is None else resolved.options,
    )


def _is_set(cancel: threading.Event | None) -> Callable[[], bool]:
    return cancel.is_set if cancel is not None else (lambda: False)
