"""Building a stage: its constructor is handed the components it names."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from longtake.errors import LongtakeError, StageError, WiringError, text_of
from longtake.families.stages import StageSpec
from longtake.schema.references import resolve

__all__ = ["construct", "has_check", "needs_components", "unbuilt"]


def construct(spec: StageSpec, components: Mapping[str, Any]) -> Any:
    """Build the stage of ``spec``: classes are called, other callables are stages as they are.

    Raises `WiringError` when a constructor parameter is neither an argument, nor a component, nor
    has a default; `StageError` when the constructor raises.
    """
    target = _class_or_stage(spec)
    if not inspect.isclass(target):
        return target
    arguments = _constructor_arguments(spec, target, components)
    try:
        return target(**arguments)
    except LongtakeError as error:
        error.add_note(f"while building stage {spec.name!r}")
        raise
    except KeyboardInterrupt:  # the user's, not the stage's
        raise
    except BaseException as error:  # isolation: a stage is a plugin's code, also one that exits
        raise StageError(spec.name, f"{type(error).__name__}: {text_of(error)}") from error


def unbuilt(spec: StageSpec) -> Any:
    """What is annotated like the stage of ``spec`` and cannot be run: no constructor is called.

    Raises `WiringError` for constructor arguments that there are not, and for a class whose
    instances cannot be called or cannot be.
    """
    target = _class_or_stage(spec)
    if not inspect.isclass(target):
        return target
    _refuse_unknown(spec, target, inspect.signature(target).parameters)
    methods = {name: each for base in reversed(target.__mro__) for name, each in vars(base).items()}
    if "__call__" not in methods or inspect.isabstract(target):
        problem = "is abstract" if inspect.isabstract(target) else "has no __call__"
        raise WiringError(f"stage {spec.name!r}: the class {target.__name__} {problem}")
    asked = {name: methods[name] for name in methods.keys() & {"__call__", "check"}}
    return type(target.__name__, (), asked)()


def has_check(spec: StageSpec) -> bool:
    """Whether the stage of ``spec`` refuses bad requests."""
    target = resolve(spec.stage)
    return hasattr(target if inspect.isclass(target) else type(target), "check")


def needs_components(spec: StageSpec) -> bool:
    """Whether building the stage of ``spec`` asks for components, so for networks."""
    target = resolve(spec.stage)
    if not inspect.isclass(target):
        return False
    return any(
        name not in spec.arguments and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
        for name, p in inspect.signature(target).parameters.items()
    )


def _class_or_stage(spec: StageSpec) -> Any:
    target = resolve(spec.stage)
    if not inspect.isclass(target) and (not callable(target) or spec.arguments):
        problem = "takes no arguments, it is no class" if spec.arguments else "is not callable"
        raise WiringError(f"stage {spec.name!r} {problem}: {target!r}")
    return target


def _refuse_unknown(
    spec: StageSpec, target: type, parameters: Mapping[str, inspect.Parameter]
) -> None:
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return
    for name in spec.arguments:
        if name not in parameters:
            raise WiringError(
                f"stage {spec.name!r} ({target.__name__}) has no constructor parameter {name!r}"
            )


def _constructor_arguments(
    spec: StageSpec, target: type, components: Mapping[str, Any]
) -> dict[str, Any]:
    parameters = inspect.signature(target).parameters
    arguments = dict(spec.arguments)
    _refuse_unknown(spec, target, parameters)
    for name, parameter in parameters.items():
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
    return arguments
