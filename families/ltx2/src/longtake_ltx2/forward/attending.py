"""What diffusers' ``LTX2Attention`` gives, with fewer passes over queries and keys."""

from __future__ import annotations

from typing import Any, TypeAlias

import torch
from diffusers.models.attention_dispatch import dispatch_attention_fn

from longtake_ltx2.forward.levels import normed
from longtake_ltx2.forward.passes import is_watched

__all__ = [
    "KeysAndValues",
    "Rope",
    "attend",
    "attended",
    "finished",
    "gathered",
    "keys_and_values",
    "queries",
]

KeysAndValues: TypeAlias = tuple[torch.Tensor, torch.Tensor]
"""``[1, S, heads, D]`` each."""

Rope: TypeAlias = tuple[torch.Tensor, torch.Tensor]
"""Cosines and sines, ``[1, heads, T, D / 2]`` each where they rotate halves (``split``)."""


def attend(
    attention: Any,
    x: torch.Tensor,
    rope: Rope,
    other: tuple[torch.Tensor, Rope] | None = None,
    perturbed: dict[str, Any] | None = None,
) -> torch.Tensor:
    """What ``x`` ``[1, T, D]`` gathers from itself, or from ``other`` with its rotations.

    ``perturbed``: further arguments of the module, which computes whatever is unusual itself: a
    perturbed pass, other floats than fp32, and where something watches it, as several ranks do.
    """
    source, its_rope = (x, rope) if other is None else other
    if _is_usual(attention, x, rope, perturbed or {}):
        return attended(attention, x, keys_and_values(attention, source, its_rope), rope)
    given: dict[str, Any] = {**(perturbed or {}), "query_rotary_emb": rope}
    if other is not None:
        given.update(encoder_hidden_states=source, key_rotary_emb=its_rope)
    computed: torch.Tensor = attention(x, **given)
    return computed


def _is_usual(attention: Any, x: torch.Tensor, rope: Rope, perturbed: dict[str, Any]) -> bool:
    return (
        perturbed.get("perturbation_mask") is None
        and not perturbed.get("all_perturbed")
        and x.dtype == torch.float32
        and attention.rope_type == "split"
        and rope[0].ndim == 4
        and not is_watched(attention)
    )


def keys_and_values(
    attention: Any, source: torch.Tensor, rope: Rope | None = None
) -> KeysAndValues:
    """Of ``source`` ``[1, S, D]``, as the attention projects it; keys are rotated by ``rope``."""
    key, value = normed(attention.norm_k, attention.to_k(source)), attention.to_v(source)
    key = _in_heads(key, attention.heads) if rope is None else _rotated(key, rope)
    return key, _in_heads(value, attention.heads)


def attended(
    attention: Any, x: torch.Tensor, known: KeysAndValues, rope: Rope | None = None
) -> torch.Tensor:
    """What the attention gives for queries from ``x`` ``[1, T, D]``, rotated by ``rope``."""
    return finished(attention, x, gathered(attention, queries(attention, x, rope), known))


def queries(attention: Any, x: torch.Tensor, rope: Rope | None = None) -> torch.Tensor:
    """``[1, T, heads, D]`` of ``x`` ``[1, T, D]``, as the attention projects it."""
    query = normed(attention.norm_q, attention.to_q(x))
    return _in_heads(query, attention.heads) if rope is None else _rotated(query, rope)


def gathered(attention: Any, query: torch.Tensor, known: KeysAndValues) -> torch.Tensor:
    """``[1, T, heads, D]``: what each head of the queries gathers of the values."""
    processor = attention.processor
    out: torch.Tensor = dispatch_attention_fn(
        query,
        *known,
        attn_mask=None,
        dropout_p=0.0,
        is_causal=False,
        backend=processor._attention_backend,
        parallel_config=processor._parallel_config,
    )
    return out.to(query.dtype)


def finished(attention: Any, x: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
    """``out`` ``[1, T, heads, D]`` of the queries from ``x``, gated and projected."""
    if attention.to_gate_logits is not None:
        out = out * attention.to_gate_logits(x).sigmoid_().mul_(2.0).unsqueeze(-1)
    dense, dropout = attention.to_out
    projected: torch.Tensor = dropout(dense(out.flatten(2, 3)))
    return projected


def _in_heads(x: torch.Tensor, heads: int) -> torch.Tensor:
    """``[1, T, D]`` as ``[1, T, heads, D / heads]``."""
    return x.reshape(*x.shape[:2], heads, -1)


def _rotated(x: torch.Tensor, rope: Rope) -> torch.Tensor:
    """``[1, T, D]`` as ``[1, T, heads, D / heads]``, the halves of each head turned against each
    other (diffusers ``apply_split_rotary_emb``)."""
    cos, sin = (each.swapaxes(1, 2) for each in rope)
    halves = x.reshape(*x.shape[:2], cos.shape[2], 2, -1)
    first, second = halves.unbind(3)
    out = torch.empty_like(halves)
    torch.mul(first, cos, out=out[..., 0, :]).addcmul_(second, sin, value=-1)
    torch.mul(second, cos, out=out[..., 1, :]).addcmul_(first, sin)
    return out.flatten(3)
