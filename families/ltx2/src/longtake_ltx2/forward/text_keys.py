"""Keys and values of the text, computed once for all the passes that attend to them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeVar

import torch
from diffusers.models.attention_dispatch import dispatch_attention_fn

from longtake_ltx2.values import PromptContext

__all__ = ["Kept", "KeysAndValues", "attended", "keys_and_values"]

KeysAndValues = tuple[torch.Tensor, torch.Tensor]
"""``[1, S, heads, D]`` each."""

T = TypeVar("T")


class Kept:
    """What passes share: over the whole loop, or over the passes of one step.

    What no later pass of the step can need is not kept.
    """

    def __init__(self) -> None:
        self._of_loop: dict[Hashable, Any] = {}
        self._of_step: dict[Hashable, Any] = {}
        self._to_come: Counter[PromptContext] = Counter()

    def begin_step(self, prompts: Sequence[PromptContext]) -> None:
        """Forget the step before; ``prompts``: of the passes to come."""
        self._of_step.clear()
        self._to_come = Counter(prompts)

    def begin_pass(self, prompt: PromptContext) -> None:
        """One of the passes to come is at work."""
        self._to_come[prompt] -= 1

    def over_loop(self, key: Hashable, make: Callable[[], T]) -> T:
        """What ``make`` gives, made once in a loop."""
        if key not in self._of_loop:
            self._of_loop[key] = make()
        found: T = self._of_loop[key]
        return found

    def over_step(self, key: Hashable, prompt: PromptContext | None, make: Callable[[], T]) -> T:
        """What ``make`` gives, made once in a step; for passes of ``prompt``, or of any."""
        if key in self._of_step:
            found: T = self._of_step[key]
            return found
        made = make()
        to_come = self._to_come.total() if prompt is None else self._to_come[prompt]
        if to_come > 0:
            self._of_step[key] = made
        return made


def keys_and_values(attention: Any, text: torch.Tensor) -> KeysAndValues:
    """Of ``text`` ``[1, S, D]``, as the attention projects it."""
    key, value = attention.norm_k(attention.to_k(text)), attention.to_v(text)
    heads = (attention.heads, -1)
    return key.unflatten(2, heads), value.unflatten(2, heads)


def attended(attention: Any, x: torch.Tensor, text: KeysAndValues) -> torch.Tensor:
    """What diffusers' ``LTX2Attention`` gives for queries from ``x`` ``[1, T, D]``."""
    processor = attention.processor
    query = attention.norm_q(attention.to_q(x)).unflatten(2, (attention.heads, -1))
    out = dispatch_attention_fn(
        query,
        *text,
        attn_mask=None,
        dropout_p=0.0,
        is_causal=False,
        backend=processor._attention_backend,
        parallel_config=processor._parallel_config,
    )
    out = out.to(query.dtype)
    if attention.to_gate_logits is not None:
        out = out * (2.0 * torch.sigmoid(attention.to_gate_logits(x))).unsqueeze(-1)
    dense, dropout = attention.to_out
    attended: torch.Tensor = dropout(dense(out.flatten(2, 3)))
    return attended
