"""What diffusers' ``LTX2Attention`` gives, with fewer passes over queries and keys."""

from __future__ import annotations

from typing import Any, TypeAlias

import torch
from diffusers.models.attention_dispatch import dispatch_attention_fn

from longtake_ltx2.forward.norms import normed
from longtake_ltx2.forward.passes import is_watched
from longtake_ltx2.forward.rotating import Rotation

__all__ = [
    "KeysAndValues",
    "attend",
    "attended",
    "finished",
    "gathered",
    "keys_and_values",
    "queries",
]

KeysAndValues: TypeAlias = tuple[torch.Tensor, torch.Tensor]
"""``[1, S, heads, D]`` each."""


def attend(
    attention: Any,
    x: torch.Tensor,
    rotation: Rotation,
    other: tuple[torch.Tensor, Rotation] | None = None,
    perturbed: dict[str, Any] | None = None,
) -> torch.Tensor:
    """What ``x`` ``[1, T, D]`` gathers from itself, or from ``other`` with its rotation.

    ``perturbed``: further arguments of the module, which computes whatever is unusual itself: a
    perturbed pass, other floats than fp32, and where something watches it, as several ranks do.
    """
    source, its_rotation = (x, rotation) if other is None else other
    if _is_usual(attention, x, rotation, perturbed or {}):
        return attended(attention, x, keys_and_values(attention, source, its_rotation), rotation)
    given: dict[str, Any] = {**(perturbed or {}), "query_rotary_emb": rotation.rope}
    if other is not None:
        given.update(encoder_hidden_states=source, key_rotary_emb=its_rotation.rope)
    computed: torch.Tensor = attention(x, **given)
    return computed


def _is_usual(
    attention: Any, x: torch.Tensor, rotation: Rotation, perturbed: dict[str, Any]
) -> bool:
    return (
        perturbed.get("perturbation_mask") is None
        and not perturbed.get("all_perturbed")
        and x.dtype == torch.float32
        and attention.rope_type == "split"
        and rotation.is_of_halves
        and not is_watched(attention)
    )


def keys_and_values(
    attention: Any, source: torch.Tensor, rotation: Rotation | None = None
) -> KeysAndValues:
    """Of ``source`` ``[1, S, D]``, as the attention projects it; its keys are rotated."""
    key, value = normed(attention.norm_k, attention.to_k(source)), attention.to_v(source)
    return _in_heads(key, attention, rotation), _in_heads(value, attention)


def attended(
    attention: Any, x: torch.Tensor, known: KeysAndValues, rotation: Rotation | None = None
) -> torch.Tensor:
    """What the attention gives for queries from ``x`` ``[1, T, D]``, which are rotated."""
    return finished(attention, x, gathered(attention, queries(attention, x, rotation), known))


def queries(attention: Any, x: torch.Tensor, rotation: Rotation | None = None) -> torch.Tensor:
    """``[1, T, heads, D]`` of ``x`` ``[1, T, D]``, as the attention projects it, and rotated."""
    return _in_heads(normed(attention.norm_q, attention.to_q(x)), attention, rotation)


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
    """``out`` ``[1, T, heads, D]`` of the queries from ``x``, gated in its place and projected."""
    if attention.to_gate_logits is not None:
        out.mul_(attention.to_gate_logits(x).sigmoid_().mul_(2.0).unsqueeze(-1))
    dense, dropout = attention.to_out
    projected: torch.Tensor = dense(out.flatten(2, 3))
    if dropout.training:
        projected = dropout(projected)
    return projected


def _in_heads(x: torch.Tensor, attention: Any, rotation: Rotation | None = None) -> torch.Tensor:
    """``[1, T, D]`` as ``[1, T, heads, D / heads]``."""
    if rotation is not None:
        return rotation.of_heads(x)
    return x.reshape(*x.shape[:2], attention.heads, -1)
