"""What was worked out in this process: it is not worked out again for the next estimate."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

from attrs import define, field

__all__ = ["Remembered"]

T = TypeVar("T")


@define(eq=False)
class Remembered(Generic[T]):
    """The ``most`` values that were last asked for, by what they follow from.

    Safe in several threads, of which two may work out the same value at once.
    """

    most: int
    _known: OrderedDict[Hashable, T] = field(factory=OrderedDict, init=False)
    _lock: Lock = field(factory=Lock, init=False)

    def of(self, key: Hashable, work_out: Callable[[], T]) -> T:
        """The value of ``key``. What ``work_out`` raises is raised, and nothing is remembered."""
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
        value = work_out()
        with self._lock:
            self._known[key] = value
            while len(self._known) > self.most:
                self._known.popitem(last=False)
        return value
