"""Audio latents as one safetensors file with the single tensor ``t``, dtype kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import longtake as lt
from longtake_ltx2.continuation.checks import refuse
from longtake_ltx2.continuation.tensors import decode_tensors, encode_tensors

if TYPE_CHECKING:
    import torch

__all__ = ["decode_tensor", "encode_tensor"]

_FORM = "[B, C, T, mel]"


def encode_tensor(tensor: torch.Tensor, path: str, budget: lt.StateBudget) -> bytes:
    """The safetensors file of a finite ``[B, C, T, mel]`` tensor. Raises like `encode_tensors`."""
    return encode_tensors({"t": tensor}, _FORM, path, budget)


def decode_tensor(file: bytes | memoryview, path: str, budget: lt.StateBudget) -> torch.Tensor:
    """The tensor ``[B, C, T, mel]`` of a safetensors file, on the CPU. Raises like
    `decode_tensors`.
    """

    def check_names(names: list[str]) -> None:
        if names != ["t"]:
            refuse(path, f"holds {len(names)} tensors; must hold the single tensor 't'")

    return decode_tensors(file, _FORM, path, budget, check_names=check_names)[0]["t"]
