"""The plans of a pipeline: its recipes with their stages built and their wiring checked."""

from __future__ import annotations

from functools import cached_property, partial
from typing import Any

from longtake.errors import WiringError
from longtake.families.family import ModelFamily
from longtake.families.models import LoadedModel
from longtake.families.places import placing_of
from longtake.families.presets import Preset
from longtake.families.stages import Recipe, StageSpec, stage_defaults
from longtake.requests.decoded import DecodedInputs
from longtake.runs.construction import construct, has_check, needs_components, unbuilt
from longtake.runs.results import Frames, Stills, UsedPrompt, Waveform
from longtake.runs.wiring import Plan, PlannedStage, make_plan, plan_checks
from longtake.states.state import ContinuationCodec

__all__ = ["Plans"]


class Plans:
    """The plans of one family, preset and model; each is built when it is first asked for.

    ``recipe``: the stages of a segment, as `ModelFamily.recipe` gives them. ``model``: None builds
    no stage, and the plans then tell whether the wiring holds and cannot be run. Raises
    `ValidationError` for defaults that a stage's options do not have or do not allow.
    All methods raise `WiringError` for a recipe that does not fit together, and what loading the
    networks raises.
    """

    def __init__(
        self, family: ModelFamily, preset: Preset, recipe: Recipe, model: LoadedModel | None
    ) -> None:
        for stages in (recipe, family.finish):
            for spec in stages:
                spec.check_defaults()
            stage_defaults(stages)
        self._recipe = recipe
        self._family = family
        self._preset = preset
        self._build = unbuilt if model is None else partial(construct, components=model.components)
        self._segment: Plan | None = None
        self._finish: dict[type, Plan] = {}

    def segment(self) -> Plan:
        """How a segment comes about. A restored state may be there."""
        if self._segment is None:
            plan = make_plan(
                self._constructed(self._recipe),
                given=self.given,
                maybe_given=self.states,
                results={Frames, Stills, Waveform, UsedPrompt, *self.states},
            )
            self._segment = _showing(f"preset {self._preset.name!r}", plan)
        return self._segment

    @cached_property
    def first_checks(self) -> tuple[PlannedStage, ...]:
        """The checks of the stages that are built of no network, so that nothing is loaded."""
        light = [
            (spec, construct(spec, {}))
            for spec in self._recipe
            if has_check(spec) and not needs_components(spec)
        ]
        return plan_checks(light, self._recipe, given=self.given, maybe_given=self.states)

    @cached_property
    def given(self) -> frozenset[type]:
        """The types of what every segment begins with."""
        place = placing_of(self._family)
        return frozenset({DecodedInputs} if place is None else {DecodedInputs, place.makes})

    @cached_property
    def states(self) -> frozenset[type]:
        """The types of the states that a segment may go on from."""
        state = self._family.state_type
        return frozenset() if state is None else frozenset({state})

    def prompt(self) -> Plan:
        """How the prompt that a segment is made of comes about: up to the stage that rewrites it.

        No later stage is built.
        """
        known: dict[str, Any] = {"given": self.given, "maybe_given": self.states}
        whole = make_plan([(spec, unbuilt(spec)) for spec in self._recipe], **known)
        makers = [at for at, each in enumerate(whole.stages) if UsedPrompt in each.makes]
        if not makers:
            raise WiringError(f"the recipe of preset {self._preset.name!r} makes no UsedPrompt")
        until = self._constructed(self._recipe[: makers[-1] + 1])
        return make_plan(until, results={UsedPrompt}, **known)

    def finish(self, state_type: type) -> Plan:
        """How a take ends, from a state of this type."""
        if state_type not in self._finish:
            plan = make_plan(
                self._constructed(self._family.finish),
                given={state_type},
                results={Frames, Waveform},
                has_job=False,
            )
            whose = f"the finish of family {self._family.name!r}"
            self._finish[state_type] = _showing(whose, plan)
        return self._finish[state_type]

    def writing_codec(self, kind: str | None = None) -> ContinuationCodec[Any] | None:
        """The codec that writes the state of a segment, as `ModelFamily.writing_codec`.

        None when a segment makes no state.
        """
        plan, codec = self.segment(), self._family.writing_codec(kind)
        return codec if codec is not None and plan.makes(codec.state_type) else None

    def check(self) -> None:
        """Build all plans now."""
        codec = self.writing_codec()
        if self._family.finish and codec is not None:
            self.finish(codec.state_type)

    def _constructed(self, recipe: Recipe) -> list[tuple[StageSpec, Any]]:
        return [(spec, self._build(spec)) for spec in recipe]


def _showing(whose: str, plan: Plan) -> Plan:
    if not (plan.makes(Frames) or plan.makes(Waveform)):
        raise WiringError(f"the recipe of {whose} makes neither Frames nor a Waveform")
    return plan
