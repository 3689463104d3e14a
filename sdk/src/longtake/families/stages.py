"""A stage is one step of a pipeline; a recipe is a tuple of stage specs."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, Protocol, TypeAlias

from longtake.errors import PluginError, ValidationError, shown
from longtake.schema import declared
from longtake.schema.frozen import Frozen
from longtake.schema.references import Reference, resolve

__all__ = [
    "SAMPLED_FIELDS",
    "PipelineStage",
    "Recipe",
    "Stage",
    "StageSpec",
    "as_recipe",
    "attrs_class",
    "naming_options",
    "stage_defaults",
]


SAMPLED_FIELDS = ("num_inference_steps", "guidance_scale", "enhance_prompt")
"""What a request's sampling and a stage's options may both have."""


class PipelineStage(Protocol):
    """A callable wired by the types of its annotated parameters and return value.

    The constructor takes the networks that the stage owns, by component name. The annotated
    parameters of the call are what the stage needs: values that earlier stages made (the newest
    of that type), the `Job`, options, the `Run`, the request's `DecodedInputs`, and the segment's
    place in its take, by the class that the family's ``place`` returns (`TakeSpan` in a family
    whose states inherit from `TakeState`, unless it says otherwise). ``X | None`` takes None when
    there is no such value. The return annotation is what it makes: one value, a tuple of values,
    or None.

    Of the family's typed state ``S`` there may be two, which the annotation tells apart. ``S |
    None`` is the restored one, None in the first segment of a take, and can be asked for up to the
    stage that makes an ``S``; behind that stage ``S`` is the new one.

    Options come by their class. A stage's own come first: a parameter annotated with the options
    class of its name, or with a base class of that, gets them, so that stages of several names
    may share one implementation. Any other stage's options come by their exact class alone, and
    ``X | None`` gives None when no stage of the recipe has such options.

    A stage does not know its name in a recipe, so it refuses an option by the name of its own
    parameter: ``ValidationError("options.steps", "...")`` where the parameter is ``options``. The
    caller gets the path ``stage_overrides.<name>.steps``, or ``sampling.<field>`` where that is
    what set it.

    Optional powers, found by their methods:

    - ``check(...)``: refuse a bad request before any stage runs. May ask for the job, options, the
      restored state, the segment's place and the inputs. `Pipeline.check` asks those of stages that
      are built of no network, maybe in several threads at once.
    - ``estimate(spec, scene)``, callable on the class: what the stage makes and takes; see
      `SupportsEstimate`.
    - ``__enter__``/``__exit__``: the stage is entered before its call and left when the last stage
      of the same name is done, also on error; its exit cannot swallow the error.
    """

    @property
    def __call__(self) -> Callable[..., Any]:
        """Do the step."""
        ...


class StageSpec(Frozen):
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
    - ``defaults``: ``{field: value}`` of the options in this recipe, in the place of the class's
      own; whatever else says a value wins over them. Stages that share a name share them. A value
      may be a `Reference`. Raises `ValidationError` for a wrong one: at once where ``options`` is
      a class, else when a pipeline is made.
    """

    __slots__ = ("name", "stage", "options", "arguments", "follows_sampling", "defaults")

    def __init__(
        self,
        name: str,
        stage: str | Callable[..., Any],
        options: str | type | None = None,
        arguments: Mapping[str, Any] = declared.EMPTY,
        follows_sampling: bool = True,
        *,
        defaults: Mapping[str, Any] = declared.EMPTY,
    ) -> None:
        self.name: Final = name
        self.stage: Final = stage
        self.options: Final = options
        self.arguments: Final = declared.own(arguments)
        self.follows_sampling: Final = follows_sampling
        self.defaults: Final = declared.own(defaults)
        declared.name(self, "name")
        self._check_stage()
        declared.target(self, "options", optional=True, classes=True)
        declared.mapping(self, "arguments")
        declared.true_or_false(self, "follows_sampling")
        declared.mapping(self, "defaults")
        if defaults and not isinstance(options, str):  # what is named is not imported for this
            self.check_defaults()

    def _check_stage(self) -> None:
        """Refuse what no stage can be; whether it can be called shows when a pipeline is made."""
        value: Any = self.stage
        fits = not isinstance(value, int | float | bytes | list | tuple | dict | set | None)
        if isinstance(value, str):
            fits = declared.is_target(value)
        if not fits:
            what = "a callable, or its name 'package.module:attribute'"
            declared.refuse(self, "stage", value, what)

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
        from attrs import fields_dict  # late, as below: who declares a stage does without

        return frozenset(SAMPLED_FIELDS).intersection(fields_dict(cls))

    def check_defaults(self) -> None:
        """Refuse defaults that the options do not have or do not allow.

        Raises `ValidationError` with a path such as ``stage refine: defaults.steps``.
        """
        if not self.defaults:
            return
        path, cls = f"stage {self.name}: defaults", self.options_class()
        if cls is None:
            raise ValidationError(path, "the stage has no options that they could be for")
        from attrs import fields_dict

        known = fields_dict(cls)
        for name in self.defaults:
            if name not in known:
                raise ValidationError(
                    f"{path}.{name}", f"unknown option; allowed: {', '.join(known)}"
                )
        from longtake.schema.wire import structure  # late: few recipes have defaults

        values = {
            name: value for name, value in self.defaults.items() if not isinstance(value, Reference)
        }
        structure(values, cls, path=path)


