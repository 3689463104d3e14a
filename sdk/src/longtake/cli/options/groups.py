"""Several options that commands share, put on a command together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

__all__ = ["with_options"]

F = TypeVar("F", bound=Callable[..., Any])


def with_options(command: F, options: Sequence[Callable[[F], F]]) -> F:
    """``command`` with ``options``, which its help lists in this order."""
    for option in reversed(options):
        command = option(command)
    return command
