"""LoRA files of every layout: what each touched layer computes, and what is refused by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.loaders.lora_pipeline import LTX2LoraLoaderMixin

import longtake as lt
from longtake_ltx2.lora.adapters import Adapters, LoRA, add_loras, check_loras
from longtake_ltx2.lora.layouts import LAYOUTS
from tests.ltx2.support import Checkpoints
from tests.ltx2.test_adapters import (
    Tensors,
    in_original_format,
    loaded,
    outputs,
    random_lora,
    written,
)

ALPHA, RANK = 3.0, 4
"""No power of two between them, so that rounding would show."""


def original(layer: str) -> str:
    """Lightricks' name of a transformer's layer."""
    (key,) = in_original_format({f"transformer.{layer}.x": torch.zeros(1)})
    return key.removeprefix("diffusion_model.").removesuffix(".x")


def same(layer: str) -> str:
    return layer


def flat(layer: str) -> str:
    return original(layer).replace(".", "_")


# Of each layout: the prefix, how it calls a layer, and the endings of both matrices.
Spelling = tuple[str, Callable[[str], str], tuple[str, str]]
PEFT = ("lora_A.weight", "lora_B.weight")
KOHYA = ("lora_down.weight", "lora_up.weight")
SPELLINGS: dict[str, Spelling] = {
    "diffusers": ("transformer.", same, PEFT),
    "Lightricks": ("diffusion_model.", original, PEFT),
    "ComfyUI, up and down": ("diffusion_model.", original, KOHYA),
    "ComfyUI's checkpoints": ("model.diffusion_model.", original, PEFT),
    "kohya-ss": ("lora_unet_", flat, KOHYA),
    "kohya-ss of diffusers": ("lora_unet_", lambda name: name.replace(".", "_"), KOHYA),
    "LyCORIS": ("lycoris_", lambda name: name.replace(".", "_"), KOHYA),
    "DiffSynth-Studio": ("", original, ("lora_A.default.weight", "lora_B.default.weight")),
    "bare": ("", original, PEFT),
    "PEFT": ("base_model.model.", same, PEFT),
    "PEFT of Lightricks": ("base_model.model.", original, PEFT),
}


def spelled(weights: Tensors, name: str, alpha: float | None = None) -> Tensors:
    """Weights in diffusers' layout, in another."""
    prefix, rename, endings = SPELLINGS[name]
    result = {}
    for key, tensor in weights.items():
        layer, _, matrix = key.removeprefix("transformer.").removesuffix(".weight").rpartition(".")
        place = prefix + rename(layer)
        result[f"{place}.{endings[matrix == 'lora_B']}"] = tensor
        if alpha is not None:
            result[f"{place}.alpha"] = torch.tensor(alpha)
    return result


def scaled(weights: Tensors, scale: float) -> Tensors:
    return {key: t * scale if "lora_B" in key else t for key, t in weights.items()}


@torch.no_grad()
def effective(network: Any) -> Tensors:
    """The matrix of each linear layer, from what it makes of the unit vectors, in fp64."""
    network.double()
    found = {}
    for name, layer in network.named_modules():
        base = layer.get_base_layer() if hasattr(layer, "get_base_layer") else layer
        if isinstance(base, torch.nn.Linear) and "lora_" not in name and "base_" not in name:
            unit = torch.eye(base.in_features, dtype=torch.float64)
            found[name] = (layer(unit) - layer(torch.zeros_like(unit[:1]))).T
    return found


def changed(folder: Path, weights: Tensors, scale: float, name: str = "transformer") -> Tensors:
    """``W + scale B A`` of every linear layer, in fp64."""
    found = {}
    for layer, module in loaded(folder, name).named_modules():
        if isinstance(module, torch.nn.Linear):
            found[layer] = module.weight.double()
            if f"{name}.{layer}.lora_A.weight" in weights:
                up, down = (weights[f"{name}.{layer}.lora_{m}.weight"].double() for m in "BA")
                found[layer] = found[layer] + scale * up @ down
    return found


def assert_equal(expected: Tensors, actual: Tensors) -> None:
    assert expected.keys() == actual.keys()
    for layer, matrix in expected.items():
        assert torch.allclose(matrix, actual[layer], rtol=0, atol=1e-6), layer


@pytest.fixture(params=["2.0", "2.3", "2.5"])
def folder(request: pytest.FixtureRequest, checkpoints: Checkpoints) -> Path:
    return checkpoints.path(request.param)


@pytest.mark.parametrize("name", SPELLINGS)
def test_every_layer_is_what_the_file_says(folder: Path, tmp_path: Path, name: str) -> None:
    assert_reads(folder, tmp_path, name, ALPHA)


