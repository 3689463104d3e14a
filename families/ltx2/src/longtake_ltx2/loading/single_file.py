"""Networks from files in Lightricks' layout, and transformers that are quantised: all offline."""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

import longtake as lt
from longtake_ltx2.checkpoints.configs import config_in_file
from longtake_ltx2.checkpoints.folder import read_json
from longtake_ltx2.checkpoints.original_config import transformer_config
from longtake_ltx2.checkpoints.original_names import diffusers_names
from longtake_ltx2.checkpoints.single_file import SingleFile, single_file, transformer_in
from longtake_ltx2.generation import Generation
from longtake_ltx2.loading.contents import contents_of
from longtake_ltx2.loading.scales import read_tensors, scales_of
from longtake_ltx2.loading.weights import assembled, check_names, empty, for_computing

__all__ = ["load_audio_vae", "load_transformer", "load_vae", "tensors_in"]

logger = logging.getLogger(__name__)

Tensors = dict[str, torch.Tensor]


def load_transformer(
    path: Path, dtype: torch.dtype, *, config_folder: Path | None = None, **changes: Any
) -> Any:
    """The transformer of a single file, or of a .gguf file, on the CPU.

    ``config_folder``: whose config.json describes a .gguf file, which has no configuration of its
    own; without one it is the published one of its generation. ``changes``: fields of diffusers'
    configuration that are other than that. A .gguf file keeps its quantised weights; ``dtype`` is
    what they are computed in.

    Raises:
        longtake.CheckpointError: damaged, something else, or not what its configuration says.
        longtake.MissingDependencyError: a .gguf file needs packages that are not installed.
    """
    from diffusers import LTX2VideoTransformer3DModel

    if path.suffix == ".gguf":
        return _from_gguf(path, dtype, config_folder, changes)
    file = single_file(path, "transformer")
    config = config_in_file(file, "transformer") | changes
    tensors = tensors_in([(file, "transformer")], "transformer", dtype)
    return assembled(LTX2VideoTransformer3DModel, config, tensors, path, dtype)


def load_vae(path: Path, dtype: torch.dtype) -> Any:
    """The video VAE of a single file, on the CPU; not one with a diffusion decoder.

    Raises `longtake.CheckpointError` as `load_transformer`.
    """
    from diffusers import AutoencoderKLLTX2Video

    return _network(AutoencoderKLLTX2Video, path, "vae", dtype)


def load_audio_vae(path: Path, dtype: torch.dtype) -> Any:
    """The audio VAE of a single file, on the CPU.

    Raises `longtake.CheckpointError` as `load_transformer`.
    """
    from diffusers import AutoencoderKLLTX2Audio

    return _network(AutoencoderKLLTX2Audio, path, "audio_vae", dtype)


def _network(cls: Any, path: Path, component: str, dtype: torch.dtype) -> Any:
    file = single_file(path, component)
    config = config_in_file(file, component)
    return assembled(cls, config, tensors_in([(file, component)], component, dtype), path, dtype)


def tensors_in(
    parts: Iterable[tuple[SingleFile, str]], component: str, dtype: torch.dtype
) -> Tensors:
    """Weights of one component by diffusers' names, their scales applied.

    ``parts``: the files that they are in, and what each has of them.

    Raises `longtake.CheckpointError` naming a file that is damaged.
    """
    tensors: Tensors = {}
    for file, part in parts:
        logger.info("loading %s of %s", part, file.path)
        contents = contents_of(file.path, [file.path]).named(file.names_of(part))
        tensors |= read_tensors(contents, scales_of(contents, {}), dtype)
    return diffusers_names(component, tensors)


def _from_gguf(
    path: Path, dtype: torch.dtype, config_folder: Path | None, changes: Mapping[str, Any]
) -> Any:
    from diffusers import GGUFQuantizationConfig, LTX2VideoTransformer3DModel

    for package in ("gguf", "accelerate"):
        if find_spec(package) is None:
            raise lt.MissingDependencyError(package, "a .gguf transformer")
    tensors, generation = _gguf_tensors(path)
    config = transformer_config(generation, {})
    if config_folder is not None:
        config = read_json(config_folder / "config.json")
    config |= changes
    network = empty(LTX2VideoTransformer3DModel, config, path)
    check_names(network.state_dict(), tensors, path)
    tensors = _plain_but_for_products(network, tensors)
    with tempfile.TemporaryDirectory(prefix="longtake-") as folder:
        Path(folder, "config.json").write_text(json.dumps(config), encoding="utf-8")
        try:
            network = LTX2VideoTransformer3DModel.from_single_file(
                tensors,
                config=folder,  # else diffusers asks the hub for one
                quantization_config=GGUFQuantizationConfig(compute_dtype=dtype),
                dtype=dtype,
                local_files_only=True,
            )
        except Exception as error:  # diffusers raises all sorts
            raise lt.CheckpointError(str(path), f"cannot be loaded: {error}") from error
    return for_computing(network)


def _plain_but_for_products(network: torch.nn.Module, tensors: Tensors) -> Tensors:
    """Quantised weights of linear layers as they are, and anything else as floats.

    diffusers undoes the quantisation in the products of linear layers alone, and takes what else
    is quantised for bytes. BF16, which GGUF counts among the quantised, is floats everywhere.
    """
    import gguf
    from diffusers.quantizers.gguf.utils import dequantize_gguf_tensor

    kept = {
        f"{name}.weight" for name, m in network.named_modules() if isinstance(m, torch.nn.Linear)
    }
    bf16 = gguf.GGMLQuantizationType.BF16
    return {
        name: tensor
        if not hasattr(tensor, "quant_type") or (name in kept and tensor.quant_type != bf16)
        else dequantize_gguf_tensor(tensor)
        for name, tensor in tensors.items()
    }


def _gguf_tensors(path: Path) -> tuple[dict[str, Any], Generation]:
    """Quantised weights by diffusers' names."""
    from diffusers.models.model_loading_utils import load_gguf_checkpoint

    if not path.is_file():
        raise lt.CheckpointError(str(path), "missing")
    try:
        tensors = load_gguf_checkpoint(str(path))
    except Exception as error:  # of a reader that takes any bytes for offsets
        raise lt.CheckpointError(str(path), f"is damaged ({error})") from error
    found = transformer_in(tensors)
    if found is None:
        raise lt.CheckpointError(str(path), "has no transformer of LTX-2")
    prefix, generation = found
    named = {key.removeprefix(prefix): value for key, value in tensors.items()}
    return diffusers_names("transformer", named), generation
