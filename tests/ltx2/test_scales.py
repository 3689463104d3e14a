"""Weights in fp8 with scales beside them: applied where their meaning is known, else refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import longtake as lt
from longtake_ltx2.loading.single_file import load_transformer
from tests.ltx2.original_files import networks_of, original_config, original_weights, write
from tests.ltx2.support import Checkpoints, networks
from tests.ltx2.watching import quick

Tensors = dict[str, torch.Tensor]
Quantise = Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor, torch.Tensor]]

TRANSFORMER = "transformer/diffusion_pytorch_model.safetensors"
TEXT_ENCODER = "text_encoder/model.safetensors"
WEIGHT = "transformer_blocks.0.attn1.to_q.weight"
"""Of 16 rows and columns."""


def spread(scale: torch.Tensor, shape: torch.Size, side: int) -> torch.Tensor:
    """A scale per block of ``side`` rows and columns, for each value of a weight."""
    rows, columns = scale.repeat_interleave(side, 0), shape[1]
    return rows[: shape[0]].repeat_interleave(side, 1)[:, :columns]


def in_fp8(weight: torch.Tensor, scale: torch.Tensor, dtype: torch.dtype) -> Any:
    fp8 = (weight / scale).to(dtype)
    return fp8, fp8.float() * scale


def per_tensor(weight: torch.Tensor) -> Any:
    scale = weight.abs().max() / 448
    fp8, applied = in_fp8(weight, scale, torch.float8_e4m3fn)
    return fp8, scale, applied


def one_value(weight: torch.Tensor) -> Any:
    fp8, scale, applied = per_tensor(weight)
    return fp8, scale.reshape(1), applied


def per_row(weight: torch.Tensor) -> Any:
    scale = weight.abs().amax(1, keepdim=True) / 448
    fp8, applied = in_fp8(weight, scale, torch.float8_e4m3fn)
    return fp8, scale[:, 0], applied


def per_row_as_column(weight: torch.Tensor) -> Any:
    fp8, scale, applied = per_row(weight)
    return fp8, scale[:, None], applied


def per_row_in_e5m2(weight: torch.Tensor) -> Any:
    scale = weight.abs().amax(1, keepdim=True).bfloat16() / 448
    fp8, applied = in_fp8(weight, scale.float(), torch.float8_e5m2)
    return fp8, scale, applied


def per_block(weight: torch.Tensor) -> Any:
    """Blocks of 4, the last of which may be cut off."""
    generator = torch.Generator().manual_seed(weight.numel())
    scale = 0.5 + torch.rand(
        -(-weight.shape[0] // 4), -(-weight.shape[1] // 4), generator=generator
    )
    fp8, applied = in_fp8(weight, spread(scale, weight.shape, 4), torch.float8_e4m3fn)
    return fp8, scale, applied


def quantised(weights: Tensors, quantise: Quantise, name: str = "weight_scale") -> Any:
    """Weights of linear layers in fp8, and the same with their scales applied in fp32."""
    fp8, applied = dict(weights), dict(weights)
    for key, weight in weights.items():
        is_linear = weight.ndim == 2 and key.endswith("proj.weight")
        if is_linear or (key.startswith("transformer_blocks.") and key.endswith("to_q.weight")):
            fp8[key], scale, applied[key] = quantise(weight)
            fp8[f"{key.removesuffix('weight')}{name}"] = scale
    assert len(fp8) > len(weights)
    return fp8, applied


def copy(source: Path, target: Path, file: str, tensors: Tensors) -> Path:
    shutil.copytree(source, target)
    save_file({key: tensor.clone() for key, tensor in tensors.items()}, target / file)
    return target


def frames(path: Path, **options: Any) -> np.ndarray[Any, Any]:
    short = lt.Sampling(num_frames=9)
    request = lt.GenerationRequest("rain", sampling=short, stage_overrides=quick())
    with lt.load(path, **options) as pipeline:
        return np.asarray(pipeline.generate(request).frames)


def configure(file: Path, **changes: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


@pytest.mark.parametrize("name", ["weight_scale", "weight_scale_inv", "scale_weight"])
@pytest.mark.parametrize("file", [TRANSFORMER, TEXT_ENCODER])
def test_a_folder_gives_the_pictures_of_the_scaled_weights(
    checkpoints: Checkpoints, tmp_path: Path, file: str, name: str
) -> None:
    plain = checkpoints.path("2.3")
    fp8, applied = quantised(load_file(plain / file), per_tensor, name)
    right = frames(copy(plain, tmp_path / "applied", file, applied))
    assert (frames(copy(plain, tmp_path / "fp8", file, fp8)) == right).all()


@pytest.mark.parametrize(
    "quantise",
    [per_tensor, one_value, per_row, per_row_as_column, per_row_in_e5m2, per_block],
)
def test_the_shapes_of_scales(tiny: Path, tmp_path: Path, quantise: Quantise) -> None:
    fp8, applied = quantised(load_file(tiny / TRANSFORMER), quantise)
    loaded = networks(copy(tiny, tmp_path / "fp8", TRANSFORMER, fp8))["transformer"].state_dict()
    assert loaded.keys() == applied.keys()
    assert all(torch.equal(loaded[key], value) for key, value in applied.items())


def test_weights_are_scaled_before_they_are_rounded(tiny: Path, tmp_path: Path) -> None:
    fp8, applied = quantised(load_file(tiny / TRANSFORMER), per_tensor)
    path = copy(tiny, tmp_path / "fp8", TRANSFORMER, fp8)
    plain = copy(tiny, tmp_path / "applied", TRANSFORMER, applied)
    assert (frames(path, dtype="bfloat16") == frames(plain, dtype="bfloat16")).all()


def test_split_weights(tiny: Path, tmp_path: Path) -> None:
    """A scale may lie in another file than its weight."""
    fp8, applied = quantised(load_file(tiny / TRANSFORMER), per_row)
    folder = shutil.copytree(tiny, tmp_path / "split")
    whole = folder / TRANSFORMER
    whole.unlink()
    shards = {
        "scales.safetensors": {k: v for k, v in fp8.items() if k.endswith("_scale")},
        "weights.safetensors": {k: v for k, v in fp8.items() if not k.endswith("_scale")},
    }
    for name, tensors in shards.items():
        save_file(tensors, whole.parent / name, {"format": "pt"})
    index = {key: name for name, tensors in shards.items() for key in tensors}
    Path(f"{whole}.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}))
    loaded = networks(folder)["transformer"].state_dict()
    assert all(torch.equal(loaded[key], value) for key, value in applied.items())


def test_scales_of_activations_and_marks_change_nothing(tiny: Path, tmp_path: Path) -> None:
    fp8, applied = quantised(load_file(tiny / TRANSFORMER), per_tensor, "scale_weight")
    layer = WEIGHT.removesuffix("weight")
    mark = json.dumps({"format": "float8_e4m3fn", "full_precision_matrix_mult": True})
    beside = {
        "scaled_fp8": torch.zeros(2, dtype=torch.float8_e4m3fn),
        f"{layer}comfy_quant": torch.tensor(list(mark.encode()), dtype=torch.uint8),
        f"{layer}scale_input": torch.tensor(3.0),
        "transformer_blocks.1.attn1.to_q.input_scale": torch.tensor(3.0),
    }
    path = copy(tiny, tmp_path / "fp8", TRANSFORMER, fp8 | beside)
    loaded = networks(path)["transformer"].state_dict()
    assert all(torch.equal(loaded[key], value) for key, value in applied.items())


@pytest.mark.parametrize("name", ["vae", "audio_vae", "connectors", "vocoder", "upsampler"])
def test_every_component_can_be_scaled(checkpoints: Checkpoints, tmp_path: Path, name: str) -> None:
    """Also with buffers that are in no file, as the vocoder of 2.3 has."""
    plain = checkpoints.path("2.3")
    folder = "spatial_upsampler" if name == "upsampler" else name
    file = f"{folder}/diffusion_pytorch_model.safetensors"
    weights = load_file(plain / file)
    key = max((k for k in weights if k.endswith("weight")), key=lambda k: weights[k].numel())
    fp8, scale, applied = per_tensor(weights[key])
    extra = {key: fp8, f"{key}_scale": scale}
    loaded = networks(copy(plain, tmp_path / "fp8", file, weights | extra))[name]
    expected = networks(copy(plain, tmp_path / "applied", file, weights | {key: applied}))[name]
    assert torch.equal(loaded.state_dict()[key], applied)
    for tensors in (loaded.named_buffers(), loaded.named_parameters()):
        for own, value in tensors:
            other = expected.get_parameter(own) if isinstance(value, torch.nn.Parameter) else None
            assert torch.equal(value, expected.get_buffer(own) if other is None else other)


def test_a_text_encoder_that_transformers_quantised(
    checkpoints: Checkpoints, tmp_path: Path
) -> None:
    """Its configuration says the size of blocks, which the shapes leave open here."""
    plain = checkpoints.path("2.0")
    fp8, applied = quantised(load_file(plain / TEXT_ENCODER), per_block, "weight_scale_inv")
    path = copy(plain, tmp_path / "fp8", TEXT_ENCODER, fp8)
    method = {"quant_method": "fp8", "weight_block_size": [4, 4], "activation_scheme": "dynamic"}
    configure(path / "text_encoder" / "config.json", quantization_config=method)
    right = copy(plain, tmp_path / "applied", TEXT_ENCODER, applied)
    loaded, expected = (networks(p)["text_encoders"][0].state_dict() for p in (path, right))
    assert loaded.keys() == expected.keys()
    assert all(torch.equal(loaded[key], value) for key, value in expected.items())


def refusal(path: Path) -> lt.CheckpointError:
    with pytest.raises(lt.CheckpointError) as caught:
        lt.load(path, prepare=False)
    return caught.value


def beside(**tensors: torch.Tensor) -> Tensors:
    layer = WEIGHT.removesuffix("weight")
    return {layer + name: tensor for name, tensor in tensors.items()}


FP8 = torch.zeros(16, 16, dtype=torch.float8_e4m3fn)
ONE = torch.ones(())


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        (beside(weight_scale=ONE), "to_q.weight_scale scale no weights in fp8"),
        (beside(input_scale=ONE), "to_q.input_scale scale no weights in fp8"),
        ({"nothing.weight_scale": ONE}, "nothing.weight_scale"),
        (beside(weight=FP8, weight_scale=ONE, scale_weight=ONE), "scale the same weight"),
        (beside(weight=FP8, weight_scale=torch.ones(5)), "leaves open"),
        (beside(weight=FP8, weight_scale=torch.ones(5, 1)), "leaves open"),
        (beside(weight=FP8, weight_scale=torch.ones(1, 2, 3)), "of the shape"),
        (beside(weight=FP8, weight_scale=torch.ones(1, dtype=torch.uint8)), "stored as U8"),
        (beside(weight=FP8.view(torch.uint8)), "stored as U8"),
        (beside(weight=FP8.view(torch.int8), weight_scale=ONE), "stored as I8"),
        (beside(weight=FP8.view(torch.uint8)[:, :8], weight_scale_2=ONE), "stored as U8"),
        (
            beside(weight=FP8, weight_scale=ONE) | {"transformer_blocks.1.attn1.to_q.weight": FP8},
            "transformer_blocks.1.attn1.to_q.weight are in fp8 without the scale",
        ),
        (beside(weight=FP8) | {"scaled_fp8": torch.zeros(2)}, "without the scale"),
        (beside(weight=FP8, weight_scale=ONE, comfy_quant=FP8[0].view(torch.uint8)), "comfy_quant"),
    ],
)
def test_what_is_not_known_is_refused_by_name(
    tiny: Path, tmp_path: Path, changes: Tensors, named: str
) -> None:
    weights = load_file(tiny / TRANSFORMER)
    path = copy(tiny, tmp_path / "fp8", TRANSFORMER, weights | changes)
    refused = refusal(path)
    assert refused.path == str(path / "transformer")
    assert named in str(refused)
    assert "take the files with bf16 weights" in str(refused)


def test_another_format_is_refused(tiny: Path, tmp_path: Path) -> None:
    fp8, _ = quantised(load_file(tiny / TRANSFORMER), per_tensor)
    path = copy(tiny, tmp_path / "fp8", TRANSFORMER, fp8)
    layers = {"layers": {"transformer_blocks.0.attn1.to_q": {"format": "int8_tensorwise"}}}
    save_file(fp8, path / TRANSFORMER, {"_quantization_metadata": json.dumps(layers)})
    assert "int8_tensorwise" in str(refusal(path))
    layers = {"layers": {"transformer_blocks.0.attn1.to_q": {"format": "float8_e4m3fn"}}}
    save_file(fp8, path / TRANSFORMER, {"_quantization_metadata": json.dumps(layers)})
    lt.load(path, prepare=False).close()
    for damaged in ("{", "3", '{"layers": 3}'):
        save_file(fp8, path / TRANSFORMER, {"_quantization_metadata": damaged})
        assert "_quantization_metadata cannot be read" in str(refusal(path))


def test_blocks_whose_size_is_open(tiny: Path, tmp_path: Path) -> None:
    """Two scales for 96 values: two halves, or 64 and 32."""
    weights = load_file(tiny / TRANSFORMER)
    key = "transformer_blocks.0.ff.net.0.proj.weight"
    wide = torch.zeros(96, 16, dtype=torch.float8_e4m3fn)
    extra = {key: wide, f"{key}_scale": torch.ones(2, 1)}
    path = copy(tiny, tmp_path / "fp8", TRANSFORMER, weights | extra)
    assert f"{key}_scale are 2 for 96 values" in str(refusal(path))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_scale_that_is_no_number(tiny: Path, tmp_path: Path, value: float) -> None:
    changes = beside(weight=FP8, weight_scale=torch.tensor(value))
    weights = load_file(tiny / TRANSFORMER)
    path = copy(tiny, tmp_path / "fp8", TRANSFORMER, weights | changes)
    with pytest.raises(lt.CheckpointError, match="is not finite"):
        lt.load(path)


def test_a_cast_without_scales_is_what_it_says(tiny: Path, tmp_path: Path) -> None:
    weights = load_file(tiny / TRANSFORMER)
    cast = {key: value.to(torch.float8_e4m3fn) for key, value in weights.items()}
    loaded = networks(copy(tiny, tmp_path / "fp8", TRANSFORMER, cast))["transformer"].state_dict()
    assert all(torch.equal(loaded[key], value.float()) for key, value in cast.items())


@pytest.mark.parametrize("name", ["weight_scale", "scale_weight"])
def test_a_file_of_the_original_layout(checkpoints: Checkpoints, tmp_path: Path, name: str) -> None:
    """As Lightricks publishes it, and as ComfyUI's tools write it."""
    found = networks_of(checkpoints.path("2.3"), "transformer")
    config = json.dumps(original_config(found))
    fp8, applied = original_weights(found), original_weights(found)
    for key, weight in list(fp8.items()):
        if "blocks." in key and key.endswith("to_q.weight"):
            layer = key.removesuffix("weight")
            fp8[key], fp8[layer + name], applied[key] = per_tensor(weight)
    fp8["model.diffusion_model.scaled_fp8"] = torch.zeros(2, dtype=torch.float8_e4m3fn)
    metadata = {"model_version": "2.3", "config": config}
    paths = [
        write(tmp_path / f"{index}.safetensors", weights, **metadata)
        for index, weights in enumerate((fp8, applied))
    ]
    loaded, expected = (load_transformer(path, torch.float32).state_dict() for path in paths)
    assert loaded.keys() == expected.keys()
    assert all(torch.equal(loaded[key], value) for key, value in expected.items())
    options = [{"transformer_path": str(path)} for path in paths]
    pictures = [frames(checkpoints.path("2.3"), **option) for option in options]
    assert (pictures[0] == pictures[1]).all()
    assert (pictures[0] != frames(checkpoints.path("2.3"))).any()


