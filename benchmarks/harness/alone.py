"""What one comparison tells, in a process of its own."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from benchmarks.harness.parts import Told

__all__ = ["alone"]


def alone(tell: Callable[..., Iterable[Told]], *args: Any) -> list[Told]:
    """All that ``tell(*args)`` yields, in a new interpreter: no work before leaves it anything.

    A segment took up to 7 % longer in a process that had made others' before. ``tell`` is
    a function of a module. Raises what it raises.
    """
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_told, tell, args).result()


def _told(tell: Callable[..., Iterable[Told]], args: tuple[Any, ...]) -> list[Told]:
    return list(tell(*args))
