"""How long something takes."""

from __future__ import annotations

import time
from typing import Self

__all__ = ["Stopwatch"]


class Stopwatch:
    """A context manager. ``seconds``: from entering to leaving it; 0 until it is left."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._started = 0.0

    def __enter__(self) -> Self:
        self._started = time.perf_counter()
        return self

    def __exit__(self, *exception: object) -> None:
        self.seconds = time.perf_counter() - self._started
