"""LoRAs on a transformer: what they change, when, and which files are refused."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

import longtake as lt
from longtake_ltx2.forward.passes import BlockInputs, recording, restarting
from longtake_ltx2.lora import adapters as adapters_module
from longtake_ltx2.lora.adapters import Adapters, LoRA, add_loras, check_loras
from longtake_ltx2.stages import LTX2RefineLoRAStage
from tests.ltx2.support import (
    ALL_GUIDANCE,
    NO_GUIDANCE,
    Checkpoints,
    probed_pipeline,
    relative_error,
)

Tensors = dict[str, torch.Tensor]


@pytest.fixture(params=["2.0", "2.3"])
def folder(request: pytest.FixtureRequest, checkpoints: Checkpoints) -> Path:
    return checkpoints.path(request.param)


@pytest.fixture
def transformer(folder: Path) -> Any:
    return loaded(folder)


def loaded(folder: Path, name: str = "transformer", dtype: torch.dtype = torch.float32) -> Any:
    """A network whose weights are aligned, as those of a pipeline are."""
    from diffusers import LTX2VideoTransformer3DModel
    from diffusers.pipelines.ltx2 import LTX2TextConnectors

    cls = LTX2VideoTransformer3DModel if name == "transformer" else LTX2TextConnectors
    network = cls.from_pretrained(folder / name, torch_dtype=dtype, low_cpu_mem_usage=False)
    for parameter in network.parameters():
        parameter.data = parameter.data.clone()
    return network.eval().requires_grad_(False)


def random_lora(
    network: Any, seed: int = 0, rank: int = 2, prefix: str = "transformer."
) -> Tensors:
    """Matrices for every linear layer of a network that is not wrapped yet."""
    generator = torch.Generator().manual_seed(seed)
    weights = {}
    for name, layer in network.named_modules():
        if isinstance(layer, torch.nn.Linear):
            down = torch.randn(rank, layer.in_features, generator=generator)
            up = torch.randn(layer.out_features, rank, generator=generator)
            weights[f"{prefix}{name}.lora_A.weight"] = down / math.sqrt(layer.in_features)
            weights[f"{prefix}{name}.lora_B.weight"] = 0.3 * up
    return weights


def written(path: Path, weights: Tensors, **metadata: str) -> Path:
    save_file(weights, path, {"format": "pt", **metadata})
    return path


@torch.no_grad()
def outputs(transformer: Any) -> torch.Tensor:
    """Both velocities of one pass over fixed random latents, in one row."""
    config, generator = transformer.config, torch.Generator().manual_seed(1)
    text = (1, 16, config.caption_channels)
    text_audio = text
    if not config.use_prompt_embeddings:
        text = (1, 16, config.cross_attention_dim)
        text_audio = (1, 16, config.audio_cross_attention_dim)

    def noise(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator).to(transformer.dtype)

    both = transformer(
        hidden_states=noise(1, 8, config.in_channels),
        audio_hidden_states=noise(1, 5, config.audio_in_channels),
        encoder_hidden_states=noise(*text),
        audio_encoder_hidden_states=noise(*text_audio),
        timestep=torch.tensor([700.0]),
        audio_timestep=torch.tensor([700.0]),
        sigma=torch.tensor([700.0]),
        audio_sigma=torch.tensor([700.0]),
        num_frames=2,
        height=2,
        width=2,
        fps=24.0,
        audio_num_frames=5,
        return_dict=False,
    )
    return torch.cat([each.flatten() for each in both])


def merged(folder: Path, *loras: tuple[Tensors, float], dtype: torch.dtype = torch.float32) -> Any:
    """The network with ``weight * B A`` added to its own weights: the definition of a LoRA."""
    network = loaded(folder, dtype=dtype)
    for weights, factor in loras:
        for key, down in weights.items():
            if key.endswith(".lora_A.weight"):
                up = weights[key.replace("lora_A", "lora_B")]
                layer = network.get_submodule(key.split(".", 1)[1].removesuffix(".lora_A.weight"))
                layer.weight += (factor * up @ down).to(layer.weight.dtype)
    return network


def error_of(expected: torch.Tensor, actual: torch.Tensor) -> float:
    return float((expected - actual).abs().max() / expected.abs().max())


def test_a_lora_is_the_sum_of_its_products(folder: Path, transformer: Any, tmp_path: Path) -> None:
    first, second = random_lora(transformer, 1), random_lora(transformer, 2, rank=3)
    paths = [written(tmp_path / f"{n}.safetensors", w) for n, w in enumerate((first, second))]
    plain = outputs(transformer)
    add_loras(transformer, [LoRA(paths[0], 0.5), LoRA(paths[1], -0.25)])
    expected = outputs(merged(folder, (first, 0.5), (second, -0.25)))
    assert error_of(expected, outputs(transformer)) < 1e-5
    assert error_of(expected, plain) > 1e-2
    assert not any(parameter.requires_grad for parameter in transformer.parameters())


def test_a_lora_of_rank_and_alpha(folder: Path, transformer: Any, tmp_path: Path) -> None:
    weights = random_lora(transformer, rank=2)
    layers = sorted({k.split(".", 1)[1].rsplit(".lora_", 1)[0] for k in weights})
    settings = {
        "transformer.r": 2,
        "transformer.lora_alpha": 1,
        "transformer.target_modules": layers,
    }
    path = written(tmp_path / "x.safetensors", weights, lora_adapter_metadata=json.dumps(settings))
    add_loras(transformer, [LoRA(path)])
    assert error_of(outputs(merged(folder, (weights, 0.5))), outputs(transformer)) < 1e-5


def test_weights_take_the_dtype_of_the_network(folder: Path, tmp_path: Path) -> None:
    network = loaded(folder, dtype=torch.bfloat16)
    weights = random_lora(network)
    add_loras(network, [LoRA(written(tmp_path / "x.safetensors", weights))])
    added = [p for name, p in network.named_parameters() if ".lora_" in name]
    assert len(added) == len(weights)
    assert {p.dtype for p in added} == {torch.bfloat16}
    assert outputs(network).dtype == torch.bfloat16


ORIGINAL_NAMES = {
    "audio_proj_in.": "audio_patchify_proj.",
    "proj_in.": "patchify_proj.",
    "audio_time_embed.": "audio_adaln_single.",
    "time_embed.": "adaln_single.",
    "av_cross_attn_video_scale_shift.": "av_ca_video_scale_shift_adaln_single.",
    "av_cross_attn_audio_scale_shift.": "av_ca_audio_scale_shift_adaln_single.",
    "av_cross_attn_video_a2v_gate.": "av_ca_a2v_gate_adaln_single.",
    "av_cross_attn_audio_v2a_gate.": "av_ca_v2a_gate_adaln_single.",
    "audio_prompt_adaln.": "audio_prompt_adaln_single.",
    "prompt_adaln.": "prompt_adaln_single.",
}


def in_original_format(weights: Tensors) -> Tensors:
    renamed = {}
    for key, value in weights.items():
        name = key.removeprefix("transformer.")
        for ours, theirs in ORIGINAL_NAMES.items():
            if name.startswith(ours):
                name = theirs + name.removeprefix(ours)
                break
        renamed[f"diffusion_model.{name}"] = value
    return renamed


def test_lightricks_own_keys(folder: Path, transformer: Any, tmp_path: Path) -> None:
    weights = random_lora(transformer)
    diffusers = written(tmp_path / "diffusers.safetensors", weights)
    original = written(tmp_path / "original.safetensors", in_original_format(weights))
    add_loras(transformer, [LoRA(original)])
    other = loaded(folder)
    add_loras(other, [LoRA(diffusers)])
    assert torch.equal(outputs(transformer), outputs(other))


def test_weights_for_the_connectors(folder: Path, transformer: Any, tmp_path: Path) -> None:
    connectors = loaded(folder, "connectors")
    weights = random_lora(connectors, prefix="connectors.")
    original = {
        key.replace("connectors.video_connector.", "diffusion_model.video_embeddings_connector.")
        .replace("connectors.audio_connector.", "diffusion_model.audio_embeddings_connector.")
        .replace("connectors.text_proj_in.", "text_embedding_projection.aggregate_embed.")
        .replace("connectors.audio_text_", "text_embedding_projection.audio_text_")
        .replace("connectors.video_text_", "text_embedding_projection.video_text_")
        .replace("_text_proj_in.", "_aggregate_embed.")
        .replace(".transformer_blocks.", ".transformer_1d_blocks."): value
        for key, value in weights.items()
    } | in_original_format(random_lora(transformer))
    path = written(tmp_path / "x.safetensors", original)
    add_loras(connectors, [LoRA(path)], "connectors")
    for key, value in weights.items():
        layer = key.removeprefix("connectors.").removesuffix(".weight")
        assert torch.equal(connectors.get_parameter(f"{layer}.user_0.weight"), value)
    add_loras(transformer, [LoRA(path)])
    LTX2RefineLoRAStage(transformer, path)  # the text is encoded before the second pass


def test_a_lora_for_the_transformer_leaves_the_connectors(folder: Path, tmp_path: Path) -> None:
    path = written(tmp_path / "x.safetensors", random_lora(loaded(folder)))
    connectors = loaded(folder, "connectors")
    add_loras(connectors, [LoRA(path)], "connectors")
    assert not [name for name, _ in connectors.named_parameters() if "lora" in name]
    with pytest.raises(lt.CheckpointError, match="no weights for the connectors"):
        Adapters(connectors, "connectors").load("x", path)


def test_the_refine_lora_is_on_inside_the_pass_alone(transformer: Any, tmp_path: Path) -> None:
    user = written(tmp_path / "user.safetensors", random_lora(transformer, 1))
    refine = written(tmp_path / "refine.safetensors", random_lora(transformer, 2))
    add_loras(transformer, [LoRA(user, 0.7)])
    before = outputs(transformer)
    stage = LTX2RefineLoRAStage(transformer, refine)
    assert torch.equal(outputs(transformer), before)
    for _ in range(2):
        with stage:
            inside = outputs(transformer)
        assert error_of(before, inside) > 1e-2
        assert torch.equal(outputs(transformer), before)


def test_a_refine_lora_that_is_off_changes_no_bit(transformer: Any, tmp_path: Path) -> None:
    plain = outputs(transformer)
    path = written(tmp_path / "refine.safetensors", random_lora(transformer))
    stage = LTX2RefineLoRAStage(transformer, str(path))
    assert torch.equal(outputs(transformer), plain)
    with pytest.raises(RuntimeError, match="of the pass"), stage:
        assert not torch.equal(outputs(transformer), plain)
        raise RuntimeError("of the pass")
    assert torch.equal(outputs(transformer), plain)


def test_the_refine_lora_on_top_of_the_users(
    folder: Path, transformer: Any, tmp_path: Path
) -> None:
    first, second = random_lora(transformer, 1), random_lora(transformer, 2)
    add_loras(transformer, [LoRA(written(tmp_path / "user.safetensors", first), 0.7)])
    with LTX2RefineLoRAStage(transformer, written(tmp_path / "refine.safetensors", second)):
        expected = outputs(merged(folder, (first, 0.7), (second, 1.0)))
        assert error_of(expected, outputs(transformer)) < 1e-5


def test_stages_share_what_is_loaded(transformer: Any, tmp_path: Path) -> None:
    path = written(tmp_path / "refine.safetensors", random_lora(transformer))
    first, second = (LTX2RefineLoRAStage(transformer, path) for _ in range(2))
    with first:
        expected = outputs(transformer)
    with second:
        assert torch.equal(outputs(transformer), expected)
    assert len(Adapters(transformer).loaded) == 1


@pytest.mark.parametrize("lora_path", [None, ""])
def test_without_a_refine_lora(transformer: Any, lora_path: str | None) -> None:
    plain = outputs(transformer)
    with LTX2RefineLoRAStage(transformer, lora_path) as stage:
        stage()
        assert torch.equal(outputs(transformer), plain)
    assert Adapters(transformer).loaded == ()


def test_where_weights_lie_in_a_file_changes_no_bit(folder: Path, tmp_path: Path) -> None:
    """Files whose headers differ in length are mapped to other addresses."""
    weights = random_lora(loaded(folder))
    results = []
    for note in ("", "x", "xxxxx"):
        network = loaded(folder)
        path = written(tmp_path / f"lora{note}.safetensors", weights, note=note)
        add_loras(network, [LoRA(path)])
        assert all(p.data_ptr() % 16 == 0 for p in network.parameters())
        results.append(outputs(network))
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[0], results[2])


def test_a_restarted_pass_keeps_its_loras(transformer: Any, tmp_path: Path) -> None:
    """The perturbed pass of STG starts in the middle of the blocks."""
    add_loras(transformer, [LoRA(written(tmp_path / "x.safetensors", random_lora(transformer)))])
    with recording(transformer, 2) as inputs:
        expected = outputs(transformer)
    assert isinstance(inputs, BlockInputs)
    with restarting(transformer, 2, inputs):
        assert torch.equal(outputs(transformer), expected)
    assert torch.equal(outputs(transformer), expected)


def test_activating_names_what_is_on(transformer: Any, tmp_path: Path) -> None:
    adapters = Adapters(transformer)
    plain = outputs(transformer)
    assert not adapters.active
    weights = random_lora(transformer)
    adapters.load("a", written(tmp_path / "a.safetensors", weights))
    assert adapters.loaded == ("a",)
    assert not adapters.active
    assert torch.equal(outputs(transformer), plain)
    adapters.activate({"a": 1.0})
    assert list(adapters.active) == ["a"]
    adapters.activate({})
    assert not adapters.active
    assert torch.equal(outputs(transformer), plain)
    with pytest.raises(ValueError, match="'a'"):
        adapters.load("a", tmp_path / "a.safetensors")
    with pytest.raises(ValueError, match="'b'"), adapters.also_active("b"):
        pass


def without_one(weights: Tensors) -> Tensors:
    return dict(list(weights.items())[1:])


def of_another_shape(weights: Tensors) -> Tensors:
    key = next(key for key in weights if key.endswith("lora_A.weight"))
    return weights | {key: torch.zeros(weights[key].shape[0], 99)}


def of_another_rank(weights: Tensors) -> Tensors:
    key = next(key for key in weights if key.endswith("lora_A.weight"))
    return weights | {key: torch.zeros(7, weights[key].shape[1])}


def no_matrix(weights: Tensors) -> Tensors:
    return {key: value.flatten() for key, value in weights.items()}


def with_key(name: str) -> Callable[[Tensors], Tensors]:
    def change(weights: Tensors) -> Tensors:
        return weights | {name: torch.zeros(2, 2)}

    return change


def with_pair(layer: str) -> Callable[[Tensors], Tensors]:
    def change(weights: Tensors) -> Tensors:
        pair = {f"{layer}.lora_{m}.weight": torch.zeros(2, 2) for m in "AB"}
        return weights | pair

    return change


def foreign(weights: Tensors) -> Tensors:
    return {key.replace("transformer.", "unet."): value for key, value in weights.items()}


def not_a_lora(weights: Tensors) -> Tensors:
    return {key.replace(".lora_A", "").replace(".lora_B", ".b"): t for key, t in weights.items()}


def empty(weights: Tensors) -> Tensors:
    return {}


@pytest.mark.parametrize(
    "damage",
    [
        without_one,
        of_another_shape,
        of_another_rank,
        no_matrix,
        with_key("transformer.proj_in.alpha"),
        with_key("transformer.proj_in.dora_scale"),
        with_key("transformer.proj_in.lora_A.bias"),
        with_pair("transformer.transformer_blocks.99.attn1.to_q"),
        with_pair("transformer.transformer_blocks.0.attn1.norm_q"),
        with_pair("transformer.nope"),
        with_pair("text_encoder.layers.0"),
        with_pair("diffusion_model.patchify_proj"),
        foreign,
        not_a_lora,
        empty,
    ],
)
def test_a_foreign_file_is_refused_whole(
    tiny: Path, tmp_path: Path, damage: Callable[[Tensors], Tensors]
) -> None:
    transformer = loaded(tiny)
    plain = outputs(transformer)
    path = written(tmp_path / "x.safetensors", damage(random_lora(transformer)))
    with pytest.raises(lt.CheckpointError) as caught:
        Adapters(transformer).load("x", path)
    assert caught.value.path == str(path)
    assert Adapters(transformer).loaded == ()
    assert torch.equal(outputs(transformer), plain)


@pytest.mark.parametrize(
    "settings",
    ["{", "3", '{"transformer.nope": 1}', '{"transformer.r": 7, "transformer.target_modules": []}'],
)
def test_settings_that_make_no_sense(tiny: Path, tmp_path: Path, settings: str) -> None:
    transformer = loaded(tiny)
    weights = random_lora(transformer)
    path = written(tmp_path / "x.safetensors", weights, lora_adapter_metadata=settings)
    with pytest.raises(lt.CheckpointError) as caught:
        Adapters(transformer).load("x", path)
    assert caught.value.path == str(path)
    path = written(tmp_path / "y.safetensors", weights)
    Adapters(transformer).load("x", path)  # nothing of the refused file is in the way


@pytest.mark.parametrize("data", [b"", b"x" * 100, b"\xff" * 100, None])
def test_a_damaged_file_is_refused(tiny: Path, tmp_path: Path, data: bytes | None) -> None:
    transformer = loaded(tiny)
    path = written(tmp_path / "x.safetensors", random_lora(transformer))
    path.write_bytes(path.read_bytes()[:-4] if data is None else data)
    with pytest.raises(lt.CheckpointError) as caught:
        Adapters(transformer).load("x", path)
    assert caught.value.path == str(path)
    with pytest.raises(lt.CheckpointError) as caught:
        check_loras([LoRA(path)])
    assert caught.value.path == str(path)


def test_a_pickled_file_is_never_read(tiny: Path, tmp_path: Path) -> None:
    transformer = loaded(tiny)
    for zipped in (False, True):
        path = tmp_path / "x.safetensors"
        torch.save(random_lora(transformer), path, _use_new_zipfile_serialization=zipped)
        with pytest.raises(lt.CheckpointError, match="pickled"):
            check_loras([LoRA(path)])


def test_a_folder_with_one_file(tiny: Path, tmp_path: Path) -> None:
    transformer = loaded(tiny)
    with pytest.raises(lt.CheckpointError, match="has 0"):
        check_loras([LoRA(tmp_path)])
    written(tmp_path / "x.safetensors", random_lora(transformer))
    Adapters(transformer).load("x", tmp_path)
    written(tmp_path / "y.safetensors", random_lora(loaded(tiny)))
    with pytest.raises(lt.CheckpointError, match="has 2"):
        check_loras([LoRA(tmp_path)])
    with pytest.raises(lt.CheckpointError, match="missing"):
        check_loras([LoRA(tmp_path / "gone.safetensors")])


def test_without_peft(transformer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "x.safetensors", random_lora(transformer))
    monkeypatch.setattr(adapters_module, "find_spec", lambda name: None)
    check_loras([])
    what_to_do = r"pip install longtake-ltx2\[lora\]"
    with pytest.raises(lt.MissingDependencyError, match=what_to_do):
        check_loras([LoRA(path)])
    with pytest.raises(lt.MissingDependencyError, match=what_to_do):
        LTX2RefineLoRAStage(transformer, path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.safetensors", LoRA("a.safetensors", 1.0)),
        ("a.safetensors=0.5", LoRA("a.safetensors", 0.5)),
        ("a=b.safetensors", LoRA("a=b.safetensors", 1.0)),
        ("a=b.safetensors=-2", LoRA("a=b.safetensors", -2.0)),
    ],
)
def test_a_lora_as_text(text: str, expected: LoRA) -> None:
    assert LoRA.parse(text) == expected


@pytest.mark.parametrize("text", ["", "=1", "a=nan", "a=inf"])
def test_text_that_is_no_lora(text: str) -> None:
    with pytest.raises(lt.ValidationError) as refused:
        LoRA.parse(text)
    assert refused.value.path == "loras"


def test_a_file_of_the_example_writer(folder: Path, transformer: Any, tmp_path: Path) -> None:
    from longtake_ltx2.tiny.lora import write_tiny_lora

    path = write_tiny_lora(tmp_path / "x.safetensors", folder)
    plain = outputs(transformer)
    add_loras(transformer, [LoRA(path)])
    assert error_of(plain, outputs(transformer)) > 1e-2
    assert load_file(path)


@pytest.mark.parametrize("guided", [False, True])
def test_a_whole_run_with_a_users_lora(folder: Path, tmp_path: Path, guided: bool) -> None:
    """Guidance hooks and swaps parts of a transformer that carries LoRAs."""
    weights = random_lora(loaded(folder))
    lora = written(tmp_path / "x.safetensors", weights)
    other = shutil.copytree(folder, tmp_path / "merged")
    merged(folder, (weights, 0.5)).save_pretrained(other / "transformer")
    options = {"num_inference_steps": 2, **(ALL_GUIDANCE if guided else NO_GUIDANCE)}
    request = lt.GenerationRequest(
        "x", sampling=lt.Sampling(num_frames=9), stage_overrides={"denoise": options}
    )
    results = []
    for path, given in ((other, {}), (folder, {"loras": (f"{lora}=0.5",)})):
        pipeline, probe = probed_pipeline(path, **given)
        with pipeline:
            pipeline.generate(request)
        results.append(probe.clean[0])
    expected, actual = results
    assert relative_error(expected.video, actual.video) < 1e-4
    assert relative_error(expected.audio, actual.audio) < 1e-4
