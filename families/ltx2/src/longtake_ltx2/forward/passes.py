"""What a forward pass of the transformer can differ in beyond its arguments, as hooks.

Each holds for the time of a ``with`` block and leaves the transformer as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

import torch
from attrs import define, frozen

__all__ = [
    "BlockInputs",
    "Restart",
    "attending",
    "bound",
    "gate_scale",
    "gates_follow",
    "is_watched",
    "recording",
    "restarting",
    "sparing",
]


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


def gate_scale(transformer: Any) -> float:
    """What the gates' timestep is multiplied by."""
    config = transformer.config
    scale: float = config.cross_attn_timestep_scale_multiplier / config.timestep_scale_multiplier
    return scale


@contextmanager
def sparing(
    transformer: Any, numbers: Iterable[int], *, video: bool, audio: bool
) -> Iterator[None]:
    """Self-attention of these blocks stays whole in a perturbed pass, where streams are on."""

    def spare(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return args, {**kwargs, "perturbation_mask": None, "all_perturbed": False}

    blocks = [transformer.transformer_blocks[number] for number in numbers]
    attentions = [block.attn1 for block in blocks if video]
    attentions += [block.audio_attn1 for block in blocks if audio]
    with _before_forward(attentions, spare):
        yield


def attending(transformer: Any, bias: torch.Tensor) -> AbstractContextManager[None]:
    """The picture's self-attention has ``bias`` ``[T, T]`` added to its scores, in every block.

    By hooks, because the transformer's own argument for it knows on and off alone. Each head sees
    the same memory: what is not given for every head is copied for each.
    """

    def add(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        given = bias.expand(module.heads, 1, -1, -1)
        return args, {**kwargs, "attention_mask": given}

    return _before_forward([block.attn1 for block in transformer.transformer_blocks], add)


@contextmanager
def bound(module: Any, forward: Callable[..., Any]) -> Iterator[None]:
    """This one module computes ``forward`` meanwhile, also where its own is compiled."""
    own, compiled = vars(module).get("forward"), module._compiled_call_impl
    module.forward, module._compiled_call_impl = forward, None
    try:
        yield
    finally:
        module._compiled_call_impl = compiled
        if own is None:
            del module.forward
        else:
            module.forward = own


def is_watched(module: Any) -> bool:
    """Whether somebody sees or replaces the forward of ``module``, as hooks and `bound` do."""
    hooks = module._forward_pre_hooks or module._forward_hooks
    return bool(hooks) or "forward" in vars(module)


@contextmanager
def recording(transformer: Any, block: int) -> Iterator[BlockInputs]:
    """Keeps what enters transformer block number ``block``."""
    inputs = BlockInputs()

    def keep(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        inputs.video, inputs.audio = kwargs["hidden_states"], kwargs["audio_hidden_states"]

    with _before_forward([transformer.transformer_blocks[block]], keep):
        yield inputs


@frozen(eq=False)
class Restart:
    """A pass that goes on from block number ``block``, entered with ``inputs``."""

    block: int
    inputs: BlockInputs


@contextmanager
def restarting(transformer: Any, block: int, inputs: BlockInputs) -> Iterator[None]:
    """The blocks before number ``block`` compute nothing; it is entered with ``inputs``."""

    def given(**_: Any) -> tuple[torch.Tensor | None, torch.Tensor | None]:
        return inputs.video, inputs.audio

    with ExitStack() as changes:
        for skipped in transformer.transformer_blocks[:block]:
            changes.enter_context(bound(skipped, given))
        yield
