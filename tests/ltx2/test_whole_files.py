"""Whole checkpoints in Lightricks' own layout: the same bits as the folder's."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import longtake as lt
from longtake.cli import main
from longtake_ltx2.checkpoints.configs import config_of
from longtake_ltx2.checkpoints.layout import layout_of
from longtake_ltx2.checkpoints.recognising import recognise
from longtake_ltx2.loading.convert_command import convert_command
from longtake_ltx2.tiny import Generation
from tests.ltx2.original_files import (
    config_in,
    networks_of,
    original_diffusion_vae,
    original_gemma,
    original_weights,
    stored,
    whole_weights,
    write,
    write_parts,
    write_whole,
)
from tests.ltx2.support import Checkpoints, networks
from tests.ltx2.watching import quick

VERSIONS: dict[Generation, str] = {"2.0": "2.0.0", "2.3": "2.3.rc1", "2.5": "2.5.1"}
GENERATIONS: tuple[Generation, ...] = ("2.0", "2.3", "2.5")
PREFIXES = ("model.diffusion_model.", "diffusion_model.", "")
REQUEST = lt.GenerationRequest("a fox", sampling=lt.Sampling(num_frames=9), stage_overrides=quick())

Files = Callable[..., Path]


def made(path: Path, **options: Any) -> tuple[Any, Any]:
    """Frames and samples of a short segment."""
    with lt.load(path, preset="ltx2_tiny", **options) as pipeline:
        result = pipeline.generate(REQUEST)
    return result.frames, result.audio


def equal(one: tuple[Any, Any], other: tuple[Any, Any]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.fixture(scope="module")
def expected(checkpoints: Checkpoints) -> Callable[[Generation], tuple[Any, Any]]:
    """What the folder of a generation makes, made once."""
    kept: dict[Generation, tuple[Any, Any]] = {}

    def of(generation: Generation) -> tuple[Any, Any]:
        if generation not in kept:
            kept[generation] = made(checkpoints.path(generation))
        return kept[generation]

    return of


@pytest.fixture(scope="module")
def files(checkpoints: Checkpoints, tmp_path_factory: pytest.TempPathFactory) -> Files:
    """One file with everything but the text encoder, by generation and prefix, written once."""
    target, kept = tmp_path_factory.mktemp("whole"), dict[tuple[str, str], Path]()

    def of(generation: Generation, prefix: str = PREFIXES[0]) -> Path:
        if (generation, prefix) not in kept:
            path = target / f"{generation}-{len(kept)}.safetensors"
            folder = checkpoints.path(generation)
            kept[generation, prefix] = write_whole(folder, path, VERSIONS[generation], prefix)
        return kept[generation, prefix]

    return of


@pytest.fixture(scope="module")
def parts(checkpoints: Checkpoints, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """2.5 in a file for each network or two."""
    return write_parts(checkpoints.path("2.5"), tmp_path_factory.mktemp("parts"), VERSIONS["2.5"])


@pytest.mark.parametrize(("generation", "prefix"), list(zip(GENERATIONS, PREFIXES, strict=True)))
def test_a_whole_file_makes_what_the_folder_makes(
    generation: Generation,
    prefix: str,
    checkpoints: Checkpoints,
    files: Files,
    expected: Callable[[Generation], tuple[Any, Any]],
) -> None:
    path = files(generation, prefix)
    assert recognise(path) == lt.Recognition("ltx2_tiny", f"LTX-{generation}")
    text = str(checkpoints.path(generation))
    assert equal(made(path, text_encoder_path=text), expected(generation))


def test_parts_make_what_the_folder_makes(
    parts: Path, expected: Callable[[Generation], tuple[Any, Any]]
) -> None:
    assert recognise(parts) == lt.Recognition("ltx2_tiny", "LTX-2.5")
    assert equal(made(parts), expected("2.5"))


def test_parts_that_are_named_one_by_one(parts: Path) -> None:
    """The vocoder is in the file of the audio VAE, the text projection in the text encoder's."""
    named = {
        "text_encoder": parts / "text_encoders" / "gemma-with-proj.safetensors",
        "vae": parts / "vae" / "ltx-video-vae-conv.safetensors",
        "audio_vae": parts / "vae" / "ltx-audio-vae.safetensors",
    }
    transformer = parts / "diffusion_models" / "ltx-distilled-transformer.safetensors"
    layout = layout_of(transformer, named)
    layout.check()
    assert {name: layout.place(name) for name in named} == named
    assert layout.place("vocoder") == named["audio_vae"]
    for name in ("text_projection", "tokenizer"):
        assert layout.place(name) == named["text_encoder"]
    assert layout.place("connectors") == layout.place("transformer") == transformer
    options: dict[str, Any] = {f"{name}_path": str(path) for name, path in named.items()}
    lt.load(transformer, **options, prepare=False).close()


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("prefix", PREFIXES)
def test_every_network_is_described_as_in_its_folder(
    generation: Generation, prefix: str, checkpoints: Checkpoints, files: Files
) -> None:
    folder = checkpoints.path(generation)
    layout = layout_of(files(generation, prefix), {"text_encoder": folder})
    layout.check()
    for name in ("transformer", "connectors", "vae", "audio_vae", "vocoder"):
        found, wanted = config_of(layout, name), config_in(folder / name)
        known = {key: value for key, value in wanted.items() if not key.startswith("_d")}
        # What is not said is the class's own default.
        assert json.loads(json.dumps(found)).items() <= known.items()
        assert found["_class_name"] == wanted["_class_name"]


