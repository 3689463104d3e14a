"""The weights that a LoRA has for one layer, and what they add to it.

A layer ``y = W x + b`` becomes ``(W + s B A) x + b + s b_B + d``: ``A`` ``[rank, inputs]``, ``B``
``[outputs, rank]``, and where the file has them the bias ``b_B`` of ``B`` and the difference ``d``
of biases. The scale is ``s = alpha / rank``, 1 without an alpha. With magnitudes ``m`` (DoRA,
https://arxiv.org/abs/2402.09353, one for each output as in PEFT) the weight is
``m (W + s B A) / |W + s B A|``, the norm taken over the inputs of each output.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from attrs import field, frozen

import longtake as lt
from longtake_ltx2.lora.layouts import Layer, Role

if TYPE_CHECKING:
    import torch

__all__ = ["LoRALayer", "checked_layer", "checked_scale"]

Shapes = Mapping[str, tuple[int, ...]]


@frozen
class LoRALayer:
    """One layer: its place, the file's keys by their roles, the rank, and the scale ``s``."""

    layer: Layer
    keys: Mapping[Role, str] = field(repr=False)
    rank: int
    scale: float = 1.0

    @property
    def is_dora(self) -> bool:
        """Whether it has magnitudes."""
        return "magnitude" in self.keys or "magnitude_column" in self.keys

    @property
    def has_bias(self) -> bool:
        """Whether it changes the bias."""
        return "bias" in self.keys or "up_bias" in self.keys

    def weights(
        self, read: Callable[[str], torch.Tensor], *, with_bias: bool
    ) -> dict[str, torch.Tensor]:
        """Tensors by PEFT's endings, scaled so that PEFT adds them as they are.

        ``read``: a tensor of the file by its key. ``with_bias``: give a bias even if it is zero.
        """
        up = self._scaled(read(self.keys["up"]))
        found = {"lora_A.weight": read(self.keys["down"]), "lora_B.weight": up}
        if with_bias:
            found["lora_B.bias"] = self._bias(read, up)
        for role in ("magnitude", "magnitude_column"):
            if role in self.keys:
                found["lora_magnitude_vector.weight"] = read(self.keys[role]).flatten()
        return found

    def _bias(self, read: Callable[[str], torch.Tensor], up: torch.Tensor) -> torch.Tensor:
        bias = up.new_zeros(up.shape[0]).float()
        if "up_bias" in self.keys:
            bias = bias + self._scaled(read(self.keys["up_bias"])).float()
        if "bias" in self.keys:
            bias = bias + read(self.keys["bias"]).float()
        return bias

    def _scaled(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor if self.scale == 1 else tensor.float() * self.scale


def checked_layer(path: str, layer: Layer, keys: Mapping[Role, str], shapes: Shapes) -> LoRALayer:
    """The layer with these keys. Raises `longtake.CheckpointError` naming a key that is wrong."""
    rank = _rank(path, keys, shapes)
    outputs = shapes[keys["up"]][0]
    wanted: dict[Role, tuple[tuple[int, ...], ...]] = {
        "up_bias": ((outputs,),),
        "bias": ((outputs,),),
        "alpha": ((), (1,)),
        "magnitude": ((outputs,),),
        "magnitude_column": ((outputs, 1),),
    }
    for role, allowed in wanted.items():
        if role in keys and shapes[keys[role]] not in allowed:
            shown = " or ".join(str(list(shape)) for shape in allowed)
            raise lt.CheckpointError(
                path, f"{keys[role]!r} is {list(shapes[keys[role]])}; only {shown} is read here"
            )
    found = LoRALayer(layer, keys, rank)
    if {"magnitude", "magnitude_column"} <= keys.keys() or (found.is_dora and found.has_bias):
        shown = ", ".join(map(repr, sorted(keys.values())))
        raise lt.CheckpointError(path, f"has {shown}, which together have no known meaning")
    return found


def _rank(path: str, keys: Mapping[Role, str], shapes: Shapes) -> int:
    """That of both matrices."""
    matrices: tuple[tuple[Role, str], ...] = (
        ("down", "lora_A or lora_down"),
        ("up", "lora_B or lora_up"),
    )
    for role, names in matrices:
        if role not in keys:
            shown = ", ".join(map(repr, sorted(keys.values())))
            raise lt.CheckpointError(path, f"has {shown} without the {names} weight beside")
        if len(shapes[keys[role]]) != 2:
            shape = list(shapes[keys[role]])
            raise lt.CheckpointError(path, f"{keys[role]!r} is {shape}; must be a matrix")
    down, up = keys["down"], keys["up"]
    rank, partners = shapes[down][0], shapes[up][1]
    if rank != partners or not rank:
        raise lt.CheckpointError(path, f"{down!r} is of rank {rank}, {up!r} of {partners}")
    return rank


def checked_scale(path: str, key: str, alpha: object, divisor: float) -> float:
    """``alpha / divisor``. Raises `longtake.CheckpointError` where that makes no sense."""
    if isinstance(alpha, bool) or not isinstance(alpha, int | float) or not math.isfinite(alpha):
        raise lt.CheckpointError(path, f"{key!r} is {alpha!r}; must be a finite number")
    if alpha == 0:
        raise lt.CheckpointError(path, f"{key!r} is 0, so that the layer would change nothing")
    return alpha / divisor
