"""All parts' figures of a folder: one page, and a chart beside each JSON file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.harness.charts import draw
from benchmarks.harness.pages import page_of
from benchmarks.harness.parts import Measured

PAGE = "figures.md"


def write_pages(folder: Path, order: Sequence[str]) -> None:
    """Write the page and the charts of the JSON files in ``folder``.

    Those named in ``order`` come first, then the others by name.

    Raises:
        ValueError: A JSON file there holds no figures, or another part's.
    """
    parts = [Measured.read(path) for path in sorted(folder.glob("*.json"))]
    parts.sort(key=lambda each: _place(each.part.name, order))
    for each in parts:
        if not (folder / f"{each.part.name}.json").exists():
            raise ValueError(f"{folder}: the figures of {each.part.name} have another file's name")
        if each.figures:
            draw(each, folder / f"{each.part.name}.svg")
    (folder / PAGE).write_text(page_of(parts), encoding="utf-8")


def _place(name: str, order: Sequence[str]) -> tuple[int, str]:
    return (order.index(name) if name in order else len(order), name)
