"""Tensors between the ranks: from rank 0 to all, and from all to all."""

from __future__ import annotations

import atexit
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any, NoReturn

import torch
import torch.distributed as dist
from torch.distributed.distributed_c10d import PrefixStore

from longtake_ltx2.parallel.errors import CollectiveError
from longtake_ltx2.parallel.rendezvous import Rendezvous

__all__ = ["TensorGroup"]


class TensorGroup:
    """All ranks, each with one device: NCCL between GPUs, Gloo between CPUs.

    Whatever cannot be exchanged raises `CollectiveError`.
    """

    def __init__(self, rendezvous: Rendezvous, device: torch.device) -> None:
        self.rank = rendezvous.rank
        self.world_size = rendezvous.world_size
        self.device = device
        self._owns_world = not dist.is_initialized()
        self._group: Any = None
        backend = "nccl" if device.type == "cuda" else "gloo"
        with _exchange():
            if self._owns_world:
                dist.init_process_group(
                    backend,
                    store=PrefixStore("longtake", rendezvous.store),
                    rank=self.rank,
                    world_size=self.world_size,
                    device_id=device if device.type == "cuda" else None,
                )
            self._group = dist.group.WORLD if self._owns_world else dist.new_group(backend=backend)

    def broadcast(self, tensor: torch.Tensor) -> None:
        """Fill ``tensor``, contiguous, with the one that rank 0 has; bit for bit, any dtype."""
        if not tensor.numel():
            return
        with _exchange():
            dist.broadcast(tensor.reshape(-1).view(torch.uint8), src=0, group=self._group)

    def gather(self, share: torch.Tensor) -> torch.Tensor:
        """``[1, n, D]`` of every rank, joined in the order of ranks: ``[1, n * ranks, D]``."""
        _, tokens, channels = share.shape
        joined = share.new_empty(1, tokens * self.world_size, channels)
        with _exchange():
            parts = list(joined[0].chunk(self.world_size))
            dist.all_gather(parts, share[0].contiguous(), group=self._group)
        return joined

    def synchronize(self) -> None:
        """Wait for what was started on the device."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def abort(self) -> None:
        """A rank is lost. From any thread: whoever waits in an exchange on a GPU stops waiting.

        Gloo needs no help: it fails by itself when a rank is gone. The process ends with status 1.
        """
        _skip_teardown()
        group = self._group
        if group is not None and self.device.type == "cuda":
            with suppress(RuntimeError):
                group.abort()

    def leave(self) -> None:
        """The other ranks then wait for this one no longer."""
        group, self._group = self._group, None
        if group is not None and dist.is_initialized():
            with suppress(RuntimeError):  # of a group that is broken already
                dist.destroy_process_group(None if self._owns_world else group)


@contextmanager
def _exchange() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:  # torch.distributed raises nothing narrower
        _skip_teardown()
        raise CollectiveError(str(error)) from error


@cache
def _skip_teardown() -> None:
    """Let the process end with status 1 as soon as Python is done with it.

    Threads of an exchange that was cut off may be there until the very end, and libtorch then
    aborts the process, which would hide what was wrong.
    """
    atexit.register(_end)


def _end() -> NoReturn:
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1)
