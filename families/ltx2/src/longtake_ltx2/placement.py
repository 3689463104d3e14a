"""Where the networks go, and in which type of floats."""

from __future__ import annotations

import torch

import longtake as lt

__all__ = ["float_dtype_name", "torch_dtype", "usable_device"]


def usable_device(asked: str | None) -> str:
    """The device to use; a GPU when there is one and nothing is asked.

    Raises `longtake.ValidationError` for one that cannot be used here.
    """
    if asked is None:
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(asked)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise lt.ValidationError("device", f"{asked!r} cannot be used: {error}") from None
    return str(device)


def float_dtype_name(asked: str | None) -> str | None:
    """``asked`` when it names a type of floats. Raises `longtake.ValidationError`."""
    if asked is None:
        return None
    dtype = vars(torch).get(asked)
    if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
        raise lt.ValidationError(
            "dtype", f"{asked!r} is no type of floats; e.g. 'float32', 'bfloat16'"
        )
    return asked


def torch_dtype(name: str) -> torch.dtype:
    """The dtype called ``name``."""
    dtype: torch.dtype = vars(torch)[name]
    return dtype
