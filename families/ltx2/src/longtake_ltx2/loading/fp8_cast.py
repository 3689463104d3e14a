"""The transformer's large matrices kept in fp8 and cast up where they compute (ltx-core)."""

from __future__ import annotations

import logging
import math
from typing import Any

import torch
from torch.nn.functional import linear

import longtake as lt

__all__ = ["cast_to_fp8"]

logger = logging.getLogger(__name__)

_ENDINGS = (".to_q", ".to_k", ".to_v", ".to_out.0", "ff.net.0.proj", "ff.net.2")
"""Of the linear layers within blocks that ltx-core casts, of both streams and between them."""
_FP8 = torch.float8_e4m3fn
_LARGEST = torch.finfo(_FP8).max


class Fp8Linear(torch.nn.Linear):
    """A linear layer whose weight and bias are in fp8 without a scale."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """In the dtype of ``input``."""
        bias = None if self.bias is None else self.bias.to(input.dtype)
        return linear(input, self.weight.to(input.dtype), bias)


def cast_to_fp8(transformer: Any) -> float:
    """Round ltx-core's set of layers to e4m3fn, in place.

    The others keep their floats: gates, adaptive norms, what is outside of the blocks. Returns, and
    logs, the error of the weights: the root of the squared differences' sum over the squares' sum.
    What is clipped is warned of. Raises `longtake.ValidationError` for weights that are quantised
    already, or not finite, which fp8 would hide.
    """
    layers = {
        name: module
        for name, module in transformer.transformer_blocks.named_modules()
        if name.removesuffix(".base_layer").endswith(_ENDINGS)
        and isinstance(module, torch.nn.Linear)
    }
    off = whole = 0.0
    for name, layer in layers.items():
        for tensor in (layer.weight, layer.bias):
            if tensor is None:
                continue
            before = tensor.data
            if type(before) is not torch.Tensor or before.dtype == _FP8:
                raise lt.ValidationError("fp8_cast", "the transformer is quantised already")
            _check_largest(name, float(before.abs().max()))
            tensor.data = before.to(_FP8)
            off += float((tensor.data.float() - before.float()).square().sum())
            whole += float(before.float().square().sum())
        layer.__class__ = Fp8Linear
    error = (off / whole) ** 0.5 if whole else 0.0
    logger.info("%d layers are in fp8, their weights off by %.2g of their size", len(layers), error)
    return error


def _check_largest(layer: str, weight: float) -> None:
    """Infinity would become the largest fp8, as all that is too large for it does in torch."""
    if not math.isfinite(weight):
        problem = (
            f"the layer {layer} has weights that are not finite; download the checkpoint again"
        )
        raise lt.ValidationError("fp8_cast", problem)
    if weight > _LARGEST:
        logger.warning("fp8_cast: %s has weights up to %.4g, clipped to 448", layer, weight)
