"""What diffusers' ``FeedForward`` gives, with a quicker GELU where a CPU computes it in fp32."""

from __future__ import annotations

import math
from typing import Any

import torch
from diffusers.models.activations import GELU

__all__ = ["fed"]

_SLOPE = 2 * math.sqrt(2 / math.pi)
_CUBIC = 0.044715


def fed(feed_forward: Any, x: torch.Tensor) -> torch.Tensor:
    """``feed_forward`` of ``x`` ``[1, T, D]``, in a new tensor.

    The module computes it itself where it is another one, or where something watches it.
    """
    activation = feed_forward.net[0]
    if not _is_usual(feed_forward) or not _is_usual(activation) or type(activation) is not GELU:
        whole: torch.Tensor = feed_forward(x)
        return whole
    hidden = activation.proj(x)
    is_own = hidden.dtype == torch.float32 and hidden.device.type == "cpu"
    is_own = is_own and activation.approximate == "tanh"
    hidden = _gelu(hidden) if is_own else activation.gelu(hidden)
    for module in feed_forward.net[1:]:
        hidden = module(hidden)
    return hidden


def _is_usual(module: Any) -> bool:
    watched = module._forward_hooks or module._forward_pre_hooks
    return not (watched or "forward" in vars(module))


def _gelu(x: torch.Tensor) -> torch.Tensor:
    """GELU by tanh (Hendrycks and Gimpel, arXiv:1606.08415, section 2) as ``x sigmoid(2 u)``,
    which it equals; torch's own kernel takes twice as long on a CPU."""
    out = x * x
    return out.mul_(_SLOPE * _CUBIC).add_(_SLOPE).mul_(x).sigmoid_().mul_(x)
