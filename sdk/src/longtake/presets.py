"""A preset: named, versioned defaults of a family, and the recipe they are for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from attrs import Attribute, field, frozen

from longtake.errors import ValidationError
from longtake.stages import Recipe, Stage, as_recipe

__all__ = ["DEFAULT_FIELDS", "Preset", "check_defaults"]

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


def check_defaults(where: str, defaults: Mapping[str, Any]) -> None:
    """Refuse a default for something that a request does not have."""
    for name in defaults:
        if name not in DEFAULT_FIELDS:
            raise ValidationError(
                f"{where}.{name}", f"unknown default; allowed: {', '.join(DEFAULT_FIELDS)}"
            )


def _checked(instance: Any, attribute: Attribute[Any], value: Mapping[str, Any]) -> None:
    check_defaults(f"preset {instance.name}: {attribute.name}", value)


def _optional_recipe(stages: Iterable[Stage] | None) -> Recipe | None:
    return None if stages is None else as_recipe(stages)


def _checked_stages(
    instance: Any, attribute: Attribute[Any], value: Mapping[str, Mapping[str, Any]]
) -> None:
    for stage, fields in value.items():
        if not isinstance(fields, Mapping):
            raise ValidationError(
                f"preset {instance.name}: {attribute.name}.{stage}",
                f"is {fields!r}; must be {{field: value}}",
            )


@frozen
class Preset:
    """Defaults that go together.

    ``version``: the highest of a name wins unless one is asked for (``"name@1"``). ``workload``:
    e.g. ``"text-to-video"``. ``defaults``: what requests may leave out: ``seed``, ``height``,
    ``width``, ``num_frames``, ``fps``, ``negative_prompt``, ``num_inference_steps``,
    ``guidance_scale``. ``stage_defaults``: ``{stage: {field: value}}`` of the stages' options. A
    value of either may be a `Reference`, imported when a request needs it. ``stages``: the
    recipe, the family's own when None.
    """

    name: str
    version: int = 1
    workload: str = "text-to-video"
    description: str = ""
    defaults: Mapping[str, Any] = field(factory=dict, validator=_checked)
    stage_defaults: Mapping[str, Mapping[str, Any]] = field(factory=dict, validator=_checked_stages)
    stages: Recipe | None = field(default=None, converter=_optional_recipe)
