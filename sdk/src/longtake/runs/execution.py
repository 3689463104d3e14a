"""Running a plan: values in, values out, with progress, timing and nothing left behind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from types import TracebackType
from typing import Any

from attrs import frozen

from longtake.errors import LongtakeError, StageError, WiringError, text_of
from longtake.families.stages import naming_options
from longtake.requests.request import Job
from longtake.runs.events import Event, Partial, Progress
from longtake.runs.made import form_problem
from longtake.runs.observers import UNOBSERVED, ObservedRun, ObservedStage
from longtake.runs.results import Frames, Waveform
from longtake.runs.run import Run
from longtake.runs.wiring import Parameter, Plan, PlannedStage

__all__ = ["Execution", "execute", "run_checks"]


@frozen
class Execution:
    """What came of a plan.

    ``values``: those still alive at its end. ``timings``: seconds per stage name. ``makers``: the
    name of the stage that made each value last.
    """

    values: Mapping[type, Any]
    timings: Mapping[str, float]
    makers: Mapping[type, str]


def execute(
    plan: Plan,
    *,
    run: Run,
    job: Job | None = None,
    options: Mapping[str, Any],
    values: dict[type, Any] | None = None,
    observed: ObservedRun = UNOBSERVED,
) -> Execution:
    """Run every check, then every stage.

    ``values``: those there before the first stage, by type; each is taken out after its last
    reader. ``observed``: is told of stages and steps. Raises what a stage raises when it is one of
    Longtake's errors, with a note that names the stage; `StageError` for anything else; `Cancelled`
    within one step of a cancellation.
    """
    values = {} if values is None else values
    run_checks(plan.stages, run=run, job=job, options=options, values=values)
    context = _Context(job, options)
    timings: dict[str, float] = {}
    makers: dict[type, str] = {}
    with ExitStack() as open_names:
        entered = _EnteredStages(open_names)
        for index, planned in enumerate(plan.stages):
            name = planned.spec.name
            stage = observed.stage(name, index)
            staged, progress = _of_stage(run, name, stage)
            if progress is not None:
                progress.begin()
            staged.check_cancelled()
            with stage:
                _run_stage(planned, context, staged, values, entered, progress)
                entered.leave(name, plan.stages[index + 1 :])
            timings[name] = timings.get(name, 0.0) + stage.seconds
            makers.update(dict.fromkeys(planned.makes, name))
    run.check_cancelled()
    return Execution(values, timings, makers)


def run_checks(
    stages: Iterable[PlannedStage],
    *,
    run: Run,
    job: Job | None,
    options: Mapping[str, Any],
    values: Mapping[type, Any],
) -> None:
    """Let those of ``stages`` that have a check refuse the request. Raises as `execute`."""
    context = _Context(job, options)
    for planned in stages:
        if planned.checks is not None:
            with _Blamed(planned, planned.checks):
                planned.stage.check(**context.arguments(planned.checks, values, run))


@frozen
class _Context:
    job: Job | None
    options: Mapping[str, Any]

    def arguments(
        self, parameters: Sequence[Parameter], values: Mapping[type, Any], run: Run
    ) -> dict[str, Any]:
        return {p.name: self._argument(p, values, run) for p in parameters}

    def _argument(self, p: Parameter, values: Mapping[type, Any], run: Run) -> Any:
        if p.source == "job":
            return self.job
        if p.source == "run":
            return run
        if p.source == "options":
            return self.options[p.origin]
        return values.get(p.type) if p.optional else values[p.type]


class _EnteredStages:
    """Stages that are context managers, open until the last stage of their name is done."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._by_name: dict[str, ExitStack] = {}

    def enter(self, planned: PlannedStage) -> None:
        if isinstance(planned.stage, AbstractContextManager):
            name = planned.spec.name
            if name not in self._by_name:
                self._by_name[name] = self._stack.enter_context(ExitStack())
            self._by_name[name].enter_context(_entered(planned))

    def leave(self, name: str, later: Iterable[PlannedStage]) -> None:
        """Leave those called ``name``, unless one of the ``later`` stages is called so, too."""
        if name in self._by_name and not any(each.spec.name == name for each in later):
            self._by_name.pop(name).close()


