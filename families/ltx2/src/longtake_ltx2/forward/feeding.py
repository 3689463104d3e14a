"""What diffusers' ``FeedForward`` gives, with a quicker GELU where a CPU computes it in fp32."""

from __future__ import annotations

import math
from typing import Any

import torch
from diffusers.models.activations import GELU
from diffusers.models.attention import FeedForward

from longtake_ltx2.forward.norms import single
from longtake_ltx2.forward.passes import is_watched

__all__ = ["fed"]

_SLOPE = 2 * math.sqrt(2 / math.pi)
_CUBIC = 0.044715


def fed(feed_forward: Any, x: torch.Tensor) -> torch.Tensor:
    """``feed_forward`` of ``x`` ``[1, T, D]``, in a new tensor.

    The module computes it itself where it is another one, or where something watches it.
    """
    if not (_is_usual(feed_forward, FeedForward) and _is_usual(feed_forward.net[0], GELU)):
        whole: torch.Tensor = feed_forward(x)
        return whole
    activation = feed_forward.net[0]
    hidden: torch.Tensor = activation.proj(x)
    in_fp32 = hidden.dtype == torch.float32 and hidden.device.type == "cpu"
    quick = in_fp32 and activation.approximate == "tanh"
    hidden = _gelu(hidden) if quick else activation.gelu(hidden)
    for module in feed_forward.net[1:]:
        hidden = module(hidden)
    return hidden


def _is_usual(module: Any, kind: type[torch.nn.Module]) -> bool:
    return type(module) is kind and not is_watched(module)


def _gelu(x: torch.Tensor) -> torch.Tensor:
    """GELU by tanh (Hendrycks and Gimpel, arXiv:1606.08415, section 2), ``x (1 + tanh u) / 2`` of
    ``u = sqrt(2 / pi) (x + 0.044715 x^3)``, as ``x sigmoid(2 u)``: torch's own kernel takes twice
    as long on a CPU."""
    slope = torch.addcmul(single(_SLOPE), x, x, value=_SLOPE * _CUBIC)
    return slope.mul_(x).sigmoid_().mul_(x)
