"""The presets: what they promise, what a checkpoint gets, and that each runs."""

from __future__ import annotations

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import longtake as lt
from longtake_ltx2.plugin import longtake_families
from longtake_ltx2.stage_overrides import (
    LTX2BlendOptions,
    LTX2DenoiseOptions,
    LTX2EnhanceOptions,
    LTX2PreparationOptions,
    LTX2RefineStageOverride,
)
from tests.ltx2.inputs import clip, tone
from tests.ltx2.support import Checkpoints, moving_frames
from tests.ltx2.watching import Watched

GUIDED = {
    "audio_guidance_scale": 7.0,
    "stg_scale": 1.0,
    "audio_stg_scale": 1.0,
    "modality_scale": 3.0,
    "audio_modality_scale": 3.0,
    "guidance_rescale": 0.7,
    "audio_guidance_rescale": 0.7,
}
TABLE: dict[str, tuple[tuple[int, int, int, int, int], float, dict[str, Any]]] = {
    "ltx2_base": ((512, 768, 121, 24, 40), 3.0, {**GUIDED, "stg_blocks": [29]}),
    "ltx2_3_base": ((512, 768, 121, 24, 30), 3.0, {**GUIDED, "stg_blocks": [28]}),
    "ltx2_distilled": ((1024, 1536, 121, 24, 8), 1.0, {}),
    "ltx2_two_stage": ((1024, 1536, 121, 24, 8), 1.0, {}),
    "ltx2_two_stage_guided": (
        (1024, 1536, 121, 24, 40),
        3.0,
        {**GUIDED, "stg_blocks": [29]},
    ),
    "ltx2_3_two_stage_guided": (
        (1024, 1536, 121, 24, 30),
        3.0,
        {**GUIDED, "stg_blocks": [28]},
    ),
    "ltx2_hq": (
        (1088, 1920, 121, 24, 15),
        3.0,
        {
            "audio_guidance_scale": 7.0,
            "modality_scale": 3.0,
            "audio_modality_scale": 3.0,
            "guidance_rescale": 0.45,
            "audio_guidance_rescale": 1.0,
        },
    ),
    "ltx2_reference": ((1024, 1536, 121, 24, 8), 1.0, {}),
    "ltx2_dub": ((1024, 1536, 121, 24, 8), 1.0, {}),
    "ltx2_inpaint": ((1024, 1536, 121, 24, 8), 1.0, {}),
    "ltx2_keyframes": ((1024, 1536, 121, 24, 40), 3.0, {**GUIDED, "stg_blocks": [29]}),
    "ltx2_3_keyframes": ((1024, 1536, 121, 24, 30), 3.0, {**GUIDED, "stg_blocks": [28]}),
    "ltx2_audio_to_video": ((1024, 1536, 121, 24, 40), 3.0, {**GUIDED, "stg_blocks": [29]}),
    "ltx2_3_audio_to_video": ((1024, 1536, 121, 24, 30), 3.0, {**GUIDED, "stg_blocks": [28]}),
    "ltx2_video_to_audio": ((512, 768, 121, 24, 40), 3.0, {**GUIDED, "stg_blocks": [29]}),
    "ltx2_3_video_to_audio": ((512, 768, 121, 24, 30), 3.0, {**GUIDED, "stg_blocks": [28]}),
    "ltx2_5_base": ((512, 768, 121, 24, 30), 3.0, {**GUIDED, "stg_blocks": [28]}),
    "ltx2_5_distilled": ((1024, 1536, 121, 24, 8), 1.0, {}),
}
REFINED = {
    "ltx2_two_stage": 2,
    "ltx2_two_stage_guided": 3,
    "ltx2_3_two_stage_guided": 3,
    "ltx2_hq": 7,
    "ltx2_reference": 3,
    "ltx2_dub": 3,
    "ltx2_inpaint": 2,
    "ltx2_keyframes": 3,
    "ltx2_3_keyframes": 3,
    "ltx2_audio_to_video": 3,
    "ltx2_3_audio_to_video": 3,
}
"""Evaluations of the second pass."""
GIVEN = {
    **{f"ltx2{newer}_audio_to_video": "audio" for newer in ("", "_3")},
    **{f"ltx2{newer}_video_to_audio": "clips" for newer in ("", "_3")},
    "ltx2_inpaint": "source",
}
"""What a request brings to be made to."""
UNGUIDED = {name for name, (_, guidance, _) in TABLE.items() if guidance == 1.0}
(FAMILY,) = longtake_families()


