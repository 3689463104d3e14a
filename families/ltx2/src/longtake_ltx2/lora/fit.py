"""Whether the weights of a LoRA fit a network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import longtake as lt
from longtake_ltx2.lora.file import LoRAFile
from longtake_ltx2.lora.layouts import Part

__all__ = ["check_fits", "linear_layers"]


def linear_layers(network: Any) -> dict[str, Any]:
    """The linear layers by name, whether or not they carry LoRAs already."""
    import torch
    from peft.tuners.tuners_utils import BaseTunerLayer

    found = {}
    for name, module in network.named_modules():
        if isinstance(module, BaseTunerLayer):
            module = module.get_base_layer()
        if isinstance(module, torch.nn.Linear) and ".base_layer" not in name:
            found[name] = module
    return found


def check_fits(
    file: LoRAFile, weights: Mapping[str, Any], part: Part, layers: Mapping[str, Any]
) -> None:
    """Refuse weights of other shapes than the layers, and layers that LoRAs come too late for."""
    for key, tensor in weights.items():
        layer, matrix, _ = key.removeprefix(f"{part}.").rsplit(".", 2)
        module = layers[layer]
        inputs, outputs = module.in_features, module.out_features
        expected = [outputs, *tensor.shape[1:]]
        if matrix == "lora_A":
            expected = [tensor.shape[0], inputs]
        if list(tensor.shape) != expected:
            problem = f"is for another network: {key!r} is {list(tensor.shape)}, not"
            raise lt.CheckpointError(str(file.path), f"{problem} {expected}")
        if "float8" in str(module.weight.dtype):  # peft would keep the LoRA in it, and not cast up
            problem = f"comes too late: {layer!r} is kept in float8 already"
            raise lt.CheckpointError(str(file.path), f"{problem}; load LoRAs before that")
