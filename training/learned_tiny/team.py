"""Processes that learn as one: each makes its own part of every batch."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from attrs import frozen
from torch import distributed
from torch.multiprocessing.spawn import spawn

__all__ = ["ALONE", "Team", "run"]


@frozen
class Team:
    """``rank``: of this process among ``size`` of them. Rank 0 keeps what is learned."""

    rank: int = 0
    size: int = 1

    def average(self, tensors: Sequence[torch.Tensor]) -> None:
        """Give all processes the mean of their tensors; all wait for the slowest."""
        if self.size == 1:
            return
        flat = torch.cat([each.flatten() for each in tensors])
        distributed.all_reduce(flat)
        flat /= self.size
        means = torch.split(flat, [each.numel() for each in tensors])
        for each, mean in zip(tensors, means, strict=True):
            each.copy_(mean.view_as(each))


ALONE = Team()


def run(work: Callable[..., None], arguments: tuple[Any, ...], size: int) -> None:
    """Call ``work(team, *arguments)`` in so many processes, in this one where it is one.

    Raises what the first of them raised.
    """
    if size == 1:
        work(ALONE, *arguments)
        return
    with tempfile.TemporaryDirectory() as folder:
        given = (size, Path(folder) / "meeting", work, arguments)
        spawn(_member, given, nprocs=size)  # type: ignore[no-untyped-call]


def _member(
    rank: int, size: int, meeting: Path, work: Callable[..., None], arguments: tuple[Any, ...]
) -> None:
    with _joined(rank, size, meeting) as team:
        work(team, *arguments)


@contextmanager
def _joined(rank: int, size: int, meeting: Path) -> Iterator[Team]:
    distributed.init_process_group("gloo", f"file://{meeting}", rank=rank, world_size=size)
    try:
        yield Team(rank, size)
    finally:
        distributed.destroy_process_group()