@pytest.mark.parametrize("name", SPELLINGS)
def test_without_an_alpha_the_scale_is_one(tiny: Path, tmp_path: Path, name: str) -> None:
    assert_reads(tiny, tmp_path, name, None)


def assert_reads(folder: Path, tmp_path: Path, name: str, alpha: float | None) -> None:
    network = loaded(folder)
    weights, scale = random_lora(network, rank=RANK), 1.0 if alpha is None else alpha / RANK
    path = written(tmp_path / "x.safetensors", spelled(weights, name, alpha))
    check_loras([LoRA(path)])
    add_loras(network, [LoRA(path)])
    plain = loaded(folder)
    plain_path = written(tmp_path / "plain.safetensors", scaled(weights, scale))
    add_loras(plain, [LoRA(plain_path)])
    assert torch.equal(outputs(network), outputs(plain))
    assert_equal(changed(folder, weights, scale), effective(network))


@pytest.fixture(scope="module")
def take(checkpoints: Checkpoints, tmp_path_factory: pytest.TempPathFactory) -> lt.GenerationResult:
    weights = random_lora(loaded(checkpoints.path("2.3")), rank=RANK)
    path = tmp_path_factory.mktemp("lora") / "plain.safetensors"
    return generated(checkpoints, written(path, scaled(weights, ALPHA / RANK)))


def test_the_take_is_one_of_a_lora(checkpoints: Checkpoints, take: lt.GenerationResult) -> None:
    assert not np.array_equal(generated(checkpoints).frames, take.frames)


def generated(checkpoints: Checkpoints, *loras: Path) -> lt.GenerationResult:
    sampling = lt.Sampling(seed=7, num_frames=9, height=32, width=32, num_inference_steps=2)
    with lt.load(checkpoints.path("2.3"), loras=tuple(map(str, loras))) as pipeline:
        return pipeline.generate(lt.GenerationRequest("rain", sampling=sampling))


@pytest.mark.parametrize("name", SPELLINGS)
def test_a_take_is_the_same_in_every_layout(
    checkpoints: Checkpoints, take: lt.GenerationResult, tmp_path: Path, name: str
) -> None:
    weights = random_lora(loaded(checkpoints.path("2.3")), rank=RANK)
    path = written(tmp_path / "x.safetensors", spelled(weights, name, ALPHA))
    made = generated(checkpoints, path)
    assert made.audio is not None and take.audio is not None
    assert np.array_equal(made.frames, take.frames)
    assert np.array_equal(made.audio, take.audio)


def test_names_are_those_of_diffusers(folder: Path) -> None:
    """Its converter says the same of every layer."""
    (layout,) = (each for each in LAYOUTS if "diffusion_model." in each.roots)
    for key in in_original_format(random_lora(loaded(folder))):
        (expected,) = LTX2LoraLoaderMixin.lora_state_dict({key: torch.zeros(1)})
        layer = layout.layer(key.rsplit(".", 2)[0])
        assert layer is not None
        assert f"{layer.part}.{layer.name}" == expected.rsplit(".", 2)[0]


def test_ranks_and_alphas_of_their_own(folder: Path, tmp_path: Path) -> None:
    network = loaded(folder)
    names = [n for n, m in network.named_modules() if isinstance(m, torch.nn.Linear)]
    file: Tensors = {}
    expected = {n: m.weight.double() for n, m in network.named_modules() if n in names}
    generator = torch.Generator().manual_seed(0)
    for number, name in enumerate(names):
        outs, ins = network.get_submodule(name).weight.shape
        rank, alpha = 1 + number % 5, 0.5 + number % 7
        down = torch.randn(rank, ins, generator=generator) / 10
        up = torch.randn(outs, rank, generator=generator)
        place = f"lora_unet_{flat(name)}"
        file |= {f"{place}.lora_down.weight": down, f"{place}.lora_up.weight": up}
        file[f"{place}.alpha"] = torch.tensor([alpha])
        expected[name] = expected[name] + alpha / rank * up.double() @ down.double()
    add_loras(network, [LoRA(written(tmp_path / "x.safetensors", file))])
    assert_equal(expected, effective(network))


