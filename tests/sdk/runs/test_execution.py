"""Running a recipe: what is freed when, who is blamed, what is entered and left."""

from __future__ import annotations

import contextlib
import gc
import sys
import threading
import weakref
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

import attrs
import numpy as np
import pytest

import longtake as lt
from tests.sdk.toy_family import FOG, FogCodec, FogState, black, pipeline_of

REQUEST = lt.GenerationRequest("fog")


@attrs.define(eq=False)
class Latents:
    """Big, so somebody should let it go."""


@attrs.define(eq=False)
class Picture:
    pass


@pytest.fixture(autouse=True)
def references() -> list[weakref.ref[Any]]:
    WATCHED.clear()
    return WATCHED


WATCHED: list[weakref.ref[Any]] = []
"""What the stages below have made in this test."""


def watched(value: Any) -> Any:
    WATCHED.append(weakref.ref(value))
    return value


def alive() -> list[bool]:
    return [reference() is not None for reference in WATCHED]


def make_latents() -> Latents:
    made: Latents = watched(Latents())
    return made


def read_latents(latents: Latents) -> None:
    pass


def decode(latents: Latents) -> Picture:
    made: Picture = watched(Picture())
    return made


class Look:
    def __init__(self) -> None:
        self.alive: list[bool] = []

    def __call__(self) -> None:
        self.alive = alive()


def raise_key_error() -> None:
    raise KeyError("shape")


def test_a_value_is_let_go_after_its_last_reader() -> None:
    early, late = Look(), Look()
    gc.disable()
    try:
        pipeline_of(
            make_latents,
            lt.StageSpec("early", early),
            decode,
            read_latents,
            lt.StageSpec("late", late),
        ).generate(REQUEST)
    finally:
        gc.enable()
    assert early.alive == [True]
    assert late.alive == [False, False]  # the picture had no reader at all


def test_a_value_that_is_made_again_is_let_go_before_the_second_one() -> None:
    between = Look()
    pipeline_of(
        lt.StageSpec("first", make_latents),
        read_latents,
        lt.StageSpec("between", between),
        lt.StageSpec("second", make_latents),
        lt.StageSpec("read_again", read_latents),
    ).generate(REQUEST)
    assert between.alive == [False]


@attrs.frozen(weakref_slot=True)
class WeakState(FogState):
    pass


class WeakCodec:
    kind = "weak.v1"
    state_type = WeakState

    def encode(self, value: WeakState, blobs: lt.BlobStore | None = None) -> lt.ContinuationState:
        return lt.ContinuationState(self.kind, {})

    def decode(self, state: lt.ContinuationState, blobs: lt.BlobStore | None = None) -> WeakState:
        made: WeakState = watched(WeakState(0, 1, 4, 6, 9, 0))
        return made

    def blob_ids(self, state: lt.ContinuationState) -> tuple[str, ...]:
        return ()


def read_state(state: WeakState | None) -> None:
    assert state is not None


def test_the_restored_state_is_let_go_after_its_last_reader() -> None:
    before, after = Look(), Look()
    pipeline = pipeline_of(
        lt.StageSpec("before", before),
        read_state,
        lt.StageSpec("after", after),
        codecs=(WeakCodec(),),
    )
    pipeline.generate(lt.GenerationRequest("fog", state=lt.ContinuationState("weak.v1", {})))
    assert (before.alive, after.alive) == ([True], [False])


def fail(pipeline: lt.Pipeline, streamed: bool) -> None:
    """Run it; the error is gone when this returns."""
    with contextlib.suppress(lt.StageError):
        list(pipeline.stream(REQUEST)) if streamed else pipeline.generate(REQUEST)
        raise AssertionError("it did not fail")


@pytest.mark.parametrize("streamed", [False, True])
def test_nothing_is_left_after_a_failure(streamed: bool) -> None:
    pipeline = pipeline_of(make_latents, raise_key_error, read_latents)
    gc.disable()  # what is big must not wait for the collector
    try:
        fail(pipeline, streamed)
        assert alive() == [False]
    finally:
        gc.enable()


def test_a_stage_that_raises_is_reported_with_its_name_and_the_cause() -> None:
    with pytest.raises(lt.StageError) as failed:
        pipeline_of(lt.StageSpec("shape", raise_key_error)).generate(REQUEST)
    assert failed.value.stage == "shape"
    assert failed.value.problem == "KeyError: 'shape'"
    assert isinstance(failed.value.__cause__, KeyError)


