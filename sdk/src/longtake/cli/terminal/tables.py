"""Output of the listing commands: aligned columns for people, JSON for programs.

Plain text needs no click, whose import a short listing would wait for.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any

__all__ = ["print_json", "print_line", "print_table", "print_text"]

_GAP = "  "


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns as wide as their widest cell, two spaces apart; the last one is as long as it is.

    On a terminal that is narrower, the widest columns are broken at spaces and commas; where that
    does not help, each row is a block with a line for every cell. Nothing is left out.
    """
    titles = [cell.upper() for cell in header]
    lines = [titles, *rows]
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    columns = _terminal_columns()
    if columns is not None and _total(widths) >= columns:
        words = [max(map(_longest_word, column)) for column in zip(*lines, strict=True)]
        if _total(words) >= columns:
            print_line("\n".join(_blocks(titles, rows, columns)))
            return
        widths = _narrowed(widths, words, columns - 1)
    print_line("\n".join(text for line in lines for text in _line(line, widths)))


def print_line(text: str = "", *, err: bool = False) -> None:
    """``text`` as it is, on standard output or error; without colours where no terminal is."""
    if text.isascii() and "\033" not in text:
        print(text, file=sys.stderr if err else sys.stdout, flush=True)
        return
    import click  # late: it knows escapes and odd encodings, which most listings do without

    click.echo(text, err=err)


def print_text(text: str) -> None:
    """A line, broken at spaces where it is wider than the terminal."""
    columns = _terminal_columns()
    width = len(text) if columns is None else max(columns - 1, 1)
    print_line("\n".join(_wrapped(text, width)))


def print_json(document: Any) -> None:
    """``document`` as the only thing on standard output."""
    import json

    print_line(json.dumps(document, indent=2, ensure_ascii=False))


def _terminal_columns() -> int | None:
    """How wide the terminal of standard output is; None where it is none."""
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or None
    except (AttributeError, OSError, ValueError):
        return None


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(_GAP) * (len(widths) - 1)


def _longest_word(cell: str) -> int:
    return max(map(len, cell.split()), default=0)


def _narrowed(widths: Sequence[int], least: Sequence[int], most: int) -> list[int]:
    """``widths`` that add up to ``most``: those that can give way do, the widest first."""
    found = list(widths)
    while _total(found) > most:
        yielding = [index for index, width in enumerate(found) if width > least[index]]
        found[max(yielding, key=lambda index: found[index])] -= 1
    return found


def _line(cells: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    """A row, in as many lines as its longest cell needs."""
    broken = [_wrapped(cell, width) for cell, width in zip(cells, widths, strict=True)]
    for row in range(max(map(len, broken))):
        texts = [lines[row] if row < len(lines) else "" for lines in broken]
        padded = (text.ljust(width) for text, width in zip(texts, widths, strict=True))
        yield _GAP.join(padded).rstrip()


def _blocks(titles: Sequence[str], rows: Sequence[Sequence[str]], columns: int) -> Iterator[str]:
    """A line for every cell, behind its title, and an empty one between rows."""
    label = max(map(len, titles)) + len(_GAP)
    for number, row in enumerate(rows):
        if number:
            yield ""
        for title, cell in zip(titles, row, strict=True):
            for index, text in enumerate(_wrapped(cell, max(columns - 1 - label, 1))):
                yield f"{'' if index else title:<{label}}{text}".rstrip()


def _wrapped(cell: str, width: int) -> list[str]:
    """``cell`` in lines of at most ``width``; as it is where it fits."""
    if len(cell) <= width:
        return [cell]
    import textwrap  # late: most cells fit

    return textwrap.wrap(cell, width, break_on_hyphens=False) or [""]
