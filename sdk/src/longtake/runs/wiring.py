"""How stages find each other: by the types they ask for and the types they make."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from attrs import evolve, frozen

from longtake.errors import WiringError
from longtake.families.stages import StageSpec
from longtake.families.takes import TakeSpan
from longtake.requests.request import Job
from longtake.runs.run import Run

__all__ = ["Parameter", "Plan", "PlannedStage", "make_plan", "plan_checks"]

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
    """One stage of a plan.

    - ``returns_tuple``: whether it returns its values as a tuple.
    - ``checks``: the parameters of its ``check``, None without one.
    - ``live_after``: the value types still needed when it is done.
    """

    spec: StageSpec
    stage: Any
    parameters: tuple[Parameter, ...]
    makes: tuple[type, ...]
    returns_tuple: bool
    checks: tuple[Parameter, ...] | None
    live_after: frozenset[type] = frozenset()


@frozen
class Plan:
    """A recipe whose wiring holds."""

    stages: tuple[PlannedStage, ...]

    def makes(self, value_type: type) -> bool:
        """Whether some stage makes a value of this type."""
        return any(value_type in planned.makes for planned in self.stages)


def make_plan(
    recipe: Sequence[tuple[StageSpec, Any]],
    *,
    given: Iterable[type] = (),
    maybe_given: Iterable[type] = (),
    results: Iterable[type] = (),
    has_job: bool = True,
) -> Plan:
    """Check the wiring of ``recipe`` and say when each value can be let go.

    ``given``: types of the values there before the first stage. ``maybe_given``: types of values
    that may be there, which stages ask for as ``X | None`` (a restored state). ``results``: types
    of what the recipe makes that are kept to the end. Raises `WiringError` naming the stage and
    the type when nobody makes what a stage needs.
    """
    options = _options_by_name(spec for spec, _ in recipe)
    wired = [_wire(spec, stage, options, has_job) for spec, stage in recipe]
    _check_producers(wired, set(given), set(maybe_given))
    made = {cls for stage in wired for cls in stage.makes}
    return Plan(_with_lifetimes(wired, made.intersection(results)))


def plan_checks(
    built: Sequence[tuple[StageSpec, Any]],
    recipe: Sequence[StageSpec],
    *,
    given: Iterable[type] = (),
    maybe_given: Iterable[type] = (),
) -> tuple[PlannedStage, ...]:
    """The checks of the stages of ``recipe`` that are ``built`` already.

    ``given``, ``maybe_given``: as in `make_plan`. Raises `WiringError` for a check that asks for
    what it cannot know.
    """
    options, there, known = _options_by_name(recipe), set(given), set(maybe_given)
    wired = [_wire(spec, stage, options, True) for spec, stage in built]
    for planned in wired:
        for parameter in planned.checks or ():
            _check_only_knows(planned, parameter, there, known, known)
    return tuple(wired)


def _options_by_name(recipe: Iterable[StageSpec]) -> dict[str, type]:
    options: dict[str, type] = {}
    for spec in recipe:
        cls = spec.options_class()
        if cls is not None and options.setdefault(spec.name, cls) is not cls:
            raise WiringError(
                f"stages {spec.name!r} have two options classes, {options[spec.name].__name__} and "
                f"{cls.__name__}; stages that share a name share their options"
            )
    return options


def _wire(spec: StageSpec, stage: Any, options: Mapping[str, type], has_job: bool) -> PlannedStage:
    hints = _hints(spec, stage)
    if "return" not in hints:
        raise WiringError(f"stage {spec.name!r}: no return annotation; say what it makes, or None")
    makes, returns_tuple = _made_types(spec, hints.pop("return"))
    parameters = _parameters(spec, hints, options, has_job)
    checks = None
    if hasattr(type(stage), "check"):
        check_hints = _hints(spec, stage.check)
        check_hints.pop("return", None)
        checks = _parameters(spec, check_hints, options, has_job)
    return PlannedStage(spec, stage, parameters, makes, returns_tuple, checks)


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
        if len(rest) == 1 and _is_class(rest[0]):
            return rest[0], True
    elif _is_class(hint):
        return hint, False
    raise WiringError(f"stage {spec.name!r}: parameter {name!r} must be one class, is {hint!r}")


def _is_class(hint: Any) -> bool:
    return isinstance(hint, type) and hint is not Any  # Any is a class since Python 3.11


def _source(spec: StageSpec, wanted: type, options: Mapping[str, type]) -> tuple[Source, str]:
    if wanted is Job:
        return "job", ""
    if wanted is Run:
        return "run", ""
    if _is_base(wanted, options.get(spec.name)):
        return "options", spec.name
    owners = [name for name, cls in options.items() if cls is wanted]
    if len(owners) > 1:
        raise WiringError(
            f"stage {spec.name!r} asks for {wanted.__name__}, which are the options of "
            f"{' and of '.join(map(repr, owners))}"
        )
    return ("options", owners[0]) if owners else ("value", "")


def _is_base(wanted: type, own: type | None) -> bool:
    """By inheritance alone: what merely looks like a stage's options does not ask for them."""
    return own is not None and wanted is not object and wanted in own.__mro__


