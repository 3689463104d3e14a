"""A bar on a terminal, as wide as the terminal is; nothing where standard error is none."""

from __future__ import annotations

import os
import sys
from types import TracebackType
from typing import Any, Self

__all__ = ["Bar", "as_bytes", "as_time", "terminal_columns"]

_NARROW = 80
"""Columns below which a bar tells less, so that it still fits."""


class Bar:
    """One line that changes in place and is gone in the end.

    It is hidden where standard error is no terminal, or one that cannot go back in a line.
    """

    def __init__(self, *, hidden: bool = False) -> None:
        from tqdm import tqdm  # late: only commands that roll show one

        self._bar: Any = tqdm(
            total=1, leave=False, disable=True if hidden else None, bar_format="{desc}"
        )

    @property
    def is_shown(self) -> bool:
        return not self._bar.disable

    def say(self, text: str) -> None:
        """A line without a bar."""
        self._show(text, "{desc}", 0, 1)

    def show(self, label: str, done: float, total: float, told: str, short: str = "") -> None:
        """``label``, a bar, and then ``told``, or ``short`` where there is no room for it."""
        columns = terminal_columns()
        tail = told if columns is None or columns >= _NARROW or not short else short
        if columns is not None and len(label) > columns // 2:
            label = f"{label[: columns // 2 - 3]}..."
        self._show(label, f"{{desc}} |{{bar}}| {_literal(tail)}", done, total)

    def _show(self, label: str, form: str, done: float, total: float) -> None:
        if not self.is_shown:
            return
        columns = terminal_columns()
        # One column is left free: some terminals wrap a line that fills the last one.
        self._bar.ncols = None if columns is None else max(columns - 1, 1)
        self._bar.bar_format = form
        self._bar.set_description_str(label, refresh=False)
        self._bar.total, self._bar.n = max(total, 1), done
        self._bar.refresh()

    def close(self) -> None:
        self._bar.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def terminal_columns(stream: Any = None) -> int | None:
    """How wide the terminal of ``stream`` is now, standard error without one; None if it is none.

    Also None for a terminal that does not know.
    """
    try:
        shown = sys.stderr if stream is None else stream
        return os.get_terminal_size(shown.fileno()).columns or None
    except (AttributeError, OSError, ValueError):  # no stream, no file, no terminal
        return None


def as_time(seconds: float | None) -> str:
    """``m:ss`` or ``h:mm:ss``; a question mark for what is not known."""
    if seconds is None:
        return "?"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def as_bytes(count: int, total: int | None = None) -> str:
    """``count``, or ``count/total``, in the unit that the larger of them needs."""
    units = {"GiB": 2**30, "MiB": 2**20, "KiB": 2**10}
    largest = max(count, total or 0)
    unit = next((name for name, worth in units.items() if largest >= worth), "B")
    worth = units.get(unit, 1)
    digits = 0 if unit == "B" else 1
    shown = [f"{each / worth:.{digits}f}" for each in (count, total) if each is not None]
    return f"{'/'.join(shown)} {unit}"


def _literal(text: str) -> str:
    """``text`` as it stands, also where braces mean something."""
    return text.replace("{", "{{").replace("}", "}}")
