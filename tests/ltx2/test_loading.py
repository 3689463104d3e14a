"""What can be loaded beside a checkpoint, in its stead, and in which way."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers.models import attention_dispatch
from safetensors.torch import load_file, save_file

import longtake as lt
from longtake_ltx2.loading import reading
from longtake_ltx2.loading.model import load
from longtake_ltx2.pipeline_configs import LTX2T2VConfig
from longtake_ltx2.tiny import write_tiny_checkpoint
from tests.ltx2.original_files import networks_of, original_config, original_weights, write
from tests.ltx2.support import NO_GUIDANCE, Checkpoints, probed_pipeline, relative_error
from tests.ltx2.watching import Watched, quick

WEIGHTS = "diffusion_pytorch_model.safetensors"


def components(path: Path | None, **options: Any) -> Mapping[str, Any]:
    config = LTX2T2VConfig(**options)
    return load(lt.ModelSource(path=path, device="cpu", options=config)).components


@pytest.fixture
def folder(tiny: Path, tmp_path: Path) -> Path:
    """A copy of the tiny checkpoint, to be changed."""
    return shutil.copytree(tiny, tmp_path / "checkpoint")


@pytest.fixture
def lora(tiny: Path, tmp_path: Path) -> Path:
    """A LoRA for one layer of the transformer."""
    name = "transformer_blocks.0.attn1.to_q"
    layer = components(tiny)["transformer"].get_submodule(name)
    generator = torch.Generator().manual_seed(0)
    weights = {
        f"transformer.{name}.lora_A.weight": torch.randn(2, layer.in_features, generator=generator),
        f"transformer.{name}.lora_B.weight": torch.randn(
            layer.out_features, 2, generator=generator
        ),
    }
    save_file(weights, tmp_path / "lora.safetensors")
    return tmp_path / "lora.safetensors"


def outside(folder: Path) -> Path:
    """The upsampler of a checkpoint, taken out of it."""
    moved = (folder / "spatial_upsampler").rename(folder.parent / "upsampler")
    index = folder / "model_index.json"
    entries = json.loads(index.read_text())
    index.write_text(json.dumps({k: v for k, v in entries.items() if k != "spatial_upsampler"}))
    return moved


def configure(file: Path, **changes: Any) -> Path:
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))
    return file


def test_components_by_the_names_that_stages_use(tiny: Path) -> None:
    named = components(tiny, numerics="diffusers")
    assert {
        "text_encoders",
        "tokenizers",
        "connectors",
        "transformer",
        "vae",
        "audio_vae",
        "audio_decoder",
        "vocoder",
        "upsampler",
        "lora_path",
        "generation",
        "numerics",
        "config",
    } <= named.keys()
    assert named["audio_vae"] is named["audio_decoder"]
    assert named["generation"] == "2.0"
    assert named["lora_path"] is None
    assert named["numerics"].name == "diffusers"
    assert named["config"].model_path == str(tiny)


def test_the_upsampler_of_the_checkpoint(tiny: Path) -> None:
    upsampler = components(tiny)["upsampler"]
    assert type(upsampler).__name__ == "LTX2LatentUpsamplerModel"
    assert upsampler.dtype == torch.float32


@pytest.mark.parametrize("given", ["folder", "file", "file of another name"])
def test_an_upsampler_of_its_own(folder: Path, given: str) -> None:
    expected = components(folder)["upsampler"].state_dict()
    path = outside(folder)
    if given != "folder":
        path = path / WEIGHTS
    if given == "file of another name":
        path = path.rename(path.parent / "upscaler-x2.safetensors")
    upsampler = components(folder, upsampler_weights=str(path))["upsampler"]
    assert expected.keys() == upsampler.state_dict().keys()
    assert all(torch.equal(expected[k], v) for k, v in upsampler.state_dict().items())


def test_a_missing_upsampler_is_named_when_it_is_needed(folder: Path) -> None:
    outside(folder)
    named = components(folder)
    with pytest.raises(lt.CheckpointError, match="upsampler_weights="):
        named["upsampler"]


def test_an_upsampler_of_other_weights(folder: Path) -> None:
    path = outside(folder) / WEIGHTS
    foreign = path.rename(path.parent / "foreign.safetensors")
    save_file(load_file(foreign) | {"more": torch.zeros(1)}, foreign)
    with pytest.raises(lt.CheckpointError, match="another network: more") as caught:
        components(folder, upsampler_weights=str(foreign))["upsampler"]
    assert caught.value.path == str(foreign)


@pytest.mark.parametrize("option", ["upsampler_weights", "lora_path", "loras", "transformer_path"])
def test_a_path_that_is_not_there(
    tiny: Path, tmp_path: Path, option: str, caplog: pytest.LogCaptureFixture
) -> None:
    gone = str(tmp_path / "gone")
    options: dict[str, Any] = {option: [gone] if option == "loras" else gone}
    caplog.set_level(logging.INFO, logger="longtake_ltx2.loading")
    with pytest.raises(lt.CheckpointError) as caught:
        lt.load(tiny, preset="ltx2_two_stage", **options)
    assert caught.value.path == gone
    assert not caplog.records, "nothing was loaded"


def test_a_damaged_upsampler_is_refused_before_anything_is_loaded(folder: Path) -> None:
    path = outside(folder)
    (path / WEIGHTS).write_bytes(b"x")
    with pytest.raises(lt.CheckpointError) as caught:
        components(folder, upsampler_weights=str(path))
    assert caught.value.path == str(path / WEIGHTS)
    (path / "config.json").unlink()
    with pytest.raises(lt.CheckpointError) as caught:
        components(folder, upsampler_weights=str(path / WEIGHTS))
    assert caught.value.path == str(path / WEIGHTS)


def test_another_transformer(checkpoints: Checkpoints, folder: Path, tmp_path: Path) -> None:
    (folder / "transformer" / WEIGHTS).unlink()
    other = write_tiny_checkpoint(tmp_path / "other", seed=1) / "transformer"
    named = components(folder, transformer_path=str(other))
    assert named["generation"] == "2.0"
    expected = load_file(other / WEIGHTS)
    weights = named["transformer"].state_dict()
    assert all(torch.equal(weights[name], value) for name, value in expected.items())
    assert named["config"].transformer_path == str(other)


def test_a_transformer_of_another_generation_is_refused(
    checkpoints: Checkpoints, folder: Path
) -> None:
    other = checkpoints.path("2.3") / "transformer"
    with pytest.raises(lt.CheckpointError, match=r"generation 2\.3, the checkpoint is of 2\.0"):
        components(folder, transformer_path=str(other))


def test_vaes_from_elsewhere(folder: Path, tmp_path: Path) -> None:
    own = components(folder)
    networks = networks_of(folder, "vae", "audio_vae")
    file = tmp_path / "vaes.safetensors"
    config = json.dumps(original_config(networks))
    write(file, original_weights(networks), model_version="2.0.0", config=config)
    other = write_tiny_checkpoint(tmp_path / "other", seed=1)
    single = components(folder, vae_path=str(file), audio_vae_path=str(file))
    folders = components(
        folder, vae_path=str(other / "vae"), audio_vae_path=str(other / "audio_vae")
    )
    for name in ("vae", "audio_vae"):
        expected, found = own[name].state_dict(), single[name].state_dict()
        assert all(torch.equal(found[key], value) for key, value in expected.items())
        changed = folders[name].state_dict()
        assert not all(torch.equal(changed[key], value) for key, value in expected.items())
    with pytest.raises(lt.CheckpointError, match="missing"):
        components(folder, vae_path=str(tmp_path / "none"))


@pytest.mark.parametrize("name", ["upsampler_weights", "lora_path"])
def test_weights_of_a_second_pass_that_there_is_not_are_refused(
    tiny: Path, tmp_path: Path, name: str
) -> None:
    given: dict[str, Any] = {name: tmp_path}
    with pytest.raises(lt.ValidationError, match="ltx2_two_stage") as caught:
        lt.load(tiny, preset="ltx2_tiny", **given)
    assert caught.value.path == name


def test_a_transformer_as_it_is_published(folder: Path, tmp_path: Path) -> None:
    expected = components(folder)["transformer"]
    networks = networks_of(folder, "transformer")
    config = json.dumps(original_config(networks))
    file = tmp_path / "published.safetensors"
    write(file, original_weights(networks), model_version="2.0.0", config=config)
    (folder / "transformer" / WEIGHTS).unlink()
    named = components(folder, transformer_path=str(file))
    assert named["generation"] == "2.0"
    assert named["transformer"].config.perturbed_attn is True
    weights = named["transformer"].state_dict()
    assert all(torch.equal(weights[k], v) for k, v in expected.state_dict().items())
    assert all(tensor.data_ptr() % 16 == 0 for tensor in weights.values())


def test_a_single_file_without_a_transformer(tiny: Path) -> None:
    file = str(tiny / "vae" / WEIGHTS)
    with pytest.raises(lt.CheckpointError) as caught:
        components(tiny, transformer_path=file)
    assert caught.value.path == file


def test_the_path_of_the_checkpoint_is_said_once(tiny: Path, tmp_path: Path) -> None:
    assert components(None, model_path=str(tiny))["config"].model_path == str(tiny)
    assert components(tiny, model_path=str(tiny))["generation"] == "2.0"
    with pytest.raises(lt.ValidationError) as caught:
        components(tiny, model_path=str(tmp_path))
    assert caught.value.path == "model_path"
    with pytest.raises(lt.ValidationError) as caught:
        components(None)
    assert caught.value.path == "path"


def latents_of(path: Path, **options: Any) -> torch.Tensor:
    """The transformer's answer to one fixed question."""
    transformer = components(path, **options)["transformer"]
    question = torch.linspace(-1, 1, 4 * transformer.config.in_channels)
    with torch.no_grad():
        answer: torch.Tensor = transformer(
            hidden_states=question.view(1, 4, -1),
            audio_hidden_states=torch.ones(1, 2, transformer.config.audio_in_channels),
            encoder_hidden_states=torch.ones(1, 8, transformer.config.caption_channels),
            audio_encoder_hidden_states=torch.ones(1, 8, transformer.config.caption_channels),
            timestep=torch.tensor([500.0]),
            num_frames=1,
            height=2,
            width=2,
            audio_num_frames=2,
            return_dict=False,
        )[0]
    return answer


