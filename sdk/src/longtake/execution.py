"""Running a plan: values in, values out, with progress, timing and nothing left behind."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from attrs import frozen

from longtake.errors import LongtakeError, StageError, ValidationError, WiringError
from longtake.request import Job
from longtake.results import Partial, Progress
from longtake.run import Run
from longtake.values import Frames, Waveform
from longtake.wiring import Parameter, Plan, PlannedStage

__all__ = ["Execution", "execute"]


@frozen
class Execution:
    """What came of a plan: the values still alive at its end, and seconds per stage name."""

    values: Mapping[type, Any]
    timings: Mapping[str, float]


def execute(
    plan: Plan,
    *,
    run: Run,
    job: Job | None = None,
    options: Mapping[str, Any],
    given: Sequence[Any] = (),
) -> Execution:
    """Run every check, then every stage.

    Raises what a stage raises when it is one of Longtake's errors, `StageError` naming the stage
    for anything else, `Cancelled` within one step of a cancellation.
    """
    values: dict[type, Any] = {type(value): value for value in given}
    context = _Context(job, options, run)
    for planned in plan.stages:
        if planned.checks is not None:
            _guarded(planned, planned.stage.check, context.arguments(planned, planned.checks, values))
    timings: dict[str, float] = {}
    with ExitStack() as open_names:
        entered = _EnteredStages(open_names)
        for index, planned in enumerate(plan.stages):
            name = planned.spec.name
            started = time.perf_counter()
            _run_stage(planned, context, values, entered)
            if not any(later.spec.name == name for later in plan.stages[index + 1 :]):
                entered.leave(name)
            timings[name] = timings.get(name, 0.0) + time.perf_counter() - started
    return Execution(values, timings)


@frozen
class _Context:
    job: Job | None
    options: Mapping[str, Any]
    run: Run

    def arguments(
        self, planned: PlannedStage, parameters: Sequence[Parameter], values: Mapping[type, Any]
    ) -> dict[str, Any]:
        return {p.name: self._argument(planned, p, values) for p in parameters}

    def _argument(self, planned: PlannedStage, p: Parameter, values: Mapping[type, Any]) -> Any:
        if p.source == "job":
            return self.job
        if p.source == "run":
            return self.run.for_stage(planned.spec.name)
        if p.source == "options":
            return self.options[p.origin]
        return values.get(p.type) if p.optional else values[p.type]


class _EnteredStages:
    """Stages that are context managers, open until the last stage of their name is done."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._by_name: dict[str, ExitStack] = {}

    def enter(self, planned: PlannedStage) -> None:
        if hasattr(planned.stage, "__enter__") and hasattr(planned.stage, "__exit__"):
            name = planned.spec.name
            if name not in self._by_name:
                self._by_name[name] = self._stack.enter_context(ExitStack())
            self._by_name[name].enter_context(planned.stage)

    def leave(self, name: str) -> None:
        if (stack := self._by_name.pop(name, None)) is not None:
            stack.close()


def _run_stage(
    planned: PlannedStage, context: _Context, values: dict[type, Any], entered: _EnteredStages
) -> None:
    run = context.run.for_stage(planned.spec.name)
    run.check_cancelled()
    run.emit(Progress(run.stage, 0, 1))
    entered.enter(planned)
    arguments = context.arguments(planned, planned.parameters, values)
    made = _checked_results(planned, _guarded(planned, planned.stage, arguments))
    del arguments
    values.update(made)
    for value_type in [key for key in values if key not in planned.live_after]:
        del values[value_type]
    run.emit(Progress(run.stage, 1, 1))
    for value in made.values():
        if isinstance(value, Frames | Waveform):
            run.emit(Partial(run.stage, value))


def _guarded(planned: PlannedStage, function: Any, arguments: Mapping[str, Any]) -> Any:
    name = planned.spec.name
    try:
        return function(**arguments)
    except ValidationError:
        raise
    except LongtakeError as error:
        error.add_note(f"in stage {name!r}")
        raise
    except Exception as error:
        raise StageError(name, f"{type(error).__name__}: {error}") from error


def _checked_results(planned: PlannedStage, returned: Any) -> dict[type, Any]:
    if len(planned.makes) == 1:
        returned = (returned,)
    elif not planned.makes:
        returned = ()
    if len(returned) != len(planned.makes):
        raise WiringError(
            f"stage {planned.spec.name!r} returned {len(returned)} values, its annotation says "
            f"{len(planned.makes)}"
        )
    for value, expected in zip(returned, planned.makes, strict=True):
        if not isinstance(value, expected):
            raise WiringError(
                f"stage {planned.spec.name!r} returned a {type(value).__name__} where its "
                f"annotation says {expected.__name__}"
            )
    return dict(zip(planned.makes, returned, strict=True))