def test_every_network_of_the_parts_has_the_same_weights(
    parts: Path, checkpoints: Checkpoints
) -> None:
    from longtake_ltx2.loading.model import load

    ours = load(lt.ModelSource(path=parts, device="cpu")).components
    theirs = networks(checkpoints.path("2.5"))
    for name in ("duration_head", "upsampler", "connectors", "vocoder"):
        found, wanted = ours[name].state_dict(), theirs[name].state_dict()
        assert found.keys() == wanted.keys()
        assert all(torch.equal(found[key], wanted[key]) for key in wanted)


@pytest.mark.parametrize("generation", ["2.3", "2.5"])
@pytest.mark.parametrize("flat", [False, True])
def test_a_gemma_in_one_file_is_the_folders(
    generation: Generation, flat: bool, checkpoints: Checkpoints, tmp_path: Path
) -> None:
    folder = checkpoints.path(generation)
    weights, metadata = original_gemma(folder, flat=flat)
    path = write(tmp_path / "gemma.safetensors", weights, **metadata)
    from longtake_ltx2.loading.model import load
    from longtake_ltx2.pipeline_configs import LTX2T2VConfig

    source = lt.ModelSource(
        path=folder, device="cpu", options=LTX2T2VConfig(text_encoder_path=str(path))
    )
    ours, theirs = load(source).components, networks(folder)
    (one,), (other,) = ours["text_encoders"], theirs["text_encoders"]
    assert type(one) is type(other)
    found, wanted = one.state_dict(), other.state_dict()
    assert all(torch.equal(found[key], wanted[key]) for key in wanted)
    (tokenizer,), (known,) = ours["tokenizers"], theirs["tokenizers"]
    assert tokenizer("a fox").input_ids == known("a fox").input_ids


def in_fp8(path: Path, target: Path, layers: str) -> tuple[Path, Path]:
    """A file with matrices in fp8 and their scales, and one with the floats they stand for."""
    with safe_open(path, "pt") as opened:
        metadata = opened.metadata()
    scaled = load_file(path)
    plain = dict(scaled)
    for key in [k for k in scaled if layers in k and k.endswith(".weight") and scaled[k].ndim == 2]:
        scale = scaled[key].abs().max() / 448
        scaled[key] = (scaled[key] / scale).to(torch.float8_e4m3fn)
        scaled[f"{key}_scale"] = scale.reshape(())
        plain[key] = scaled[key].float() * scale
    save_file(scaled, target / "fp8.safetensors", metadata)
    save_file(plain, target / "plain.safetensors", metadata)
    return target / "fp8.safetensors", target / "plain.safetensors"


