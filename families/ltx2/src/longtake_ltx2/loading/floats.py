"""In which type of floats the networks compute."""

from __future__ import annotations

import torch

import longtake as lt
from longtake_ltx2.pipeline_configs import PRECISIONS

__all__ = ["dtype_name", "torch_dtype"]


def dtype_name(asked: str | None) -> str | None:
    """``asked`` when the networks can compute in it. Raises `longtake.ValidationError`."""
    if asked is not None and asked not in PRECISIONS:
        known = ", ".join(PRECISIONS)
        raise lt.ValidationError("dtype", f"{asked!r} is none of these types of floats: {known}")
    return asked


def torch_dtype(precision: str) -> torch.dtype:
    """The dtype that ``precision`` names."""
    dtype: torch.dtype = vars(torch)[PRECISIONS[precision]]
    return dtype
