"""What a configuration says of quantised weights, and who undoes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import longtake as lt
from longtake_ltx2.loading.weight_files import Library

__all__ = ["block_size", "check_quantisation", "is_quantised", "says_scaled"]

_PACKAGES: dict[Library, dict[str, str]] = {
    "diffusers": {
        "auto-round": "auto-round",
        "bitsandbytes": "bitsandbytes",
        "gguf": "gguf",
        "modelopt": "nvidia-modelopt",
        "nunchaku_lite": "nunchaku",
        "quanto": "optimum-quanto",
        "sdnq": "sdnq",
        "torchao": "torchao",
    },
    "transformers": {"bitsandbytes": "bitsandbytes", "torchao": "torchao"},
}
"""What each library needs for each method of quantisation, as it is called on the index."""
_MODULES = {
    "auto-round": "auto_round",
    "nvidia-modelopt": "modelopt",
    "optimum-quanto": "optimum",
}
_OURS = "fp8"
"""The method whose weights come with scales, which are applied here."""


def is_quantised(config: Mapping[str, Any]) -> bool:
    """Whether the weights are for a method of the library that loads the network."""
    return config.get("quantization_config") is not None and _method(config) != _OURS


def says_scaled(config: Mapping[str, Any]) -> bool:
    """Whether there have to be scales beside weights in fp8."""
    return config.get("quantization_config") is not None and _method(config) == _OURS


def block_size(config: Mapping[str, Any]) -> Sequence[int] | None:
    """Rows and columns that share a scale, if the configuration says it."""
    quantisation = config.get("quantization_config")
    size = quantisation.get("weight_block_size") if isinstance(quantisation, dict) else None
    if not isinstance(size, list) or not all(isinstance(side, int) for side in size):
        return None
    return size if len(size) == 2 else None


def check_quantisation(file: Path, config: Mapping[str, Any], library: Library) -> None:
    """Refuse weights that are quantised in a way that cannot be loaded here.

    Raises `longtake.CheckpointError` naming ``file`` for a method that is not known, and
    `longtake.MissingDependencyError` for the package that one needs.
    """
    if config.get("quantization_config") is None:
        return
    method, packages = _method(config), _PACKAGES[library]
    if method == _OURS:
        return
    if method not in packages:
        known = ", ".join(sorted((*packages, _OURS)))
        raise lt.CheckpointError(
            str(file), f"quantization_config.quant_method is {method!r}; these load: {known}"
        )
    for package in ("accelerate", packages[method]):
        if find_spec(_MODULES.get(package, package)) is None:
            raise lt.MissingDependencyError(package, f"{file}: {method} quantisation")


def _method(config: Mapping[str, Any]) -> Any:
    quantisation = config["quantization_config"]
    return quantisation.get("quant_method") if isinstance(quantisation, dict) else None
