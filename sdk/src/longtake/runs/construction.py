"""Building a stage: its constructor is handed the components it names."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from longtake.errors import LongtakeError, StageError, WiringError, text_of
from longtake.families.stages import StageSpec
from longtake.schema.references import resolve

__all__ = ["construct", "has_check", "needs_components"]


def construct(spec: StageSpec, components: Mapping[str, Any]) -> Any:
    """Build the stage of ``spec``: classes are called, other callables are stages as they are.

    Raises `WiringError` when a constructor parameter is neither an argument, nor a component, nor
    has a default; `StageError` when the constructor raises.
    """
    target = resolve(spec.stage)
    if not inspect.isclass(target):
        if not callable(target) or spec.arguments:
            problem = "takes no arguments, it is no class" if spec.arguments else "is not callable"
            raise WiringError(f"stage {spec.name!r} {problem}: {target!r}")
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


def _constructor_arguments(
    spec: StageSpec, target: type, components: Mapping[str, Any]
) -> dict[str, Any]:
    parameters = inspect.signature(target).parameters
    arguments = dict(spec.arguments)
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    for name in arguments:
        if name not in parameters and not takes_any:
            raise WiringError(
                f"stage {spec.name!r} ({target.__name__}) has no constructor parameter {name!r}"
            )
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