@contextmanager
def naming_options(stages: Mapping[str, str]) -> Iterator[None]:
    """A stage refuses ``options.<field>``; name what users call it.

    ``stages``: by the name of a parameter of the stage, the stage whose options it takes.
    """
    try:
        yield
    except ValidationError as error:
        parameter, dot, below = error.path.partition(".")
        if not dot or parameter not in stages:
            raise
        path = f"stage_overrides.{stages[parameter]}.{below}"
        raise ValidationError(path, error.problem) from error.__cause__


def attrs_class(target: str | type, what: str) -> type:
    """The attrs class that ``target`` is or names. Raises `PluginError` naming ``what``."""
    from attrs import has

    cls: Any = resolve(target)
    if isinstance(cls, type) and has(cls):
        return cls
    raise PluginError(f"{what} are not an attrs class: {shown(cls)}")


Stage: TypeAlias = StageSpec | str | Callable[..., Any]
Recipe: TypeAlias = tuple[StageSpec, ...]


def stage_defaults(recipe: Iterable[StageSpec]) -> dict[str, dict[str, Any]]:
    """``{stage: {field: value}}``, the defaults of every name that has some.

    Raises `ValidationError` when two stages of one name do not agree on a value.
    """
    found: dict[str, dict[str, Any]] = {}
    for spec in recipe:
        for name, value in spec.defaults.items():
            agreed = found.setdefault(spec.name, {}).setdefault(name, value)
            if agreed != value:
                raise ValidationError(
                    f"stage {spec.name}: defaults.{name}",
                    f"is {shown(value)}, and {shown(agreed)} in another stage of this name; they "
                    "share their options",
                )
    return found


def as_recipe(stages: Iterable[Stage]) -> Recipe:
    """Specs as they are; a bare stage becomes a spec named after its class or function."""
    if isinstance(stages, str) or not isinstance(stages, Iterable):
        what = "the string " if isinstance(stages, str) else ""
        raise PluginError(f"a recipe is a tuple of stages, not {what}{shown(stages)}")
    return tuple(s if isinstance(s, StageSpec) else StageSpec(_name_of(s), s) for s in stages)


def _name_of(stage: str | Callable[..., Any]) -> str:
    """``"package:DenoisingStage"``, the class or an instance of it: ``"denoising"``."""
    named = stage if isinstance(stage, str) or inspect.isroutine(stage) else _class_of(stage)
    name = named.rpartition(":")[2] if isinstance(named, str) else named.__name__
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.removesuffix("Stage")).lower()


def _class_of(stage: object) -> type:
    return stage if isinstance(stage, type) else type(stage)
