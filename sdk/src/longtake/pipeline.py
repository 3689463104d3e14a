"""A pipeline: one family, one preset, its networks; runs one request at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from attrs import field, frozen

from longtake.blobs.protocol import BlobStore
from longtake.continuation import ContinuationCodec, ContinuationState
from longtake.errors import PipelineClosedError, ValidationError, WiringError
from longtake.execution import Execution, execute
from longtake.families import LoadedModel, ModelFamily, ModelSource
from longtake.observers import Observers
from longtake.presets import Preset
from longtake.references import resolve
from longtake.registry import Registry
from longtake.request import GenerationRequest, Job
from longtake.resolution import Resolved, resolve_options, resolve_request
from longtake.results import Event, Final, GenerationResult
from longtake.run import Run
from longtake.stages import Recipe
from longtake.streaming import stream_events
from longtake.values import Frames, Waveform
from longtake.wire import structure
from longtake.wiring import Plan, construct, make_plan

__all__ = ["Pipeline", "load"]


class Pipeline:
    """Generates segments. Made by `load`; a context manager that lets its networks go at the end.

    Runs one request at a time (others wait), so threads and sessions may share it. A run is
    cancelled by setting the ``cancel`` event that was given with it, from any thread.
    """

    def __init__(
        self,
        family: ModelFamily,
        *,
        preset: Preset | None = None,
        model: LoadedModel | None = None,
        observers: Sequence[Callable[[Event], None]] = (),
    ) -> None:
        self.family = family
        self.preset = preset or family.preset()
        self._model = model or LoadedModel()
        self._observers = Observers(observers)
        self._lock = threading.Lock()
        self._plans: dict[str, Plan] = {}
        self._closed = False

    @property
    def recipe(self) -> Recipe:
        """The stages that a segment goes through."""
        return self.family.stages if self.preset.stages is None else self.preset.stages

    def check(self, request: GenerationRequest, *, blobs: BlobStore | None = None) -> None:
        """Refuse what can be refused before the networks are loaded: a bad state, a bad option.

        Raises `ValidationError`. The stages' own checks come with `generate`.
        """
        with self._lock:
            self._resolved(request, blobs)

    def prepare(self) -> None:
        """Load the networks and check the wiring now instead of at the first request.

        Raises `CheckpointError` for a damaged component, `WiringError` for a recipe that does not
        fit together.
        """
        with self._lock:
            self._segment_plan()

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
    ) -> Iterator[Event]:
        """Like `generate`, as events: `Progress`, `Partial`, and last a `Final` with the result.

        The run waits while the caller handles an event. Closing the iterator cancels the run.
        """

        def work(listener: Callable[[Event], None], is_cancelled: Callable[[], bool]) -> None:
            def notify(event: Event) -> None:
                self._observers.notify(event)
                listener(event)

            self._generate(request, blobs, notify, is_cancelled)

        return stream_events(work, _is_set(cancel))

    def finish(
        self, state: ContinuationState, *, blobs: BlobStore | None = None
    ) -> GenerationResult:
        """The end of a take that its last segment held back, from the take's state alone.

        Returns no frames, and the sound up to the end of the picture. Raises `ValidationError`
        for a bad state, and when the family has nothing to finish.
        """
        with self._lock:
            plan = self._finish_plan()
            decoded = self._codec_of(state).decode(state, blobs)
            fps = decoded.take_defaults.get("fps")
            if not isinstance(fps, Fraction):
                raise ValidationError(
                    "state", "has no clock, so there is no telling where the take ends"
                )
            run = Run(device=self._model.device, listener=self._observers.notify)
            options = resolve_options(
                self.family.finish, overrides={}, asked={}, defaults={}, stage_defaults={}
            )
            done = execute(plan, run=run, options=options, given=[decoded])
        return _Gathered(done, fps).result(height=0, width=0)

    def close(self) -> None:
        """Let the networks go. Closing twice does nothing; using the pipeline afterwards raises."""
        with self._lock:
            self._closed = True
            self._plans.clear()
            self._model = LoadedModel()

    def __enter__(self) -> Pipeline:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _generate(
        self,
        request: GenerationRequest,
        blobs: BlobStore | None,
        listener: Callable[[Event], None],
        is_cancelled: Callable[[], bool],
    ) -> GenerationResult:
        with self._lock:
            decoded, resolved = self._resolved(request, blobs)
            job = resolved.job
            if job.output.return_state and not self._state_codec():
                raise ValidationError(
                    "output.return_state", f"family {self.family.name!r} makes no state"
                )
            run = Run(
                seed=job.segment_seed,
                device=self._model.device,
                listener=listener,
                is_cancelled=is_cancelled,
            )
            done = execute(
                self._segment_plan(),
                run=run,
                job=job,
                options=resolved.options,
                given=() if decoded is None else (decoded,),
            )
            state = self._encode_state(done, blobs) if job.output.return_state else None
            result = _Gathered(done, job.sampling.fps, job, resolved.options, state).result(
                height=job.sampling.height, width=job.sampling.width
            )
            run.emit(Final(result))
        return result

    def _resolved(self, request: GenerationRequest, blobs: BlobStore | None) -> tuple[Any, Resolved]:
        """The typed state that the request goes on from, if any, and the job."""
        self._check_open()
        decoded = None
        if request.state is not None:
            decoded = self._codec_of(request.state).decode(request.state, blobs)
        return decoded, resolve_request(
            request,
            family=self.family,
            preset=self.preset,
            recipe=self.recipe,
            segment_index=0 if decoded is None else decoded.segment_index + 1,
            take_defaults=None if decoded is None else decoded.take_defaults,
        )

    def _check_open(self) -> None:
        if self._closed:
            raise PipelineClosedError("this pipeline is closed; load another one")

    def _segment_plan(self) -> Plan:
        plan = self._plan("segment", self.recipe)
        if not (plan.makes(Frames) or plan.makes(Waveform)):
            raise WiringError(
                f"the recipe of preset {self.preset.name!r} makes neither Frames nor a Waveform"
            )
        return plan

    def _finish_plan(self) -> Plan:
        if not self.family.finish:
            raise ValidationError("state", f"takes of family {self.family.name!r} need no finish")
        return self._plan("finish", self.family.finish, has_job=False)

    def _plan(self, name: str, recipe: Recipe, *, has_job: bool = True) -> Plan:
        self._check_open()
        if name not in self._plans:
            states = {codec.state_type for codec in self.family.codecs}
            self._plans[name] = make_plan(
                [(spec, construct(spec, self._model.components)) for spec in recipe],
                given=states,
                results={Frames, Waveform, *states},
                has_job=has_job,
            )
        return self._plans[name]

    def _codec_of(self, state: ContinuationState) -> ContinuationCodec[Any]:
        codec = self.family.codec(state.kind)
        if codec is None:
            known = ", ".join(repr(codec.kind) for codec in self.family.codecs) or "none"
            raise ValidationError(
                "state.kind",
                f"{state.kind!r} is not a state of family {self.family.name!r}; it reads {known}",
            )
        return codec

    def _state_codec(self) -> ContinuationCodec[Any] | None:
        plan = self._segment_plan()
        return next((c for c in self.family.codecs if plan.makes(c.state_type)), None)

    def _encode_state(self, done: Execution, blobs: BlobStore | None) -> ContinuationState | None:
        codec = self._state_codec()
        return None if codec is None else codec.encode(done.values[codec.state_type], blobs)


@frozen
class _Gathered:
    """The values at the end of a plan, as a result."""

    done: Execution
    fps: Fraction
    job: Job | None = None
    options: Mapping[str, Any] = field(factory=dict)
    state: ContinuationState | None = None

    def result(self, *, height: int, width: int) -> GenerationResult:
        import numpy as np

        frames: Frames | None = self.done.values.get(Frames)
        sound: Waveform | None = self.done.values.get(Waveform)
        return GenerationResult(
            frames=np.zeros((0, height, width, 3), np.uint8) if frames is None else frames.pixels,
            audio=None if sound is None else sound.samples,
            audio_sample_rate=None if sound is None else sound.sample_rate,
            fps=self.fps,
            state=self.state,
            timings=self.done.timings,
            job=self.job,
            options=self.options,
        )


def _is_set(cancel: threading.Event | None) -> Callable[[], bool]:
    return cancel.is_set if cancel is not None else (lambda: False)


def load(
    path: str | Path | None = None,
    *,
    family: str | ModelFamily | None = None,
    preset: str | None = None,
    device: object = None,
    dtype: object = None,
    registry: Registry | None = None,
    prepare: bool = True,
    **options: Any,
) -> Pipeline:
    """Load a checkpoint and build its pipeline.

    ``path``: a checkpoint; None for a family without weights, which must then be named.
    ``family``: which family it is of; asked of all installed ones when None. ``preset``:
    ``"name"`` or ``"name@version"``; the checkpoint's own default when None. ``device``,
    ``dtype``: e.g. ``"cuda:0"``, ``"bfloat16"``, or the torch objects; None means the family's
    choice. ``prepare``: load the weights now. Other keywords are the family's own options, e.g.
    ``numerics="diffusers"``.

    Raises `CheckpointError` when no family, or more than one, recognises the checkpoint or when
    it is damaged, `UnknownNameError` for an unknown family or preset, `ValidationError` for an
    option that the family does not have.
    """
    registry = registry or Registry.default()
    where = None if path is None else Path(path)
    default_preset = None
    if isinstance(family, ModelFamily):
        chosen = family
    elif family is not None:
        chosen = registry.family(family)
    elif where is not None:
        chosen, recognition = registry.recognise(where)
        default_preset = recognition.preset
    else:
        raise ValidationError("path", "give the path of a checkpoint, or name a family")
    if where is not None and default_preset is None:
        default_preset = _recognised_preset(chosen, where)
    model = _load_model(
        chosen,
        ModelSource(
            path=where,
            device=None if device is None else str(device),
            dtype=None if dtype is None else str(dtype).removeprefix("torch."),
            options=_family_options(chosen, options),
        ),
    )
    pipeline = Pipeline(
        chosen,
        preset=chosen.preset(preset or default_preset),
        model=model,
        observers=registry.observers,
    )
    if prepare:
        pipeline.prepare()
    return pipeline


def _recognised_preset(family: ModelFamily, path: Path) -> str | None:
    recognise: Any = resolve(family.recognise)
    recognition = None if recognise is None else recognise(path)
    return None if recognition is None else recognition.preset


def _family_options(family: ModelFamily, options: Mapping[str, Any]) -> Any:
    cls: Any = resolve(family.options)
    if cls is not None:
        return structure(dict(options), cls)
    for name in options:
        raise ValidationError(name, f"family {family.name!r} has no such option")
    return None


def _load_model(family: ModelFamily, source: ModelSource) -> LoadedModel:
    loader: Any = resolve(family.load)
    if loader is not None:
        loaded: LoadedModel = loader(source)
        return loaded
    if source.path is not None:
        raise ValidationError("path", f"family {family.name!r} has no weights to load")
    return LoadedModel(device=source.device or "cpu")


