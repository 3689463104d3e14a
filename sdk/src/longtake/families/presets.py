"""A preset: named, versioned defaults of a family, and the recipe they are for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from longtake.errors import LongtakeError, PluginError, ValidationError, shown, text_of
from longtake.families.stages import Recipe, Stage, as_recipe, attrs_class
from longtake.schema import declared
from longtake.schema.declared import is_target
from longtake.schema.frozen import Frozen
from longtake.schema.references import Reference, resolve

if TYPE_CHECKING:
    from longtake.families.edits import RecipeEdit

__all__ = ["DEFAULT_FIELDS", "Preset", "check_defaults"]

Builder: TypeAlias = str | Callable[..., Iterable[Stage]]

_PATH = "preset_overrides"
_WORKLOAD = "text-to-video"

DEFAULT_FIELDS = (
    "seed",
    "height",
    "width",
    "num_frames",
    "fps",
    "negative_prompt",
    "num_inference_steps",
    "guidance_scale",
)

_DEFAULTS: Mapping[str, tuple[Any, str]] = {
    "fps": (int | float | str | Reference, "a number or a ratio such as '24000/1001'"),
    "negative_prompt": (str | Reference, "a text"),
    "guidance_scale": (int | float | Reference, "a number"),
}
"""What a default is; a whole number where it is not here."""


def check_defaults(where: str, defaults: Mapping[str, Any]) -> None:
    """Refuse a default for something that a request does not have, or of another type."""
    for name, value in defaults.items():
        if name not in DEFAULT_FIELDS:
            raise ValidationError(
                f"{where}.{name}", f"unknown default; allowed: {', '.join(DEFAULT_FIELDS)}"
            )
        kind, what = _DEFAULTS.get(name, (int | Reference, "a whole number"))
        fits = isinstance(value, kind) or (name == "fps" and _is_fraction(value))
        if not fits or isinstance(value, bool):
            raise ValidationError(f"{where}.{name}", f"is {shown(value)}; must be {what}")


def _is_fraction(value: object) -> bool:
    from fractions import Fraction  # late: most rates are plain numbers

    return isinstance(value, Fraction)


def _optional_recipe(stages: Iterable[Stage] | Builder | None) -> Recipe | Builder | None:
    if stages is None or isinstance(stages, str) or callable(stages):
        return stages
    return as_recipe(stages)


class Preset(Frozen):
    """Defaults that go together.

    ::

        lt.Preset("thick", defaults={"height": 512}, stage_defaults={"paint": {"coats": 2}})

    - ``name``: what people call it, with ``version`` ``"name@1"``.
    - ``version``: the highest of a name wins unless one is asked for.
    - ``workload``: e.g. ``"text-to-video"``.
    - ``defaults``: what requests may leave out: ``seed``, ``height``, ``width``, ``num_frames``,
      ``fps``, ``negative_prompt``, ``num_inference_steps``, ``guidance_scale``. A value may be a
      `Reference`, imported when a request needs it.
    - ``stage_defaults``: ``{stage: {field: value}}`` of the stages' options; so may these.
    - ``stages``: the recipe, the family's own when None; or a builder, a callable or its
      ``"package.module:function"`` name, which returns the recipe.
    - ``overrides``: what may be set when a pipeline is built, ``{name: attrs class or its name}``,
      every field with a default; the builder takes an instance of each as a keyword of that name,
      which is usually a stage's.
    - ``base``: another preset of the family, ``"name"`` or ``"name@version"``, which says what this
      one leaves out: its defaults, its recipe with its edits, and its overrides.
    - ``edits``: changes of the recipe by the names of its stages, after those of the base.
    - ``description``: one line for listings.
    """

    __slots__ = (
        *("name", "version", "workload", "description"),
        *("defaults", "stage_defaults", "stages", "overrides", "base", "edits"),
    )

    def __init__(
        self,
        name: str,
        version: int = 1,
        workload: str = _WORKLOAD,
        description: str = "",
        defaults: Mapping[str, Any] = declared.EMPTY,
        stage_defaults: Mapping[str, Mapping[str, Any]] = declared.EMPTY,
        stages: Iterable[Stage] | Builder | None = None,
        overrides: Mapping[str, str | type] = declared.EMPTY,
        *,
        base: str | None = None,
        edits: Iterable[RecipeEdit] = (),
    ) -> None:
        self.name: Final = name
        self.version: Final = version
        self.workload: Final = workload
        self.description: Final = description
        self.defaults: Final = declared.own(defaults)
        self.stage_defaults: Final = declared.own(stage_defaults)
        self.stages: Final = _optional_recipe(stages)
        self.overrides: Final = declared.own(overrides)
        self.base: Final = base
        self.edits: Final[tuple[RecipeEdit, ...]] = declared.as_tuple(edits)
        declared.name(self, "name")
        declared.whole(self, "version")
        declared.text(self, "workload", "description")
        declared.mapping(self, "defaults")
        check_defaults(f"preset {name}: defaults", self.defaults)
        self._check_stage_defaults()
        self._check_overrides()
        if base is not None:
            declared.name(self, "base")
        if self.edits != ():
            self._check_edits()

    def _check_stage_defaults(self) -> None:
        declared.mapping(self, "stage_defaults")
        for stage, fields in self.stage_defaults.items():
            if not isinstance(fields, Mapping):
                raise ValidationError(
                    f"preset {self.name}: stage_defaults.{stage}",
                    f"is {shown(fields)}; must be {{field: value}}",
                )

    def _check_overrides(self) -> None:
        declared.mapping(self, "overrides")
        for name, given in self.overrides.items():
            if not isinstance(given, type) and not (isinstance(given, str) and is_target(given)):
                what = "a class, or its name 'package.module:attribute'"
                declared.refuse(self, f"overrides.{name}", given, what)
        if self.overrides and (self.stages is None or isinstance(self.stages, tuple)):
            raise ValidationError(
                f"preset {self.name}: overrides",
                "nothing would read them; stages must be a function that takes them and returns "
                "the recipe",
            )

    def _check_edits(self) -> None:
        from longtake.families.edits import RecipeEdit  # late: few presets have any

        def fits(item: object) -> bool:
            return isinstance(item, RecipeEdit)

        declared.tuple_of(self, "edits", fits, "a longtake.RecipeEdit")

    def over(self, base: Preset) -> Preset:
        """This preset with what ``base`` says where this one says nothing; it then has no base."""
        follows = self.stages is None
        stages = self._kept_defaults(base) if follows else {}
        for name, fields in self.stage_defaults.items():
            stages[name] = {**stages.get(name, {}), **fields}
        return self.evolve(
            workload=base.workload if self.workload == _WORKLOAD else self.workload,
            defaults={**base.defaults, **self.defaults},
            stage_defaults=stages,
            stages=base.stages if follows else self.stages,
            overrides=base.overrides if follows else self.overrides,
            edits=(*base.edits, *self.edits) if follows else self.edits,
            base=None,
        )

    def recipe(self, overrides: Mapping[str, Any] | None = None) -> Recipe | None:
        """The preset's own recipe before its edits; None when it has none.

        ``overrides``: ``{name: {field: value}}``, or an instance of the class instead of the
        fields. What is left out has its default. Raises `ValidationError` with a path such as
        ``preset_overrides.refine.enabled``, `PluginError` when the builder fails.
        """
        given = self._overrides({} if overrides is None else overrides)
        if self.stages is None or isinstance(self.stages, tuple):
            return self.stages
        build: Any = resolve(self.stages)
        try:
            return as_recipe(build(**given))
        except LongtakeError:
            raise
        except Exception as error:  # isolation: a builder is a plugin's code
            problem = f"{type(error).__name__}: {text_of(error)}"
            raise PluginError(f"preset {self.name!r} cannot build its recipe: {problem}") from error

    def _kept_defaults(self, base: Preset) -> dict[str, dict[str, Any]]:
        """The stage defaults of ``base``, less those of stages that are no longer there."""
        kept = {name: {**fields} for name, fields in base.stage_defaults.items()}
        for edit in self.edits:
            if edit.anchor not in kept or edit.kind not in ("replace", "remove"):
                continue
            from attrs import fields_dict  # late: few presets have any

            classes = [spec.options_class() for spec in edit.stages if spec.name == edit.anchor]
            known = {name for cls in classes if cls is not None for name in fields_dict(cls)}
            left = {name: value for name, value in kept[edit.anchor].items() if name in known}
            if left:
                kept[edit.anchor] = left
            else:
                del kept[edit.anchor]
        return kept

    def override_class(self, name: str) -> type:
        """The attrs class of the overrides called ``name``, imported."""
        return attrs_class(self.overrides[name], f"the overrides {name!r} of preset {self.name!r}")

    def _overrides(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """An instance of every override class."""
        if not isinstance(given, Mapping):
            raise ValidationError(_PATH, f"is {shown(given)}; must be {{stage: {{field: value}}}}")
        for name in given:
            if name not in self.overrides:
                known = ", ".join(self.overrides) or "none"
                problem = f"preset {self.name!r} has no such overrides; allowed: {known}"
                raise ValidationError(f"{_PATH}.{name}", problem)
        from longtake.schema.texts import check_texts

        check_texts(dict(given), _PATH)
        return {name: self._override(name, given.get(name, {})) for name in self.overrides}

    def _override(self, name: str, given: object) -> Any:
        cls = self.override_class(name)
        if isinstance(given, cls):
            return given
        if isinstance(given, Mapping) and not given:
            return cls()  # as a listing asks for it, without the converter's imports
        from longtake.schema.wire import structure

        document = dict(given) if isinstance(given, Mapping) else given
        return structure(document, cls, path=f"{_PATH}.{name}")