def test_names_and_versions() -> None:
    assert [(preset.name, preset.version) for preset in FAMILY.presets] == [
        ("ltx2_base", 1),
        ("ltx2_3_base", 1),
        ("ltx2_distilled", 1),
        ("ltx2_two_stage", 1),
        ("ltx2_two_stage_guided", 1),
        ("ltx2_3_two_stage_guided", 1),
        ("ltx2_hq", 1),
        ("ltx2_reference", 1),
        ("ltx2_dub", 1),
        ("ltx2_inpaint", 1),
        ("ltx2_keyframes", 1),
        ("ltx2_3_keyframes", 1),
        ("ltx2_audio_to_video", 1),
        ("ltx2_3_audio_to_video", 1),
        ("ltx2_video_to_audio", 1),
        ("ltx2_3_video_to_audio", 1),
        ("ltx2_5_base", 1),
        ("ltx2_5_distilled", 1),
        ("ltx2_tiny", 1),
    ]
    assert FAMILY.preset("ltx2_base@1") == FAMILY.preset("ltx2_base")
    others = {preset.name: preset.workload for preset in FAMILY.presets if preset.name in GIVEN}
    source = others.pop("ltx2_inpaint")
    assert source == "text-to-video"
    assert all(workload.replace("-", "_") in name for name, workload in others.items())
    workloads = {preset.workload for preset in FAMILY.presets if preset.name not in GIVEN}
    assert workloads == {"text-to-video"}
    assert all(preset.description for preset in FAMILY.presets)


@pytest.mark.parametrize("name", TABLE)
def test_defaults(name: str) -> None:
    sizes, guidance, denoise = TABLE[name]
    preset = FAMILY.preset(name)
    defaults = dict(preset.defaults)
    negative = defaults.pop("negative_prompt", None)
    fields = ("height", "width", "num_frames", "fps", "num_inference_steps")
    expected = dict(zip(fields, sizes, strict=True))
    assert defaults == {**expected, "guidance_scale": guidance, "seed": 10}
    assert dict(preset.stage_defaults.get("denoise", {})) == denoise
    assert (negative is None) == (name in UNGUIDED)


def test_distilled_leaves_every_guidance_term_off() -> None:
    options = LTX2DenoiseOptions()
    neutral = (options.guidance_scale, options.stg_scale, options.modality_scale)
    assert (*neutral, options.guidance_rescale) == (1.0, 0.0, 1.0, 0.0)


@pytest.mark.parametrize("name", ["ltx2_base", "ltx2_3_base", "ltx2_5_base"])
def test_the_negative_prompt_is_diffusers_own(name: str) -> None:
    from diffusers.pipelines.ltx2.utils import DEFAULT_NEGATIVE_PROMPT

    reference = FAMILY.preset(name).defaults["negative_prompt"]
    assert isinstance(reference, lt.Reference)
    assert reference.resolve() is DEFAULT_NEGATIVE_PROMPT


def test_the_stages_that_take_overrides() -> None:
    one_pass = {
        "enhance": LTX2EnhanceOptions,
        "prepare": LTX2PreparationOptions,
        "denoise": LTX2DenoiseOptions,
    }
    for preset in FAMILY.presets:
        recipe = preset.recipe() or FAMILY.stages
        taking = {spec.name: spec.options_class() for spec in recipe if spec.options}
        refine = {"refine": LTX2RefineStageOverride} if preset.name in REFINED else {}
        blend = {"blend": LTX2BlendOptions} if preset.name == "ltx2_inpaint" else {}
        assert taking == {**one_pass, **refine, **blend}


def test_an_unknown_preset_is_refused_with_what_there_is(tiny: Path) -> None:
    with pytest.raises(lt.UnknownNameError, match="ltx2_distilled"):
        lt.load(tiny, preset="ltx2_nope")
    with pytest.raises(lt.UnknownNameError, match="ltx2_base@7"):
        lt.load(tiny, preset="ltx2_base@7")