def raise_checkpoint_error() -> None:
    raise lt.CheckpointError("model.bin", "is damaged")


def test_errors_of_longtake_pass_through_with_the_stages_name_as_a_note() -> None:
    with pytest.raises(lt.CheckpointError) as failed:
        pipeline_of(lt.StageSpec("weights", raise_checkpoint_error)).generate(REQUEST)
    assert failed.value.path == "model.bin"
    assert failed.value.__notes__ == ["in stage 'weights'"]


def test_the_pipeline_works_after_a_failure() -> None:
    flaky = Flaky()
    pipeline = pipeline_of(flaky)
    with pytest.raises(lt.StageError):
        pipeline.generate(REQUEST)
    assert len(pipeline.generate(REQUEST).frames) == 9


class Flaky:
    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> None:
        self.calls += 1
        if self.calls == 1:
            raise OSError("once")


class Checked:
    def __init__(self, diary: list[str], refuses: bool = False) -> None:
        self.diary = diary
        self.refuses = refuses

    def check(self, job: lt.Job, state: FogState | None) -> None:
        self.diary.append(f"check {job.prompt} {None if state is None else state.segment_index}")
        if self.refuses:
            raise lt.ValidationError("prompt", "is foggy")

    def __call__(self, run: lt.Run) -> None:
        self.diary.append(f"call {run.stage}")


def test_all_checks_run_before_any_stage() -> None:
    diary: list[str] = []
    recipe = [lt.StageSpec(name, Checked(diary)) for name in ("a", "b")]
    pipeline = pipeline_of(*recipe, codecs=(FogCodec(),))
    pipeline.generate(REQUEST)
    assert diary == ["check fog None", "check fog None", "call a", "call b"]
    diary.clear()
    state = FogCodec().encode(FogState(3, 1, 4, 6, 9, 0))
    pipeline.generate(attrs.evolve(REQUEST, state=state))
    assert diary[:2] == ["check fog 3", "check fog 3"]


def test_a_check_that_refuses_leaves_all_stages_alone() -> None:
    diary: list[str] = []
    late = lt.StageSpec("b", Checked(diary, refuses=True))
    pipeline = pipeline_of(lt.StageSpec("a", Checked(diary)), late, codecs=(FogCodec(),))
    with pytest.raises(lt.ValidationError, match="prompt: is foggy"):
        pipeline.generate(REQUEST)
    assert diary == ["check fog None", "check fog None"]


@attrs.frozen(kw_only=True)
class BrushOptions:
    size: int = 1


@attrs.frozen(kw_only=True)
class FrameOptions:
    width: int = 1


class Choosy:
    """Refuses in its check, or in its call, by what its parameters are called."""

    def __init__(self, path: str, in_check: bool) -> None:
        self.path, self.in_check = path, in_check

    def check(self, options: BrushOptions, frame: FrameOptions) -> None:
        if self.in_check:
            raise lt.ValidationError(self.path, "is wrong")

    def __call__(self, options: BrushOptions, frame: FrameOptions) -> None:
        raise lt.ValidationError(self.path, "is wrong")


@pytest.mark.parametrize("in_check", [True, False])
@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("options.size", "stage_overrides.paint.size"),
        ("options.colours[1].red", "stage_overrides.paint.colours[1].red"),
        ("frame.width", "stage_overrides.hang.width"),
        ("sampling.height", "sampling.height"),
        ("options", "options"),
        ("other.size", "other.size"),
    ],
)
def test_an_option_is_named_as_users_do(path: str, said: str, in_check: bool) -> None:
    arguments = {"path": path, "in_check": in_check}
    paint = lt.StageSpec("paint", Choosy, options=BrushOptions, arguments=arguments)
    hang = lt.StageSpec("hang", "tests.sdk.runs.test_execution:nothing", options=FrameOptions)
    with pytest.raises(lt.ValidationError) as refused:
        pipeline_of(paint, hang).generate(REQUEST)
    assert (refused.value.path, refused.value.problem) == (said, "is wrong")
    assert refused.value.__notes__ == ["in stage 'paint'"]


def nothing() -> None:
    """A stage that has options, and does nothing."""


class StaticallyChecked:
    @staticmethod
    def check(job: lt.Job) -> None:
        raise lt.ValidationError("prompt", "is foggy")

    def __call__(self) -> None:
        raise AssertionError


