"""A preset: named, versioned defaults of a family, and the recipe they are for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import Attribute, field, frozen

from longtake.errors import ValidationError
from longtake.stages import Recipe, StageSpec, as_recipe

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


def _optional_recipe(stages: tuple[str | StageSpec, ...] | None) -> Recipe | None:
    return None if stages is None else as_recipe(stages)


@frozen
class Preset:
    """Defaults that go together.

    ``version``: the highest of a name wins unless one is asked for (``"name@1"``). ``workload``:
    e.g. ``"text-to-video"``. ``defaults``: what requests may leave out: ``seed``, ``height``,
    ``width``, ``num_frames``, ``fps``, ``negative_prompt``, ``num_inference_steps``,
    ``guidance_scale``; a value may be a `Reference`. ``stage_defaults``: ``{stage: {field:
    value}}`` of the stages' options. ``stages``: the recipe, the family's own when None.
    """

    name: str
    version: int = 1
    workload: str = "text-to-video"
    description: str = ""
    defaults: Mapping[str, Any] = field(factory=dict, validator=_checked)
    stage_defaults: Mapping[str, Mapping[str, Any]] = field(factory=dict)
    stages: Recipe | None = field(default=None, converter=_optional_recipe)