def test_loras_of_the_user_count_in_every_pass(tiny: Path, lora: Path) -> None:
    without = latents_of(tiny)
    assert torch.equal(without, latents_of(tiny, loras=(f"{lora}=0",)))
    whole = latents_of(tiny, loras=(str(lora),))
    assert relative_error(without, whole) > 1e-4
    assert torch.equal(whole, latents_of(tiny, loras=(f"{lora}=1.0",)))


def test_a_refine_lora_is_checked_and_left_to_its_pass(tiny: Path, lora: Path) -> None:
    named = components(tiny, lora_path=str(lora))
    assert named["lora_path"] == str(lora)
    assert not any("lora" in name for name, _ in named["transformer"].named_parameters())
    lora.write_bytes(b"x")
    with pytest.raises(lt.CheckpointError) as caught:
        components(tiny, lora_path=str(lora))
    assert caught.value.path == str(lora)


@pytest.mark.parametrize(
    ("quantisation", "missing"),
    [
        ({"quant_method": "torchao"}, "torchao"),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, "bitsandbytes"),
        ({"quant_method": "gguf"}, "gguf"),
        ({"quant_method": "quanto"}, "optimum-quanto"),
    ],
)
def test_a_quantised_transformer_needs_its_package(
    folder: Path, quantisation: dict[str, Any], missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = configure(folder / "transformer" / "config.json", quantization_config=quantisation)
    installed = {"accelerate": object()}
    monkeypatch.setattr("longtake_ltx2.loading.quantised.find_spec", installed.get)
    with pytest.raises(lt.MissingDependencyError) as caught:
        lt.load(folder)
    assert caught.value.package == missing
    assert str(file) in str(caught.value)


@pytest.mark.parametrize("quantisation", [{}, {"quant_method": "magic"}, [], "int8"])
def test_an_unknown_quantisation(folder: Path, quantisation: object) -> None:
    file = configure(folder / "transformer" / "config.json", quantization_config=quantisation)
    with pytest.raises(lt.CheckpointError, match="quant_method") as caught:
        lt.load(folder)
    assert caught.value.path == str(file)


def test_an_attention_backend(tiny: Path) -> None:
    get_active_backend = attention_dispatch._AttentionBackendRegistry.get_active_backend
    before = get_active_backend()[0].value
    transformer = components(tiny, attention_backend="_native_math")["transformer"]
    used = {module.processor._attention_backend for module in attentions(transformer)}
    assert {backend.value for backend in used} == {"_native_math"}
    plain = components(tiny)["transformer"]
    assert {module.processor._attention_backend for module in attentions(plain)} == {None}
    assert get_active_backend()[0].value == before, "others in the process keep theirs"


def attentions(transformer: Any) -> list[Any]:
    from diffusers.models.attention import AttentionModuleMixin

    return [m for m in transformer.modules() if isinstance(m, AttentionModuleMixin)]


def test_an_attention_backend_that_nobody_knows(tiny: Path) -> None:
    with pytest.raises(lt.ValidationError, match="native, sage") as caught:
        components(tiny, attention_backend="fast")
    assert caught.value.path == "attention_backend"


def test_an_attention_backend_that_is_not_installed(tiny: Path) -> None:
    if find_spec("xformers") is not None:
        pytest.skip("xformers is installed here")
    named = components(tiny, attention_backend="xformers")
    with pytest.raises(lt.ValidationError, match="cannot be used") as caught:
        named["transformer"]
    assert caught.value.path == "attention_backend"


def test_compiling_is_opt_in(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from diffusers import LTX2VideoTransformer3DModel

    compiled: list[Any] = []
    name = "compile_repeated_blocks"
    monkeypatch.setattr(LTX2VideoTransformer3DModel, name, lambda network: compiled.append(network))
    assert components(tiny)["transformer"] not in compiled
    transformer = components(tiny, compile=True)["transformer"]
    assert compiled == [transformer]


def test_a_compiled_transformer_gives_the_same(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where hooks of one pass change what a block does: in no other pass.

    Traced and split as for a GPU, but not turned into C++, which takes a minute.
    """
    compile_module, compiled = torch.nn.Module.compile, []

    def compile_block(block: torch.nn.Module) -> None:
        compiled.append(type(block).__name__)
        compile_module(block, backend="aot_eager")

    monkeypatch.setattr(torch.nn.Module, "compile", compile_block)
    plain, plain_probe = probed_pipeline(tiny, device="cpu")
    other, other_probe = probed_pipeline(tiny, device="cpu", compile=True)
    assert compiled == ["LTX2VideoTransformerBlock"] * 4
    for video, audio in ((1.0, 0.0), (0.0, 1.0)):
        scales = {**NO_GUIDANCE, "stg_scale": video, "audio_stg_scale": audio, "stg_blocks": [1]}
        overrides = {"denoise": {"num_inference_steps": 2, **scales}}
        request = lt.GenerationRequest("x", stage_overrides=overrides)
        plain.generate(request)
        other.generate(request)
        expected, actual = plain_probe.clean[-1], other_probe.clean[-1]
        assert relative_error(expected.video, actual.video) < 1e-5
        assert relative_error(expected.audio, actual.audio) < 1e-5


def test_tiles_are_by_choice(tiny: Path) -> None:
    assert components(tiny)["vae"].use_tiling is False
    assert components(tiny, vae_tiling=True)["vae"].use_tiling is True


def test_options_reach_a_run(tiny: Path) -> None:
    """Loaded whole, with every option that changes nothing here."""
    options: dict[str, Any] = {"attention_backend": "native", "vae_tiling": True}
    plain, other = Watched(tiny), Watched(tiny, **options)
    request = lt.GenerationRequest("x", stage_overrides=quick())
    frames = plain.pipeline.generate(request).frames
    assert (frames == other.pipeline.generate(request).frames).all()


def loaded(path: Path, **options: Any) -> list[lt.LoadProgress]:
    told: list[lt.LoadProgress] = []
    preset = "ltx2_two_stage"
    lt.load(path, preset=preset, device="cpu", progress=told.append, **options).close()
    return told


def test_every_network_is_told_with_the_bytes_of_its_files(folder: Path) -> None:
    told = loaded(folder)
    names = dict.fromkeys(event.component for event in told)
    assert {"text_encoder", "connectors", "transformer", "vae", "upsampler"} <= names.keys()
    for name in names:
        first, *between, last = [event for event in told if event.component == name]
        assert first == lt.LoadProgress(name)
        assert [event.ready for event in between] == [False] * len(between)
        size = sum(file.stat().st_size for file in (folder / "transformer").glob("*.safetensors"))
        if name == "transformer":
            assert last == lt.LoadProgress(name, size, size, ready=True)
        assert last.ready
        assert last.bytes_read == last.bytes_total == between[-1].bytes_read


def test_bytes_are_told_while_they_are_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_CHUNK_BYTES", 100_000)
    read = [event.bytes_read for event in loaded(folder) if event.component == "vae"]
    assert len(read) > 10
    assert read == sorted(read)
    assert read[1] == 100_000


def test_a_part_of_a_larger_file_is_told_without_bytes(folder: Path, tmp_path: Path) -> None:
    networks = networks_of(folder, "vae", "audio_vae")
    config = json.dumps(original_config(networks))
    file = write(
        tmp_path / "both.safetensors",
        original_weights(networks),
        model_version="2.0.0",
        config=config,
    )
    of_vae = [event for event in loaded(folder, vae_path=str(file)) if event.component == "vae"]
    assert of_vae == [lt.LoadProgress("vae"), lt.LoadProgress("vae", ready=True)]


def test_nobody_who_watches_stops_the_loading_by_an_error_of_their_own(folder: Path) -> None:
    def refuse(event: lt.LoadProgress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        lt.load(folder, device="cpu", progress=refuse)
