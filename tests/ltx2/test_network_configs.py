"""What the configurations of networks may say, and what their weights may be."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig
from safetensors.torch import load_file, save_file

import longtake as lt
from longtake_ltx2.loading.classes import check_config
from tests.ltx2.original_files import networks_of, original_config, original_weights, write
from tests.ltx2.published import published_config
from tests.ltx2.support import Checkpoints, networks

COMPONENTS = {
    "transformer": "transformer",
    "vae": "vae",
    "audio_vae": "audio_vae",
    "connectors": "connectors",
    "vocoder": "vocoder",
    "duration_head": "duration_head",
    "diffusion_decoder": "diffusion_decoder",
    "spatial_upsampler": "upsampler",
}
"""Folders, and the names of the networks in them."""


@pytest.fixture
def folder(checkpoints: Checkpoints, tmp_path: Path) -> Path:
    """A copy of the tiny checkpoint of 2.5, which has every component."""
    return shutil.copytree(checkpoints.path("2.5"), tmp_path / "checkpoint")


def configure(file: Path, **changes: Any) -> Path:
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))
    return file


def add_weights(file: Path, **extra: torch.Tensor) -> None:
    weights = load_file(file)
    file.unlink()
    save_file(weights | extra, file, {"format": "pt"})


def refusal(folder: Path, **options: Any) -> lt.CheckpointError:
    with pytest.raises(lt.CheckpointError) as caught:
        lt.load(folder, **options)
    return caught.value


@pytest.mark.parametrize("name", COMPONENTS)
def test_an_unknown_key(folder: Path, name: str, caplog: pytest.LogCaptureFixture) -> None:
    file = configure(folder / name / "config.json", new_attention=True, b=1, c=None, d=[])
    caplog.set_level(logging.INFO, logger="longtake_ltx2.loading")
    error = refusal(folder)
    assert error.path == str(file)
    assert "does not know: b, c, d and 1 more; a newer diffusers may" in str(error)
    assert not caplog.records, "nothing was loaded"


def test_keys_about_the_file(folder: Path) -> None:
    for name in COMPONENTS:
        file = folder / name / "config.json"
        configure(file, _name_or_path="x/y", _diffusers_version="9.9", quantization_config=None)
    loaded = networks(folder)
    for component in COMPONENTS.values():
        assert next(loaded[component].parameters()).dtype == torch.float32


@pytest.mark.parametrize("name", [*COMPONENTS, "text_encoder"])
def test_unknown_weights(folder: Path, name: str) -> None:
    (file,) = (folder / name).glob("*.safetensors")
    extra = {f"extra{index}.weight": torch.zeros(2) for index in range(4)}
    add_weights(file, **extra)
    error = None
    with pytest.raises(lt.CheckpointError) as caught:
        loaded = networks(folder)
        loaded[COMPONENTS.get(name, "text_encoders")]
    error = caught.value
    assert error.path == str(folder / name)
    assert "(4), of a newer version or another network: extra0.weight, extra1" in str(error)
    assert "and 1 more" in str(error)


def test_buffers_that_older_versions_saved(folder: Path) -> None:
    (file,) = (folder / "text_encoder").glob("*.safetensors")
    before = {k: v.clone() for k, v in networks(folder)["text_encoders"][0].state_dict().items()}
    prefix = "model.language_model"
    buffers = ("rotary_emb.inv_freq", "rotary_emb.full_attention_inv_freq", "position_ids")
    add_weights(file, **{f"{prefix}.{name}": torch.full((3,), 7.0) for name in buffers})
    after = networks(folder)["text_encoders"][0]
    assert all(torch.equal(before[key], value) for key, value in after.state_dict().items())


def test_a_text_encoder_may_say_more(folder: Path) -> None:
    """transformers keeps what it does not know, and wrote other keys in the past."""
    configure(folder / "text_encoder" / "config.json", sliding_window_pattern=6, new=1)
    assert networks(folder)["text_encoders"]


@pytest.mark.parametrize("name", COMPONENTS)
def test_the_class_of_another_network(folder: Path, name: str) -> None:
    file = configure(folder / name / "config.json", _class_name="AutoencoderKLWan")
    if name == "transformer":
        with pytest.raises(lt.CheckpointError, match="no family"):
            lt.load(folder)
    error = refusal(folder, family="ltx2")
    assert error.path == str(file)
    assert "_class_name is 'AutoencoderKLWan'" in str(error)


def test_a_network_that_was_saved_with_a_lora(folder: Path) -> None:
    transformer = networks_of(folder, "transformer")["transformer"]
    transformer.add_adapter(LoraConfig(r=2, target_modules=["to_q"]))
    state = {key: value.clone() for key, value in transformer.state_dict().items()}
    (file,) = (folder / "transformer").glob("*.safetensors")
    file.unlink()
    save_file(state, file, {"format": "pt"})
    error = refusal(folder, prepare=False)
    assert error.path == str(folder / "transformer")
    assert "saved with a LoRA attached" in str(error)
    assert "to_q.base_layer" in str(error)


@pytest.mark.parametrize("name", ["vae", "text_encoder"])
@pytest.mark.parametrize("quantisation", [{}, {"quant_method": "gptq"}, "int8"])
def test_a_quantisation_of_any_component(folder: Path, name: str, quantisation: object) -> None:
    file = configure(folder / name / "config.json", quantization_config=quantisation)
    error = refusal(folder, prepare=False)
    assert error.path == str(file)
    assert "quantization_config.quant_method is" in str(error)


@pytest.mark.parametrize("name", ["vae", "text_encoder"])
def test_a_quantised_component_needs_its_package(
    folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = {"quant_method": "bitsandbytes", "load_in_8bit": True}
    file = configure(folder / name / "config.json", quantization_config=method)
    installed = {"accelerate": object()}
    monkeypatch.setattr("longtake_ltx2.loading.quantised.find_spec", installed.get)
    with pytest.raises(lt.MissingDependencyError, match="bitsandbytes") as caught:
        lt.load(folder, prepare=False)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize("generation", ["2.0", "2.3", "2.5"])
def test_published_configurations_are_known(tmp_path: Path, generation: str) -> None:
    for component in ("transformer", "vae", "audio_vae", "vocoder"):
        folder = tmp_path / component
        folder.mkdir()
        config = published_config(generation, component)
        (folder / "config.json").write_text(json.dumps(config))
        assert check_config(component, folder) == config


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"new_attention": True}, "new_attention"),
        ({"share_ff": True, "dropout": 0.1}, "dropout=0.1, share_ff=True"),
        ({"connector_new": 1, "text_encoder_norm_type": "x", "dropout": 0.0}, None),
    ],
)
def test_the_configuration_in_an_original_file(
    tiny: Path, tmp_path: Path, change: dict[str, Any], named: str | None
) -> None:
    found = networks_of(tiny, "transformer")
    config = original_config(found)
    config["transformer"] |= change
    weights = original_weights(found)
    path = write(
        tmp_path / "x.safetensors", weights, model_version="2.0", config=json.dumps(config)
    )
    if named is None:
        lt.load(tiny, transformer_path=str(path)).close()
        return
    error = refusal(tiny, transformer_path=str(path), prepare=False)
    assert error.path == str(path)
    assert f"cannot follow: {named}" in str(error)
