"""From a request to a job: every value the caller left out, and where it comes from.

Precedence: ``stage_overrides.<stage>.<field>`` over ``sampling`` over the take's state over the
preset over the family over the defaults of the recipe's stages over those of their options classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import attrs

from longtake.errors import ValidationError
from longtake.families.family import ModelFamily
from longtake.families.presets import Preset
from longtake.families.stages import SAMPLED_FIELDS, Recipe, StageSpec, stage_defaults
from longtake.requests.request import GenerationRequest, Job, ResolvedSampling, Sampling
from longtake.requests.seeds import segment_seed
from longtake.schema.references import Reference
from longtake.schema.suggestions import did_you_mean
from longtake.schema.wire import structure

__all__ = [
    "Layer",
    "Resolved",
    "default_layers",
    "naming_sampling",
    "present",
    "resolve_options",
    "resolve_request",
    "resolve_sampling",
]


@attrs.frozen
class Resolved:
    """A job and the options of its stages, by stage name."""

    job: Job
    options: Mapping[str, Any]


@attrs.frozen
class Layer:
    """Values for the fields of options, and the path to name when one of them is bad.

    ``stage``: the stage that they are for; None for every stage that follows the sampling.
    """

    path: str
    values: Mapping[str, Any]
    stage: str | None = None

    def of(self, spec: StageSpec) -> Mapping[str, Any]:
        """What this layer says to ``spec``."""
        if self.stage is not None:
            return self.values if self.stage == spec.name else {}
        followed = spec.followed_fields()
        return {name: value for name, value in self.values.items() if name in followed}


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
    family.writing_codec(request.output.state_kind)  # refuses a kind that it has not
    if request.inputs.source is not None and family.fit_clip is None:
        problem = f"family {family.name!r} makes nothing of a clip that is there already"
        raise ValidationError("inputs.source", problem)
    asked = present(request.sampling)
    _check_followed(recipe, asked)
    options = resolve_options(
        recipe,
        [
            *default_layers(family, preset),
            Layer("sampling", asked),
            *(
                Layer(f"stage_overrides.{stage}", values, stage)
                for stage, values in request.stage_overrides.items()
            ),
        ],
    )
    defaults = {**family.defaults, **preset.defaults}
    sampling = resolve_sampling(request, family=family, preset=preset, take_defaults=take_defaults)
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


def default_layers(family: ModelFamily, preset: Preset) -> list[Layer]:
    """What options are without a word of the caller, the lowest first."""
    return [
        Layer(f"family {family.name}: defaults", family.defaults),
        Layer(f"preset {preset.name}: defaults", preset.defaults),
        *(
            Layer(f"preset {preset.name}: stage_defaults.{stage}", values, stage)
            for stage, values in preset.stage_defaults.items()
        ),
    ]


def resolve_options(recipe: Recipe, layers: Sequence[Layer] = ()) -> dict[str, Any]:
    """An instance of every stage's options class; later layers win over earlier ones.

    Below them all are the defaults of the stages' specs. Raises `ValidationError` with the path of
    the layer that gave the bad value.
    """
    specs = {spec.name: spec for spec in recipe if spec.options is not None}
    for layer in layers:
        if layer.stage is not None and layer.stage not in specs:
            known, meant = ", ".join(specs) or "none", did_you_mean(layer.stage, specs)
            problem = f"no stage of this name has options{meant}; stages: {known}"
            raise ValidationError(layer.path, problem)
    lowest = [
        Layer(f"stage {stage}: defaults", values, stage)
        for stage, values in stage_defaults(recipe).items()
    ]
    return {name: _merged(spec, [*lowest, *layers]) for name, spec in specs.items()}


@contextmanager
def naming_sampling(request: GenerationRequest, recipe: Recipe) -> Iterator[None]:
    """A stage refuses the field of its options; name the field of ``sampling`` that set it."""
    try:
        yield
    except ValidationError as error:
        root, _, below = error.path.partition(".")
        stage, _, name = below.partition(".")
        follows = any(spec.name == stage and name in spec.followed_fields() for spec in recipe)
        overridden = name in request.stage_overrides.get(stage, {})
        is_sampled = follows and name in present(request.sampling) and not overridden
        if root == "stage_overrides" and is_sampled:
            raise ValidationError(f"sampling.{name}", error.problem) from None
        raise


def present(sampling: Sampling) -> dict[str, Any]:
    """What it says, by name."""
    values = attrs.asdict(sampling, recurse=False)
    return {name: value for name, value in values.items() if value is not None}


def _check_followed(recipe: Recipe, asked: Mapping[str, Any]) -> None:
    """Refuse steps, guidance or a rewriting that no stage would take."""
    followed = {name for spec in recipe for name in spec.followed_fields()}
    for name in SAMPLED_FIELDS:
        if name in asked and name not in followed:
            raise ValidationError(f"sampling.{name}", "no stage of this recipe has such an option")


def _merged(spec: StageSpec, layers: Sequence[Layer]) -> Any:
    cls = spec.options_class()
    assert cls is not None
    merged: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for layer in layers:
        for name, value in layer.of(spec).items():
            merged[name], sources[name] = value, layer.path
    path = f"stage_overrides.{spec.name}"
    try:
        return structure({name: _used(value) for name, value in merged.items()}, cls, path=path)
    except ValidationError as error:
        below = error.path.removeprefix(f"{path}.")
        name = below.partition(".")[0].partition("[")[0]
        if name in sources:
            raise ValidationError(f"{sources[name]}.{below}", error.problem) from None
        raise


def _used(value: Any) -> Any:
    return value.resolve() if isinstance(value, Reference) else value


def resolve_sampling(
    request: GenerationRequest,
    *,
    family: ModelFamily,
    preset: Preset,
    take_defaults: Mapping[str, Any] | None = None,
) -> ResolvedSampling:
    """The sampling with nothing left out. Raises `ValidationError` with the field's path."""
    values = {
        **family.defaults,
        **preset.defaults,
        **(take_defaults or {}),
        **present(request.sampling),
    }
    names = [field.name for field in attrs.fields(ResolvedSampling)]
    for name in names:
        if name not in values:
            raise ValidationError(
                f"sampling.{name}", f"required: preset {preset.name!r} has no default for it"
            )
    return ResolvedSampling(**{name: _used(values[name]) for name in names})