class CheckedByClass:
    @classmethod
    def check(cls, job: lt.Job) -> None:
        raise lt.ValidationError("prompt", "is foggy")

    def __call__(self) -> None:
        raise AssertionError


@pytest.mark.parametrize("stage", [StaticallyChecked, CheckedByClass])
def test_static_and_class_methods_are_checks_too(stage: type) -> None:
    with pytest.raises(lt.ValidationError, match="foggy"):
        pipeline_of(stage).generate(REQUEST)


class Managed:
    """A context manager that writes down when it is entered, called and left."""

    def __init__(self, diary: list[str], name: str) -> None:
        self.diary = diary
        self.name = name

    def __enter__(self) -> None:
        self.diary.append(f"enter {self.name}")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        self.diary.append(f"leave {self.name}" + (f" {kind.__name__}" if kind else ""))
        return True  # which must not swallow the error

    def __call__(self) -> None:
        self.diary.append(f"call {self.name}")


class Write:
    """Writes down that it was called, and does what else it is told."""

    def __init__(self, diary: list[str], then: Callable[[], object] = lambda: None) -> None:
        self.diary = diary
        self.then = then

    def __call__(self, run: lt.Run) -> None:
        self.diary.append(f"call {run.stage}")
        self.then()
        run.check_cancelled()


def test_a_context_manager_is_open_for_the_rest_of_its_name() -> None:
    diary: list[str] = []
    pipeline_of(
        lt.StageSpec("refine", Managed(diary, "lora")),
        lt.StageSpec("refine", Managed(diary, "offload")),
        lt.StageSpec("other", Write(diary)),
        lt.StageSpec("refine", Write(diary)),
        lt.StageSpec("decode", Write(diary)),
    ).generate(REQUEST)
    assert diary == [
        "enter lora",
        "call lora",
        "enter offload",
        "call offload",
        "call other",
        "call refine",
        "leave offload",
        "leave lora",
        "call decode",
    ]


def test_interleaved_names_are_each_left_at_their_own_end() -> None:
    diary: list[str] = []
    pipeline_of(
        lt.StageSpec("a", Managed(diary, "A")),
        lt.StageSpec("b", Managed(diary, "B")),
        lt.StageSpec("a", Write(diary)),
        lt.StageSpec("b", Write(diary)),
    ).generate(REQUEST)
    assert diary[4:] == ["call a", "leave A", "call b", "leave B"]


def refuse() -> None:
    raise OSError("broken")


def test_context_managers_are_left_on_error_in_reverse_order() -> None:
    diary: list[str] = []
    pipeline = pipeline_of(
        lt.StageSpec("a", Managed(diary, "A")),
        lt.StageSpec("b", Managed(diary, "B")),
        lt.StageSpec("b", Write(diary, refuse)),
        lt.StageSpec("a", Write(diary)),
    )
    with pytest.raises(lt.StageError, match="'b' failed"):
        pipeline.generate(REQUEST)
    assert diary[4:] == ["call b", "leave B StageError", "leave A StageError"]


def test_context_managers_are_left_on_cancel() -> None:
    diary: list[str] = []
    cancel = threading.Event()
    pipeline = pipeline_of(
        lt.StageSpec("a", Managed(diary, "A")),
        lt.StageSpec("a", Write(diary, cancel.set)),
        lt.StageSpec("late", Write(diary)),
    )
    with pytest.raises(lt.Cancelled):
        pipeline.generate(REQUEST, cancel=cancel.is_set)
    assert diary[2:] == ["call a", "leave A Cancelled"]


class BrokenDoor:
    def __init__(self, breaks: str) -> None:
        self.breaks = breaks

    def __enter__(self) -> None:
        if self.breaks == "enter":
            raise OSError("the door is locked")

    def __exit__(self, *error: object) -> None:
        if self.breaks == "leave":
            raise OSError("the door is locked")

    def __call__(self) -> None:
        pass


@pytest.mark.parametrize("breaks", ["enter", "leave"])
def test_a_context_manager_that_raises_is_reported_with_its_name(breaks: str) -> None:
    with pytest.raises(lt.StageError, match=r"'door'.*locked") as failed:
        pipeline_of(lt.StageSpec("door", BrokenDoor(breaks))).generate(REQUEST)
    assert failed.value.stage == "door"


