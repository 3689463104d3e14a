"""Attention of the diffusion decoder, counted without going through its tiles."""

from __future__ import annotations

from typing import Any

import torch

from longtake_ltx2.loading.neighborhood import attended_pairs

__all__ = ["CountedWindows"]


class CountedWindows:
    """In the place of `NeighborhoodAttention` in a network without numbers.

    It has the same projections and the same result's shape. ``flops``: what the tiles' attention
    would have taken so far; of their memory, which does not grow with the grid, nothing is kept.
    """

    def __init__(self) -> None:
        self.flops = 0

    def __call__(self, attn: Any, hidden_states: torch.Tensor, block_mask: None = None) -> Any:
        """``[B, T, H, W, C]`` to the same shape. ``block_mask`` is not used."""
        query, _key, _value = attn.project_qkv(hidden_states)
        batch, *grid, heads, channels = query.shape
        pairs = attended_pairs(grid, attn.kernel_size)
        self.flops += 2 * batch * heads * pairs * 2 * channels  # scores, then values
        return attn.to_out[0](torch.empty_like(query).flatten(4))
