"""Attention of the diffusion decoder to a neighbourhood, in memory that does not grow with it.

diffusers' own way makes a mask of tokens x tokens, which no device has room for at the sizes that
are decoded, or downloads a kernel. The result here is the same up to rounding.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import torch
from attrs import field, frozen
from torch.nn.functional import scaled_dot_product_attention

__all__ = ["NeighborhoodAttention", "attended_pairs"]

_TILE = 8


@frozen(eq=False)
class _Span:
    """Queries ``[first, last)`` of one axis, and the keys ``[start, stop)`` that any of them sees.

    ``seen``: ``[queries, keys]``, whether this query sees this key.
    """

    first: int
    last: int
    start: int
    stop: int
    seen: torch.Tensor = field(repr=False)


class NeighborhoodAttention:
    """An attention processor for diffusers' `LTX2VideoDiffusionDecoderModel`.

    A token sees the window of ``attn.kernel_size`` tokens around it, moved inwards at the borders
    of the grid, as NATTEN's ``na3d`` does it.
    """

    def __call__(self, attn: Any, hidden_states: torch.Tensor, block_mask: None = None) -> Any:
        """``[B, T, H, W, C]`` to the same shape. ``block_mask`` is not used."""
        query, key, value = attn.project_qkv(hidden_states)  # [B, T, H, W, heads, channels]
        grid = hidden_states.shape[1:4]
        axes = [
            list(_spans(length, kernel, query.device))
            for length, kernel in zip(grid, attn.kernel_size, strict=True)
        ]
        out = torch.empty_like(query)
        for spans in product(*axes):
            queries = tuple(slice(span.first, span.last) for span in spans)
            keys = tuple(slice(span.start, span.stop) for span in spans)
            here = query[:, *queries]
            attended = scaled_dot_product_attention(
                _by_head(here),
                _by_head(key[:, *keys]),
                _by_head(value[:, *keys]),
                attn_mask=_mask(*(span.seen for span in spans)),
                scale=1.0,  # the query is scaled already
            )
            out[:, *queries] = attended.transpose(1, 2).reshape(here.shape)
        return attn.to_out[0](out.flatten(4))


def attended_pairs(grid: Sequence[int], kernel_size: Sequence[int]) -> int:
    """How many pairs of query and key `NeighborhoodAttention` goes through, for each head.

    In every tile each query is multiplied with each key that any of them sees.
    """
    pairs = 1
    for length, kernel in zip(grid, kernel_size, strict=True):
        spans = _spans(length, kernel, torch.device("cpu"))
        pairs *= sum((span.last - span.first) * (span.stop - span.start) for span in spans)
    return pairs


def _spans(length: int, kernel: int, device: torch.device) -> Iterator[_Span]:
    window = min(kernel, length)
    for first in range(0, length, _TILE):
        queries = torch.arange(first, min(first + _TILE, length))
        starts = (queries - kernel // 2).clamp(0, length - window)
        start, stop = int(starts[0]), int(starts[-1]) + window
        keys = torch.arange(start, stop)
        seen = (keys >= starts[:, None]) & (keys < starts[:, None] + window)
        yield _Span(first, first + len(queries), start, stop, seen.to(device))


def _mask(time: torch.Tensor, height: torch.Tensor, width: torch.Tensor) -> torch.Tensor:
    """``[queries, keys]`` of the three axes' own ones, in token order."""
    seen = (
        time[:, None, None, :, None, None]
        & height[None, :, None, None, :, None]
        & width[None, None, :, None, None, :]
    )
    return seen.flatten(3).flatten(0, 2)


def _by_head(tokens: torch.Tensor) -> torch.Tensor:
    """``[B, T, H, W, heads, C]`` to ``[B, heads, T*H*W, C]``."""
    return tokens.flatten(1, 3).transpose(1, 2)