def test_timings_are_there_for_every_stage_name() -> None:
    result = lt.Pipeline(FOG).generate(REQUEST)
    assert list(result.timings) == ["prepare", "denoise", "paint", "sing", "remember"]
    assert all(seconds >= 0 for seconds in result.timings.values())


def counted(run: lt.Run) -> None:
    for _ in run.steps(3):
        pass


def test_progress_starts_every_stage_and_ends_it_once() -> None:
    events = pipeline_of(counted).stream(REQUEST)
    progress = [event for event in events if isinstance(event, lt.Progress)]
    assert [(event.stage, event.step, event.total) for event in progress] == [
        ("counted", 0, 1),
        ("counted", 1, 3),
        ("counted", 2, 3),
        ("counted", 3, 3),
        ("black", 0, 1),
        ("black", 1, 1),
    ]


def test_frames_and_sound_are_told_as_soon_as_they_are_made() -> None:
    *events, final = lt.Pipeline(FOG).stream(REQUEST)
    assert isinstance(final, lt.Final)
    result = final.result
    told = [e.stage if isinstance(e, lt.Partial) else type(e).__name__ for e in events]
    assert told[-6:] == ["paint", "Progress", "Progress", "sing", "Progress", "Progress"]
    partials = {e.stage: e.value for e in events if isinstance(e, lt.Partial)}
    assert isinstance(partials["paint"], lt.Frames)
    assert partials["paint"].pixels is result.frames
    assert isinstance(partials["sing"], lt.Waveform)
    assert partials["sing"].samples is result.audio


def sketched(run: lt.Run) -> None:
    for step in run.steps(2):
        if run.is_read:
            run.emit(lt.Preview(run.stage, step + 1, 2, np.full((1, 1, 1, 3), step, np.uint8)))


def test_the_reader_is_shown_previews_and_observers_are_not() -> None:
    observed: list[lt.RunEvent] = []
    pipeline = pipeline_of(sketched, observers=(observed.append,))
    pipeline.generate(REQUEST)
    alone = len(observed)
    events = [e for e in pipeline.stream(REQUEST) if isinstance(e, lt.Progress | lt.Preview)]
    told = [event for event in events if event.stage == "sketched"]
    assert [(type(event).__name__, event.step) for event in told] == [
        ("Progress", 0),
        ("Preview", 1),
        ("Progress", 1),
        ("Preview", 2),
        ("Progress", 2),
    ]
    assert [int(e.pixels.max()) for e in told if isinstance(e, lt.Preview)] == [0, 1]
    assert len(observed) == 2 * alone
    assert not any(isinstance(each, lt.Preview) for each in observed)


def test_black_is_enough() -> None:
    assert pipeline_of().generate(REQUEST).frames.shape == (9, 4, 6, 3)
    assert pipeline_of().recipe == (lt.StageSpec("black", black),)


def idle() -> None:
    """A stage that does nothing."""


def calls_of_a_run(
    stages: int, *observers: Callable[[lt.RunEvent], None], streamed: bool = False
) -> int:
    """How many functions a run calls whose stages do nothing but for the last, in all threads."""
    idles = (lt.StageSpec(f"idle-{number}", idle) for number in range(stages))
    family = lt.ModelFamily(
        "idle",
        (*idles, lt.StageSpec("draw", black)),
        defaults=FOG.defaults,
    )
    calls = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    with lt.Pipeline(family, observers=observers) as pipeline:
        pipeline.generate("fog")
        before = sys.getprofile(), threading.getprofile()
        sys.setprofile(count)
        threading.setprofile(count)
        try:
            list(pipeline.stream("fog")) if streamed else pipeline.generate("fog")
        finally:
            sys.setprofile(before[0])
            threading.setprofile(before[1])
    return calls


@pytest.mark.parametrize(("observers", "most"), [((), 60), ((lambda event: None,), 92)])
def test_a_further_stage_costs_few_calls(
    observers: tuple[Callable[[lt.RunEvent], None], ...], most: int
) -> None:
    few, many = calls_of_a_run(2, *observers), calls_of_a_run(10, *observers)
    assert (many - few) / 8 < most


def test_a_further_stage_of_a_stream_costs_few_calls() -> None:
    few, many = calls_of_a_run(2, streamed=True), calls_of_a_run(10, streamed=True)
    assert (many - few) / 8 < 120
