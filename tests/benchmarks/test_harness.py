"""What benchmarks measure with and tell: pairs, medians, goals, JSON, Markdown, SVG."""

from __future__ import annotations

import ast
import json
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks import __main__ as command
from benchmarks.harness import (
    Pairs,
    Part,
    Told,
    alone,
    at_least,
    at_most,
    cost,
    gain,
    in_turns,
    lone,
    paired,
    sliced,
    spread,
)
from benchmarks.harness.book import PAGE, write_pages
from benchmarks.harness.figures import number
from benchmarks.harness.parts import Measured

PART = Part("tiny", "A tiny part", "nothing at all")
ROOT = Path(__file__).parents[2]


class Work:
    """Two sides of which each run takes as long as it says, by a clock of its own."""

    def __init__(self) -> None:
        self.now, self.ran = 0.0, list[str]()

    def side(self, name: str, seconds: float) -> Callable[[], None]:
        def run() -> None:
            self.now += seconds
            self.ran.append(name)

        return run

    def clock(self) -> float:
        return self.now


def figures() -> Iterator[Told]:
    work = Work()
    pairs = paired(work.side("ours", 0.5), work.side("other", 0.25), pairs=3, clock=work.clock)
    yield "A remark with a | and an <element>."
    yield cost("cheap enough", "ours / other", pairs, at_most(3))
    yield gain("not fast enough", "other / ours", pairs, at_least(1.25))
    yield lone("peak", "bytes that are allocated", 12, "MiB", at_most(12))
    yield spread("wait", "from asking to the answer", [3.0, 1.0, 2.0], "s")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    PART.tell(figures(), tmp_path / "tiny.json")
    write_pages(tmp_path, ["tiny"])
    return tmp_path


def test_both_sides_run_in_turns_and_who_is_first_changes() -> None:
    work = Work()
    tidied: list[int] = []
    ours, other = work.side("ours", 2.0), work.side("other", 1.0)
    pairs = paired(
        ours, other, pairs=2, tidy=lambda: tidied.append(len(work.ran)), clock=work.clock
    )
    assert work.ran == ["ours", "other", "other", "ours", "ours", "other"]
    assert tidied == [2, 4, 6]
    assert pairs == Pairs([(2.0, 1.0), (2.0, 1.0)])


def test_a_pair_may_be_other_work_than_the_one_before() -> None:
    work = Work()
    both = [(work.side("ours", n), work.side("other", 2.0)) for n in (1.0, 4.0, 3.0)]
    pairs = in_turns(both, work.clock)
    assert pairs.costs == [0.5, 1.5, 2.0]
    assert pairs.gains == [0.5, pytest.approx(1 / 1.5), 2.0]
    assert (pairs.ours, pairs.other) == (3.0, 2.0)


def test_as_many_pairs_as_the_time_allows() -> None:
    quick = paired(lambda: None, lambda: None, pairs=2, most=5, within=1.0)
    assert len(quick.times) == 5
    none_left = paired(lambda: None, lambda: None, pairs=2, most=5)
    assert len(none_left.times) == 2


def test_two_processes_take_turns_and_each_is_counted_alone(tmp_path: Path) -> None:
    def computing(name: str) -> Callable[[], None]:
        def use() -> None:
            until = time.process_time() + 0.7
            while time.process_time() < until:
                pass
            (tmp_path / name).write_text(str(os.getpid()))

        return use

    found = sliced(computing("ours"), computing("other"), pairs=1)
    assert len({os.getpid(), *(int(each.read_text()) for each in tmp_path.iterdir())}) == 3
    for taken in (found.cpu.ours, found.cpu.other, found.wall.ours, found.wall.other):
        assert taken >= 0.7


def test_a_process_that_fails_ends_the_pair() -> None:
    def fail() -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit) as failed:
        sliced(fail, lambda: time.sleep(60), pairs=1)
    assert failed.value.code == 3
    assert not multiprocessing.active_children()


def test_a_ratio_of_medians_is_not_the_median_ratio() -> None:
    """A busy second slows one pair; what counts is each pair's own ratio."""
    figure = cost("x", "ours / other", Pairs([(1.0, 2.0), (10.0, 20.0), (3.0, 2.0)]))
    assert (figure.value, figure.lowest, figure.highest) == (0.5, 0.5, 1.5)
    assert figure.sides is not None
    assert (figure.sides.ours, figure.sides.other, figure.sides.unit) == (3000.0, 2000.0, "ms")


def test_goals_bound_from_above_or_from_below() -> None:
    assert at_most(1.0).holds(1.0)
    assert not at_most(1.0).holds(1.001)
    assert at_least(1.0).holds(1.0)
    assert not at_least(1.0).holds(0.999)


@pytest.mark.parametrize(
    ("value", "told"),
    [(0, "0"), (0.01234, "0.012"), (1.2345, "1.23"), (12.345, "12.3"), (12345.6, "12,346")],
)
def test_numbers_have_three_digits_that_count(value: float, told: str) -> None:
    assert number(value) == told


