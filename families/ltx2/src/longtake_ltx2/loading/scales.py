"""Weights in fp8 that come with scales: which scale is whose, and the weights they stand for.

A layer's ``weight`` in fp8 stands for ``float(weight) * scale``. The scale is called
``weight_scale`` (Lightricks, compressed-tensors, ComfyUI since 2025), ``weight_scale_inv``
(DeepSeek and transformers: the inverse of what the weights were multiplied by, so it is multiplied
too) or ``scale_weight`` (ComfyUI before). It has one value for the weight, one per row, or one per
block. ``input_scale`` and ``scale_input`` are what activations are divided by before a product in
fp8; here products are in the network's own floats, so leaving them out changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from attrs import frozen

import longtake as lt
from longtake_ltx2.loading.contents import Contents, Stored, few
from longtake_ltx2.loading.quantised import block_size, says_scaled

__all__ = ["Scale", "is_scaled", "read_tensors", "scales_of"]

_SCALES = ("weight_scale", "weight_scale_inv", "scale_weight")
_OF_INPUTS = ("input_scale", "scale_input")
_MARKERS = ("scaled_fp8", "comfy_quant")
_BESIDE = (*_SCALES, *_OF_INPUTS, *_MARKERS)
_FP8 = ("F8_E4M3", "F8_E5M2", "F8_E4M3FNUZ", "F8_E5M2FNUZ")
_SCALE_DTYPES = ("F64", "F32", "F16", "BF16", "F8_E8M0")
_FLOATS = ("F64", "F32", "F16", "BF16", *_FP8)
_BYTES = ("I8", "U8", "F8_E8M0", "F6_E2M3", "F6_E3M2", "F4")
"""What quantised weights are packed in."""

_FORMATS = ("float8_e4m3fn", "float8_e5m2")
_REMEDY = "take the files with bf16 weights"


@frozen
class Scale:
    """The scale of a weight. ``blocks``: along each dimension, how many values share one."""

    name: str
    blocks: tuple[int, ...]


def scales_of(contents: Contents, config: Mapping[str, Any]) -> dict[str, Scale]:
    """The scales of a network's weights, by the weights' names; empty when there are none.

    ``config``: the network's; without a size of blocks in it the shapes decide.

    Raises `longtake.CheckpointError` naming weights that are quantised in a way whose meaning is
    not known, or left open by what there is.
    """
    block = block_size(config)
    tensors = contents.tensors
    _check_plain(contents)
    _check_formats(contents)
    found: dict[str, Scale] = {}
    for name, stored in tensors.items():
        layer, kind = _split(name)
        if kind not in (*_SCALES, *_OF_INPUTS):
            continue
        weight = f"{layer}weight"
        if weight not in tensors or tensors[weight].dtype not in _FP8:
            raise _refusal(contents, [name], "scale no weights in fp8")
        if kind in _OF_INPUTS:
            continue
        if weight in found:
            raise _refusal(contents, [name, found[weight].name], "scale the same weight")
        found[weight] = Scale(name, _blocks(contents, name, stored, tensors[weight], block))
    is_marked = found or says_scaled(config) or _has_marks(tensors)
    if is_marked and (unscaled := _in_fp8(tensors) - found.keys()):
        raise _refusal(contents, unscaled, "are in fp8 without the scale that there should be")
    return found


def read_tensors(
    contents: Contents, scales: Mapping[str, Scale], dtype: torch.dtype
) -> dict[str, torch.Tensor]:
    """A network's weights, scaled in fp32 and then rounded to ``dtype``; integers as they are.

    Raises `longtake.CheckpointError` for a scale that is not finite.
    """
    from safetensors import safe_open

    with ExitStack() as stack:
        files: dict[Path, Any] = {}

        def read(stored: Stored) -> torch.Tensor:
            if stored.file not in files:
                opened = safe_open(stored.file, framework="pt")
                files[stored.file] = stack.enter_context(opened)
            tensor: torch.Tensor = files[stored.file].get_tensor(stored.key)
            return tensor

        tensors = {}
        for name, stored in contents.tensors.items():
            if _split(name)[1] in _BESIDE:
                continue
            tensor = read(stored)
            if name in scales:
                tensor = tensor.float() * _expanded(contents, scales[name], tensor.shape, read)
            tensors[name] = tensor.to(dtype) if tensor.is_floating_point() else tensor
        return tensors


def is_scaled(contents: Contents) -> bool:
    """Whether there is a scale or a mark beside the weights, which the libraries do not know."""
    return any(_split(name)[1] in _BESIDE for name in contents.tensors)


def _has_marks(tensors: Mapping[str, Stored]) -> bool:
    return any(_split(name)[1] in _MARKERS for name in tensors)


def _in_fp8(tensors: Mapping[str, Stored]) -> set[str]:
    return {n for n, t in tensors.items() if t.dtype in _FP8 and _split(n)[1] not in _BESIDE}


def _expanded(contents: Contents, scale: Scale, shape: torch.Size, read: Any) -> torch.Tensor:
    """The scale of each value, fp32 ``shape`` or what broadcasts to it."""
    values: torch.Tensor = read(contents.tensors[scale.name]).float()
    if not values.isfinite().all():
        raise lt.CheckpointError(str(contents.path), f"{scale.name!r} is not finite; {_REMEDY}")
    if values.numel() == 1:
        return values.reshape(())
    values = values.reshape(values.shape + (1,) * (len(shape) - values.ndim))
    for dimension, (block, size) in enumerate(zip(scale.blocks, shape, strict=True)):
        if values.shape[dimension] not in (1, size):
            values = values.repeat_interleave(block, dimension).narrow(dimension, 0, size)
    return values


def _blocks(
    contents: Contents, name: str, scale: Stored, weight: Stored, given: Sequence[int] | None
) -> tuple[int, ...]:
    """How many values share a scale along each dimension of a weight."""
    if scale.dtype not in _SCALE_DTYPES:
        raise _refusal(contents, [name], f"are stored as {scale.dtype}, no scale")
    shape = weight.shape
    if all(size == 1 for size in scale.shape):
        return shape
    counts = scale.shape + (1,) * (len(shape) - len(scale.shape))
    blocked = [count not in (1, size) for count, size in zip(counts, shape, strict=False)]
    fits = len(counts) == len(shape) and (len(scale.shape) in (1, len(shape)))
    if not fits or (any(blocked) and len(shape) != 2):
        problem = f"are of the shape {list(scale.shape)} for a weight of {list(shape)}"
        raise _refusal(contents, [name], problem)
    sizes = (1,) * len(shape) if given is None or len(given) != len(shape) else tuple(given)
    blocks = []
    for count, size, known in zip(counts, shape, sizes, strict=True):
        block = _block(count, size, None if given is None else known)
        if block is None:
            problem = f"are {count} for {size} values, which leaves open how many share one"
            raise _refusal(contents, [name], problem)
        blocks.append(block)
    return tuple(blocks)


def _block(count: int, size: int, given: int | None) -> int | None:
    """How many of ``size`` values share one of ``count`` scales; None when that is open.

    The last block may be a smaller one. Blocks are powers of two or divide the size evenly.
    """
    if count in (1, size):
        return size if count == 1 else 1
    if given is not None:
        return given if given > 0 and -(-size // given) == count else None
    if not 1 < count < size:
        return None
    powers = {1 << power for power in range(size.bit_length())}
    even = {size // count} if size % count == 0 else set()
    possible = {block for block in powers | even if -(-size // block) == count}
    return possible.pop() if len(possible) == 1 else None


def _check_plain(contents: Contents) -> None:
    """Refuse weights that are packed in bytes."""
    packed = [
        name
        for name, stored in contents.tensors.items()
        if _split(name)[1] not in _BESIDE
        and (stored.dtype in _BYTES or _is_odd_weight(name, stored))
    ]
    if packed:
        dtype = contents.tensors[min(packed)].dtype
        raise _refusal(contents, packed, f"are stored as {dtype}, which says nothing of their use")


def _is_odd_weight(name: str, stored: Stored) -> bool:
    return _split(name)[1] in ("weight", "bias") and stored.dtype not in _FLOATS


def _check_formats(contents: Contents) -> None:
    """Refuse what ComfyUI marks as another format than fp8 with one scale a weight."""
    for name, mark in _marks(contents):
        mark = {"format": mark} if isinstance(mark, str) else mark
        known = isinstance(mark, dict) and mark.keys() <= {"format", "full_precision_matrix_mult"}
        if not known or mark.get("format") not in _FORMATS:
            raise _refusal(contents, [name], f"say that the format is {mark!r}")


def _marks(contents: Contents) -> Iterator[tuple[str, Any]]:
    from safetensors import safe_open

    try:
        layers = json.loads(contents.metadata.get("_quantization_metadata", "{}")).get("layers", {})
        yield from sorted(layers.items())
    except (AttributeError, ValueError, RecursionError):
        raise _refusal(contents, ["_quantization_metadata"], "cannot be read") from None
    for name, stored in contents.tensors.items():
        if _split(name)[1] == "comfy_quant":
            with safe_open(stored.file, framework="numpy") as opened:
                data = bytes(opened.get_tensor(stored.key))
            try:
                yield name, json.loads(data)
            except (ValueError, RecursionError):
                yield name, data[:40]


def _split(name: str) -> tuple[str, str]:
    """The layer, with its dot, and what of the layer it is."""
    layer, dot, kind = name.rpartition(".")
    return layer + dot, kind


def _refusal(contents: Contents, names: Sequence[str] | set[str], why: str) -> lt.CheckpointError:
    problem = f"is quantised in a way that is not known: {few(names)} {why}; {_REMEDY}"
    return lt.CheckpointError(str(contents.path), problem)
