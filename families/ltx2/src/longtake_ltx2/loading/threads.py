"""How many threads compute: one where more would only wait for each other."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["one_thread"]

_lock = threading.Lock()
_entered = 0
_before = 1


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute in the caller's thread alone.

    For networks so small that dividing a product among threads takes longer than the product: the
    others spin meanwhile. What is computed then depends on no number of processors. Callers may be
    in it at the same time.
    """
    import torch

    global _entered, _before
    with _lock:
        # Asked first: a thread that never was takes the number over later, in place of what is set.
        threads = torch.get_num_threads()
        if not _entered:  # what is set is also that of threads to come, while somebody is in
            _before = threads
        _entered += 1
        torch.set_num_threads(1)
    try:
        yield
    finally:
        with _lock:
            _entered -= 1
            torch.set_num_threads(_before)
