"""A network's blocks in the computer's memory, each on the device only while it computes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import prod
from typing import Any

import torch
from attrs import define, field, frozen

import longtake as lt

__all__ = ["BlockStream", "blocks_of"]

_ALIGNMENT = 256
"""Bytes; kernels round otherwise, or are slower, on weights that begin elsewhere."""


def blocks_of(name: str, network: Any) -> Sequence[torch.nn.Module]:
    """The blocks of a network that is run block by block; empty for another one.

    Raises `longtake.ValidationError` for blocks whose weights are quantised.
    """
    blocks: Sequence[torch.nn.Module] = ()
    if name == "transformer":
        blocks = tuple(network.transformer_blocks)
    elif name == "text_encoder":
        blocks = tuple(network.get_decoder().layers)
    for block in blocks:
        if any(type(each.data) is not torch.Tensor for each in _tensors(block)):
            raise lt.ValidationError(
                "offload",
                f"'block' takes plain weights, and those of the {name} are quantised: take "
                "'component'",
            )
    return blocks


def _cuda(name: str, *arguments: Any) -> Any:
    """A stream or an event; torch has not typed them."""
    return vars(torch.cuda)[name](*arguments)


def _tensors(block: torch.nn.Module) -> list[torch.Tensor]:
    return [*block.parameters(), *block.buffers()]


@frozen
class _Weight:
    """One tensor of a block, its numbers at home, and at which byte of a slot they go."""

    tensor: torch.Tensor
    home: torch.Tensor
    offset: int

    def within(self, slot: torch.Tensor) -> torch.Tensor:
        """Its place in a slot's bytes."""
        count = prod(self.home.shape) * self.home.element_size()
        bytes_ = slot[self.offset : self.offset + count]
        return bytes_.view(self.home.dtype).view(self.home.shape)


@define(eq=False)
class _Block:
    """A block at home. ``packed``: all its weights in one pinned buffer, for a single copy."""

    module: torch.nn.Module
    pinned: bool
    weights: list[_Weight] = field(factory=list)
    packed: torch.Tensor | None = None
    num_bytes: int = 0

    def refresh(self) -> bool:
        """Look for tensors that came or went, as those of a LoRA; whether there were any."""
        tensors = _tensors(self.module)
        known = [each.tensor for each in self.weights]
        if len(tensors) == len(known) and all(map(_is, tensors, known)):
            return False
        self.weights, self.num_bytes = [], 0
        for tensor in tensors:
            self.weights.append(_Weight(tensor, tensor.data, self.num_bytes))
            size = tensor.data.nbytes
            self.num_bytes += -(-size // _ALIGNMENT) * _ALIGNMENT
        if self.pinned:
            self._pack()
        return True

    def _pack(self) -> None:
        packed = torch.empty(self.num_bytes, dtype=torch.uint8, pin_memory=True)
        moved = []
        for weight in self.weights:
            place = weight.within(packed).copy_(weight.home)
            weight.tensor.data = place
            moved.append(_Weight(weight.tensor, place, weight.offset))
        self.weights, self.packed = moved, packed

    def copy_to(self, slot: torch.Tensor) -> None:
        if self.packed is not None:
            slot[: self.num_bytes].copy_(self.packed, non_blocking=True)
            return
        for weight in self.weights:
            weight.within(slot).copy_(weight.home)

    def enter(self, slot: torch.Tensor) -> None:
        for weight in self.weights:
            weight.tensor.data = weight.within(slot)

    def leave(self) -> None:
        for weight in self.weights:
            weight.tensor.data = weight.home


def _is(one: object, other: object) -> bool:
    return one is other


@define(eq=False)
class _Slot:
    """Room on the device for one block. The events order the copies and the computing on a GPU."""

    index: int | None = None
    data: torch.Tensor | None = None
    copied: Any = None
    computed: Any = None


class BlockStream:
    """Has each block's weights on ``device`` while it computes, and copies the next one meanwhile.

    There is room for two blocks, between `free` and the next forward for none. On a GPU the blocks
    are in pinned memory, and the copies have a stream of their own. The numbers of a forward are
    those of resident weights. LoRAs may be put in and switched at any time between forwards.
    """

    def __init__(self, blocks: Sequence[torch.nn.Module], device: str) -> None:
        self._device = torch.device(device)
        on_gpu = self._device.type == "cuda"
        self._blocks = [_Block(block, pinned=on_gpu) for block in blocks]
        self._copying = _cuda("Stream", self._device) if on_gpu else None
        self._slots = [_Slot(), _Slot()]
        self.copies = 0
        for index, block in enumerate(self._blocks):
            block.refresh()
            module = block.module
            module.register_forward_pre_hook(self._hook(self._enter, index))
            module.register_forward_hook(self._hook(self._leave, index), always_call=True)

    @property
    def tensors(self) -> Iterable[torch.Tensor]:
        """Those of all blocks as they are now."""
        return (each for block in self._blocks for each in _tensors(block.module))

    @property
    def device_bytes(self) -> int:
        """What the slots take on the device now."""
        return sum(0 if slot.data is None else slot.data.nbytes for slot in self._slots)

    def free(self) -> None:
        """Leave the device; the next forward comes back."""
        if self._copying is not None:
            torch.cuda.synchronize(self._device)
        self._slots = [_Slot(), _Slot()]

    @staticmethod
    def _hook(do: Callable[[int], None], index: int) -> Callable[..., None]:
        def call(*_: Any) -> None:
            do(index)

        return call

    def _enter(self, index: int) -> None:
        block = self._blocks[index]
        self._forget(index, block.refresh())
        slot = self._slot_of(index) or self._copy(index, self._other(None))
        if slot.copied is not None:
            torch.cuda.current_stream(self._device).wait_event(slot.copied)
        assert slot.data is not None  # it was copied to
        block.enter(slot.data)
        following = (index + 1) % len(self._blocks)
        self._forget(following, self._blocks[following].refresh())
        if self._slot_of(following) is None:
            self._copy(following, self._other(slot))

    def _leave(self, index: int) -> None:
        slot = self._slot_of(index)
        if slot is not None and self._copying is not None:
            slot.computed = _cuda("Event")
            slot.computed.record(torch.cuda.current_stream(self._device))
        self._blocks[index].leave()

    def _copy(self, index: int, slot: _Slot) -> _Slot:
        """Put a block into ``slot`` once what was there has computed."""
        block = self._blocks[index]
        if slot.data is None or slot.data.nbytes < block.num_bytes:
            room = max(each.num_bytes for each in self._blocks)
            slot.data = torch.empty(room, dtype=torch.uint8, device=self._device)
        slot.index = index
        self.copies += 1
        if self._copying is None:
            block.copy_to(slot.data)
            return slot
        slot.data.record_stream(self._copying)
        if slot.computed is None:  # new room, which may have been somebody's until now
            slot.computed = _cuda("Event")
            slot.computed.record(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(self._copying):
            self._copying.wait_event(slot.computed)
            block.copy_to(slot.data)
            slot.copied = _cuda("Event")
            slot.copied.record(self._copying)
        return slot

    def _slot_of(self, index: int) -> _Slot | None:
        return next((slot for slot in self._slots if slot.index == index), None)

    def _other(self, slot: _Slot | None) -> _Slot:
        """A slot that is not ``slot``, an empty one if there is."""
        free = [each for each in self._slots if each is not slot]
        return next((each for each in free if each.index is None), free[0])

    def _forget(self, index: int, is_changed: bool) -> None:
        if is_changed and (slot := self._slot_of(index)) is not None:
            slot.index = None
