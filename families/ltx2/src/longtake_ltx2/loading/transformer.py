"""Making the transformer: from which files, with what attention, compiled or not."""

from __future__ import annotations

from typing import Any

import longtake as lt
from longtake_ltx2.checkpoints.configs import config_of
from longtake_ltx2.checkpoints.layout import Layout
from longtake_ltx2.loading.floats import torch_dtype
from longtake_ltx2.loading.fp8_cast import cast_to_fp8
from longtake_ltx2.loading.single_file import load_transformer as load_single_file
from longtake_ltx2.loading.weights import align, from_folder
from longtake_ltx2.lora.adapters import LoRA, add_loras
from longtake_ltx2.pipeline_configs import LTX2T2VConfig

__all__ = ["load_transformer"]


def load_transformer(layout: Layout, config: LTX2T2VConfig) -> Any:
    """The transformer of a checkpoint.

    The user's LoRAs are put in before it is compiled.

    Raises `longtake.CheckpointError` naming the file, and `longtake.ValidationError` for an
    attention backend that cannot be used here.
    """
    transformer = _from_files(layout, config)
    add_loras(transformer, [LoRA.parse(text) for text in config.loras])
    if config.fp8_cast:
        cast_to_fp8(transformer)
    if config.attention_backend is not None:
        _set_attention_backend(transformer, config.attention_backend)
    if config.compile:
        transformer.compile_repeated_blocks()
    return transformer


def _from_files(layout: Layout, config: LTX2T2VConfig) -> Any:
    from diffusers import LTX2VideoTransformer3DModel

    # Converted 2.0 checkpoints say perturbed_attn=False, which makes STG do nothing; the flag
    # adds no weights. Parity with diffusers keeps what the file says.
    changes: dict[str, Any] = {"perturbed_attn": True} if config.numerics == "official" else {}
    path = layout.place("transformer")
    if path.is_dir():
        return from_folder(LTX2VideoTransformer3DModel, path, config.dit_precision, **changes)
    dtype = torch_dtype(config.dit_precision)
    if path.suffix == ".gguf":
        changes = config_of(layout, "transformer") | changes
    transformer = load_single_file(path, dtype, **changes)
    align(transformer)
    return transformer


def _set_attention_backend(transformer: Any, name: str) -> None:
    from diffusers.models.attention_dispatch import attention_backend

    try:
        with attention_backend(name):  # puts back what diffusers keeps for the whole process
            transformer.set_attention_backend(name)
    except (ValueError, RuntimeError, ImportError) as error:  # e.g. its package is not installed
        problem = f"{name!r} cannot be used: {error}"
        raise lt.ValidationError("attention_backend", problem) from error
