"""The documentation's page of all parts, in Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.harness.figures import Figure, number
from benchmarks.harness.parts import Measured

MADE_BY = "% Made by `python -m benchmarks` of the JSON files beside it. Do not edit it.\n"
NONE = "No figures are here yet: `nox -s bench` makes them."
HEAD = ("measured", "figure", "goal", "range", "ours / other", "what is compared")


def page_of(parts: Sequence[Measured]) -> str:
    """A section of each part, in order: where it was measured, a table, its chart."""
    sections = [section_of(part) for part in parts] or [f"{NONE}\n"]
    return "\n".join([MADE_BY, *sections])


def section_of(measured: Measured) -> str:
    """Its title, its table, its chart, its remarks: they may be many."""
    part = measured.part
    lines = [f"## {part.title}", "", f"Beside {part.beside}. {measured.machine}.", ""]
    if measured.figures:
        lines += [row(HEAD), row(["---"] * len(HEAD))]
        lines += [row(cells(figure)) for figure in measured.figures]
        lines += ["", f"![{part.title}: each figure beside its goal]({part.name}.svg)", ""]
    lines += [f"- {safe(remark)}" for remark in measured.remarks]
    lines += [""] * bool(measured.remarks)
    lines += [f"The figures as JSON: {{download}}`{part.name}.json`.", ""]
    return "\n".join(lines)


def cells(figure: Figure) -> list[str]:
    """One row."""
    times = f" in {figure.samples}" if figure.samples > 1 else ""
    return [
        figure.name,
        f"**{number(figure.value)}** {figure.unit}",
        figure.verdict,
        f"{figure.range}{times}",
        "" if figure.sides is None else str(figure.sides),
        figure.compared,
    ]


def row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(safe(cell) for cell in cells)} |"


def safe(text: str) -> str:
    """Text whose signs end no cell and begin no element."""
    return text.replace("|", "\\|").replace("<", "&lt;")
