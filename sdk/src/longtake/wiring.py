"""How stages find each other: by the types they ask for and the types they make."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from attrs import frozen

from longtake.errors import WiringError
from longtake.references import resolve
from longtake.request import Job
from longtake.run import Run
from longtake.stages import StageSpec

__all__ = ["Parameter", "Plan", "PlannedStage", "construct", "make_plan"]

Source = Literal["job", "run", "options", "value"]


@frozen
class Parameter:
    """One annotated parameter of a stage and where its argument comes from.

    ``origin`` is the name of the stage whose options are meant, for source ``"options"``.
    """

    name: str
    type: type
    optional: bool
    source: Source
    origin: str = ""


@frozen
class PlannedStage:
    """One stage of a plan. ``live_after``: the value types that are still needed when it is done."""

    spec: StageSpec
    stage: Any
    parameters: tuple[Parameter, ...]
    makes: tuple[type, ...]
    checks: tuple[Parameter, ...] | None
    live_after: frozenset[type]


@frozen
class Plan:
    """A recipe whose wiring holds."""

    stages: tuple[PlannedStage, ...]

    def makes(self, value_type: type) -> bool:
        """Whether some stage makes a value of this type."""
        return any(value_type in planned.makes for planned in self.stages)


def construct(spec: StageSpec, components: Mapping[str, Any]) -> Any:
    """Build the stage of ``spec``: classes are called, functions are stages as they are.

    Raises `WiringError` when a constructor parameter is neither an argument, nor a component, nor
    has a default.
    """
    target = resolve(spec.stage)
    if not inspect.isclass(target):
        return target
    arguments = dict(spec.arguments)
    for name, parameter in inspect.signature(target).parameters.items():
        if name in arguments or parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        if name in components:
            arguments[name] = components[name]
        elif parameter.default is parameter.empty:
            known = ", ".join(sorted(components)) or "none"
            raise WiringError(
                f"stage {spec.name!r} ({target.__name__}) needs the component {name!r}, which this "
                f"model does not have; components: {known}"
            )
    return target(**arguments)


def make_plan(
    recipe: Sequence[tuple[StageSpec, Any]],
    *,
    given: Iterable[type] = (),
    results: Iterable[type] = (),
    has_job: bool = True,
) -> Plan:
    """Check the wiring of ``recipe`` and say when each value can be let go.

    ``given``: types of the values there before the first stage (a restored state). ``results``:
    types that are kept to the end. Raises `WiringError` naming the stage and the type when nobody
    makes what a stage needs.
    """
    options = {spec.name: cls for spec, _ in recipe if (cls := spec.options_class())}
    wired = [_wire(spec, stage, options, has_job) for spec, stage in recipe]
    _check_producers(wired, set(given))
    return Plan(_with_lifetimes(wired, frozenset(results)))


def _wire(
    spec: StageSpec, stage: Any, options: Mapping[str, type], has_job: bool
) -> PlannedStage:
    hints = _hints(spec, stage)
    makes = _made_types(spec, hints.pop("return", None))
    parameters = _parameters(spec, hints, options, has_job)
    checks = None
    if callable(inspect.getattr_static(stage, "check", None)):
        check_hints = _hints(spec, stage.check)
        check_hints.pop("return", None)
        checks = _parameters(spec, check_hints, options, has_job)
    return PlannedStage(spec, stage, parameters, makes, checks, frozenset())


def _hints(spec: StageSpec, target: Any) -> dict[str, Any]:
    function = target if inspect.isroutine(target) else type(target).__call__
    try:
        hints = typing.get_type_hints(function)
        signature = inspect.signature(target)
    except (NameError, TypeError, ValueError) as error:
        raise WiringError(f"stage {spec.name!r}: cannot read its annotations: {error}") from error
    for name, parameter in signature.parameters.items():
        if name not in hints:
            raise WiringError(f"stage {spec.name!r}: parameter {name!r} has no annotation")
        if parameter.default is not parameter.empty:
            raise WiringError(
                f"stage {spec.name!r}: parameter {name!r} has a default; say 'X | None' instead"
            )
    return {name: hints[name] for name in (*signature.parameters, "return") if name in hints}


def _parameters(
    spec: StageSpec, hints: Mapping[str, Any], options: Mapping[str, type], has_job: bool
) -> tuple[Parameter, ...]:
    parameters = []
    for name, hint in hints.items():
        wanted, optional = _unwrap_optional(spec, name, hint)
        source, origin = _source(spec, wanted, options)
        if source == "job" and not has_job:
            raise WiringError(f"stage {spec.name!r} asks for a Job, which this recipe has not")
        parameters.append(Parameter(name, wanted, optional, source, origin))
    return tuple(parameters)


def _unwrap_optional(spec: StageSpec, name: str, hint: Any) -> tuple[type, bool]:
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        rest = [arm for arm in typing.get_args(hint) if arm is not type(None)]
        if len(rest) == 1 and isinstance(rest[0], type):
            return rest[0], True
    elif isinstance(hint, type):
        return hint, False
    raise WiringError(f"stage {spec.name!r}: parameter {name!r} must be one class, is {hint!r}")


def _source(spec: StageSpec, wanted: type, options: Mapping[str, type]) -> tuple[Source, str]:
    if wanted is Job:
        return "job", ""
    if wanted is Run:
        return "run", ""
    if options.get(spec.name) is wanted:
        return "options", spec.name
    owners = [name for name, cls in options.items() if cls is wanted]
    if owners:
        return "options", owners[0]
    return "value", ""


def _made_types(spec: StageSpec, hint: Any) -> tuple[type, ...]:
    arms = typing.get_args(hint) if typing.get_origin(hint) is tuple else (hint,)
    made = tuple(arm for arm in arms if arm is not None and arm is not type(None))
    if not all(isinstance(arm, type) for arm in made):
        raise WiringError(f"stage {spec.name!r}: its return annotation must name classes: {hint!r}")
    return made


def _check_producers(wired: Sequence[PlannedStage], given: set[type]) -> None:
    available = set(given)
    for index, planned in enumerate(wired):
        for parameter in planned.checks or ():
            _require(planned, parameter, given, wired, "its check may ask for no value but those")
        for parameter in planned.parameters:
            _require(planned, parameter, available, wired[index:], "no earlier stage makes it")
        available.update(planned.makes)


def _require(
    planned: PlannedStage,
    parameter: Parameter,
    available: set[type],
    later: Sequence[PlannedStage],
    reason: str,
) -> None:
    if parameter.source != "value" or parameter.optional or parameter.type in available:
        return
    makers = [other.spec.name for other in later if parameter.type in other.makes]
    who = f"it is made later, by {', '.join(makers)}" if makers else "no stage here makes it"
    known = ", ".join(sorted(cls.__name__ for cls in available)) or "none"
    raise WiringError(
        f"stage {planned.spec.name!r} needs a {parameter.type.__name__}, but {reason} "
        f"({who}; available: {known})"
    )


def _with_lifetimes(
    wired: Sequence[PlannedStage], results: frozenset[type]
) -> tuple[PlannedStage, ...]:
    needed = results
    planned = []
    for stage in reversed(wired):
        planned.append(
            PlannedStage(
                stage.spec, stage.stage, stage.parameters, stage.makes, stage.checks, needed
            )
        )
        reads = {p.type for p in stage.parameters if p.source == "value"}
        needed = (needed - set(stage.makes)) | reads
    return tuple(reversed(planned))
