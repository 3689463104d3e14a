"""A part of the benchmarks: prints each figure as it comes, and writes all of them as JSON."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from pathlib import Path

from attrs import asdict, frozen
from cattrs import Converter
from cattrs.errors import BaseValidationError

from benchmarks.harness.figures import Figure, number
from benchmarks.harness.machine import Machine, this_machine

Told = Figure | str
"""A figure, or a remark about those that follow: what they need, what is missing."""

_converter = Converter(forbid_extra_keys=True)


@frozen
class Part:
    """What one script measures.

    Args:
        name: Of its files and of the command's argument.
        title: Of its section.
        beside: What it is compared with, in a few words.
    """

    name: str
    title: str
    beside: str

    def parser(self, doc: str | None) -> argparse.ArgumentParser:
        """The command's arguments that all parts have: ``--json FILE``."""
        parser = argparse.ArgumentParser(
            description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
        return parser

    def tell(self, told: Iterable[Told], json: Path | None = None) -> Measured:
        """Print what is ``told`` while it comes, then write it where ``json`` says."""
        machine = this_machine()
        print(f"{self.title}, beside {self.beside}\n{machine}", flush=True)
        figures, remarks = list[Figure](), list[str]()
        for each in told:
            if isinstance(each, str):
                remarks.append(each)
            else:
                figures.append(each)
            print(each if isinstance(each, str) else line_of(each), flush=True)
        measured = Measured(self, machine, figures, remarks)
        if json is not None:
            json.write_text(measured.to_json(), encoding="utf-8")
        return measured


@frozen
class Measured:
    """What a part found, where, and when."""

    part: Part
    machine: Machine
    figures: list[Figure]
    remarks: list[str]

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def read(cls, path: Path) -> Measured:
        """Raises ValueError, naming the file, where it is no such document."""
        try:
            return _converter.structure(json.loads(path.read_text(encoding="utf-8")), cls)
        except (ValueError, BaseValidationError) as error:
            raise ValueError(f"{path}: no figures of a benchmark; make them again") from error


def line_of(figure: Figure) -> str:
    """One line of a terminal."""
    said = [f"{figure.name}: {number(figure.value)} {figure.unit}"]
    if figure.samples > 1:
        said.append(f"{figure.range} in {figure.samples}")
    if figure.sides is not None:
        said.append(str(figure.sides))
    said.append(figure.compared)
    if figure.goal is not None:
        said.append(f"goal {figure.verdict}")
    return "; ".join(said)