def test_an_original_file_in_another_format_is_refused_before_loading(
    checkpoints: Checkpoints, tmp_path: Path
) -> None:
    found = networks_of(checkpoints.path("2.3"), "transformer")
    weights = original_weights(found)
    key = next(key for key in weights if key.endswith("attn1.to_q.weight"))
    weights[key] = weights[key].to(torch.int8)
    config = json.dumps(original_config(found))
    path = write(tmp_path / "x.safetensors", weights, model_version="2.3", config=config)
    with pytest.raises(lt.CheckpointError, match="stored as I8") as refused:
        lt.load(checkpoints.path("2.3"), transformer_path=str(path), prepare=False)
    assert refused.value.path == str(path)


def test_a_method_of_quantisation_without_its_scales(tiny: Path, tmp_path: Path) -> None:
    """Weights that are not in fp8 need none."""
    path = shutil.copytree(tiny, tmp_path / "fp8")
    configure(path / "transformer" / "config.json", quantization_config={"quant_method": "fp8"})
    weights = load_file(tiny / TRANSFORMER)
    loaded = networks(path)["transformer"].state_dict()
    assert all(torch.equal(loaded[key], value) for key, value in weights.items())
    weights[WEIGHT] = weights[WEIGHT].to(torch.float8_e4m3fn)
    (path / TRANSFORMER).unlink()
    save_file(weights, path / TRANSFORMER)
    assert f"{WEIGHT} are in fp8 without the scale" in str(refusal(path))
