"""Convolutions over time by oneDNN, also the small ones, which torch computes without it.

torch hands a 3-D convolution in fp32 to oneDNN where batch x channels x frames x height is above a
limit (ATen ``ConvParams::use_mkldnn``), and computes smaller ones one picture at a time, several
times as slowly on one core. Small random networks and previews are all below it. Pictures are
decoded so; what leads to latents keeps torch's own rounding, which guidance would amplify.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

from longtake_ltx2.forward.passes import bound

__all__ = ["fast_convolutions"]

_LIMIT = 20480
"""Up to which torch computes one itself; the last axis does not count."""


@contextmanager
def fast_convolutions(network: Any) -> Iterator[None]:
    """The 3-D convolutions of ``network`` go to oneDNN meanwhile, where it can compute them.

    The results are those of torch but for rounding. Convolutions whose forward something else has
    replaced, as offloading does, stay as they are.
    """
    with ExitStack() as changes:
        if isinstance(network, torch.nn.Module) and _is_there():
            for module in network.modules():
                if type(module) is torch.nn.Conv3d and "forward" not in vars(module):
                    changes.enter_context(bound(module, _by_onednn(module)))
        yield


def _is_there() -> bool:
    mkldnn: Any = torch.backends.mkldnn
    return bool(mkldnn.is_available() and mkldnn.enabled)


def _by_onednn(module: torch.nn.Conv3d) -> Callable[[torch.Tensor], torch.Tensor]:
    own = module.forward

    def forward(x: torch.Tensor) -> torch.Tensor:
        if not _fits(module, x):
            return own(x)
        padding: Any = module.padding
        if module.padding_mode != "zeros":
            around = [side for axis in reversed(padding) for side in (axis, axis)]
            x, padding = torch.nn.functional.pad(x, around, mode=module.padding_mode), (0, 0, 0)
        made: torch.Tensor = torch.mkldnn_convolution(
            x, module.weight, module.bias, padding, module.stride, module.dilation, module.groups
        )
        return made

    return forward


def _fits(module: torch.nn.Conv3d, x: torch.Tensor) -> bool:
    """Whether oneDNN can compute it, and torch would not hand it over."""
    weight = module.weight
    return (
        x.device.type == weight.device.type == "cpu"
        and x.dtype == weight.dtype == torch.float32
        and type(weight.data) is torch.Tensor
        and not isinstance(module.padding, str)
        and x.dim() == 5
        and math.prod(x.shape[:4]) <= _LIMIT
        and max(weight.shape[2:]) > 1
        and not torch.is_grad_enabled()
    )
