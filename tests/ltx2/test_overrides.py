"""Every preset and override refuses what is wrong, once and with its path, as its schema does."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import longtake as lt
from longtake_ltx2.pipeline_configs import LTX2T2VConfig
from longtake_ltx2.stage_overrides import (
    LTX2BlendOptions,
    LTX2DecoderPresetOverride,
    LTX2DenoiseOptions,
    LTX2DenoisePresetOverride,
    LTX2EnhanceOptions,
    LTX2Nag,
    LTX2PreparationOptions,
    LTX2RefinePresetOverride,
    LTX2RefineStageOverride,
    refine_override_to_dict,
)
from tests.ltx2.support import Checkpoints, family
from tests.sdk.schema.documents import is_accepted, is_accepted_by_schema, near_documents

OVERRIDES = (
    LTX2BlendOptions,
    LTX2DecoderPresetOverride,
    LTX2DenoiseOptions,
    LTX2DenoisePresetOverride,
    LTX2EnhanceOptions,
    LTX2Nag,
    LTX2PreparationOptions,
    LTX2RefinePresetOverride,
    LTX2RefineStageOverride,
    LTX2T2VConfig,
)
PRESETS = [preset.name for preset in family().presets]


def is_twice(preset: str) -> bool:
    """Whether it has a second pass."""
    named = ("two_stage", "keyframes", "hq", "reference", "dub", "audio_to_video", "inpaint")
    return any(each in preset for each in named)


SMALL = lt.Sampling(height=128, width=128, num_frames=9, num_inference_steps=2)


@pytest.mark.parametrize("cls", OVERRIDES)
@given(data=st.data())
def test_the_schema_accepts_exactly_what_the_code_accepts(cls: type, data: st.DataObject) -> None:
    document = data.draw(near_documents(cls()))
    assert is_accepted_by_schema(cls, document) is is_accepted(cls, document)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_has_its_schema(name: str) -> None:
    """Of the options of each of its stages, and of what it is built of; both are held above."""
    preset = family().preset(name)
    classes = {spec.options_class() for spec in family().recipe(preset) if spec.options}
    classes |= {preset.override_class(each) for each in preset.overrides}
    assert classes <= set(OVERRIDES)
    assert len(classes) >= 3


@pytest.mark.parametrize("cls", OVERRIDES)
def test_every_field_says_what_it_is(cls: type) -> None:
    for name, schema in lt.json_schema(cls)["properties"].items():
        assert schema["description"].endswith("."), name


def wrong_values(cls: type) -> list[tuple[str, Any]]:
    """For each field a value of the wrong type and, where it has bounds, one out of range."""
    out_of_range: dict[str, Any] = {
        "num_inference_steps": 0,
        "stg_blocks": [1, 1],
        "image_crf": 52,
        "video_position_offset_sec": -0.5,
        "guidance_rescale": 1.5,
        "sigmas": [1.5, 0.0],
        "skip_step": -1,
        "preview_every": 0,
        "sampler": "heun",
        "step_noise": "mine",
        "audio_guidance_rescale": -0.1,
        "mask_growth": -1,
        "margin": 0.6,
    }
    wrong: list[tuple[str, Any]] = [("nope", 1)]
    for field in attrs.fields(cls):
        much = "" if field.name == "instructions" else "much"
        wrong += [(field.name, much), (field.name, {"a": 1}), (field.name, float("nan"))]
        if field.name in out_of_range:
            wrong.append((field.name, out_of_range[field.name]))
        elif "scale" in field.name:
            wrong.append((field.name, 1e9))
    return wrong


def overridable() -> list[Any]:
    """Every preset, stage that takes overrides, and wrong value."""
    cases = []
    for preset in family().presets:
        recipe = preset.recipe() or family().stages
        classes = {spec.name: spec.options_class() for spec in recipe if spec.options}
        for stage, cls in classes.items():
            assert cls is not None
            for name, value in wrong_values(cls):
                identity = f"{preset.name}-{stage}.{name}={value!r}"
                cases.append(pytest.param(preset.name, stage, name, value, id=identity))
    return cases


@pytest.fixture(scope="module")
def pipelines(checkpoints: Checkpoints) -> dict[str, lt.Pipeline]:
    """One of each preset, whose networks are never loaded."""
    path = checkpoints.path("2.0")
    return {name: lt.load(path, preset=name, prepare=False) for name in PRESETS}


@pytest.mark.parametrize(("preset", "stage", "name", "value"), overridable())
def test_a_wrong_override_is_one_error_with_its_path(
    pipelines: dict[str, lt.Pipeline], preset: str, stage: str, name: str, value: Any
) -> None:
    request = lt.GenerationRequest("x", sampling=SMALL, stage_overrides={stage: {name: value}})
    with pytest.raises(lt.ValidationError) as caught:
        pipelines[preset].check(request)
    assert caught.value.path.startswith(f"stage_overrides.{stage}.{name}")
    if name == "nope":
        assert "allowed: " in caught.value.problem


@pytest.mark.parametrize("preset", PRESETS)
def test_an_unknown_stage_is_refused_with_what_there_is(
    pipelines: dict[str, lt.Pipeline], preset: str
) -> None:
    request = lt.GenerationRequest("x", sampling=SMALL, stage_overrides={"denoize": {}})
    with pytest.raises(lt.ValidationError, match="stages: enhance, prepare, denoise") as caught:
        pipelines[preset].check(request)
    assert caught.value.path == "stage_overrides.denoize"


@pytest.mark.parametrize(
    ("overrides", "path"),
    [
        ({"refine": {"nope": 1}}, "preset_overrides.refine.nope"),
        ({"refine": {"enabled": 1}}, "preset_overrides.refine.enabled"),
        ({"refine": {"add_noise": "yes"}}, "preset_overrides.refine.add_noise"),
        ({"refine": 3}, "preset_overrides.refine"),
        ({"denoise": {}}, "preset_overrides.denoise"),
        ({"decode_video": {"decoder": "best"}}, "preset_overrides.decode_video.decoder"),
    ],
)
def test_a_wrong_preset_override(
    checkpoints: Checkpoints, overrides: dict[str, Any], path: str
) -> None:
    with pytest.raises(lt.ValidationError) as caught:
        lt.load(checkpoints.path("2.0"), preset="ltx2_two_stage", preset_overrides=overrides)
    assert caught.value.path == path


@pytest.mark.parametrize("name", [name for name in PRESETS if not is_twice(name)])
def test_a_preset_without_a_second_pass_has_no_overrides_of_it(
    checkpoints: Checkpoints, name: str
) -> None:
    overrides = {"refine": {"enabled": True}}
    with pytest.raises(lt.ValidationError, match=name) as caught:
        lt.load(checkpoints.path("2.0"), preset=name, preset_overrides=overrides)
    assert caught.value.path == "preset_overrides.refine"


CONTRADICTIONS: list[tuple[str, dict[str, Any], str]] = [
    ("ltx2_tiny", {"stage_overrides": {"denoise": {"stg_blocks": []}}}, "stg_blocks"),
    ("ltx2_tiny", {"stage_overrides": {"denoise": {"stg_blocks": [4]}}}, "stg_blocks"),
    ("ltx2_tiny", {"sampling": {"num_inference_steps": 1}}, "sampling.num_inference_steps"),
    ("ltx2_distilled", {"sampling": {"num_inference_steps": 9}}, "sampling.num_inference_steps"),
    ("ltx2_two_stage", {"sampling": {"height": 96}}, "sampling.height"),
    ("ltx2_two_stage", {"stage_overrides": {"refine": {"num_inference_steps": 4}}}, "refine.num_"),
    ("ltx2_tiny", {"stage_overrides": {"refine": {"num_inference_steps": 2}}}, "refine"),
    ("ltx2_hq", {"stage_overrides": {"denoise": {"sigmas": [1.0, 0.5]}}}, "denoise.sigmas"),
    ("ltx2_tiny", {"stage_overrides": {"denoise": {"sigmas": [0.5, 0.5, 0.0]}}}, "denoise.sigmas"),
    ("ltx2_tiny", {"output": {"video": False, "audio": False}}, "output"),
]


@pytest.mark.parametrize(("preset", "changes", "path"), CONTRADICTIONS)
def test_contradictions_are_refused_with_a_path(
    pipelines: dict[str, lt.Pipeline], preset: str, changes: dict[str, Any], path: str
) -> None:
    sampling = {"height": 128, "width": 128, "num_frames": 9, **changes.get("sampling", {})}
    with pytest.raises(lt.ValidationError) as caught:
        pipelines[preset].generate(
            lt.GenerationRequest.from_dict({"prompt": "x", **changes, "sampling": sampling})
        )
    assert path in caught.value.path


def test_refine_override_to_dict_keeps_what_was_set() -> None:
    override = LTX2RefineStageOverride(num_inference_steps=3, guidance_scale=0.0)
    assert refine_override_to_dict(override) == {"num_inference_steps": 3, "guidance_scale": 0.0}
    assert refine_override_to_dict(LTX2RefinePresetOverride(enabled=False)) == {"enabled": False}
    assert refine_override_to_dict(LTX2RefinePresetOverride()) == {}


def test_the_reference_overrides_have_its_fields() -> None:
    assert {f.name for f in attrs.fields(LTX2RefineStageOverride)} >= {
        "num_inference_steps",
        "guidance_scale",
        "image_crf",
        "video_position_offset_sec",
    }
    assert all(value is None for value in attrs.astuple(LTX2RefineStageOverride()))
    assert all(value is None for value in attrs.astuple(LTX2RefinePresetOverride()))
