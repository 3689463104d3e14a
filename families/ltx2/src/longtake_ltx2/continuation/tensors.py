"""Latents as one safetensors file, dtype kept, checked before anything is allocated."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from math import prod
from typing import TYPE_CHECKING, Any

import longtake as lt
from longtake_ltx2.continuation.checks import integer, object_, refuse, shown

if TYPE_CHECKING:
    import torch

__all__ = ["MAX_LATENT", "MAX_TENSOR_BYTES", "decode_tensors", "encode_tensors"]

MAX_TENSOR_BYTES = 64 * 2**20
"""Of the whole file."""
MAX_LATENT = 10_000.0
"""Normalised latents are a few units large; no model makes one that is thousands."""
_MAX_HEADER_BYTES = 64 * 2**10
_ITEM_BYTES = {"F32": 4, "F16": 2, "BF16": 2}
_DTYPES = "float32, float16 or bfloat16"


def encode_tensors(
    tensors: Mapping[str, torch.Tensor],
    form: str,
    path: str,
    budget: lt.StateBudget,
    *,
    notes: Mapping[str, str] | None = None,
) -> bytes:
    """The safetensors file of finite tensors, by their names, and ``notes`` beside them.

    ``form``: what their dimensions are, such as ``"[B, C, T, mel]"``. ``budget``: of the state that
    they are written in, which must be able to be read. Raises `longtake.ValidationError` for
    another dtype or number of dimensions, for an empty tensor, for too many bytes, and for NaN,
    infinity or more than `MAX_LATENT`.
    """
    from safetensors.torch import save

    for tensor in tensors.values():
        _check_tensor(tensor, form, path)
    num_bytes = sum(each.numel() * each.element_size() for each in tensors.values())
    if num_bytes > MAX_TENSOR_BYTES - _MAX_HEADER_BYTES:
        shapes = ", ".join(str(list(each.shape)) for each in tensors.values())
        refuse(path, f"has shape {shapes}; more than {MAX_TENSOR_BYTES} bytes")
    for tensor in tensors.values():
        _check_numbers(tensor, path)
    kept = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    file: bytes = save(kept, dict(notes) if notes else None)
    _check_limit(len(file), path, budget)
    budget.take(len(file), path)
    return file


def decode_tensors(
    file: bytes | memoryview,
    form: str,
    path: str,
    budget: lt.StateBudget,
    *,
    check_names: Callable[[list[str]], None],
) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """The tensors of a safetensors file on the CPU, by their names, and the notes beside them.

    ``check_names``: refuses other names than are wanted. The file has its room in ``budget`` before
    memory is taken for it. Raises `longtake.ValidationError` for anything that `encode_tensors`
    would not write.
    """
    shapes, notes = _check_file(file, form, path, check_names)
    _check_limit(len(file), path, budget)
    budget.take(len(file), path)
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        tensors = load(bytes(file))
    except SafetensorError as error:
        refuse(path, f"is a damaged safetensors file: {error}")
    if {name: list(tensor.shape) for name, tensor in tensors.items()} != shapes:
        refuse(path, "does not hold the tensor that its header says")
    for tensor in tensors.values():
        _check_numbers(tensor, path)
    # Memory of torch's own: a loaded tensor may be unaligned, and kernels then round otherwise.
    return {name: tensors[name].clone() for name in sorted(tensors)}, notes


def _check_limit(num_bytes: int, path: str, budget: lt.StateBudget) -> None:
    most = budget.limits.tensor_bytes
    if num_bytes > most:
        refuse(path, f"has {num_bytes} bytes; at most {most} (LONGTAKE_STATE_LIMITS allows more)")


def _check_tensor(tensor: object, form: str, path: str) -> None:
    import torch

    if not isinstance(tensor, torch.Tensor):
        refuse(path, f"is of type {type(tensor).__name__}; must be a torch tensor {form}")
    if tensor.dtype not in (torch.float32, torch.float16, torch.bfloat16):
        refuse(path, f"is {tensor.dtype}; must be {_DTYPES}")
    if tensor.ndim != _dimensions(form) or not tensor.numel():
        refuse(path, f"has shape {list(tensor.shape)}; must be {form}, none of them 0")


def _check_numbers(tensor: torch.Tensor, path: str) -> None:
    import torch

    if not bool(torch.isfinite(tensor).all()):
        refuse(path, "holds NaN or infinity")
    largest = float(tensor.detach().abs().max())
    if largest > MAX_LATENT:
        refuse(path, f"holds a latent of {largest:.3g}; at most {MAX_LATENT:g} either way")


def _check_file(
    file: bytes | memoryview, form: str, path: str, check_names: Callable[[list[str]], None]
) -> tuple[dict[str, list[int]], dict[str, Any]]:
    """The shapes, when dtypes, shapes, offsets and length fit each other; and the notes."""
    if len(file) > MAX_TENSOR_BYTES:
        refuse(path, f"is {len(file)} bytes; at most {MAX_TENSOR_BYTES} are read")
    header_bytes = int.from_bytes(file[:8], "little")
    if not 2 <= header_bytes <= min(_MAX_HEADER_BYTES, len(file) - 8):
        refuse(path, "is not a safetensors file: the length of its header is wrong")
    header = _header(bytes(file[8 : 8 + header_bytes]), path)
    notes = object_(header.pop("__metadata__", {}), path)
    check_names(sorted(header))
    shapes, end = {}, 0
    for name, entry in sorted(header.items(), key=_begin):
        shapes[name], end = _check_entry(entry, form, f"{path}.{name}", end)
    if len(file) != 8 + header_bytes + end:
        refuse(path, f"has {len(file) - 8 - header_bytes} bytes of data instead of {end}")
    return shapes, notes


def _begin(item: tuple[str, Any]) -> int:
    """Where the data of a header's entry begin, if it says that; `_check_entry` finds out."""
    offsets = item[1].get("data_offsets") if isinstance(item[1], dict) else None
    begin = offsets[0] if isinstance(offsets, list) and offsets else 0
    return begin if isinstance(begin, int) else 0


def _check_entry(entry: object, form: str, path: str, begin: int) -> tuple[list[int], int]:
    """The shape of one tensor, whose data begin at ``begin``, and where they end."""
    tensor = object_(entry, path)
    dtype = tensor.get("dtype")
    if not isinstance(dtype, str) or dtype not in _ITEM_BYTES:
        refuse(f"{path}.dtype", f"is {shown(dtype)}; must be {_DTYPES}")
    shape = _shape(tensor.get("shape"), form, f"{path}.shape")
    end = begin + prod(shape) * _ITEM_BYTES[dtype]
    if tensor.get("data_offsets") != [begin, end]:
        refuse(f"{path}.data_offsets", f"must be [{begin}, {end}] for this dtype and shape")
    return shape, end


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


def _shape(value: object, form: str, path: str) -> list[int]:
    if not isinstance(value, list) or len(value) != _dimensions(form):
        refuse(path, f"must be {form}")
    return [
        integer(size, f"{path}[{index}]", low=1, high=MAX_TENSOR_BYTES)
        for index, size in enumerate(value)
    ]


def _dimensions(form: str) -> int:
    return form.count(",") + 1
