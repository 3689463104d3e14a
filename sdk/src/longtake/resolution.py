"""From a request to a job: every value the caller left out, and where it comes from.

Precedence: ``stage_overrides.<stage>.<field>`` over ``sampling`` over the take's state over the
preset over the family.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from longtake.errors import ValidationError
from longtake.families import ModelFamily
from longtake.presets import Preset
from longtake.references import Reference
from longtake.request import GenerationRequest, Job, ResolvedSampling
from longtake.seeds import segment_seed
from longtake.stages import Recipe, StageSpec
from longtake.wire import structure

__all__ = ["Resolved", "resolve_options", "resolve_request"]

_STAGE_FIELDS = ("num_inference_steps", "guidance_scale")


@attrs.frozen
class Resolved:
    """A job and the options of its stages, by stage name."""

    job: Job
    options: Mapping[str, Any]


def resolve_request(
    request: GenerationRequest,
    *,
    family: ModelFamily,
    preset: Preset,
    recipe: Recipe,
    segment_index: int = 0,
    take_defaults: Mapping[str, Any] | None = None,
) -> Resolved:
    """Fill in what ``request`` leaves out. Raises `ValidationError` with the field's path."""
    defaults = {**family.defaults, **preset.defaults}
    asked = {
        name: value
        for name, value in attrs.asdict(request.sampling, recurse=False).items()
        if value is not None
    }
    options = resolve_options(
        recipe,
        overrides=request.stage_overrides,
        asked={name: asked.pop(name) for name in _STAGE_FIELDS if name in asked},
        defaults={name: defaults[name] for name in _STAGE_FIELDS if name in defaults},
        stage_defaults=preset.stage_defaults,
    )
    sampling = _resolve_sampling({**defaults, **(take_defaults or {}), **asked}, preset)
    negative = request.negative_prompt
    if negative is None:
        negative = _used(defaults.get("negative_prompt")) or ""
    job = Job(
        prompt=request.prompt,
        negative_prompt=negative,
        inputs=request.inputs,
        sampling=sampling,
        output=request.output,
        segment_index=segment_index,
        segment_seed=segment_seed(sampling.seed, segment_index),
    )
    return Resolved(job, options)


def _used(value: Any) -> Any:
    return value.resolve() if isinstance(value, Reference) else value


def _resolve_sampling(values: Mapping[str, Any], preset: Preset) -> ResolvedSampling:
    names = [field.name for field in attrs.fields(ResolvedSampling)]
    for name in names:
        if name not in values:
            raise ValidationError(
                f"sampling.{name}", f"required: preset {preset.name!r} has no default for it"
            )
    return ResolvedSampling(**{name: _used(values[name]) for name in names})


def resolve_options(
    recipe: Recipe,
    *,
    overrides: Mapping[str, Mapping[str, Any]],
    asked: Mapping[str, Any],
    defaults: Mapping[str, Any],
    stage_defaults: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """An instance of every stage's options class, merged; ``asked`` is what `Sampling` said."""
    specs = {spec.name: spec for spec in recipe if spec.options is not None}
    for name in overrides:
        if name not in specs:
            known = ", ".join(specs) or "none"
            raise ValidationError(
                f"stage_overrides.{name}", f"no stage of this name has options; stages: {known}"
            )
    options = {
        name: _merged(
            spec, asked, defaults, stage_defaults.get(name, {}), overrides.get(name, {})
        )
        for name, spec in specs.items()
    }
    followed = {
        name
        for spec in specs.values()
        if spec.follows_sampling
        for name in _field_names(spec)
    }
    for name in asked:
        if name not in followed:
            raise ValidationError(f"sampling.{name}", "no stage of this recipe has such an option")
    return options


def _field_names(spec: StageSpec) -> tuple[str, ...]:
    cls = spec.options_class()
    return () if cls is None else tuple(field.name for field in attrs.fields(cls))


def _merged(
    spec: StageSpec,
    asked: Mapping[str, Any],
    defaults: Mapping[str, Any],
    stage_defaults: Mapping[str, Any],
    overrides: Mapping[str, Any],
) -> Any:
    cls = spec.options_class()
    assert cls is not None
    follows = set(_field_names(spec)) if spec.follows_sampling else set()
    from_sampling = {name: value for name, value in asked.items() if name in follows}
    merged = {
        **{name: _used(value) for name, value in defaults.items() if name in follows},
        **stage_defaults,
        **from_sampling,
        **overrides,
    }
    path = f"stage_overrides.{spec.name}"
    try:
        return structure(merged, cls, path=path)
    except ValidationError as error:
        name = error.path.removeprefix(f"{path}.")
        if name in from_sampling and name not in overrides:
            raise ValidationError(f"sampling.{name}", error.problem) from None
        raise
