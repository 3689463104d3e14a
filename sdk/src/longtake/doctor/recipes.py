"""What of a family can be checked without its networks: recipes, options, codecs, lists."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from attrs import frozen

from longtake.doctor.targets import Target, targets_in
from longtake.doctor.values import Problem
from longtake.errors import LongtakeError, PluginError, text_of
from longtake.families.extensions import JoinedExtension
from longtake.families.family import ModelFamily
from longtake.families.places import placing_of
from longtake.families.presets import Preset
from longtake.families.stages import Recipe, attrs_class
from longtake.plugins.loading import reason
from longtake.runs.plans import Plans
from longtake.runs.resolution import default_layers, resolve_options
from longtake.schema.json_schema import json_schema

__all__ = ["check_added_presets", "check_family"]


@frozen
class _Checks:
    """How the checks of one family go on.

    ``entering``: is told what is checked next. ``are_there``: imports targets, and says whether
    none of them is broken; what is wrong with one is told elsewhere, once.
    """

    family: ModelFamily
    entering: Callable[[str], None]
    are_there: Callable[[Iterable[Target]], bool]

    @property
    def whose(self) -> str:
        return f"family {self.family.name!r}"

    def problem_of(self, where: str, check: Callable[[], object]) -> Problem | None:
        self.entering(where)
        try:
            check()
        except KeyboardInterrupt:  # the user's
            raise
        except BaseException as error:  # isolation: whatever it raises is what is reported
            return Problem("wiring", f"{where}: {_why(error)}")
        return None

    def can_use(self, targets: Iterable[Target], where: str) -> bool:
        """Whether all ``targets`` are there; what is checked after that is ``where``."""
        sound = self.are_there(targets)
        self.entering(where)
        return sound


def check_family(
    family: ModelFamily,
    entering: Callable[[str], None],
    are_there: Callable[[Iterable[Target]], bool],
) -> Iterator[Problem]:
    """Everything about ``family`` that would fail with any model, before one is loaded.

    What needs a target that is broken is passed over.
    """
    checks = _Checks(family, entering, are_there)
    found = [problem for problem in _problems_of_family(checks) if problem is not None]
    yield from found
    if found or not checks.are_there(_foundations(checks)):  # every recipe would say it again
        return
    for preset in family.presets or (family.preset(),):
        where = f"preset {preset.name!r} of {checks.whose}"
        if problem := checks.problem_of(where, partial(_check_preset, checks, preset, where)):
            yield problem
    if family.finish:
        where = f"the finish of {checks.whose}"
        if problem := checks.problem_of(where, partial(_check_finish, checks, where)):
            yield problem


def check_added_presets(
    family: ModelFamily,
    joined: JoinedExtension,
    entering: Callable[[str], None],
    are_there: Callable[[Iterable[Target]], bool],
) -> Iterator[Problem]:
    """What is wrong with the presets that an extension adds to ``family``; as `check_family`."""
    checks = _Checks(family, entering, are_there)
    for preset in joined.presets:
        where = f"preset {preset.name!r} of {checks.whose}"
        if problem := checks.problem_of(where, partial(_check_preset, checks, preset, where)):
            yield problem


def _problems_of_family(checks: _Checks) -> Iterator[Problem | None]:
    family, whose = checks.family, checks.whose
    if checks.are_there(_foundations(checks)):
        of_codecs = checks.problem_of(f"{whose}: codecs", lambda: family.state_type)
        yield of_codecs
        if of_codecs is None:
            yield checks.problem_of(f"{whose}: place", partial(placing_of, family))
    if checks.are_there(_named(checks, "published", family.published)):
        yield checks.problem_of(f"{whose}: published", partial(_check_published, checks))
    options = family.options
    if options is not None and checks.are_there(_named(checks, "options", options)):
        check = partial(attrs_class, options, "the keywords of lt.load")
        yield checks.problem_of(f"{whose}: options", check)


def _foundations(checks: _Checks) -> Iterator[Target]:
    """What every recipe of the family needs."""
    yield from targets_in(checks.family.codecs, f"{checks.whose}: codecs")
    yield from _named(checks, "place", checks.family.place)


def _named(checks: _Checks, field: str, value: object) -> Iterator[Target]:
    """The target in a field of the family, where it has one."""
    if isinstance(value, str):
        yield Target(f"{checks.whose}: {field}", value)


def _check_published(checks: _Checks) -> None:
    checkpoints = checks.family.published_checkpoints
    checks.are_there(targets_in(checkpoints, f"{checks.whose}: published"))


def _check_preset(checks: _Checks, declared: Preset, where: str) -> None:
    family = checks.family
    preset = family.preset(f"{declared.name}@{declared.version}")
    if not checks.can_use(targets_in(preset, where), where):
        return
    for name in preset.overrides:
        _check_options_class(preset.override_class(name))
    recipe = family.recipe(preset)
    if not checks.can_use(targets_in(recipe, f"{where}: stages"), where):
        return
    _check_options(recipe)
    resolve_options(recipe, default_layers(family, preset))
    Plans(family, preset, recipe, None).segment()


def _check_finish(checks: _Checks, where: str) -> None:
    family = checks.family
    if not checks.can_use(targets_in(family.finish, f"{where}: stages"), where):
        return
    _check_options(family.finish)
    resolve_options(family.finish)
    if family.state_type is not None:
        Plans(family, family.preset(), (), None).finish(family.state_type)


def _check_options(recipe: Recipe) -> None:
    for spec in recipe:
        cls = spec.options_class()
        if cls is not None:
            _check_options_class(cls)


def _check_options_class(cls: type) -> None:
    """Refuse a class of options that has no JSON Schema, or a field without a default."""
    required = json_schema(cls).get("required", [])
    if required:
        raise PluginError(
            f"{cls.__name__}.{required[0]} has no default; every option must have one"
        )


def _why(error: BaseException) -> str:
    own = isinstance(error, LongtakeError) and text_of(error)
    return " ".join(str(own).split()) if own else reason(error)
