"""From a network's files to the network, whole and aligned."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

import longtake as lt
from longtake_ltx2.loading.floats import torch_dtype
from longtake_ltx2.quiet import quiet_libraries

__all__ = ["align", "from_file", "from_folder", "ready", "whole"]

logger = logging.getLogger(__name__)

_ALIGNMENT = 16


def from_folder(cls: Any, folder: Path, precision: str, **changes: Any) -> Any:
    """A network of a diffusers class. ``changes``: to what its ``config.json`` says.

    Raises `longtake.CheckpointError` naming the folder.
    """
    from diffusers.utils import is_accelerate_available

    return whole(
        folder,
        lambda: cls.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,  # never unpickle
            torch_dtype=torch_dtype(precision),
            low_cpu_mem_usage=is_accelerate_available(),
            output_loading_info=True,
            **changes,
        ),
    )


def from_file(cls: Any, config: dict[str, Any], file: Path, precision: str) -> Any:
    """A network of a diffusers class from its configuration and one file of any name.

    Raises `longtake.CheckpointError` naming the file.
    """
    from safetensors.torch import load_file

    def load_with_info() -> tuple[Any, dict[str, Any]]:
        network = cls.from_config(config).to(torch_dtype(precision))
        unmatched = network.load_state_dict(load_file(file), strict=False)
        if unmatched.unexpected_keys:
            raise ValueError(f"its weights are of another network: {unmatched.unexpected_keys[0]}")
        return network, {"missing_keys": unmatched.missing_keys}

    return whole(file, load_with_info)


def whole(path: Path, load_with_info: Callable[[], tuple[Any, Any]]) -> Any:
    """The network that ``load_with_info`` gives, ready to compute, with no weight missing.

    Raises `longtake.CheckpointError` naming ``path``.
    """
    logger.info("loading %s", path)
    try:
        with quiet_libraries():
            network, info = load_with_info()
    except Exception as error:  # the libraries raise all sorts for what makes no sense
        raise lt.CheckpointError(str(path), f"cannot be loaded: {error}") from error
    if missing := sorted(info["missing_keys"]):
        raise lt.CheckpointError(
            str(path), f"lacks {len(missing)} weights, the first is {missing[0]!r}"
        )
    return ready(network)


def ready(network: Any) -> Any:
    """The same network for computing only, its weights aligned."""
    network = network.eval().requires_grad_(False)
    align(network)
    return network


def align(network: torch.nn.Module) -> None:
    """Copy weights that do not start on a 16-byte boundary, as those mapped from a file.

    On such, MKL's matrix products of three or fewer rows give other bits, so two workers with the
    same weights would differ. Those of quantised weights, which are no plain tensors, stay.
    """
    for tensor in (*network.parameters(), *network.buffers()):
        if type(tensor.data) is torch.Tensor and tensor.data_ptr() % _ALIGNMENT:
            tensor.data = tensor.data.clone()
