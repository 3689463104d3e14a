"""The rooms of a package in their layers, and which room imports which."""

from __future__ import annotations

from pathlib import Path

from attrs import frozen

from docs.drawings.paper import BLUE, GREY, PALE, Sheet
from tests.rules.graphs import module_graph, room_graph
from tests.rules.layers import Package

__all__ = ["Map", "Room", "draw_layers", "map_of"]

_ROW, _COLUMN, _GUTTER, _HEAD = 31.0, 15.0, 300.0, 92.0
_EDGE = 46.0  # right of the last column, over which its slanted name hangs
_SHADE = "#f1f3f3"


@frozen
class Room:
    """``answers``: the question that it is there for. ``height``: of its layer, 0 at the bottom."""

    name: str
    answers: str
    height: int


@frozen
class Map:
    """A package: ``rooms`` from the top down; ``arrows``: who imports whom, by rooms' names."""

    package: str
    rooms: tuple[Room, ...]
    arrows: frozenset[tuple[str, str]]


def map_of(package: Package) -> Map:
    """The rooms as the table of layers has them, the arrows as the sources have them."""
    rooms = [
        Room(name, answers.replace("``", ""), height)
        for height, layer in enumerate(package.layers)
        for name, answers in layer.answers.items()
    ]
    imports = room_graph(module_graph(package))
    arrows = {(room, each) for room, imported in imports.items() for each in imported}
    highest_first = sorted(rooms, key=lambda room: -room.height)
    return Map(package.name, tuple(_importers_first(highest_first, arrows)), frozenset(arrows))


def _importers_first(rooms: list[Room], arrows: set[tuple[str, str]]) -> list[Room]:
    """Within a layer too, a room stands above those that it imports."""
    ordered: list[Room] = []
    waiting = list(rooms)
    while waiting:
        for room in waiting:
            above = [each for each in waiting if (each.name, room.name) in arrows]
            if not any(each.height == room.height for each in above):
                break
        waiting.remove(room)
        ordered.append(room)
    return ordered


def draw_layers(rooms: Map, path: Path) -> None:
    """A row and a column for each room; a line goes up from a room to those that import it."""
    rows = {room.name: row for row, room in enumerate(rooms.rooms)}
    width = _GUTTER + _COLUMN * len(rows) + _EDGE
    sheet = Sheet(width, _HEAD + _ROW * len(rows) + 36, top=8)
    sheet.text(14, _HEAD - 14, rooms.package, size=10.5, bold=True)
    for room in rooms.rooms:
        _draw_room(sheet, rows[room.name], room, width)
    for name, row in rows.items():
        _draw_arrows(sheet, row, [rows[user] for user, used in rooms.arrows if used == name])
    _draw_key(sheet, _HEAD + _ROW * len(rows) + 16)
    sheet.save(path)


def _x(row: int) -> float:
    """The column of the room that stands in ``row``."""
    return _GUTTER + _COLUMN * (row + 0.5)


def _y(row: float) -> float:
    return _HEAD + _ROW * (row + 0.5)


def _draw_room(sheet: Sheet, row: int, room: Room, width: float) -> None:
    if room.height % 2 == 0:
        sheet.bar(0, _y(row - 0.5), width, _y(row + 0.5), fill=_SHADE)
    sheet.text(14, _y(row) - 6, room.name, size=9.5, bold=True)
    sheet.text(14, _y(row) + 8, room.answers, size=8, colour=GREY)
    sheet.text(_x(row) + 2, _HEAD - 8, room.name, size=8.5, turned=50)
    sheet.line([14, _x(row)], [_y(row + 0.42)] * 2, colour=PALE, width=0.6)


def _draw_arrows(sheet: Sheet, row: int, importers: list[int]) -> None:
    """From the imported room, which is dotted, up to the highest that imports it; a ring each."""
    x = _x(row)
    if importers:
        sheet.line([x, x], [_y(row), _y(min(importers))], colour=BLUE, width=1.2)
    for importer in importers:
        sheet.dot(x, _y(importer), colour=BLUE, hollow=True)
    sheet.dot(x, _y(row), colour=BLUE)


def _draw_key(sheet: Sheet, y: float) -> None:
    sheet.dot(20, y, colour=BLUE)
    sheet.text(29, y, "the room of this row and column", size=8)
    sheet.dot(196, y, colour=BLUE, hollow=True)
    sheet.text(205, y, "the room of the row imports that of the column", size=8)
    sheet.bar(430, y - 5, 446, y + 5, fill=_SHADE)
    sheet.text(452, y, "rooms on one shade are a layer", size=8)
