"""When the garbage collector looks at what heavy libraries make while they are imported."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["collector_paused", "objects_frozen"]


@contextmanager
def collector_paused() -> Iterator[None]:
    """Look for no garbage until the block ends.

    For imports: the million objects that they make stay, and to go through them time and again
    takes tenths of a second and frees nothing.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextmanager
def objects_frozen() -> Iterator[None]:
    """Leave the objects that there are now out of collections until the block ends (`gc.freeze`).

    Does nothing in a process that has frozen objects of its own: those would be thawed, too.
    """
    if gc.get_freeze_count():
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