@pytest.mark.parametrize("spelling", ["peft", "peft's file", "default", "kohya"])
def test_a_dora(folder: Path, tmp_path: Path, spelling: str) -> None:
    """``m (W + s B A) / |W + s B A|``, the norm of each output."""
    network = loaded(folder)
    weights = random_lora(network, rank=RANK)
    expected, file, generator = {}, {}, torch.Generator().manual_seed(5)
    layouts = {"peft": "diffusers", "peft's file": "PEFT", "default": "DiffSynth-Studio"}
    layout = layouts.get(spelling, "kohya-ss")
    for layer, matrix in changed(folder, weights, ALPHA / RANK).items():
        norm = matrix.norm(dim=1, keepdim=True)
        magnitude = norm * (0.5 + torch.rand(norm.shape, generator=generator))
        magnitude = magnitude.float()
        expected[layer] = magnitude.double() * matrix / norm
        prefix, rename, _ = SPELLINGS[layout]
        ending, value = {
            "peft": ("lora_magnitude_vector", magnitude[:, 0]),
            "peft's file": ("lora_magnitude_vector.weight", magnitude[:, 0]),
            "default": ("lora_magnitude_vector.default.weight", magnitude[:, 0]),
            "kohya": ("dora_scale", magnitude),
        }[spelling]
        file[f"{prefix}{rename(layer)}.{ending}"] = value.contiguous()
    path = written(tmp_path / "x.safetensors", file | spelled(weights, layout, ALPHA))
    check_loras([LoRA(path)])
    add_loras(network, [LoRA(path)])
    assert_equal(expected, effective(network))


def test_a_dora_goes_alone_at_weight_one(tiny: Path, tmp_path: Path) -> None:
    network = loaded(tiny)
    weights = random_lora(network)
    ones = {k.replace("lora_A.weight", "lora_magnitude_vector"): None for k in weights if "_A" in k}
    sizes = {k: weights[k.replace("lora_magnitude_vector", "lora_B.weight")].shape[0] for k in ones}
    dora = written(
        tmp_path / "dora.safetensors", weights | {k: torch.ones(n) for k, n in sizes.items()}
    )
    plain = written(tmp_path / "plain.safetensors", weights)
    with pytest.raises(lt.CheckpointError, match="weight 0.5"):
        check_loras([LoRA(dora, 0.5)])
    with pytest.raises(lt.CheckpointError, match="alone"):
        check_loras([LoRA(dora), LoRA(plain)])
    for first, second in ((dora, plain), (plain, dora)):
        adapters = Adapters(loaded(tiny))
        adapters.load("first", first)
        with pytest.raises(lt.CheckpointError, match="alone"):
            adapters.load("second", second)
        assert adapters.loaded == ("first",)


@pytest.mark.parametrize("ending", ["lora_B.bias", "lora_up.bias", "diff_b"])
def test_biases(folder: Path, tmp_path: Path, ending: str) -> None:
    """Of every second layer; that of a matrix has its scale, a difference of biases has none."""
    network = loaded(folder)
    name = "ComfyUI, up and down" if ending == "lora_up.bias" else "Lightricks"
    weights = random_lora(network, rank=RANK)
    file, expected = spelled(weights, name, ALPHA), {}
    for number, layer in enumerate(changed(folder, {}, 1)):
        module = network.get_submodule(layer)
        base = torch.zeros(module.out_features) if module.bias is None else module.bias
        added = torch.full((module.out_features,), float(number % 2))
        if number % 2:
            file[f"diffusion_model.{original(layer)}.{ending}"] = added.clone()
        expected[layer] = base + (1 if ending == "diff_b" else ALPHA / RANK) * 0.5 * added
    add_loras(network, [LoRA(written(tmp_path / "x.safetensors", file), 0.5)])
    for layer, bias in expected.items():
        module = network.get_submodule(layer)
        made = module(torch.zeros(1, module.in_features))[0]
        assert torch.allclose(made, bias, rtol=0, atol=1e-6), layer
    assert_equal(changed(folder, weights, 0.5 * ALPHA / RANK), effective(network))


@pytest.mark.parametrize("alpha", [None, ALPHA])
def test_text_projections_alone(folder: Path, tmp_path: Path, alpha: float | None) -> None:
    """Lightricks' names of the first layers of the connectors."""
    connectors = loaded(folder, "connectors")
    every = random_lora(connectors, rank=RANK, prefix="connectors.")
    weights = {key: tensor for key, tensor in every.items() if "text_proj_in." in key}
    theirs = {}
    for key, tensor in weights.items():
        place = key.replace("connectors.", "text_embedding_projection.")
        place = place.replace("text_proj_in", "aggregate_embed")
        theirs[place] = tensor
        if alpha is not None:
            theirs[f"{place.rsplit('.', 2)[0]}.alpha"] = torch.tensor(alpha)
    path = written(tmp_path / "x.safetensors", theirs)
    check_loras([LoRA(path)])
    add_loras(connectors, [LoRA(path)], "connectors")
    scale = 1.0 if alpha is None else alpha / RANK
    assert_equal(changed(folder, weights, scale, "connectors"), effective(connectors))
    transformer = loaded(folder)
    before = outputs(transformer)
    add_loras(transformer, [LoRA(path)])
    assert torch.equal(outputs(transformer), before)


