"""A stage is one step of a pipeline; a recipe is a tuple of stage specs."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol, TypeAlias

from attrs import field, fields_dict, frozen, has

from longtake.errors import PluginError
from longtake.schema.references import resolve

__all__ = [
    "SAMPLED_FIELDS",
    "PipelineStage",
    "Recipe",
    "Stage",
    "StageSpec",
    "as_recipe",
    "attrs_class",
]


SAMPLED_FIELDS = ("num_inference_steps", "guidance_scale")
"""What a request's sampling and a stage's options may both have."""


class PipelineStage(Protocol):
    """A callable wired by the types of its annotated parameters and return value.

    The constructor takes the networks that the stage owns, by component name. The annotated
    parameters of the call are what the stage needs: values that earlier stages made (the newest
    of that type), the `Job`, options, the `Run`, and the segment's `TakeSpan` in a family whose
    states inherit from `TakeState`. ``X | None`` takes None when there is no such value. The return
    annotation is what it makes: one value, a tuple of values, or None.

    Options come by their class. A stage's own come first: a parameter annotated with the options
    class of its name, or with a base class of that, gets them, so that stages of several names
    may share one implementation. Any other stage's options come by their exact class alone, and
    ``X | None`` gives None when no stage of the recipe has such options.

    Optional powers, found by their methods:

    - ``check(...)``: refuse a bad request before any stage runs. May ask for the job, options and
      the restored state.
    - ``__enter__``/``__exit__``: the stage is entered before its call and left when the last stage
      of the same name is done, also on error; its exit cannot swallow the error.
    """

    @property
    def __call__(self) -> Callable[..., Any]:
        """Do the step."""
        ...


@frozen
class StageSpec:
    """A stage in a recipe.

    ::

        lt.StageSpec("denoise", "longtake_fog:Denoise", options="longtake_fog:DenoiseOptions")

    - ``name``: what users call it, in ``stage_overrides``, progress and timings; several specs may
      share one.
    - ``stage``: a class, a function, or its ``"package.module:attribute"`` name.
    - ``options``: the attrs class of what a request may override, or its name; every field has a
      default.
    - ``arguments``: constructor arguments beyond the components.
    - ``follows_sampling``: whether fields of the options that `Sampling` has too take its values.
    """

    name: str
    stage: str | Callable[..., Any]
    options: str | type | None = None
    arguments: Mapping[str, Any] = field(factory=dict)
    follows_sampling: bool = True

    def options_class(self) -> type | None:
        """The options class, imported; None when the stage has no options."""
        if self.options is None:
            return None
        return attrs_class(self.options, f"the options of stage {self.name!r}")

    def followed_fields(self) -> frozenset[str]:
        """The fields of the options that take their values from `Sampling`."""
        cls = self.options_class()
        if cls is None or not self.follows_sampling:
            return frozenset()
        return frozenset(SAMPLED_FIELDS).intersection(fields_dict(cls))


def attrs_class(target: str | type, what: str) -> type:
    """The attrs class that ``target`` is or names. Raises `PluginError` naming ``what``."""
    cls: Any = resolve(target)
    if isinstance(cls, type) and has(cls):
        return cls
    raise PluginError(f"{what} are not an attrs class: {cls!r}")


Stage: TypeAlias = StageSpec | str | Callable[..., Any]
Recipe: TypeAlias = tuple[StageSpec, ...]


def as_recipe(stages: Iterable[Stage]) -> Recipe:
    """Specs as they are; a bare stage becomes a spec named after its class or function."""
    if isinstance(stages, str):
        raise PluginError(f"a recipe is a tuple of stages, not the string {stages!r}")
    return tuple(s if isinstance(s, StageSpec) else StageSpec(_name_of(s), s) for s in stages)


def _name_of(stage: str | Callable[..., Any]) -> str:
    """``"package:DenoisingStage"``, the class or an instance of it: ``"denoising"``."""
    named = stage if isinstance(stage, str) or inspect.isroutine(stage) else _class_of(stage)
    name = named.rpartition(":")[2] if isinstance(named, str) else named.__name__
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.removesuffix("Stage")).lower()


def _class_of(stage: object) -> type:
    return stage if isinstance(stage, type) else type(stage)
