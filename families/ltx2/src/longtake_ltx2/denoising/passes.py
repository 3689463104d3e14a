"""What a forward pass of the transformer can differ in beyond its arguments, as hooks.

Each holds for the time of a ``with`` block and leaves the transformer as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch
from attrs import define

__all__ = ["BlockInputs", "gates_follow", "not_perturbed", "recording", "restarting"]


@define
class BlockInputs:
    """Both streams' hidden states ``[1, T, D]`` where they entered a transformer block."""

    video: torch.Tensor | None = None
    audio: torch.Tensor | None = None


@contextmanager
def _before_forward(modules: Iterable[Any], hook: Callable[..., Any]) -> Iterator[None]:
    """``hook(module, args, kwargs)`` before every forward of these modules."""
    handles = [
        # Before hooks that hold for longer: they see the forward as this pass has it.
        module.register_forward_pre_hook(hook, with_kwargs=True, prepend=True)
        for module in modules
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def gates_follow(
    transformer: Any, *, video: torch.Tensor, audio: torch.Tensor
) -> AbstractContextManager[None]:
    """Each gate between picture and sound takes the other stream's timestep ``[1]`` (ltx-core).

    Scale and shift stay with the own per-token timestep.
    """
    into_video = transformer.av_cross_attn_video_a2v_gate

    def replace(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return (audio if module is into_video else video, *args[1:]), kwargs

    return _before_forward((into_video, transformer.av_cross_attn_audio_v2a_gate), replace)


def not_perturbed(attentions: Iterable[Any]) -> AbstractContextManager[None]:
    """These self-attentions stay whole in a perturbed pass."""

    def spare(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return args, {**kwargs, "perturbation_mask": None, "all_perturbed": False}

    return _before_forward(attentions, spare)


@contextmanager
def recording(transformer: Any, block: int) -> Iterator[BlockInputs]:
    """Keeps what enters transformer block number ``block``."""
    inputs = BlockInputs()

    def keep(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        inputs.video, inputs.audio = kwargs["hidden_states"], kwargs["audio_hidden_states"]

    with _before_forward([transformer.transformer_blocks[block]], keep):
        yield inputs


@contextmanager
def restarting(transformer: Any, block: int, inputs: BlockInputs) -> Iterator[None]:
    """The blocks before number ``block`` are not run; it is entered with ``inputs``.

    One block that gives them stands in for all of them, so block b is number b - block + 1.
    """
    whole = transformer.transformer_blocks
    transformer.transformer_blocks = torch.nn.ModuleList([_Given(inputs), *whole[block:]])
    try:
        yield
    finally:
        transformer.transformer_blocks = whole


class _Given(torch.nn.Module):
    def __init__(self, inputs: BlockInputs) -> None:
        super().__init__()
        self._inputs = inputs

    def forward(self, **_: Any) -> tuple[torch.Tensor | None, torch.Tensor | None]:
        return self._inputs.video, self._inputs.audio
