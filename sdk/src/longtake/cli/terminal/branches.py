"""Branches of takes drawn with characters: a row for each, under the segment that it leaves."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

__all__ = ["Branch", "Marks", "draw_branches"]

_STEP = 3
_WHOLE = 12
"""Segments in a row between two places of interest that are still drawn one by one."""


@frozen
class Branch:
    """One branch: a dot for each segment from ``start`` to ``stop``, counted like slices.

    - ``name``: stands before the row. ``note``: behind it.
    - ``parent``: the index, in the list that is drawn, of the branch that it leaves, with which it
      shares the first ``start`` segments, at least one; None for one that begins by itself.
    """

    name: str
    start: int
    stop: int
    parent: int | None = None
    note: str = ""


@frozen
class Marks:
    """Characters: of a segment, of a line between two, down, and from above to the right."""

    dot: str = "●"
    line: str = "─"
    down: str = "│"
    turn: str = "╰"
    none: str = "·"

    @classmethod
    def for_encoding(cls, encoding: str | None) -> Marks:
        """Those that ``encoding`` has: ASCII where it has no others."""
        marks = cls()
        try:
            "".join((marks.dot, marks.line, marks.down, marks.turn, marks.none)).encode(
                encoding or "ascii"
            )
        except (UnicodeEncodeError, LookupError):
            return cls(dot="o", line="-", down="|", turn="`", none=".")
        return marks


def draw_branches(branches: Sequence[Branch], marks: Marks) -> list[str]:
    """The lines of the drawing, parents before their branches, in an order without crossings.

    Many segments in a row are one number.
    """
    columns = _columns(branches)
    order = _order(branches)
    names = max(len(each.name) for each in branches)
    width = max(columns.values()) + 1
    lines = []
    for place, index in enumerate(order):
        cells = [" "] * width
        for other in order[place + 1 :]:
            above = branches[other].parent
            if above is not None and order.index(above) < place:
                cells[_turn(branches[other], columns)] = marks.down
        _draw_row(branches[index], cells, columns, marks)
        row = "".join(cells)
        branch = branches[index]
        lines.append(f"{branch.name.ljust(names)}  {row}  {branch.note}".rstrip())
    return lines


def _order(branches: Sequence[Branch]) -> list[int]:
    """Depth first; of several branches of one, those that leave it last come first."""
    children: dict[int | None, list[int]] = {}
    for index, branch in enumerate(branches):
        children.setdefault(branch.parent, []).append(index)
    order: list[int] = []
    todo = list(reversed(children.get(None, [])))
    while todo:
        index = todo.pop()
        order.append(index)
        # What leaves last is popped first.
        todo += sorted(children.get(index, []), key=lambda each: branches[each].start)
    return order


def _columns(branches: Sequence[Branch]) -> dict[int, int]:
    """In which column each segment's dot is, by how many segments there are with it.

    Those of a long stretch where nothing happens have none: a number stands there.
    """
    stops = {each.stop for each in branches} | {each.start for each in branches}
    places = sorted(stops | {each.start + 1 for each in branches if each.stop > each.start})
    columns, column, before = {0: 0}, 0, 0
    for place in places:
        if place <= before:
            continue
        if place - before <= _WHOLE:
            for count in range(before + 1, place + 1):
                columns[count] = column = column + (_STEP if count > 1 else 0)
        else:
            column += len(_number(place - before - 1)) + 3
            columns[place] = column
        before = place
    return columns


def _number(count: int) -> str:
    return f" {count} more "


def _turn(branch: Branch, columns: dict[int, int]) -> int:
    return columns[branch.start]


def _draw_row(branch: Branch, cells: list[str], columns: dict[int, int], marks: Marks) -> None:
    if branch.parent is not None:
        cells[_turn(branch, columns)] = marks.turn
    if branch.stop == branch.start:
        place = _turn(branch, columns) + (1 if branch.parent is not None else 0)
        if place < len(cells):
            cells[place] = marks.none
        return
    shown = [count for count in sorted(columns) if branch.start < count <= branch.stop]
    before = branch.start if branch.parent is not None else None
    for count in shown:
        if before is not None:
            _draw_line(cells, columns[before] + 1, columns[count], count - before - 1, marks)
        cells[columns[count]] = marks.dot
        before = count


def _draw_line(cells: list[str], start: int, stop: int, skipped: int, marks: Marks) -> None:
    cells[start:stop] = marks.line * (stop - start)
    if skipped:
        text = _number(skipped)
        at = start + (stop - start - len(text)) // 2
        cells[at : at + len(text)] = text