def test_json_holds_every_figure_with_what_is_compared_and_where(folder: Path) -> None:
    document = json.loads((folder / "tiny.json").read_text())
    assert document["part"] == {
        "name": "tiny",
        "title": "A tiny part",
        "beside": "nothing at all",
    }
    assert {"processor", "cores", "load", "memory", "python", "day"} < set(document["machine"])
    assert document["machine"]["packages"]["longtake"]
    assert document["figures"][0] == {
        "name": "cheap enough",
        "compared": "ours / other",
        "value": 2.0,
        "unit": "times",
        "lowest": 2.0,
        "highest": 2.0,
        "samples": 3,
        "sides": {"ours": 500.0, "other": 250.0, "unit": "ms"},
        "goal": {"side": "at most", "limit": 3},
    }
    read = Measured.read(folder / "tiny.json")
    assert Measured.read(folder / "tiny.json").to_json() == read.to_json()
    assert [figure.name for figure in read.figures] == [
        "cheap enough",
        "not fast enough",
        "peak",
        "wait",
    ]


def test_the_page_has_a_row_of_each_figure_beside_its_goal(folder: Path) -> None:
    page = (folder / PAGE).read_text()
    assert "## A tiny part\n" in page
    assert (
        "| cheap enough | **2.00** times | ≤ 3.00, holds | 2.00 to 2.00 in 3 "
        "| 500 / 250 ms | ours / other |" in page
    )
    assert "| not fast enough | **0.500** times | ≥ 1.25, MISSED |" in page
    assert "| peak | **12.0** MiB | ≤ 12.0, holds |  |  | bytes that are allocated |" in page
    assert "| wait | **2.00** s |  | 1.00 to 3.00 in 3 |" in page
    assert "- A remark with a \\| and an &lt;element>." in page
    assert "(tiny.svg)" in page
    assert "{download}`tiny.json`" in page


def test_the_chart_names_every_figure_and_is_the_same_each_time(folder: Path) -> None:
    drawn = (folder / "tiny.svg").read_bytes()
    comments = ElementTree.XMLParser(target=ElementTree.TreeBuilder(insert_comments=True))
    root = ElementTree.fromstring(drawn, comments)
    texts = {(each.text or "").strip() for each in root.iter() if callable(each.tag)}
    assert {"cheap enough", "not fast enough", "peak", "wait", "MiB"} <= texts
    write_pages(folder, ["tiny"])
    assert (folder / "tiny.svg").read_bytes() == drawn


def test_parts_stand_in_the_order_that_is_asked_for(folder: Path) -> None:
    for name in ("last", "first"):
        Part(name, name, "nothing").tell([], folder / f"{name}.json")
    write_pages(folder, ["first", "tiny"])
    titles = [line for line in (folder / PAGE).read_text().splitlines() if line.startswith("## ")]
    assert titles == ["## first", "## A tiny part", "## last"]


def test_a_file_of_something_else_is_refused_by_its_name(folder: Path) -> None:
    (folder / "other.json").write_text('{"part": 1}')
    with pytest.raises(ValueError, match=r"other\.json: no figures of a benchmark"):
        write_pages(folder, [])


def test_a_page_without_figures_says_how_to_make_them(tmp_path: Path) -> None:
    write_pages(tmp_path, [])
    assert "`nox -s bench` makes them" in (tmp_path / PAGE).read_text()


def test_the_command_runs_the_parts_that_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "tiny.py"
    script.write_text(
        f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n"
        "from benchmarks.harness import Part, lone\n"
        "part = Part('tiny', 'A tiny part', 'nothing')\n"
        "part.tell([lone('x', 'y', 1, 's')], part.parser('').parse_args().json)\n"
    )
    broken = tmp_path / "broken.py"
    broken.write_text("raise SystemExit(3)\n")
    monkeypatch.setattr(command, "PARTS", {"tiny": str(script), "broken": str(broken)})
    out = tmp_path / "out"
    assert command.main(["--folder", str(out), "tiny"]) == 0
    assert sorted(path.name for path in out.iterdir()) == [PAGE, "tiny.json", "tiny.svg"]
    assert command.main(["--folder", str(out)]) == 1  # the other part is told all the same
    assert "## A tiny part" in (out / PAGE).read_text()
    with pytest.raises(SystemExit):
        command.main(["unknown"])


@pytest.mark.parametrize(("name", "script"), command.PARTS.items())
def test_every_part_has_its_name_and_takes_the_commands_argument(name: str, script: str) -> None:
    """Read, not run: the libraries that the scripts import take longer than all tests here."""
    tree = ast.parse((ROOT / "benchmarks" / script).read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    called = {ast.unparse(call.func): call for call in calls}
    assert ast.literal_eval(called["Part"].args[0]) == name
    assert {"PART.parser", "PART.tell"} <= set(called)
    assert "argparse.ArgumentParser" not in called


def test_the_documentation_has_the_page_of_its_figures() -> None:
    """Whoever changes how pages are written makes them again: ``python -m benchmarks --pages``."""
    parts = [Measured.read(path) for path in sorted(command.DOCS.glob("*.json"))]
    page = (command.DOCS / PAGE).read_text()
    for each in parts:
        assert f"## {each.part.title}\n" in page
        assert all(f"| {figure.name} |" in page for figure in each.figures)


def test_what_is_told_alone_is_told_by_another_process() -> None:
    told = [*alone(of_this_process, "first", "second")]
    assert told[:2] == ["first", "second"] and told[2] != str(os.getpid())
    with pytest.raises(ZeroDivisionError):
        alone(divided)


def of_this_process(*names: str) -> Iterator[Told]:
    yield from names
    yield str(os.getpid())


def divided() -> Iterator[Told]:
    yield str(1 // 0)
