"""Scale, shift and gate of the few noise levels that the tokens of a stream are at.

A conditioned stream is known tokens and noisy ones: AdaLN's rows are those of the distinct levels,
and each applies to the runs of tokens that are at it.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from attrs import frozen

from longtake_ltx2.forward.passes import is_watched

__all__ = ["Levels", "gated", "modulated", "normed"]

_MOST_RUNS = 32
"""Of tokens at one level; with more of them, every token has rows of its own."""

Runs = tuple[tuple[slice, slice], ...]
"""Tokens, and the row that is theirs."""

_ALL: Runs = ((slice(None), slice(None)),)
"""One row for all tokens, or a row for each."""


@frozen(eq=False)
class Levels:
    """Which tokens of a stream are at which level.

    - ``runs``: of tokens, with the row of each.
    - ``tokens``: ``[levels]`` int64, one token at each level.
    - ``rows``: ``[T]`` int64, the row of each token.
    """

    runs: Runs
    tokens: torch.Tensor
    rows: torch.Tensor

    @classmethod
    def of(cls, timesteps: torch.Tensor) -> Levels:
        """Of tokens at these ``timesteps`` ``[T]``."""
        found, counts = torch.unique_consecutive(timesteps, return_counts=True)
        if len(counts) > _MOST_RUNS:
            each = torch.arange(len(timesteps), device=timesteps.device)
            return cls(_ALL, each, each)
        stops = counts.cumsum(0)
        distinct, row_of_run = torch.unique(found, return_inverse=True)
        first = torch.stack([(row_of_run == row).nonzero()[0, 0] for row in range(len(distinct))])
        lengths, ends, rows = counts.tolist(), stops.tolist(), row_of_run.tolist()
        runs = tuple(
            (slice(end - length, end), slice(row, row + 1))
            for length, end, row in zip(lengths, ends, rows, strict=True)
        )
        return cls(runs, (stops - counts)[first], torch.repeat_interleave(row_of_run, counts))


def normed(norm: Any, x: torch.Tensor) -> torch.Tensor:
    """What the RMS norm ``norm`` makes of ``x`` ``[..., D]``, in a new tensor.

    On a CPU in fp32 by the length of each row, for which ``x`` is read and nothing written.
    """
    in_fp32 = x.dtype == torch.float32 and x.device.type == "cpu"
    if not in_fp32 or norm.eps is None or is_watched(norm):
        made: torch.Tensor = norm(x)
        return made
    length = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
    mean = torch.addcmul(_single(norm.eps), length, length, value=1 / x.shape[-1])
    out = x * mean.rsqrt_()
    if norm.weight is not None:
        out.mul_(norm.weight)
    return out


@cache
def _single(value: float) -> torch.Tensor:
    """In fp32 on a CPU: to an operation, a number of Python's is a tensor to be converted first."""
    return torch.tensor(value, dtype=torch.float32, device="cpu")


def modulated(
    x: torch.Tensor,
    scale: torch.Tensor,
    shift: torch.Tensor,
    levels: Levels | None,
    out: torch.Tensor | None = None,
) -> torch.Tensor:
    """``x (1 + scale) + shift`` of ``x`` ``[1, T, D]``; rows ``[1, levels or 1, D]``.

    ``out``: where it is written, which may be ``x``; in a new tensor if None.
    """
    out, factor = torch.empty_like(x) if out is None else out, 1 + scale
    for tokens, row in _runs(scale, levels):
        torch.addcmul(shift[:, row], x[:, tokens], factor[:, row], out=out[:, tokens])
    return out


def gated(
    x: torch.Tensor, change: torch.Tensor, gate: torch.Tensor, levels: Levels | None
) -> torch.Tensor:
    """``x + gate change``, in the place of ``change`` ``[1, T, D]``."""
    for tokens, row in _runs(gate, levels):
        part = change[:, tokens]
        torch.addcmul(x[:, tokens], part, gate[:, row], out=part)
    return change


def _runs(rows: torch.Tensor, levels: Levels | None) -> Runs:
    return _ALL if levels is None or rows.shape[1] == 1 else levels.runs
