"""Where the networks are."""

from __future__ import annotations

import logging
from importlib.util import find_spec
from typing import Any, Protocol

import torch

import longtake as lt
from longtake_ltx2.loading.streaming import BlockStream, blocks_of

__all__ = [
    "BlockOffloading",
    "Offloading",
    "Placement",
    "Resident",
    "placement_on",
    "usable_device",
]

logger = logging.getLogger(__name__)

_HOME = "cpu"
_TOGETHER = {
    "text_encoder": "text",
    "connectors": "text",
    "duration_head": "text",
    "audio_vae": "sound",
    "vocoder": "sound",
}
"""Networks that take turns within one stage; they are on the device together."""


class Placement(Protocol):
    """Decides where each network is."""

    def add(self, name: str, network: Any) -> None:
        """Take charge of a network that was just loaded, in the computer's memory."""
        ...

    def use(self, name: str) -> None:
        """Have this network on the device. It calls this itself before it computes."""
        ...

    def release(self) -> None:
        """Nothing computes for now."""
        ...


class Resident:
    """Every network is on the device from when it is loaded."""

    def __init__(self, device: str) -> None:
        self._device = device

    def add(self, name: str, network: Any) -> None:
        network.to(self._device)

    def use(self, name: str) -> None:
        """It already is."""

    def release(self) -> None:
        """It stays."""


class Offloading:
    """A network is on the device from its first computation until one of another group computes.

    The groups: text encoder with connectors, transformer, video VAE, upsampler, and audio VAE with
    vocoder. What a network is called with is moved to the device too, except by ``encode`` and
    ``decode``, whose callers do that.

    Raises `longtake.MissingDependencyError` without accelerate, whose hooks diffusers' VAEs heed.
    """

    asked = "component"

    def __init__(self, device: str) -> None:
        if find_spec("accelerate") is None:
            raise lt.MissingDependencyError("longtake-ltx2[offload]", f"offload={self.asked!r}")
        self._device = device
        self._networks: dict[str, Any] = {}
        self._on_device: list[str] = []

    def add(self, name: str, network: Any) -> None:
        from accelerate.hooks import ModelHook, add_hook_to_module
        from accelerate.utils import send_to_device

        placement = self

        class Use(ModelHook):  # type: ignore[misc]  # accelerate is not typed
            def pre_forward(self, module: Any, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
                placement.use(name)
                device = placement._device
                return send_to_device(args, device), send_to_device(kwargs, device)

        self._networks[name] = network
        add_hook_to_module(network, Use())

    def use(self, name: str) -> None:
        if name in self._on_device:
            return
        group = _TOGETHER.get(name, name)
        self._leave([other for other in self._on_device if _TOGETHER.get(other, other) != group])
        self._move(name, self._device)
        self._on_device.append(name)

    def release(self) -> None:
        self._leave(list(self._on_device))

    def _leave(self, names: list[str]) -> None:
        for name in names:
            self._move(name, _HOME)
            self._on_device.remove(name)
        if names:
            from accelerate.utils.memory import clear_device_cache

            clear_device_cache()

    def _move(self, name: str, device: str) -> None:
        logger.info("%s goes to %s", name, device)
        self._networks[name].to(device)


class BlockOffloading(Offloading):
    """As `Offloading`; but the blocks of transformer and text encoder never are there together.

    Each is on the device while it computes, and the next one on its way meanwhile: see
    `BlockStream`. What else these two networks have is there as `Offloading` has it.
    """

    asked = "block"

    def __init__(self, device: str) -> None:
        super().__init__(device)
        self.streams: dict[str, BlockStream] = {}
        self._homes: dict[str, dict[torch.Tensor, torch.Tensor]] = {}

    def add(self, name: str, network: Any) -> None:
        if blocks := blocks_of(name, network):
            self.streams[name] = BlockStream(blocks, self._device)
        super().add(name, network)

    def _move(self, name: str, device: str) -> None:
        if name not in self.streams:
            super()._move(name, device)
            return
        logger.info("%s goes to %s", name, device)
        stream, network = self.streams[name], self._networks[name]
        streamed = set(stream.tensors)
        rest = {*network.parameters(), *network.buffers()} - streamed
        if device != _HOME:
            self._homes[name] = {tensor: tensor.data for tensor in rest}
            for tensor in rest:
                tensor.data = tensor.data.to(device)
            return
        stream.free()
        homes = self._homes.pop(name, {})
        for tensor in rest:  # a LoRA may have been put in meanwhile
            tensor.data = homes[tensor] if tensor in homes else tensor.data.to(_HOME)


def placement_on(device: str, offload: str) -> Placement:
    """The placement that ``offload``, ``"none"``, ``"component"`` or ``"block"``, asks for."""
    if offload == "block":
        return BlockOffloading(device)
    return Offloading(device) if offload == "component" else Resident(device)


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
