"""Networks from files in Lightricks' layout, and transformers that are quantised: all offline."""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

import longtake as lt
from longtake_ltx2.checkpoints.folder import Generation, read_json
from longtake_ltx2.checkpoints.original_config import (
    audio_vae_config,
    transformer_config,
    vae_config,
)
from longtake_ltx2.checkpoints.single_file import SingleFile, single_file, transformer_in

__all__ = ["load_audio_vae", "load_transformer", "load_vae", "single_file_config"]

logger = logging.getLogger(__name__)

Tensors = dict[str, torch.Tensor]

_LATER_NAMES = {
    "transformer": {"prompt_adaln_single.": "prompt_adaln."},
    "vae": {
        "decoder.up_blocks.7.": "decoder.up_blocks.3.upsamplers.0.",
        "decoder.up_blocks.8.": "decoder.up_blocks.3.",
    },
}
"""Names since 2.3 that diffusers' converters for single files, which are for 2.0, leave."""


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
    from diffusers.loaders.single_file_utils import convert_ltx2_transformer_to_diffusers

    if path.suffix == ".gguf":
        return _from_gguf(path, dtype, config_folder, changes)
    file = single_file(path, "transformer")
    tensors = _tensors(file, "transformer", dtype)
    tensors = _renamed(convert_ltx2_transformer_to_diffusers(tensors), "transformer")
    config = _config_of_transformer(file) | changes
    return _assembled(LTX2VideoTransformer3DModel, config, tensors, path)


def single_file_config(path: Path, config_folder: Path) -> dict[str, Any]:
    """The configuration that `load_transformer` makes the transformer of; no weights are read.

    Raises `longtake.CheckpointError` as `load_transformer`.
    """
    if path.suffix == ".gguf":
        return read_json(config_folder / "config.json")
    return _config_of_transformer(single_file(path, "transformer"))


def _config_of_transformer(file: SingleFile) -> dict[str, Any]:
    original = file.config_of("transformer")
    return _sensible(file.path, lambda: transformer_config(file.generation, original))


def load_vae(path: Path, dtype: torch.dtype) -> Any:
    """The video VAE of a single file, on the CPU; not one with a diffusion decoder.

    Raises `longtake.CheckpointError` as `load_transformer`.
    """
    from diffusers import AutoencoderKLLTX2Video
    from diffusers.loaders.single_file_utils import convert_ltx2_vae_to_diffusers

    file = single_file(path, "vae")
    kind = file.config_of("vae").get("_class_name", "CausalVideoAutoencoder")
    if kind != "CausalVideoAutoencoder":
        raise lt.CheckpointError(
            str(path),
            f"has the diffusion decoder ({kind}), which loads in diffusers' layout only: convert "
            "it with scripts/convert_ltx2_to_diffusers.py --diffusion_vae of diffusers, or take "
            "the file with the convolutional decoder",
        )
    tensors = _tensors(file, "vae", dtype)
    tensors = _renamed(convert_ltx2_vae_to_diffusers(tensors), "vae")
    shapes = {key: tuple(tensor.shape) for key, tensor in tensors.items()}
    config = _sensible(path, lambda: vae_config(file.generation, shapes))
    return _assembled(AutoencoderKLLTX2Video, config, tensors, path)


def load_audio_vae(path: Path, dtype: torch.dtype) -> Any:
    """The audio VAE of a single file, on the CPU.

    Raises `longtake.CheckpointError` as `load_transformer`.
    """
    from diffusers import AutoencoderKLLTX2Audio
    from diffusers.loaders.single_file_utils import convert_ltx2_audio_vae_to_diffusers

    file = single_file(path, "audio_vae")
    tensors = convert_ltx2_audio_vae_to_diffusers(_tensors(file, "audio_vae", dtype))
    config = _sensible(path, lambda: audio_vae_config(file.config_of("audio_vae")))
    return _assembled(AutoencoderKLLTX2Audio, config, tensors, path)


def _tensors(file: SingleFile, component: str, dtype: torch.dtype) -> Tensors:
    """Weights of one component, without the prefix."""
    from safetensors import safe_open

    logger.info("loading %s of %s", component, file.path)
    prefix = file.prefixes[component]
    names = [key.removeprefix(prefix) for key in file.shapes if key.startswith(prefix)]
    if scaled := [name for name in names if name.endswith("_scale")]:
        raise lt.CheckpointError(
            str(file.path), f"is quantised in a way that diffusers does not load ({scaled[0]!r}); "
            "take the file with bf16 weights"
        )  # fmt: skip
    with safe_open(file.path, framework="pt") as handle:
        return {name: handle.get_tensor(prefix + name).to(dtype) for name in names}


def _renamed(tensors: Mapping[str, torch.Tensor], component: str) -> Tensors:
    renamed = {}
    for key, tensor in tensors.items():
        for old, new in _LATER_NAMES[component].items():
            key = key.replace(old, new)
        renamed[key] = tensor
    return renamed


def _sensible(path: Path, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """A configuration made of what a file says, which may be anything."""
    try:
        return make()
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        problem = f"{type(error).__name__}: {error}"
        raise lt.CheckpointError(str(path), f"its config or its weights ({problem})") from error


def _assembled(cls: Any, config: Mapping[str, Any], tensors: Tensors, path: Path) -> Any:
    """The network of a configuration with just these weights."""
    network = _empty(cls, config, path)
    wanted = network.state_dict()
    _check_keys(wanted, tensors, path)
    if other := sorted(key for key in wanted if wanted[key].shape != tensors[key].shape):
        key = other[0]
        problem = f"{key!r} is {list(tensors[key].shape)}, not {list(wanted[key].shape)}"
        raise lt.CheckpointError(str(path), f"its config and its weights disagree: {problem}")
    network.load_state_dict(tensors, strict=True, assign=True)
    return network.eval().requires_grad_(False)


def _empty(cls: Any, config: Mapping[str, Any], path: Path) -> Any:
    try:
        with torch.device("meta"):  # no memory, no random numbers
            return cls.from_config(dict(config))
    except Exception as error:  # diffusers raises all sorts for what makes no sense
        raise lt.CheckpointError(str(path), f"its config makes no sense: {error}") from error


def _check_keys(wanted: Tensors, given: Mapping[str, Any], path: Path) -> None:
    for problem, keys in (
        ("lacks", wanted.keys() - given.keys()),
        ("has unknown", given.keys() - wanted.keys()),
    ):
        if keys:
            raise lt.CheckpointError(
                str(path), f"{problem} {len(keys)} weights, the first is {min(keys)!r}"
            )


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
    _check_keys(_empty(LTX2VideoTransformer3DModel, config, path).state_dict(), tensors, path)
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
    return network.eval().requires_grad_(False)


def _gguf_tensors(path: Path) -> tuple[dict[str, Any], Generation]:
    """Quantised weights by diffusers' names."""
    from diffusers.loaders.single_file_utils import convert_ltx2_transformer_to_diffusers
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
    return _renamed(convert_ltx2_transformer_to_diffusers(named), "transformer"), generation
