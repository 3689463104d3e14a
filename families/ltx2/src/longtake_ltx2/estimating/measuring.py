"""FLOPs and memory of a network, by running it on tensors without data.

On torch's meta device a network has shapes and no numbers, so building and running one takes
neither weights nor memory, and what is counted is what would run.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as functional
from attrs import frozen
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

__all__ = ["Cost", "empty", "measure", "weight_bytes", "without_data"]

_ATEN = torch.ops.aten
_ALIKE = frozenset(
    {
        _ATEN.add.Tensor,
        _ATEN.clamp.default,
        _ATEN.div.Tensor,
        _ATEN.exp.default,
        _ATEN.gelu.default,
        _ATEN.leaky_relu.default,
        _ATEN.mul.Tensor,
        _ATEN.neg.default,
        _ATEN.pow.Tensor_Scalar,
        _ATEN.rsqrt.default,
        _ATEN.silu.default,
        _ATEN.sqrt.default,
        _ATEN.tanh.default,
    }
)
"""Operations of floats number by number, whose result is like what is given. Most of them have no
kernel for tensors without data, and torch works their results' shapes out in Python."""


@frozen
class Cost:
    """``activation_bytes``: the most that a run holds at once beside weights and arguments."""

    flops: int
    activation_bytes: int
    shapes: tuple[tuple[int, ...], ...]


def without_data(build: Callable[[], Any], dtype: torch.dtype) -> Any:
    """The network that ``build`` makes, its weights without numbers."""
    with torch.device("meta"):
        network = build()
    for tensor in (*network.parameters(), *network.buffers()):
        if tensor.is_floating_point():
            tensor.data = tensor.data.to(dtype)
    return network.eval().requires_grad_(False)


def empty(*shape: int, dtype: torch.dtype) -> torch.Tensor:
    """A tensor of this shape, without numbers."""
    return torch.empty(shape, dtype=dtype, device="meta")


def weight_bytes(network: Any) -> int:
    """What the weights and buffers of ``network`` take."""
    tensors = (*network.parameters(), *network.buffers())
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def measure(network: Any, run: Callable[[], Any]) -> Cost:
    """What ``run``, which calls ``network``, takes; ``shapes`` are those of what it returns.

    Attention is counted as a fused kernel runs it, which keeps no matrix of scores.
    """
    operations, attention = _Operations(network), _Fused()
    with torch.no_grad(), operations, attention:
        made = run()
    shapes = tuple(tuple(leaf.shape) for leaf in tree_leaves(made) if torch.is_tensor(leaf))
    return Cost(operations.flops + attention.flops, operations.peak, shapes)


def _gives_alike(operation: Any, given: tuple[Any, ...]) -> bool:
    """Whether the result has the shape and type of the first of ``given``."""
    if operation not in _ALIKE or not given[0].is_floating_point():
        return False
    first = given[0]
    others = [each for each in given[1:] if torch.is_tensor(each)]
    if any(each.dtype != first.dtype for each in others):
        return False
    shape = tuple(first.shape)
    return np.broadcast_shapes(shape, *(tuple(each.shape) for each in others)) == shape


class _Fused(TorchFunctionMode):
    """Scaled dot-product attention as one kernel: 2 n m (d + e) FLOPs for each head."""

    def __init__(self) -> None:
        super().__init__()
        self.flops = 0

    def __torch_function__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        if func is not functional.scaled_dot_product_attention:
            return func(*args, **(kwargs or {}))
        named = dict(zip(("query", "key", "value"), args, strict=False)) | (kwargs or {})
        query, keys, width = named["query"], named["key"].shape[-2], named["value"].shape[-1]
        rows = query.numel() // query.shape[-1]
        self.flops += 2 * rows * keys * (query.shape[-1] + width)
        return query.new_empty((*query.shape[:-1], width))


class _Operations(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's is not typed
    """Adds up FLOPs, and the storages that are alive, those of the network left out.

    FLOPs are by torch's formulas, without its `FlopCounterMode`: that also tells modules apart,
    which takes longer than all else.
    """

    def __init__(self, network: Any) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        tensors = (*network.parameters(), *network.buffers())
        self._known = {tensor.untyped_storage()._cdata for tensor in tensors}
        self._alive = 0
        self.flops = 0
        self.peak = 0

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        named = kwargs or {}
        alike = _gives_alike(func, args)
        made = empty(*args[0].shape, dtype=args[0].dtype) if alike else func(*args, **named)
        formula = flop_registry.get(func.overloadpacket)
        if formula is not None:
            self.flops += formula(*args, **named, out_val=made)
        given = {
            leaf.untyped_storage()._cdata for leaf in tree_leaves(args) if torch.is_tensor(leaf)
        }
        for leaf in tree_leaves(made):
            if torch.is_tensor(leaf):
                self._add(leaf.untyped_storage(), given)
        self.peak = max(self.peak, self._alive)
        return made

    def _add(self, storage: torch.UntypedStorage, given: set[int]) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key in self._known or key in given:
            return
        self._known.add(key)
        self._alive += size
        weakref.finalize(storage, self._drop, key, size)

    def _drop(self, key: int, size: int) -> None:
        self._known.discard(key)
        self._alive -= size
