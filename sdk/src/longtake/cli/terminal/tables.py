"""Output of the listing commands: aligned columns for people, JSON for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

__all__ = ["print_json", "print_table"]


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns as wide as their widest cell, two spaces apart; the last one is as long as it is."""
    lines = [[cell.upper() for cell in header], *rows]
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def print_json(document: Any) -> None:
    """``document`` as the only thing on standard output."""
    import json

    click.echo(json.dumps(document, indent=2, ensure_ascii=False))
