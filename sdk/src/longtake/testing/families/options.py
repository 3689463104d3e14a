"""Every option refuses nonsense with the path of the field, before any stage runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

from attrs import evolve, fields, frozen

import longtake as lt
from longtake.testing.complaining import fail_for
from longtake.testing.families.fixtures import FamilyFixtures
from longtake.testing.families.nonsense import nonsense_for
from longtake.testing.families.schemas import schemas_of
from longtake.testing.families.trying import PROMPT, TriedFamily

__all__ = ["OptionContract"]

_UNKNOWN = "x_unknown"
_SAMPLING: Mapping[str, tuple[Any, ...]] = {
    "seed": (-1, 2**64, 1.5, "1", True),
    "height": (0, -8, 1.5, "64", True),
    "width": (0, -8, 1.5, "64", True),
    "num_frames": (0, -1, 9.0, "9", True),
    "fps": (0, -24, "x", "24/0", float("nan"), float("inf"), True),
    "num_inference_steps": (0, -1, 2.5, "2", True),
    "guidance_scale": (float("nan"), float("inf"), "3", True),
    "enhance_prompt": (1, "true", []),
}


@frozen
class _Try:
    """Something to refuse. ``path``: of the field that the error must name."""

    path: str
    value: Any
    preset: str = ""

    def __str__(self) -> str:
        preset = f" with preset {self.preset}" if self.preset else ""
        return f"{self.path} = {self.value!r:.60}{preset}"


class OptionContract(FamilyFixtures):
    """Options of stages, of the family and of presets, and the sampling."""

    def test_a_prompt_alone_suffices(self, tried: TriedFamily) -> None:
        for preset in tried.preset_names:
            with tried_preset(tried, preset) as pipeline:
                try:
                    _check_prompt_alone(pipeline, tried, preset)
                except lt.WiringError:
                    continue  # has a test of its own

    def test_stage_options_refuse_nonsense(self, tried: TriedFamily) -> None:
        found: list[str] = []
        for preset, stages in schemas_of(tried.family).stages.items():
            with tried_preset(tried, preset) as pipeline:
                for stage, options in stages.items():
                    for name, schema in options.items():
                        path = f"stage_overrides.{stage}.{name}"
                        for value in nonsense_for(schema):
                            asked = _overriding(tried, stage, {name: value})
                            found += _complaints(pipeline, asked, _Try(path, value, preset))
        fail_for("nonsense for an option is refused by its path, before any stage runs", found)

    def test_unknown_stages_and_options_are_refused(self, tried: TriedFamily) -> None:
        found: list[str] = []
        for preset, stages in schemas_of(tried.family).stages.items():
            with tried_preset(tried, preset) as pipeline:
                request = _overriding(tried, _UNKNOWN, {"x": 1})
                what = _Try(f"stage_overrides.{_UNKNOWN}", {"x": 1}, preset)
                found += _complaints(pipeline, request, what)
                for stage in stages:
                    request = _overriding(tried, stage, {_UNKNOWN: 1})
                    what = _Try(f"stage_overrides.{stage}.{_UNKNOWN}", 1, preset)
                    found += _complaints(pipeline, request, what)
        fail_for("a stage or an option that there is not is refused by its path", found)

    def test_sampling_refuses_nonsense(self, tried: TriedFamily) -> None:
        found: list[str] = []
        for name in (each.name for each in fields(lt.Sampling)):
            for value in _SAMPLING.get(name, ()):
                document = {**tried.request().to_dict(), "sampling": {name: value}}
                what = _Try(f"sampling.{name}", value)
                try:
                    request = lt.GenerationRequest.from_dict(document)
                except lt.ValidationError as error:
                    found += _wrong_path(what, error)
                else:
                    found += _complaints(tried.pipeline, request, what)
        fail_for("nonsense in the sampling is refused by its path, before any stage runs", found)

    def test_family_options_refuse_nonsense(self, tried: TriedFamily) -> None:
        tries = [_Try(_UNKNOWN, 1), *_tries("", schemas_of(tried.family).family)]
        found = [
            c for each in tries for c in _load_complaints(tried, each, {each.path: each.value})
        ]
        fail_for("nonsense for an option of the family is refused by its name", found)

    def test_preset_overrides_refuse_nonsense(self, tried: TriedFamily) -> None:
        found: list[str] = []
        for preset, overrides in schemas_of(tried.family).overrides.items():
            unknown = {_UNKNOWN: {"x": 1}}
            what = _Try(f"preset_overrides.{_UNKNOWN}", {"x": 1}, preset)
            found += _load_complaints(tried, what, {"preset_overrides": unknown})
            for name, options in overrides.items():
                path = f"preset_overrides.{name}."
                for each in (_Try(path + _UNKNOWN, 1, preset), *_tries(path, options, preset)):
                    field = each.path.removeprefix(path)
                    given = {"preset_overrides": {name: {field: each.value}}}
                    found += _load_complaints(tried, each, given)
        fail_for("nonsense for an override of a preset is refused by its path", found)


def tried_preset(tried: TriedFamily, preset: str) -> Any:
    """A pipeline that has not loaded its networks: what is refused, is refused without them."""
    return closing(tried.pipeline_of(preset, prepare=False))


def _tries(above: str, options: Mapping[str, Any], preset: str = "") -> Iterator[_Try]:
    for name, schema in options.items():
        for value in nonsense_for(schema):
            yield _Try(f"{above}{name}", value, preset)


def _check_prompt_alone(pipeline: lt.Pipeline, tried: TriedFamily, preset: str) -> None:
    """It is enough; where the preset demands inputs, it is refused by their path without them."""
    demanded = tried.demanded(preset)
    if not demanded:
        pipeline.check(lt.GenerationRequest(PROMPT))
        return
    pipeline.check(tried.request(inputs=demanded))
    try:
        pipeline.check(tried.request())
    except lt.ValidationError as error:
        assert (error.path or "").startswith("inputs"), f"{preset}: {error}"
    else:
        raise AssertionError(f"{preset} demands inputs, and takes a request without them")


def _overriding(tried: TriedFamily, stage: str, given: dict[str, Any]) -> lt.GenerationRequest:
    request = tried.request()
    overrides = dict(request.stage_overrides)
    overrides[stage] = {**overrides.get(stage, {}), **given}
    return evolve(request, stage_overrides=overrides)


def _complaints(pipeline: lt.Pipeline, request: lt.GenerationRequest, what: _Try) -> Iterator[str]:
    """What is wrong with what the pipeline does about a request that it has to refuse."""
    with closing(pipeline.stream(request)) as events:
        began = 0
        try:
            for event in events:
                began += isinstance(event, lt.Progress)
                if began > 1 or isinstance(event, lt.Final):
                    break
        except lt.ValidationError as error:
            yield from _wrong_path(what, error)
            if began:
                yield f"{what}: is refused after a stage has begun"
        except lt.LongtakeError as error:
            yield f"{what}: raises {type(error).__name__}: {error}"[:300]
        else:
            yield f"{what}: is accepted"


def _load_complaints(tried: TriedFamily, what: _Try, given: dict[str, Any]) -> Iterator[str]:
    options: dict[str, Any] = {"preset": what.preset or None, "prepare": False, **given}
    try:
        tried.load(**options).close()
    except lt.ValidationError as error:
        yield from _wrong_path(what, error)
    except lt.LongtakeError as error:
        yield f"{what}: raises {type(error).__name__}: {error}"[:300]
    else:
        yield f"{what}: is accepted"


def _wrong_path(what: _Try, error: lt.ValidationError) -> Iterator[str]:
    if error.path != what.path and not error.path.startswith((f"{what.path}.", f"{what.path}[")):
        yield f"{what}: the path of the error is {error.path!r}: {error}"[:300]
