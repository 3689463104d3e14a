"""An optimizer for matrices: each step is a rotation of what the gradients say, of equal strength.

Muon (Jordan et al., 2024): the momentum's singular values are all brought near 1, by the
Newton-Schulz iteration with that work's coefficients. Convolutions are matrices from one side's
channels to all the rest. Here the iteration is made on the small Gram matrix alone, from which one
product gives the step: for wide matrices that is several times cheaper.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

__all__ = ["Orthogonal", "matrices"]

_ITERATIONS = 5
_LINEAR, _CUBIC, _QUINTIC = 3.4445, -4.7750, 2.0315
_LIKE_ADAM = 0.2
"""Root mean square of a step at rate 1, which is about Adam's."""


def matrices(networks: Iterable[nn.Module]) -> list[torch.Tensor]:
    """The weights of all linear layers and convolutions."""
    layers = (nn.Linear, nn.modules.conv._ConvNd)
    return [
        each.weight
        for network in networks
        for each in network.modules()
        if isinstance(each, layers) and each.weight.requires_grad
    ]


class Orthogonal(torch.optim.Optimizer):
    """``rate``: as Adam's. ``decay``: of the weights, per step and rate."""

    def __init__(
        self, weights: list[torch.Tensor], lr: float, decay: float, momentum: float = 0.95
    ) -> None:
        super().__init__(weights, {"lr": lr, "decay": decay, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Make a step; ``closure`` is not called."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._move(weight, weight.grad, group)

    def _move(self, weight: torch.Tensor, grad: torch.Tensor, group: dict[str, Any]) -> None:
        kept = self.state[weight]
        if not kept:
            kept["momentum"] = torch.zeros_like(weight)
        speed = kept["momentum"].lerp_(grad, 1 - group["momentum"])
        along = grad.lerp(speed, group["momentum"])
        swapped = len(along) > along.shape[1]
        if swapped:
            along = along.transpose(0, 1)
        flat = along.flatten(1)
        step = (_orthogonal(flat) * (_LIKE_ADAM * max(flat.shape) ** 0.5)).view(along.shape)
        weight.mul_(1 - group["lr"] * group["decay"])
        weight.add_(step.transpose(0, 1) if swapped else step, alpha=-group["lr"])


def _orthogonal(matrix: torch.Tensor) -> torch.Tensor:
    """With all singular values near 1; ``matrix`` is at least as wide as high, or nearly so."""
    unit = matrix / (matrix.norm() + 1e-7)
    gram = unit @ unit.mT
    same = torch.eye(len(gram))
    whole = same
    for _ in range(_ITERATIONS):
        factor = _LINEAR * same + _CUBIC * gram + _QUINTIC * (gram @ gram)
        whole = factor @ whole
        gram = factor @ gram @ factor
    turned: torch.Tensor = whole @ unit
    return turned