def _made_types(spec: StageSpec, hint: Any) -> tuple[tuple[type, ...], bool]:
    """The value types that a return annotation names, and whether they come as a tuple."""
    returns_tuple = typing.get_origin(hint) is tuple
    made = typing.get_args(hint) if returns_tuple else () if hint is type(None) else (hint,)
    if type(None) in made or not all(map(_is_class, made)):
        raise WiringError(f"stage {spec.name!r}: its return annotation must name classes: {hint!r}")
    if len(set(made)) < len(made):
        raise WiringError(f"stage {spec.name!r} makes the same type twice: {hint!r}")
    return made, returns_tuple


def _check_producers(
    wired: Sequence[PlannedStage], given: set[type], maybe_given: set[type]
) -> None:
    available = set(given)
    made = {cls for planned in wired for cls in planned.makes}
    makers: dict[type, str] = {}
    for index, planned in enumerate(wired):
        for parameter in planned.checks or ():
            _check_only_knows(planned, parameter, given, maybe_given, made)
        for parameter in planned.parameters:
            if parameter.optional and parameter.type in makers.keys() & maybe_given:
                raise _restored_or_new(planned, parameter.type, makers[parameter.type])
            if _is_missing(parameter, available):
                made_before = available - given
                raise _nobody_makes(
                    planned, parameter.type, made_before, maybe_given, wired[index:]
                )
        available.update(planned.makes)
        makers |= dict.fromkeys(planned.makes, planned.spec.name)


def _is_missing(parameter: Parameter, available: set[type]) -> bool:
    return (
        parameter.source == "value" and not parameter.optional and parameter.type not in available
    )


def _check_only_knows(
    planned: PlannedStage,
    parameter: Parameter,
    given: set[type],
    maybe_given: set[type],
    made: set[type],
) -> None:
    is_unknown = parameter.source == "value" and parameter.type not in given | maybe_given
    is_never_there = parameter.optional and parameter.type not in made
    if parameter.source == "run" or (is_unknown and not is_never_there):
        raise WiringError(
            f"the check of stage {planned.spec.name!r} asks for a {parameter.type.__name__}; "
            "checks run before any stage and know only the job, options, the restored state, the "
            "segment's place and DecodedInputs"
        )
    if _is_missing(parameter, given):
        raise _nobody_makes(planned, parameter.type, given, maybe_given, ())


def _restored_or_new(planned: PlannedStage, wanted: type, maker: str) -> WiringError:
    name = wanted.__name__
    return WiringError(
        f"stage {planned.spec.name!r} asks for '{name} | None' behind stage {maker!r}, which makes "
        f"one: the restored {name} or the new one? Say '{name}' for the new one; the restored one "
        f"is there before stage {maker!r}"
    )


def _nobody_makes(
    planned: PlannedStage,
    wanted: type,
    made_before: set[type],
    maybe_given: set[type],
    later: Sequence[PlannedStage],
) -> WiringError:
    makers = [other.spec.name for other in later if wanted in other.makes]
    if wanted in maybe_given:
        who = f"it is there only in a continued take; say '{wanted.__name__} | None'"
    elif makers:
        who = f"it is made later, by {', '.join(makers)}"
    elif wanted is TakeSpan:
        who = "there is one where the states of the family's codec inherit from TakeState"
    else:
        known = ", ".join(sorted(cls.__name__ for cls in made_before)) or "none"
        who = f"no stage here makes it; available: {known}"
    return WiringError(
        f"stage {planned.spec.name!r} needs a {wanted.__name__}, but no earlier stage makes it "
        f"({who})"
    )


def _with_lifetimes(wired: Sequence[PlannedStage], results: set[type]) -> tuple[PlannedStage, ...]:
    needed = frozenset(results)
    planned = []
    for stage in reversed(wired):
        planned.append(evolve(stage, live_after=needed))
        reads = {p.type for p in stage.parameters if p.source == "value"}
        needed = (needed - set(stage.makes)) | reads
    return tuple(reversed(planned))
