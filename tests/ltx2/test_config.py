"""Options of loading: defaults, files, what is refused, and in which floats networks compute."""

from __future__ import annotations

import copy
import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import attrs
import pytest

import longtake as lt
from longtake_ltx2.pipeline_configs import PRECISIONS, LTX2T2VConfig

REFERENCE: dict[str, Any] = {
    "model_path": None,
    "pipeline_config_path": None,
    "embedded_cfg_scale": 6.0,
    "flow_shift": None,
    "flow_shift_sr": None,
    "disable_autocast": False,
    "is_causal": False,
    "dit_precision": "bf16",
    "vae_precision": "bf16",
    "upsampler_precision": "fp32",
    "image_encoder_precision": "fp32",
    "text_encoder_precisions": ("bf16",),
    "audio_decoder_precision": "bf16",
    "vocoder_precision": "bf16",
    "vae_sp": False,
    "dmd_denoising_steps": None,
    "ti2v_task": False,
    "boundary_ratio": None,
}
"""The reference's fields and defaults, but for ``vae_tiling``, which is by choice here."""

WITHOUT_EFFECT: dict[str, Any] = {
    "embedded_cfg_scale": 1.0,
    "flow_shift": 3.0,
    "flow_shift_sr": 3.0,
    "disable_autocast": True,
    "is_causal": True,
    "image_encoder_precision": "bf16",
    "vae_sp": True,
    "dmd_denoising_steps": [4],
    "ti2v_task": True,
    "boundary_ratio": 0.5,
    "preprocess_text_funcs": ["lower"],
    "postprocess_text_funcs": ["mean"],
}
WRONG: dict[str, Any] = WITHOUT_EFFECT | {
    "numerics": "exact",
    "dit_precision": "fp7",
    "vae_precision": None,
    "upsampler_precision": 32,
    "text_encoder_precisions": ["fp32", "bf16"],
    "vae_tiling": "yes",
    "compile": 1,
    "offload": "disk",
    "attention_backend": 3,
    "upsampler_weights": ["a"],
    "lora_path": 3,
    "loras": "a.safetensors",
    "transformer_path": True,
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "pipeline.json"


def write(file: Path, document: object) -> str:
    file.write_text(json.dumps(document))
    return str(file)


def refusal(path: Path | str, **options: Any) -> lt.ValidationError:
    with pytest.raises(lt.ValidationError) as caught:
        lt.load(path, **options)
    return caught.value


def test_the_fields_of_the_reference_have_its_defaults() -> None:
    config = attrs.asdict(LTX2T2VConfig())
    assert {name: config[name] for name in REFERENCE} == REFERENCE
    assert config["vae_tiling"] is False
    assert config["numerics"] == "official"


def test_every_field_says_what_it_is() -> None:
    assert [f.name for f in attrs.fields(LTX2T2VConfig) if not f.metadata.get("help")] == []
    hidden = {f.name for f in attrs.fields(LTX2T2VConfig) if f.metadata.get("cli") is False}
    assert hidden == {"model_path", *WITHOUT_EFFECT}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_keyword(tiny: Path, name: str) -> None:
    refused = refusal(tiny, **{name: WRONG[name]})
    assert refused.path.partition("[")[0] == name


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_field_of_a_file(tiny: Path, file: Path, name: str) -> None:
    refused = refusal(tiny, pipeline_config_path=write(file, {name: WRONG[name]}))
    assert refused.path == f"{file}: {name}"


@pytest.mark.parametrize("name", ["lora_path", "transformer_path", "upsampler_weights"])
def test_an_empty_path_is_refused(tiny: Path, file: Path, name: str) -> None:
    assert refusal(tiny, **{name: ""}).path == name
    refused = refusal(tiny, pipeline_config_path=write(file, {name: ""}))
    assert refused.path == f"{file}: {name}"


@pytest.mark.parametrize("name", WITHOUT_EFFECT)
def test_a_field_without_effect_takes_its_default_only(name: str) -> None:
    default = attrs.fields_dict(LTX2T2VConfig)[name].default
    given: dict[str, Any] = {name: default}
    assert attrs.asdict(LTX2T2VConfig(**given))[name] == default
    with pytest.raises(lt.ValidationError, match="only .* is possible: ") as caught:
        LTX2T2VConfig(**{name: WITHOUT_EFFECT[name]})
    assert caught.value.path == name


def test_the_schema_says_that_only_the_default_is_possible() -> None:
    properties = lt.json_schema(LTX2T2VConfig)["properties"]
    constant = {name: properties[name]["const"] for name in WITHOUT_EFFECT}
    assert constant["embedded_cfg_scale"] == 6.0
    assert constant["flow_shift"] is None
    assert constant["preprocess_text_funcs"] == ["identity"]
    assert set(properties["offload"]["enum"]) == {"none", "component", "block"}
    assert properties["text_encoder_precisions"]["maxItems"] == 1
    assert set(properties["text_encoder_precisions"]["items"]["enum"]) == set(PRECISIONS)


def test_an_unknown_keyword_and_an_unknown_field(tiny: Path, file: Path) -> None:
    assert refusal(tiny, nope=1).path == "nope"
    refused = refusal(tiny, pipeline_config_path=write(file, {"nope": 1}))
    assert refused.path == f"{file}: nope"
    assert "numerics" in refused.problem


@pytest.mark.parametrize("text", [None, "", "{", "[]", "3", "\x00", "[" * 100_000])
def test_a_file_that_cannot_be_read(tiny: Path, file: Path, text: str | None) -> None:
    if text is not None:
        file.write_text(text)
    assert refusal(tiny, pipeline_config_path=str(file)).path == str(file)


def test_a_file_names_no_other_file(file: Path) -> None:
    path = write(file, {"pipeline_config_path": "other.json"})
    with pytest.raises(lt.ValidationError) as caught:
        LTX2T2VConfig(pipeline_config_path=path).with_file()
    assert caught.value.path == f"{file}: pipeline_config_path"


def test_a_keyword_counts_before_the_file_and_that_before_the_defaults(file: Path) -> None:
    path = write(file, {"numerics": "diffusers", "vae_tiling": True, "dit_precision": "fp16"})
    config = LTX2T2VConfig(
        pipeline_config_path=path, vae_tiling=False, vocoder_precision="fp32"
    ).with_file()
    assert config.numerics == "diffusers"
    assert config.dit_precision == "fp16"
    assert config.vae_tiling is False, "a default that is given is given"
    assert config.vocoder_precision == "fp32"
    assert config.vae_precision == "bf16"


def test_a_file_alone(file: Path) -> None:
    config = LTX2T2VConfig.from_file(write(file, {"loras": ["a", "b=0.5"], "compile": True}))
    assert config == LTX2T2VConfig(loras=("a", "b=0.5"), compile=True)
    assert config.given == {"compile": True, "loras": ("a", "b=0.5")}
    assert LTX2T2VConfig.from_file(write(file, {})) == LTX2T2VConfig()


@pytest.mark.parametrize("again", [copy.copy, lambda c: pickle.loads(pickle.dumps(c))])
def test_a_copy_knows_what_was_given(again: Any) -> None:
    config = LTX2T2VConfig(dit_precision="bf16")
    assert again(config) == config
    assert again(config).given == {"dit_precision": "bf16"}


PRECISION_FIELDS = [name for name in REFERENCE if "precision" in name and "image" not in name]


def precisions(config: LTX2T2VConfig) -> set[str]:
    found = set()
    for name in PRECISION_FIELDS:
        value = attrs.asdict(config)[name]
        found.add(value[0] if isinstance(value, tuple) else value)
    return found


def test_floats_by_default() -> None:
    assert precisions(LTX2T2VConfig().with_dtype(None, "cpu")) == {"fp32"}
    assert precisions(LTX2T2VConfig().with_dtype(None, "cuda:0")) == {"bf16", "fp32"}
    assert LTX2T2VConfig().with_dtype(None, "cuda:0").upsampler_precision == "fp32"
    assert precisions(LTX2T2VConfig().with_dtype("float16", "cpu")) == {"float16"}


@pytest.mark.parametrize("dtype", [None, "float16"])
def test_a_precision_that_is_given_counts_before_dtype(dtype: str | None) -> None:
    config = LTX2T2VConfig(dit_precision="bf16").with_dtype(dtype, "cpu")
    assert config.dit_precision == "bf16"
    assert config.vae_precision == (dtype or "fp32")


def test_architectures_are_the_checkpoints_own(tiny: Path) -> None:
    found = LTX2T2VConfig.architectures(tiny)
    assert {"transformer", "vae", "audio_vae", "connectors", "vocoder"} <= found.keys()
    assert found["transformer"]["num_layers"] == 4


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys, longtake_ltx2.pipeline_configs as c; c.LTX2T2VConfig(); "
        "assert not {'torch', 'numpy', 'diffusers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