def test_listing_presets_imports_nothing_heavy() -> None:
    code = """
import sys
from longtake_ltx2.plugin import longtake_families
for family in longtake_families():
    for preset in family.presets:
        list(map(repr, (preset, preset.defaults, preset.stage_defaults)))
        for spec in preset.recipe() or family.stages:
            spec.options_class()
heavy = {"torch", "numpy", "PIL", "diffusers", "transformers", "safetensors", "av"}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, encoding="utf-8"
    )
    assert done.stdout.strip() == "[]"


def padded() -> lt.SourceInput:
    frames = np.stack(moving_frames(9, 64, 128))
    return lt.SourceInput.from_frames(frames, Fraction(24), pad_top=64)


@pytest.fixture(scope="module", params=["2.0", "2.3", "2.5"])
def checkpoint(request: Any, checkpoints: Checkpoints) -> Path:
    return checkpoints.path(request.param)


@pytest.mark.parametrize("name", [preset.name for preset in FAMILY.presets])
def test_any_preset_runs_on_any_generation(checkpoint: Path, name: str) -> None:
    watched = Watched(checkpoint, preset=name)
    inputs: dict[str, Any] = {"audio": tone(1.0), "clips": (clip(),), "source": padded()}
    needed = {GIVEN[name]: inputs[GIVEN[name]]} if name in GIVEN else {}
    request = lt.GenerationRequest(
        "a lighthouse",
        inputs=lt.Inputs(**needed),
        sampling=lt.Sampling(height=128, width=128, num_frames=9, num_inference_steps=2),
        stage_overrides={"denoise": {"stg_blocks": [1]}},
    )
    with watched.counted() as ran:
        result = watched.pipeline.generate(request)
    refine_steps = REFINED.get(name, 0)
    in_first = 5 * 3 if name == "ltx2_hq" else 2 * (1 if name in UNGUIDED else 4)
    assert ran["transformer"] == in_first + refine_steps
    assert result.frames.shape == (9, 128, 128, 3)
    assert result.frames.std() > 5
    assert result.audio is not None
    assert result.audio.std() > 1e-3
    assert result.job is not None
    assert result.job.sampling.seed == 10


def test_a_block_that_the_network_lacks_is_refused(checkpoint: Path) -> None:
    pipeline = lt.load(checkpoint, preset="ltx2_base")
    request = lt.GenerationRequest("x", sampling=lt.Sampling(height=64, width=64, num_frames=9))
    with pytest.raises(lt.ValidationError, match="blocks 0 to 3") as caught:
        pipeline.generate(request)
    assert caught.value.path == "stage_overrides.denoise.stg_blocks"


def test_a_tiny_checkpoint_gets_the_tiny_preset(checkpoint: Path) -> None:
    assert lt.load(checkpoint, prepare=False).preset.name == "ltx2_tiny"


@pytest.mark.parametrize(
    ("config", "preset"),
    [
        ({}, "ltx2_base"),
        ({"num_attention_heads": 32, "attention_head_dim": 128}, "ltx2_base"),
        ({"cross_attn_mod": True, "gated_attn": True}, "ltx2_3_base"),
        ({"gated_attn": True, "perturbed_attn": True}, "ltx2_3_base"),
        ({"perturbed_attn": True}, "ltx2_base"),
        ({"use_keyframes_abs_pos_embedding": True}, "ltx2_5_distilled"),
    ],
)
def test_a_real_configuration_gets_its_generations_preset(
    tmp_path: Path, config: dict[str, Any], preset: str
) -> None:
    (tmp_path / "transformer").mkdir()
    named = {"_class_name": "LTX2VideoTransformer3DModel", **config}
    (tmp_path / "transformer" / "config.json").write_text(json.dumps(named))
    (tmp_path / "model_index.json").write_text('{"_class_name": "SomethingElse", "vae": null}')
    family, recognition = lt.Registry.default().recognise(tmp_path)
    assert (family.name, recognition.preset) == ("ltx2", preset)
