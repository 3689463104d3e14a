"""What is asked for beside the checkpoint, checked before anything is loaded."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import longtake as lt
from longtake_ltx2.adapters import LoRA, check_loras
from longtake_ltx2.checkpoints import (
    Generation,
    check_components,
    check_folder,
    check_safetensors,
    generation_of,
    read_json,
)
from longtake_ltx2.config import LTX2T2VConfig
from longtake_ltx2.single_file import single_file

__all__ = ["check_asked", "upsampler_folder"]

_PACKAGES = {
    "auto-round": "auto-round",
    "bitsandbytes": "bitsandbytes",
    "gguf": "gguf",
    "modelopt": "nvidia-modelopt",
    "nunchaku_lite": "nunchaku",
    "quanto": "optimum-quanto",
    "sdnq": "sdnq",
    "torchao": "torchao",
}
"""What diffusers needs for each method of quantisation, as it is called on the package index."""
_MODULES = {
    "auto-round": "auto_round",
    "nvidia-modelopt": "modelopt",
    "optimum-quanto": "optimum",
}


def check_asked(path: Path, config: LTX2T2VConfig) -> Generation:
    """Refuse what cannot be loaded; gives the generation of the transformer.

    Raises `longtake.CheckpointError` for a missing or damaged file,
    `longtake.MissingDependencyError` for a package that its quantised weights need, and
    `longtake.ValidationError` for an attention backend that diffusers does not know.
    """
    for file in (config.transformer_path, config.upsampler_weights):
        if file is not None and not Path(file).exists():
            raise lt.CheckpointError(file, "missing; there is no such file or folder")
    refine = () if config.lora_path is None else (LoRA(config.lora_path),)
    check_loras((*refine, *map(LoRA.parse, config.loras)))
    if config.upsampler_weights is not None:
        _check_upsampler(Path(config.upsampler_weights))
    if config.attention_backend is not None:
        _check_attention_backend(config.attention_backend)
    replaced = () if config.transformer_path is None else ("transformer",)
    check_components(path, replaced=replaced)
    return _generation(Path(config.transformer_path or path / "transformer"), path)


def _generation(transformer: Path, path: Path) -> Generation:
    """That of a transformer; a .gguf file is described by the checkpoint's own configuration."""
    if transformer.is_file() and transformer.suffix != ".gguf":
        return single_file(transformer, "transformer").generation
    if transformer.is_file():
        return generation_of(read_json(path / "transformer" / "config.json"))
    check_folder(transformer)
    architecture = read_json(transformer / "config.json")
    _check_quantisation(transformer / "config.json", architecture)
    return generation_of(architecture)


def upsampler_folder(weights: Path) -> Path:
    """The folder with the ``config.json`` of ``weights``, that folder or a file in it."""
    return weights if weights.is_dir() else weights.parent


def _check_upsampler(weights: Path) -> None:
    read_json(upsampler_folder(weights) / "config.json")
    if weights.is_file():
        check_safetensors(weights)
    else:
        check_folder(weights)


def _check_attention_backend(name: str) -> None:
    from diffusers.models.attention_dispatch import AttentionBackendName

    known = sorted(backend.value for backend in AttentionBackendName)
    if name not in known:
        raise lt.ValidationError(
            "attention_backend", f"{name!r} is not known to diffusers; known: {', '.join(known)}"
        )


def _check_quantisation(file: Path, architecture: dict[str, Any]) -> None:
    quantisation = architecture.get("quantization_config")
    if quantisation is None:
        return
    method = quantisation.get("quant_method") if isinstance(quantisation, dict) else None
    if method not in _PACKAGES:
        known = ", ".join(_PACKAGES)
        raise lt.CheckpointError(
            str(file), f"quantization_config.quant_method is {method!r}; these load: {known}"
        )
    for package in ("accelerate", _PACKAGES[method]):
        if find_spec(_MODULES.get(package, package)) is None:
            raise lt.MissingDependencyError(package, f"{file}: {method} quantisation")
