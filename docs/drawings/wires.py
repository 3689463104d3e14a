"""The wiring of a recipe: which stage makes what, who reads it, and when it is let go."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from attrs import frozen

import longtake as lt
from docs.drawings.paper import BLUE, GREEN, GREY, INK, PALE, Sheet
from longtake.families.stages import Recipe
from longtake.runs.plans import Plans
from longtake.runs.wiring import Plan, PlannedStage
from longtake.schema.references import resolve

__all__ = ["Span", "Wires", "draw_wires", "wires_of"]

_ROW, _COLUMN, _GUTTER, _HEAD = 36.0, 37.0, 196.0, 100.0
_KEY = 500.0  # as wide as the line below the rows


@frozen
class Span:
    """One value, from the stage that makes it to the last that reads it, as rows of the recipe.

    ``value``: the name of its type. ``made``: -1 when it is there before the first stage.
    ``let_go``: the row after which nobody needs it; the number of stages when it is kept.
    """

    value: str
    made: int
    reads: tuple[int, ...]
    let_go: int


@frozen
class Wires:
    """``stages``: for every row the stage's name, its class and what it is handed beside values."""

    stages: tuple[tuple[str, str, str], ...]
    spans: tuple[Span, ...]


def wires_of(family: lt.ModelFamily, preset: str | None = None) -> Wires:
    """The wiring that a pipeline of this family and preset has, planned as pipelines plan it."""
    chosen = family.preset(preset)
    plans = _PlansOfShells(family, chosen, family.recipe(chosen), lt.LoadedModel())
    plan = plans.segment()
    read = {each.type for planned in plan.stages for each in planned.parameters}
    given = {*plans.states, *(each for each in plans.given if each in read)}
    return Wires(tuple(map(_row, plan.stages)), tuple(_spans(plan, given)))


class _PlansOfShells(Plans):
    """Plans whose stages were made without their constructors, so that no checkpoint is needed.

    Wiring reads annotations alone.
    """

    def _constructed(self, recipe: Recipe) -> list[tuple[lt.StageSpec, Any]]:
        return [(spec, _shell(resolve(spec.stage))) for spec in recipe]


def _shell(target: Any) -> Any:
    return object.__new__(target) if inspect.isclass(target) else target


def _row(planned: PlannedStage) -> tuple[str, str, str]:
    target = planned.stage if inspect.isroutine(planned.stage) else type(planned.stage)
    given = [each.source for each in planned.parameters if each.source != "value"]
    return planned.spec.name, target.__name__, ", ".join(dict.fromkeys(given))


def _spans(plan: Plan, given: set[type]) -> list[Span]:
    """Every value that the stages make or are given, in the order in which they come about."""
    alive: dict[type, tuple[int, list[int]]] = {each: (-1, []) for each in given}
    spans = []

    def end(value_type: type, row: int) -> None:
        made, reads = alive.pop(value_type)
        spans.append(Span(value_type.__name__, made, tuple(reads), row))

    for row, planned in enumerate(plan.stages):
        for parameter in planned.parameters:
            if parameter.source == "value" and parameter.type in alive:
                alive[parameter.type][1].append(row)
        for made in planned.makes:
            if made in alive:
                end(made, row)
            alive[made] = (row, [])
        for value_type in alive.keys() - planned.live_after:
            end(value_type, row)
    for value_type in tuple(alive):
        end(value_type, len(plan.stages))
    return sorted(spans, key=lambda span: (span.made, span.value))


def draw_wires(wires: Wires, path: Path) -> None:
    """Stages from top to bottom, one column for each type of value."""
    columns = list(dict.fromkeys(span.value for span in wires.spans))
    rows = len(wires.stages)
    width = max(_GUTTER + _COLUMN * len(columns) + 62, _KEY)
    unused = _HEAD - 22 - 3.7 * max(map(len, columns))  # the names of the columns stand aslant
    sheet = Sheet(width, _HEAD + _ROW * (rows + 1) + 30, top=unused)
    for row, stage in enumerate(wires.stages):
        _draw_stage(sheet, row, stage, width)
    sheet.text(14, _y(rows), "kept, for the result", size=9, colour=GREY)
    for column, value in enumerate(columns):
        sheet.text(_x(column) + 2, _HEAD - 10, value, size=8.5, turned=38)
    for span in wires.spans:
        _draw_span(sheet, columns.index(span.value), span, rows)
    _draw_key(sheet, _HEAD + _ROW * (rows + 1) + 10)
    sheet.save(path)


def _x(column: int) -> float:
    return _GUTTER + _COLUMN * (column + 0.5)


def _y(row: float) -> float:
    return _HEAD + _ROW * (row + 0.5)


def _draw_stage(sheet: Sheet, row: int, stage: tuple[str, str, str], width: float) -> None:
    name, kind, given = stage
    if row % 2 == 0:
        sheet.bar(0, _y(row) - _ROW / 2, width, _y(row) + _ROW / 2, fill="#f1f3f3")
    sheet.text(14, _y(row) - 7, name, size=9.5, bold=True)
    sheet.text(_GUTTER - 6, _y(row) - 7, given, size=7, colour=GREY, align="right")
    sheet.text(14, _y(row) + 8, kind, size=7.5, colour=GREY)


def _draw_span(sheet: Sheet, column: int, span: Span, rows: int) -> None:
    """Within a row what is read stands above what is made."""
    x, is_kept = _x(column), span.let_go == rows
    colour = GREEN if is_kept else BLUE
    top = _y(-0.45) if span.made < 0 else _y(span.made + 0.22)
    bottom = _y(rows - 0.15) if is_kept else _y(span.let_go + (-0.22 if span.reads else 0.4))
    restored = span.made < 0
    sheet.line([x, x], [top, bottom], colour=colour, width=3, dashed=restored, arrow=is_kept)
    if is_kept:
        sheet.line([x, x], [top, bottom - 8], colour=colour, width=3)
    else:
        sheet.line([x - 6, x + 6], [bottom, bottom], colour=colour, width=2)
    for row in span.reads:
        sheet.dot(x, _y(row - 0.22), colour=colour, hollow=True)
    if not restored:
        sheet.dot(x, top, colour=colour)


def _draw_key(sheet: Sheet, y: float) -> None:
    sheet.line([14, 60], [y - 8, y - 8], colour=PALE)
    sheet.dot(20, y + 3, colour=BLUE)
    sheet.text(29, y + 3, "made", size=8)
    sheet.dot(76, y + 3, colour=BLUE, hollow=True)
    sheet.text(85, y + 3, "read", size=8)
    sheet.line([122, 134], [y + 3, y + 3], colour=BLUE, width=2)
    sheet.text(139, y + 3, "let go", size=8)
    sheet.line([184, 202], [y + 3, y + 3], colour=GREEN, width=3)
    sheet.text(207, y + 3, "kept", size=8)
    sheet.line([246, 270], [y + 3, y + 3], colour=BLUE, width=3, dashed=True)
    sheet.text(275, y + 3, "there before: restored, or placed on the clock", size=8, colour=INK)
