"""Audio latents as one safetensors file with the single tensor ``t``, dtype kept."""

from __future__ import annotations

import json
from math import prod
from typing import TYPE_CHECKING, Any

import longtake as lt
from longtake_ltx2.continuation.checks import integer, object_, refuse, shown

if TYPE_CHECKING:
    import torch

__all__ = ["MAX_LATENT", "MAX_TENSOR_BYTES", "decode_tensor", "encode_tensor"]

MAX_TENSOR_BYTES = 64 * 2**20
"""Of the whole file."""
MAX_LATENT = 10_000.0
"""Normalised latents are a few units large; no model makes one that is thousands."""
_MAX_HEADER_BYTES = 64 * 2**10
_ITEM_BYTES = {"F32": 4, "F16": 2, "BF16": 2}
_DTYPES = "float32, float16 or bfloat16"
_DIMENSIONS = 4


def encode_tensor(tensor: torch.Tensor, path: str, budget: lt.StateBudget) -> bytes:
    """The safetensors file of a finite ``[B, C, T, mel]`` tensor.

    ``budget``: of the state that it is written in, which must be able to be read. Raises
    `longtake.ValidationError` for another dtype or number of dimensions, for an empty or too large
    tensor, and for one with NaN, infinity or more than `MAX_LATENT`.
    """
    import torch
    from safetensors.torch import save

    if not isinstance(tensor, torch.Tensor):
        refuse(path, f"is of type {type(tensor).__name__}; must be a torch tensor [B, C, T, mel]")
    if tensor.dtype not in (torch.float32, torch.float16, torch.bfloat16):
        refuse(path, f"is {tensor.dtype}; must be {_DTYPES}")
    if tensor.ndim != _DIMENSIONS or not tensor.numel():
        refuse(path, f"has shape {list(tensor.shape)}; must be [B, C, T, mel], none of them 0")
    if tensor.numel() * tensor.element_size() > MAX_TENSOR_BYTES - _MAX_HEADER_BYTES:
        refuse(path, f"has shape {list(tensor.shape)}; more than {MAX_TENSOR_BYTES} bytes")
    _check_numbers(tensor, path)
    file: bytes = save({"t": tensor.detach().cpu().contiguous()})
    _check_limit(len(file), path, budget)
    budget.take(len(file), path)
    return file


def decode_tensor(file: bytes | memoryview, path: str, budget: lt.StateBudget) -> torch.Tensor:
    """The tensor ``[B, C, T, mel]`` of a safetensors file, on the CPU.

    It has its room in ``budget`` before memory is taken for it. Raises `longtake.ValidationError`
    for anything that `encode_tensor` would not write.
    """
    shape = _check_file(file, path)
    _check_limit(len(file), path, budget)
    budget.take(len(file), path)
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        tensors = load(bytes(file))
    except SafetensorError as error:
        refuse(path, f"is a damaged safetensors file: {error}")
    if list(tensors) != ["t"] or list(tensors["t"].shape) != shape:
        refuse(path, "does not hold the tensor that its header says")
    _check_numbers(tensors["t"], path)
    # Memory of torch's own: the loaded tensor may be unaligned, and kernels then round otherwise.
    tensor: torch.Tensor = tensors["t"].clone()
    return tensor


def _check_limit(num_bytes: int, path: str, budget: lt.StateBudget) -> None:
    most = budget.limits.tensor_bytes
    if num_bytes > most:
        refuse(path, f"has {num_bytes} bytes; at most {most} (LONGTAKE_STATE_LIMITS allows more)")


def _check_numbers(tensor: torch.Tensor, path: str) -> None:
    import torch

    if not bool(torch.isfinite(tensor).all()):
        refuse(path, "holds NaN or infinity")
    largest = float(tensor.detach().abs().max())
    if largest > MAX_LATENT:
        refuse(path, f"holds a latent of {largest:.3g}; at most {MAX_LATENT:g} either way")


def _check_file(file: bytes | memoryview, path: str) -> list[int]:
    """The shape of the only tensor, when dtype, shape, offsets and length fit each other."""
    if len(file) > MAX_TENSOR_BYTES:
        refuse(path, f"is {len(file)} bytes; at most {MAX_TENSOR_BYTES} are read")
    header_bytes = int.from_bytes(file[:8], "little")
    if not 2 <= header_bytes <= min(_MAX_HEADER_BYTES, len(file) - 8):
        refuse(path, "is not a safetensors file: the length of its header is wrong")
    header = _header(bytes(file[8 : 8 + header_bytes]), path)
    names = sorted(header.keys() - {"__metadata__"})
    if names != ["t"]:
        refuse(path, f"holds {len(names)} tensors; must hold the single tensor 't'")
    tensor = object_(header["t"], f"{path}.t")
    dtype = tensor.get("dtype")
    if not isinstance(dtype, str) or dtype not in _ITEM_BYTES:
        refuse(f"{path}.t.dtype", f"is {shown(dtype)}; must be {_DTYPES}")
    shape = _shape(tensor.get("shape"), f"{path}.t.shape")
    num_bytes = prod(shape) * _ITEM_BYTES[dtype]
    if tensor.get("data_offsets") != [0, num_bytes]:
        refuse(f"{path}.t.data_offsets", f"must be [0, {num_bytes}] for this dtype and shape")
    if len(file) != 8 + header_bytes + num_bytes:
        refuse(path, f"has {len(file) - 8 - header_bytes} bytes of data instead of {num_bytes}")
    return shape


def _header(text: bytes, path: str) -> dict[str, Any]:
    try:
        document = json.loads(text, object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError):
        refuse(path, "is not a safetensors file: its header is not JSON")
    return object_(document, path)


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object, unless readers could disagree on what it holds."""
    names = dict(pairs)
    if len(names) != len(pairs):
        raise ValueError("a name appears twice")
    return names


def _shape(value: object, path: str) -> list[int]:
    if not isinstance(value, list) or len(value) != _DIMENSIONS:
        refuse(path, "must be [B, C, T, mel]")
    return [
        integer(size, f"{path}[{index}]", low=1, high=MAX_TENSOR_BYTES)
        for index, size in enumerate(value)
    ]