@contextmanager
def _entered(planned: PlannedStage) -> Iterator[None]:
    """Enter the stage and leave it; unlike its own, this exit swallows no error."""
    with _Blamed(planned):
        planned.stage.__enter__()
    try:
        yield
    except BaseException as error:
        with _Blamed(planned):
            planned.stage.__exit__(type(error), error, error.__traceback__)
        raise
    with _Blamed(planned):
        planned.stage.__exit__(None, None, None)


def _run_stage(
    planned: PlannedStage,
    context: _Context,
    run: Run,
    values: dict[type, Any],
    entered: _EnteredStages,
    progress: _StageProgress | None,
) -> None:
    entered.enter(planned)
    arguments = context.arguments(planned.parameters, values, run)
    with _Blamed(planned, planned.parameters):
        returned = planned.stage(**arguments)
    del arguments
    made = _checked_results(planned, returned)
    values.update(made)
    for value_type in [key for key in values if key not in planned.live_after]:
        del values[value_type]
    if progress is not None:
        progress.end(made.values())


def _of_stage(run: Run, name: str, observed: ObservedStage) -> tuple[Run, _StageProgress | None]:
    """``run`` as the stage called ``name`` has it, and its listener where anybody listens."""
    progress = _StageProgress(run, name, observed) if run.is_heard or observed.is_heard else None
    staged = Run(  # `evolve` would take several times as long
        seed=run.seed,
        device=run.device,
        model_fingerprint=run.model_fingerprint,
        stage=name,
        listener=progress or run.listener,
        is_cancelled=run.is_cancelled,
        tells_observers_alone=not run.is_heard,
    )
    return staged, progress


class _StageProgress:
    """The listener of one stage; knows whether the stage counts steps of its own.

    ``run``: where it has no reader, what readers alone are told is not made.
    """

    def __init__(self, run: Run, name: str, observed: ObservedStage) -> None:
        self._has_reader = run.is_heard
        self._tell_reader = run.listener
        self._name = name
        self._observed = observed
        self._counted = False

    def __call__(self, event: Event) -> None:
        if isinstance(event, Progress):
            self._counted = True
            event = self._observed.went_on(event)
        self._tell_reader(event)

    def begin(self) -> None:
        """The stage starts, which the reader alone is told in this form."""
        if self._has_reader:
            self._tell_reader(self._observed.stamped(0, 1))

    def end(self, made: Iterable[Any]) -> None:
        """The stage has made its values; one without steps of its own was one step."""
        if not self._has_reader:
            return
        if not self._counted:
            self._tell_reader(self._observed.stamped(1, 1))
        for value in made:
            if isinstance(value, Frames | Waveform):
                self._tell_reader(Partial(self._name, value))


class _Blamed:
    """Say which stage raised, and name an option that it refuses as users do.

    A class, for a generator cannot let a `StopIteration` through that a stage raised.
    """

    def __init__(self, planned: PlannedStage, parameters: Sequence[Parameter] = ()) -> None:
        self._name = planned.spec.name
        self._parameters = parameters

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None or isinstance(error, KeyboardInterrupt):  # the user's, not the stage's
            return
        if not isinstance(error, LongtakeError):  # isolation: a stage is a plugin's code
            problem = f"{type(error).__name__}: {text_of(error)}"
            raise StageError(self._name, problem) from error
        stages = {p.name: p.origin for p in self._parameters if p.source == "options"}
        try:
            with naming_options(stages):
                raise error
        except LongtakeError as named:
            named.add_note(f"in stage {self._name!r}")
            raise


def _checked_results(planned: PlannedStage, returned: Any) -> dict[type, Any]:
    name, makes = planned.spec.name, planned.makes
    if not planned.returns_tuple:
        returned = (returned,) if makes or returned is not None else ()
    if not isinstance(returned, tuple) or len(returned) != len(makes):
        count = len(returned) if isinstance(returned, tuple) else "no tuple of"
        raise WiringError(
            f"stage {name!r} returned {count} values, its annotation says {len(makes)}"
        )
    for value, expected in zip(returned, makes, strict=True):
        if not isinstance(value, expected):
            raise WiringError(
                f"stage {name!r} returned a {type(value).__name__} where its annotation says "
                f"{expected.__name__}"
            )
        if problem := form_problem(value):
            raise StageError(name, f"it made {problem}")
    return dict(zip(makes, returned, strict=True))
