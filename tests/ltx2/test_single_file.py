"""Files in Lightricks' own layout: what is recognised, what loads, what is refused."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import longtake as lt
from longtake_ltx2.checkpoints.single_file import recognise_file, recognise_files
from longtake_ltx2.loading import single_file as single_file_loading
from longtake_ltx2.loading.single_file import load_audio_vae, load_transformer, load_vae
from longtake_ltx2.tiny import Generation
from tests.ltx2.original_files import (
    RENAMES,
    networks_of,
    original_config,
    original_weights,
    write,
)
from tests.ltx2.support import Checkpoints, probed_pipeline
from tests.ltx2.watching import quick

Tensors = dict[str, torch.Tensor]
Load = Callable[..., Any]

LOADERS: dict[str, Load] = {
    "transformer": load_transformer,
    "vae": load_vae,
    "audio_vae": load_audio_vae,
}
VERSIONS: dict[Generation, str] = {"2.0": "2.0.0", "2.3": "2.3.rc1", "2.5": "2.5.1"}


def connectors_and_more(weights: Tensors) -> Tensors:
    """With something of what else is in a published file."""
    return weights | {
        "model.diffusion_model.video_embeddings_connector.learnable_registers": torch.ones(2),
        "model.diffusion_model.audio_embeddings_connector.learnable_registers": torch.ones(2),
        "text_embedding_projection.aggregate_embed.weight": torch.ones(2, 2),
        "vae.per_channel_statistics.channel": torch.ones(2),
        "vae.per_channel_statistics.mean-of-stds": torch.ones(2),
        "vocoder.conv_pre.weight": torch.ones(2),
    }


@pytest.fixture(params=["2.0", "2.3", "2.5"])
def generation(request: pytest.FixtureRequest) -> Generation:
    chosen: Generation = request.param
    return chosen


@pytest.fixture
def published(
    generation: Generation, checkpoints: Checkpoints, tmp_path: Path
) -> tuple[Path, dict[str, Any]]:
    """One file with everything, and the networks that it was made of."""
    networks = networks_of(checkpoints.path(generation), *LOADERS)
    path = write(
        tmp_path / "ltx.safetensors",
        connectors_and_more(original_weights(networks)),
        model_version=VERSIONS[generation],
        config=json.dumps(original_config(networks)),
    )
    return path, networks


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def test_networks_come_back_bit_for_bit(published: tuple[Path, dict[str, Any]]) -> None:
    path, networks = published
    for name, load in LOADERS.items():
        loaded, expected = load(path, torch.float32), networks[name]
        weights, wanted = loaded.state_dict(), expected.state_dict()
        assert weights.keys() == wanted.keys()
        assert all(torch.equal(weights[key], wanted[key]) for key in wanted)
        ours = {k: v for k, v in loaded.config.items() if not k.startswith("_")}
        theirs = {k: v for k, v in expected.config.items() if not k.startswith("_")}
        assert as_lists(ours) == as_lists(theirs)
        assert not loaded.training
        assert not any(parameter.is_meta for parameter in loaded.parameters())


def as_lists(config: dict[str, Any]) -> Any:
    return json.loads(json.dumps(config))


def test_networks_in_another_dtype(published: tuple[Path, dict[str, Any]]) -> None:
    path, _ = published
    for load in LOADERS.values():
        dtypes = {parameter.dtype for parameter in load(path, torch.bfloat16).parameters()}
        assert dtypes == {torch.bfloat16}


def test_a_checkpoint_with_the_transformer_of_a_single_file(
    generation: Generation, checkpoints: Checkpoints, published: tuple[Path, dict[str, Any]]
) -> None:
    request = lt.GenerationRequest("x", sampling=lt.Sampling(num_frames=9), stage_overrides=quick())
    latents = []
    for options in ({}, {"transformer_path": str(published[0])}):
        pipeline, probe = probed_pipeline(checkpoints.path(generation), **options)
        with pipeline:
            pipeline.generate(request)
        latents.append(probe.clean[0])
    assert torch.equal(latents[0].video, latents[1].video)
    assert torch.equal(latents[0].audio, latents[1].audio)


def test_a_configuration_that_is_to_be_other(published: tuple[Path, dict[str, Any]]) -> None:
    path, _ = published
    for perturbed in (True, False):
        loaded = load_transformer(path, torch.float32, perturbed_attn=perturbed)
        assert loaded.config.perturbed_attn is perturbed


def test_what_a_file_says_about_itself(
    generation: Generation, published: tuple[Path, dict[str, Any]]
) -> None:
    found = recognise_file(published[0])
    assert found is not None
    assert found.generation == generation
    assert found.version == VERSIONS[generation]
    assert set(found.components) == {*LOADERS, "connectors", "text_projection", "vocoder"}


def test_a_file_per_network(
    generation: Generation, checkpoints: Checkpoints, tmp_path: Path
) -> None:
    """Video VAEs then have no prefix."""
    networks = networks_of(checkpoints.path(generation), *LOADERS)
    for name, load in LOADERS.items():
        one = {name: networks[name]}
        weights = {key.removeprefix("vae."): t for key, t in original_weights(one).items()}
        config = json.dumps(original_config(one))
        folder = tmp_path / f"folder_{name}"
        folder.mkdir()
        path = write(
            folder / f"{name}.safetensors",
            weights,
            model_version=VERSIONS[generation],
            config=config,
        )
        wanted, weights = networks[name].state_dict(), load(path, torch.float32).state_dict()
        assert all(torch.equal(weights[key], wanted[key]) for key in wanted)
    found = recognise_files(tmp_path)
    assert [file.components for file in found] == [("audio_vae",), ("transformer",), ("vae",)]


def test_a_file_without_metadata(generation: Generation, checkpoints: Checkpoints) -> None:
    """Then the keys decide the generation, and published sizes are assumed."""
    weights = original_weights(networks_of(checkpoints.path(generation), "transformer"))
    path = write(checkpoints.path(generation).parent / f"{generation}.safetensors", weights)
    found = recognise_file(path)
    assert found is not None
    assert (found.version, found.generation) == (None, generation)
    with pytest.raises(lt.CheckpointError, match="lacks"):
        load_transformer(path, torch.float32)


@pytest.mark.parametrize(
    ("version", "expected"),
    [("2", "2.0"), ("2.2.9", "2.0"), ("2.4-rc2", "2.3"), ("2.5", "2.5"), ("9.1", "2.5")],
)
def test_the_nearest_known_generation(
    tiny: Path, tmp_path: Path, version: str, expected: str
) -> None:
    path = write(
        tmp_path / "x.safetensors",
        original_weights(networks_of(tiny, "vae")),
        model_version=version,
    )
    found = recognise_file(path)
    assert found is not None
    assert found.generation == expected


def test_other_files_are_not_recognised(tiny: Path, tmp_path: Path) -> None:
    vae = original_weights(networks_of(tiny, "vae"))
    assert recognise_file(write(tmp_path / "old.safetensors", vae, model_version="0.9.7")) is None
    assert recognise_file(write(tmp_path / "bare.safetensors", vae)) is None
    assert recognise_file(write(tmp_path / "a.safetensors", {"a": torch.ones(1)})) is None
    assert recognise_file(tiny / "transformer" / "config.json") is None
    assert recognise_file(tmp_path / "gone.safetensors") is None
    assert recognise_files(tiny) == ()
    (tmp_path / "empty").mkdir()
    assert recognise_files(tmp_path / "empty") == ()


def refused(path: Path, *names: str) -> None:
    for name in names or LOADERS:
        with pytest.raises(lt.CheckpointError) as caught:
            LOADERS[name](path, torch.float32)
        assert caught.value.path == str(path)


@pytest.mark.parametrize("data", [b"", b"x" * 99, b"\xff" * 99, None])
def test_damaged_files(tiny: Path, tmp_path: Path, data: bytes | None) -> None:
    weights = original_weights(networks_of(tiny, *LOADERS))
    path = write(tmp_path / "x.safetensors", weights, model_version="2.0")
    path.write_bytes(path.read_bytes()[:-1] if data is None else data)
    refused(path)
    with pytest.raises(lt.CheckpointError) as caught:
        recognise_files(tmp_path)
    assert caught.value.path == str(path)


def test_files_that_are_something_else(tiny: Path, tmp_path: Path) -> None:
    refused(tmp_path / "gone.safetensors")
    refused(write(tmp_path / "a.safetensors", {"a": torch.ones(1)}))
    refused(next((tiny / "transformer").glob("*.safetensors")))
    torch.save(networks_of(tiny, "vae")["vae"].state_dict(), tmp_path / "b.pt")
    refused(tmp_path / "b.pt")
    vae = original_weights(networks_of(tiny, "vae"))
    refused(write(tmp_path / "c.safetensors", vae, model_version="2.0"), "transformer", "audio_vae")


@pytest.mark.parametrize("name", LOADERS)
def test_weights_that_are_not_those_of_the_configuration(
    tiny: Path, tmp_path: Path, name: str
) -> None:
    networks = networks_of(tiny, name)
    metadata = {"model_version": "2.0", "config": json.dumps(original_config(networks))}
    weights = original_weights(networks)
    prefix = RENAMES[name][0]
    first = max(weights, key=lambda key: weights[key].numel())
    for change in (
        {key: value for key, value in weights.items() if key != first},
        weights | {first: torch.zeros(3)},
        weights | {f"{prefix}more.weight": torch.zeros(3)},
        weights | {f"{first}_scale": torch.zeros(1)},
    ):
        refused(write(tmp_path / "x.safetensors", change, **metadata), name)


@pytest.mark.parametrize(
    "config",
    [
        "{",
        "3",
        '{"transformer": 3}',
        '{"transformer": {"num_layers": "x"}}',
        '{"transformer": {"num_layers": 5}}',
        '{"transformer": {"positional_embedding_max_pos": [1]}}',
        '{"transformer": {"positional_embedding_max_pos": 1}}',
        '{"transformer": {"rope_type": "nope"}}',
        "[" * 100_000,
    ],
)
def test_a_configuration_that_makes_no_sense(tiny: Path, tmp_path: Path, config: str) -> None:
    weights = original_weights(networks_of(tiny, "transformer"))
    refused(
        write(tmp_path / "x.safetensors", weights, model_version="2.0", config=config),
        "transformer",
    )


@pytest.mark.parametrize(
    "config", [{"model": 3}, {"model": {"params": {"ddconfig": {"ch": "x"}}}}, {"preprocessing": 1}]
)
def test_an_audio_configuration_that_makes_no_sense(
    tiny: Path, tmp_path: Path, config: dict[str, Any]
) -> None:
    weights = original_weights(networks_of(tiny, "audio_vae"))
    document = json.dumps({"audio_vae": config})
    path = write(tmp_path / "x.safetensors", weights, model_version="2.0", config=document)
    refused(path, "audio_vae")


def test_the_diffusion_decoder_is_no_video_vae(tiny: Path, tmp_path: Path) -> None:
    config = json.dumps({"vae": {"_class_name": "CausalDiffusionVAE"}})
    weights = original_weights(networks_of(tiny, "vae"))
    path = write(tmp_path / "x.safetensors", weights, model_version="2.5.1", config=config)
    with pytest.raises(lt.CheckpointError, match="has no vae.*convolutional decoder"):
        load_vae(path, torch.float32)


def test_gguf_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(single_file_loading, "find_spec", lambda name: None)
    with pytest.raises(lt.MissingDependencyError, match="pip install gguf"):
        load_transformer(tmp_path / "x.gguf", torch.float32)


def test_a_gguf_transformer(tiny: Path, tmp_path: Path) -> None:
    gguf = pytest.importorskip("gguf")
    networks = networks_of(tiny, "transformer")
    path = tmp_path / "x.gguf"
    writer = gguf.GGUFWriter(path, "ltxv")
    for key, value in original_weights(networks).items():
        writer.add_tensor(key.removeprefix("model.diffusion_model."), value.numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    folder = tiny / "transformer"
    loaded = load_transformer(path, torch.float32, config_folder=folder, perturbed_attn=True)
    wanted, weights = networks["transformer"].state_dict(), loaded.state_dict()
    assert all(torch.equal(weights[key], wanted[key]) for key in wanted)
    assert loaded.config.perturbed_attn
    with pytest.raises(lt.CheckpointError, match="lacks"):
        load_transformer(path, torch.float32)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(lt.CheckpointError, match="damaged"):
        load_transformer(path, torch.float32)