def test_fp8_with_scales_is_the_floats_it_stands_for(
    files: Files,
    checkpoints: Checkpoints,
    tmp_path: Path,
    expected: Callable[[Generation], tuple[Any, Any]],
) -> None:
    text = str(checkpoints.path("2.3"))
    scaled, plain = in_fp8(files("2.3", PREFIXES[1]), tmp_path, "attn")
    found = made(scaled, text_encoder_path=text)
    assert equal(found, made(plain, text_encoder_path=text))
    assert not equal(found, expected("2.3")), "rounding to fp8 changes something"


def test_an_upsampler_as_it_is_published(checkpoints: Checkpoints, tmp_path: Path) -> None:
    """The weights say of which kind it is; x1.5 and x2 differ in the convolution that enlarges."""
    own = checkpoints.path("2.0")
    weights = stored(own / "spatial_upsampler")
    path = write(tmp_path / "x2.safetensors", weights)
    layout = layout_of(own, {"upsampler": path})
    wanted = config_in(own / "spatial_upsampler")
    assert config_of(layout, "upsampler").items() <= wanted.items()
    width = wanted["mid_channels"]
    weights["upsampler.conv.weight"] = torch.zeros(9 * width, width, 3, 3)
    weights["upsampler.conv.bias"] = torch.zeros(9 * width)
    path = write(tmp_path / "x1.5.safetensors", weights)
    described = config_of(layout_of(own, {"upsampler": path}), "upsampler")
    assert described["rational_spatial_scale"] == 1.5


def test_an_upsampler_over_time_is_not_taken_for_one_over_space(
    parts: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(parts, tmp_path / "parts")
    (spatial,) = (folder / "latent_upscale_models").glob("*.safetensors")
    weights = load_file(spatial)
    width = weights["initial_conv.weight"].shape[0]
    weights["upsampler.0.weight"] = torch.zeros(2 * width, width, 3, 3, 3)
    save_file(weights, spatial.with_name("temporal.safetensors"))
    assert layout_of(folder, {}).place("upsampler") == spatial


def test_the_diffusion_decoder_of_the_parts(
    parts: Path, checkpoints: Checkpoints, tmp_path: Path
) -> None:
    """It lies beside the other video VAE; the distilled one has gates to be multiplied in."""
    from longtake_ltx2.loading.model import load

    folder = shutil.copytree(parts, tmp_path / "parts")
    own = checkpoints.path("2.5") / "diffusion_decoder"
    ours = config_in(own)
    decoder = {
        name.removeprefix("decoder_"): value
        for name, value in ours.items()
        if name.startswith("decoder_")
    }
    decoder["default_num_inference_steps"] = decoder.pop("num_inference_steps")
    strides = decoder.pop("upsample_strides")
    reductions = decoder.pop("upsample_channel_reductions")
    decoder["upsamples"] = [list(pair) for pair in zip(strides, reductions, strict=True)]
    config = {
        "_class_name": "CausalDiffusionVAE",
        "model_output_type": decoder.pop("model_output_type"),
        "decoder": decoder,
    }
    weights = original_diffusion_vae(own, {"encoder.conv_in.conv.bias": torch.ones(2)})
    gate = torch.full((64,), 0.5)
    weights["decoder.det_stages.0.0.gate_msa"] = gate
    write(
        folder / "vae" / "diffusion.safetensors",
        weights,
        model_version="2.5.1",
        config=json.dumps({"vae": config}),
    )
    source = lt.ModelSource(path=folder, device="cpu")
    found = load(source).components["diffusion_decoder"].state_dict()
    wanted = networks(checkpoints.path("2.5"))["diffusion_decoder"].state_dict()
    for kind in ("weight", "bias"):
        wanted[f"decoder.det_stages.0.0.attn.to_out.0.{kind}"] *= 0.5
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[key], wanted[key]) for key in wanted)