SETTINGS: list[tuple[dict[str, Any], float]] = [
    ({"r": RANK, "lora_alpha": 8}, 8 / RANK),
    ({"r": RANK, "lora_alpha": 8, "use_rslora": True}, 8 / RANK**0.5),
    ({"r": 9, "lora_alpha": 9, "rank_pattern": {"to_q": RANK}, "alpha_pattern": {"to_q": 6}}, 1.5),
    ({"r": RANK, "lora_alpha": 7, "alpha_pattern": {"^transformer_blocks.1.attn1.to_q": 7}}, 7 / 4),
]


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("beside", [False, True])
def test_alphas_of_settings(
    tiny: Path, tmp_path: Path, settings: tuple[dict[str, Any], float], beside: bool
) -> None:
    """In diffusers' metadata, or in the file that PEFT writes beside."""
    given, scale = settings
    network = loaded(tiny)
    every = random_lora(network, rank=RANK)
    weights = {key: tensor for key, tensor in every.items() if ".to_q." in key}
    document = {"peft_type": "LORA", "target_modules": ["to_q"], "new_switch": False, **given}
    if beside:
        (tmp_path / "adapter_config.json").write_text(json.dumps(document))
        path = written(tmp_path / "adapter_model.safetensors", spelled(weights, "PEFT"))
    else:
        inside = json.dumps({f"transformer.{name}": value for name, value in document.items()})
        path = written(tmp_path / "x.safetensors", weights, lora_adapter_metadata=inside)
    add_loras(network, [LoRA(path)])
    assert_equal(changed(tiny, weights, scale), effective(network))


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ({"r": 8}, "disagree about"),
        ({"r": RANK, "use_dora": True}, "disagree about"),
        ({"r": RANK, "init_lora_weights": "pissa"}, "pissa"),
        ({"r": RANK, "fan_in_fan_out": True}, "fan_in_fan_out"),
        ({"r": RANK, "modules_to_save": ["proj_in"]}, "modules_to_save"),
        ({"r": RANK, "alpha_pattern": {".*(a+)+$": 1}}, "pattern"),
        ({"r": RANK, "lora_alpha": "8"}, "makes no sense"),
        ({"r": RANK, "lora_alpha": 0}, "is 0"),
        ({"r": RANK, "peft_type": "LOHA"}, "LOHA"),
        ([1], "not a JSON object"),
    ],
)
def test_settings_of_peft_that_mean_something_else(
    tiny: Path, tmp_path: Path, document: Any, problem: str
) -> None:
    weights = random_lora(loaded(tiny), rank=RANK)
    (tmp_path / "adapter_config.json").write_text(json.dumps(document))
    path = written(tmp_path / "adapter_model.safetensors", spelled(weights, "PEFT"))
    with pytest.raises(lt.CheckpointError, match=problem) as caught:
        check_loras([LoRA(path)])
    assert Path(caught.value.path).parent == tmp_path


BLOCK = "transformer_blocks.0.attn1.to_q"


def pair(place: str, rank: int = 2) -> Tensors:
    return {f"{place}.{PEFT[0]}": torch.ones(rank, 32), f"{place}.{PEFT[1]}": torch.ones(32, rank)}


