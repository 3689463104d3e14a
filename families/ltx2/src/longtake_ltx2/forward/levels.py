"""Which tokens of a stream are at which noise level, and what a level does to them.

A conditioned stream is known tokens and noisy ones: AdaLN's rows are those of the distinct levels,
and each applies to the runs of tokens that are at it.
"""

from __future__ import annotations

from typing import TypeAlias

import torch
from attrs import frozen

__all__ = ["MOST_KEPT", "AdaLN", "Gate", "Levels", "Modulation"]

MOST_KEPT = 32
"""Runs of tokens at one level; with more of them, every token has rows of its own, which are too
many to be kept."""

Runs: TypeAlias = tuple[tuple[slice, slice], ...]
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
        if len(counts) > MOST_KEPT:
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


@frozen(eq=False)
class Modulation:
    """``x (1 + scale) + shift``: of each run its tokens, their shift and their ``1 + scale``."""

    _runs: tuple[tuple[slice, torch.Tensor, torch.Tensor], ...]

    @classmethod
    def of(cls, scale: torch.Tensor, shift: torch.Tensor, levels: Levels | None) -> Modulation:
        """Of rows ``[1, levels or 1, D]``."""
        factor = 1 + scale
        runs = _runs(scale, levels)
        return cls(tuple((tokens, shift[:, row], factor[:, row]) for tokens, row in runs))

    def of_tokens(self, x: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
        """``x`` ``[1, T, D]`` in ``out``, which may be ``x``; in a new tensor if None."""
        if len(self._runs) == 1:
            ((_, shift, factor),) = self._runs
            return torch.addcmul(shift, x, factor, out=out)
        out = torch.empty_like(x) if out is None else out
        for tokens, shift, factor in self._runs:
            torch.addcmul(shift, x[:, tokens], factor, out=out[:, tokens])
        return out


@frozen(eq=False)
class Gate:
    """``x + gate change``: of each run its tokens and their gate."""

    _runs: tuple[tuple[slice, torch.Tensor], ...]

    @classmethod
    def of(cls, gate: torch.Tensor, levels: Levels | None) -> Gate:
        """Of rows ``[1, levels or 1, D]``."""
        return cls(tuple((tokens, gate[:, row]) for tokens, row in _runs(gate, levels)))

    def of_tokens(self, x: torch.Tensor, change: torch.Tensor) -> torch.Tensor:
        """``x`` ``[1, T, D]`` changed, in the place of ``change`` ``[1, T, D]``."""
        if len(self._runs) == 1:
            ((_, gate),) = self._runs
            return torch.addcmul(x, change, gate, out=change)
        for tokens, gate in self._runs:
            part = change[:, tokens]
            torch.addcmul(x[:, tokens], part, gate, out=part)
        return change


@frozen(eq=False)
class AdaLN:
    """What goes into a sub-layer is modulated, and what comes out of it is gated.

    Scalable Diffusion Models with Transformers (Peebles and Xie, arXiv:2212.09748), section 3.2.
    """

    modulation: Modulation
    gate: Gate


def _runs(rows: torch.Tensor, levels: Levels | None) -> Runs:
    return _ALL if levels is None or rows.shape[1] == 1 else levels.runs
