"""What an RMS norm of diffusers' transformer gives, reading its input and writing nothing else."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch

from longtake_ltx2.forward.passes import is_watched

__all__ = ["normed", "single"]


def normed(norm: Any, x: torch.Tensor) -> torch.Tensor:
    """What the RMS norm ``norm`` makes of ``x`` ``[..., D]``, in a new tensor.

    On a CPU in fp32 by the length of each row, for which ``x`` is read and nothing written.
    """
    in_fp32 = x.dtype == torch.float32 and x.device.type == "cpu"
    if not in_fp32 or norm.eps is None or is_watched(norm):
        made: torch.Tensor = norm(x)
        return made
    length = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
    mean = torch.addcmul(single(norm.eps), length, length, value=1 / x.shape[-1])
    out = x * mean.rsqrt_()
    if norm.weight is not None:
        out.mul_(norm.weight)
    return out


@cache
def single(value: float) -> torch.Tensor:
    """0-D in fp32 on a CPU: to an operation, a number of Python's is a tensor to be made first."""
    return torch.tensor(value, dtype=torch.float32, device="cpu")