@pytest.mark.parametrize(
    ("weights", "named"),
    [
        ({f"lora_unet_{BLOCK.replace('.', '_')}.hada_w1_a": torch.ones(2, 2)}, "hada_w1_a.*LoHa"),
        ({f"diffusion_model.{BLOCK}.lokr_w1": torch.ones(2, 2)}, "lokr_w1.*LoKr"),
        ({f"diffusion_model.{BLOCK}.diff": torch.ones(2, 2)}, r"\.diff.*difference"),
        ({f"diffusion_model.{BLOCK}.lora_mid.weight": torch.ones(2, 2)}, "lora_mid.*convolutions"),
        ({f"diffusion_model.{BLOCK}.lora_C.weight": torch.ones(2, 2)}, "lora_C.weight"),
        ({f"diffusion_model.{BLOCK}.alpha": torch.tensor(1.0)}, r"\.alpha' without"),
        ({f"diffusion_model.{BLOCK}.diff_b": torch.ones(32)}, "diff_b' without"),
        ({f"diffusion_model.{BLOCK}.dora_scale": torch.ones(1, 32)}, r"dora_scale.*\[1, 32\]"),
        ({f"diffusion_model.{BLOCK}.alpha": torch.tensor(float("nan"))}, "alpha.*finite"),
        ({f"diffusion_model.{BLOCK}.alpha": torch.tensor(0.0)}, "alpha.*is 0"),
        ({f"diffusion_model.{BLOCK}.alpha": torch.ones(2)}, r"alpha.*\[2\]"),
        ({f"diffusion_model.{BLOCK}.lora_A.default.weight": torch.ones(2, 32)}, "lora_A"),
        ({"lora_te_text_model.lora_down.weight": torch.ones(2, 2)}, "lora_te_text_model"),
        (pair(f"transformer.{BLOCK}"), "mixes.*diffusers.*Lightricks|mixes.*Lightricks.*diffusers"),
        (pair(BLOCK), "mixes"),
        (pair("diffusion_model.adaln_single_but_other.linear"), "adaln_single_but_other"),
    ],
)
def test_what_is_not_read_is_named(tmp_path: Path, weights: Tensors, named: str) -> None:
    """Before any network is loaded, with the file and the key."""
    alone = any(text in named for text in ("without", "LoHa"))
    base = {} if alone else pair(f"diffusion_model.{BLOCK}")
    path = written(tmp_path / "x.safetensors", base | weights)
    with pytest.raises(lt.CheckpointError, match=named) as caught:
        check_loras([LoRA(path)])
    assert caught.value.path == str(path)


def test_a_dora_with_biases_or_of_some_layers(tmp_path: Path) -> None:
    dora = pair(f"diffusion_model.{BLOCK}") | {
        f"diffusion_model.{BLOCK}.lora_magnitude_vector": torch.ones(32)
    }
    bias = {f"diffusion_model.{BLOCK}.lora_B.bias": torch.ones(32)}
    other = pair("diffusion_model.transformer_blocks.1.attn1.to_k")
    for weights, named in ((dora | bias, "no known meaning"), (dora | other, "attn1.to_k")):
        with pytest.raises(lt.CheckpointError, match=named):
            check_loras([LoRA(written(tmp_path / "x.safetensors", weights))])


def test_both_alphas(tmp_path: Path) -> None:
    weights = pair(f"transformer.{BLOCK}") | {f"transformer.{BLOCK}.alpha": torch.tensor(1.0)}
    settings = json.dumps({"transformer.r": 2, "transformer.lora_alpha": 2})
    path = written(tmp_path / "x.safetensors", weights, lora_adapter_metadata=settings)
    with pytest.raises(lt.CheckpointError, match="which of the two"):
        check_loras([LoRA(path)])


def test_integers_are_no_weights(tmp_path: Path) -> None:
    weights = {k: t.to(torch.int32) for k, t in pair(f"transformer.{BLOCK}").items()}
    with pytest.raises(lt.CheckpointError, match="I32"):
        check_loras([LoRA(written(tmp_path / "x.safetensors", weights))])


def test_a_kohya_layer_that_the_network_lacks(tiny: Path, tmp_path: Path) -> None:
    network = loaded(tiny)
    plain = outputs(network)
    key = "lora_unet_transformer_blocks_99_attn1_to_q.lora_down.weight"
    weights = {key: torch.ones(2, 32), key.replace("down", "up"): torch.ones(32, 2)}
    path = written(tmp_path / "x.safetensors", weights)
    check_loras([LoRA(path)])
    with pytest.raises(lt.CheckpointError, match=f"no linear layer for '{key}'"):
        add_loras(network, [LoRA(path)])
    assert torch.equal(outputs(network), plain)


def test_float8_comes_last(tiny: Path, tmp_path: Path) -> None:
    """Layerwise casting would keep a LoRA that comes later in float8, and not cast it up."""
    weights = random_lora(loaded(tiny))
    path = written(tmp_path / "x.safetensors", weights)
    before, after = loaded(tiny), loaded(tiny)
    add_loras(before, [LoRA(path)])
    for network in (before, after):
        network.enable_layerwise_casting(torch.float8_e4m3fn, torch.float32)
    added = {p.dtype for name, p in before.named_parameters() if ".lora_" in name}
    assert added == {torch.float32}
    assert torch.isfinite(outputs(before)).all()
    with pytest.raises(lt.CheckpointError, match="float8 already"):
        add_loras(after, [LoRA(path)])
    assert Adapters(after).loaded == ()