def test_a_gguf_transformer_beside_a_whole_file(
    files: Files, checkpoints: Checkpoints, tmp_path: Path
) -> None:
    """The file with the others describes it, as a folder's configuration does."""
    gguf = pytest.importorskip("gguf")
    pytest.importorskip("accelerate")
    path = tmp_path / "x.gguf"
    writer = gguf.GGUFWriter(path, "ltxv")
    for key, value in original_weights(networks_of(checkpoints.path("2.3"), "transformer")).items():
        writer.add_tensor(key.removeprefix(PREFIXES[0]), value.numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    folder = checkpoints.path("2.3")
    given = {"transformer": path, "text_encoder": folder}
    layout = layout_of(files("2.3"), given)
    assert config_of(layout, "transformer") == config_of(layout_of(files("2.3"), {}), "transformer")
    options: dict[str, Any] = {"transformer_path": str(path), "text_encoder_path": str(folder)}
    pipeline = lt.load(files("2.3"), preset="ltx2_tiny", prepare=False, **options)
    with pipeline, pipeline.components() as components:
        found = components["transformer"].state_dict()
    wanted = networks(folder)["transformer"].state_dict()
    assert found.keys() == wanted.keys()


def without(path: Path, target: Path, start: str) -> Path:
    """A file without the tensors whose names begin so."""
    with safe_open(path, "pt") as opened:
        metadata = opened.metadata()
    kept = {key: t for key, t in load_file(path).items() if not key.startswith(start)}
    save_file(kept, target / "x.safetensors", metadata)
    return target / "x.safetensors"


@pytest.mark.parametrize(
    ("start", "option"),
    [
        ("vae.", "vae_path"),
        ("audio_vae.", "audio_vae_path"),
        ("vocoder.", "vocoder_path"),
        ("text_embedding_projection.", "text_encoder_path"),
    ],
)
def test_what_is_missing_is_named_with_the_option_for_it(
    start: str, option: str, files: Files, checkpoints: Checkpoints, tmp_path: Path
) -> None:
    path = without(files("2.3"), tmp_path, start)
    with pytest.raises(lt.CheckpointError, match=option) as caught:
        lt.load(path, text_encoder_path=str(checkpoints.path("2.3")), prepare=False)
    assert caught.value.path == str(path)


def test_the_text_encoder_is_asked_for(files: Files) -> None:
    with pytest.raises(lt.CheckpointError, match="text_encoder_path.*tokenizer_path") as caught:
        lt.load(files("2.3"), prepare=False)
    assert caught.value.path == str(files("2.3"))


def test_a_text_encoder_of_another_width(
    files: Files, checkpoints: Checkpoints, tmp_path: Path
) -> None:
    folder = shutil.copytree(checkpoints.path("2.3") / "text_encoder", tmp_path / "text_encoder")
    config = config_in(folder)
    config["text_config"]["hidden_size"] = 36
    (folder / "config.json").write_text(json.dumps(config))
    shutil.copytree(checkpoints.path("2.3") / "tokenizer", tmp_path / "tokenizer")
    with pytest.raises(lt.CheckpointError, match="no multiple of the 36 of the text encoder"):
        lt.load(files("2.3"), text_encoder_path=str(folder), prepare=False)


def test_a_gemma_without_a_configuration(
    files: Files, checkpoints: Checkpoints, tmp_path: Path
) -> None:
    """ComfyUI's file of Gemma 3 has none; one that lies beside it is taken."""
    folder = checkpoints.path("2.3")
    weights, _ = original_gemma(folder, flat=True)
    path = write(tmp_path / "gemma.safetensors", weights)
    with pytest.raises(lt.CheckpointError, match=r"config\.json beside it") as caught:
        lt.load(files("2.3"), text_encoder_path=str(path), prepare=False)
    assert caught.value.path == str(path)
    shutil.copy(folder / "text_encoder" / "config.json", tmp_path)
    lt.load(files("2.3"), text_encoder_path=str(path), prepare=False).close()


def test_two_transformers_in_a_folder(parts: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(parts, tmp_path / "parts")
    (first,) = (folder / "diffusion_models").glob("*.safetensors")
    other = first.with_name("ltx-dev-transformer.safetensors")
    shutil.copy(first, other)
    with pytest.raises(lt.CheckpointError, match="transformer_path") as caught:
        lt.load(folder, prepare=False)
    assert caught.value.path == str(folder)
    for words in (first.name, other.name):
        assert words in str(caught.value)
    lt.load(folder, transformer_path=str(other), prepare=False).close()


def test_files_without_a_transformer_are_refused(parts: Path) -> None:
    path = parts / "vae" / "ltx-audio-vae.safetensors"
    with pytest.raises(lt.CheckpointError, match="audio_vae, vocoder.*with the transformer"):
        recognise(path)
    assert recognise(parts / "text_encoders") is None


@pytest.mark.parametrize(
    ("generation", "name", "preset"),
    [
        ("2.0", "ltx-2-19b-dev", "ltx2_base"),
        ("2.0", "ltx-2-19b-distilled", "ltx2_distilled"),
        ("2.3", "ltx-2.3-22b-dev", "ltx2_3_base"),
        ("2.5", "ltx-2.5-22b-distilled-transformer-bf16", "ltx2_5_distilled"),
        ("2.5", "ltx-2.5-22b-dev-transformer-bf16", "ltx2_5_base"),
    ],
)
def test_the_preset_is_that_of_generation_and_name(
    generation: Generation, name: str, preset: str, checkpoints: Checkpoints, tmp_path: Path
) -> None:
    config = {"transformer": {"num_attention_heads": 32, "attention_head_dim": 128}}
    weights = whole_weights(checkpoints.path(generation))
    path = write(
        tmp_path / f"{name}.safetensors",
        weights,
        model_version=VERSIONS[generation],
        config=json.dumps(config),
    )
    assert recognise(path) == lt.Recognition(preset, f"LTX-{generation}")


@pytest.fixture(params=["file", "parts"])
def to_convert(
    request: pytest.FixtureRequest, files: Files, parts: Path, checkpoints: Checkpoints
) -> Iterator[tuple[Path, Generation, list[str]]]:
    if request.param == "parts":
        yield parts, "2.5", []
    else:
        text = ["--text-encoder-path", str(checkpoints.path("2.3"))]
        yield files("2.3"), "2.3", text


def test_convert_writes_the_folder(
    to_convert: tuple[Path, Generation, list[str]], tmp_path: Path, checkpoints: Checkpoints
) -> None:
    path, generation, options = to_convert
    folder = tmp_path / "new" / "folder"
    result = CliRunner().invoke(convert_command, [str(path), str(folder), *options])
    assert result.exception is None
    assert result.output == f"{folder}\n"
    assert [child.name for child in folder.parent.iterdir()] == ["folder"]
    own = checkpoints.path(generation)
    assert recognise(folder) == recognise(own)
    lt.load(folder, prepare=False).close()
    found = {child.name for child in folder.iterdir()}
    assert {"transformer", "connectors", "vae", "audio_vae", "vocoder", "text_encoder"} <= found
    for name in found & {child.name for child in own.iterdir() if child.is_dir()}:
        weights, wanted = stored(folder / name), stored(own / name)
        assert weights.keys() == wanted.keys()
        assert all(torch.equal(weights[key], wanted[key]) for key in wanted)
    # A Gemma in a single file has its tokenizer's JSON in it, and no template of a chat.
    pattern = "*" if options else "*.json"
    for file in (own / "tokenizer").glob(pattern):
        assert (folder / "tokenizer" / file.name).read_bytes() == file.read_bytes()


def test_convert_overwrites_nothing(files: Files, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("x")
    result = CliRunner().invoke(convert_command, [str(files("2.3")), str(tmp_path)])
    assert isinstance(result.exception, lt.OutputError)
    assert [child.name for child in tmp_path.iterdir()] == ["kept"]


def test_convert_leaves_nothing_behind_when_it_fails(files: Files, tmp_path: Path) -> None:
    result = CliRunner().invoke(convert_command, [str(files("2.3")), str(tmp_path / "new")])
    assert isinstance(result.exception, lt.CheckpointError)
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_planned_as_its_folder(
    files: Files, checkpoints: Checkpoints, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(checkpoints.path("2.3"))
    plans = []
    for model, options in ((folder, []), (str(files("2.3")), ["--text-encoder-path", folder])):
        assert main(["plan", "--model", model, *options, "--json"]) == 0
        plans.append(json.loads(capsys.readouterr().out))
    assert plans[0]["segments"] == plans[1]["segments"]
