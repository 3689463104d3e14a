"""What a plan is for: a family, a preset, a checkpoint and its options, and a request."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from attrs import evolve, field, frozen

from longtake.cli.options.family import options_for
from longtake.cli.options.models import ModelChoice
from longtake.families.estimates import EstimateRequest, RunEstimate
from longtake.families.family import ModelFamily
from longtake.families.load_options import LoadOptions
from longtake.families.recognising import recognised_preset
from longtake.requests.request import GenerationRequest, Job
from longtake.runs.resolution import naming_sampling, resolve_request
from longtake.schema.references import resolve

__all__ = ["Planned"]


@frozen
class Planned:
    """A take that is planned. ``said``: of the family's options, as on the command line."""

    family: ModelFamily
    preset_name: str
    preset_overrides: Mapping[str, Any]
    path: Path | None
    device: str | None
    dtype: str | None
    request: GenerationRequest
    segments: int
    said: Mapping[str, Any] = field(factory=dict)

    @classmethod
    def of(
        cls,
        family: ModelFamily,
        choice: ModelChoice,
        path: Path | None,
        preset: str | None,
        preset_overrides: Mapping[str, Any],
        request: GenerationRequest,
        segments: int,
    ) -> Planned:
        """``preset``: None for the one that the checkpoint gets by default."""
        name = preset or recognised_preset(family, path) or family.preset().name
        return cls(
            family,
            name,
            preset_overrides,
            path,
            choice.device,
            choice.dtype,
            request,
            segments,
            choice.family_options,
        )

    def options(self) -> Any:
        """An instance of the family's options class, None when it has none."""
        said = options_for(self.family, self.said)
        return LoadOptions.of(self.family, self.family.preset(self.preset_name), said).own

    def added_stages(self) -> dict[str, str]:
        """The distribution of each stage that an extension brings, by the stage's name."""
        preset = self.family.preset(self.preset_name)
        recipe = self.family.recipe(preset, self.preset_overrides)
        joined = {spec.name: self.family.extension_of_stage(preset, spec) for spec in recipe}
        return {name: each.distribution for name, each in joined.items() if each is not None}

    def estimate(self) -> tuple[Job, RunEstimate]:
        """Raises `ValidationError` for a request that the family refuses."""
        family, preset = self.family, self.family.preset(self.preset_name)
        options = self.options()
        recipe = family.recipe(preset, self.preset_overrides)
        continues = bool(family.codecs)
        if self.segments > 1 and not continues:
            raise click.UsageError(f"--segments: family {family.name!r} cannot continue a take")
        request = self.request
        request = evolve(request, output=evolve(request.output, return_state=continues))
        resolved = resolve_request(request, family=family, preset=preset, recipe=recipe)
        estimate: Any = resolve(family.estimate)
        with naming_sampling(request, recipe):
            found = estimate(
                EstimateRequest(
                    path=self.path,
                    recipe=recipe,
                    job=resolved.job,
                    stage_options=resolved.options,
                    segments=self.segments,
                    device=self.device,
                    dtype=self.dtype,
                    options=options,
                )
            )
        return resolved.job, found
