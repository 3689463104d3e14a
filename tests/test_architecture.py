"""The architecture page points at files that are there, and its drawings show all of the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.drawings.layers import draw_layers, map_of
from tests.rules.layers import LTX2, SDK, Package

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text()

QUESTIONS = {
    "What can a plugin do?": "sdk/src/longtake/hookspecs.py",
    "In which order does a segment come about?": "families/ltx2/src/longtake_ltx2/recipes.py",
    "What travels in a state, and who checks it?": (
        "families/ltx2/src/longtake_ltx2/continuation/state.py"
    ),
    "Where is the sound's hold-back computed?": "families/ltx2/src/longtake_ltx2/sound.py",
    "How do I add a preset?": "families/ltx2/src/longtake_ltx2/presets.py",
    "How do I add a stage between two others?": "families/ltx2/src/longtake_ltx2/recipes.py",
    "What happens when an observer raises?": "sdk/src/longtake/runs/observers.py",
    "What happens when a stage raises?": "sdk/src/longtake/runs/execution.py",
    "What happens when a caller cancels?": "sdk/src/longtake/runs/run.py",
    "How can a kill not tear a blob?": "sdk/src/longtake/blobs/file/writing.py",
    "How does sequence parallel change the forward?": (
        "families/ltx2/src/longtake_ltx2/forward/sharding.py"
    ),
    "How is a take written so that a kill cannot tear it?": "sdk/src/longtake/takes/growing.py",
    "Why do two files' sounds join without a click?": "sdk/src/longtake/media/sound_runs.py",
    "Which states can be read?": "sdk/src/longtake/families/family.py",
}
"""Those that the page must answer, each by one file."""

DECISIONS = (
    "Types wire the stages",
    "Keys and values are gathered by hooks",
    "A take has one clock",
    "A state is JSON and blobs",
    "There is a live state",
    "Admission takes no lock",
    "A kind never changes its meaning",
    "A step is one event",
    "A spec has defaults",
)

packages = pytest.mark.parametrize("package", [SDK, LTX2], ids=lambda package: package.name)


def paths_in(text: str) -> list[str]:
    return re.findall(r"`([\w./-]+/[\w./-]+)`", text)


def references_in(text: str) -> list[tuple[str, str]]:
    """Each path with each of the names that are said to be in it: ``path`` — ``name``, ``name``."""
    pattern = r"`([\w./-]+/[\w./-]+)`\s—\s(`[\w.]+`(?:,\s`[\w.]+`)*)"
    return [
        (path, name)
        for path, names in re.findall(pattern, text)
        for name in re.findall(r"`([\w.]+)`", names)
    ]


def names_in(body: list[ast.stmt]) -> Iterator[str]:
    """Functions, classes, their members as ``Class.member``, and what is assigned."""
    for node in body:
        match node:
            case ast.FunctionDef(name=name):
                yield name
            case ast.ClassDef(name=name, body=members):
                yield name
                yield from (f"{name}.{member}" for member in names_in(members))
            case ast.Assign(targets=targets):
                yield from (target.id for target in targets if isinstance(target, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name


def test_every_path_is_followed_by_names_that_are_in_the_file() -> None:
    references = references_in(PAGE)
    assert set(paths_in(PAGE)) == {path for path, _ in references}
    missing = []
    for path, name in references:
        assert (ROOT / path).is_file(), path
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        if name not in set(names_in(tree.body)):
            missing.append(f"{path}: {name}")
    assert missing == []


def test_every_question_is_answered_by_one_file() -> None:
    section = PAGE.partition("## Where to look\n")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| (.*?\?) \| (.*) \|$", section, re.MULTILINE))
    assert {question: paths_in(answer) for question, answer in rows.items()} == {
        question: [path] for question, path in QUESTIONS.items()
    }


def test_every_decision_has_a_reason_and_a_file() -> None:
    section = PAGE.partition("## Why it is so\n")[2]
    said = dict(re.findall(r"^\*\*(.*?)\*\*\s(.*?)(?=^\*\*|\Z)", section, re.M | re.S))
    assert tuple(said) == DECISIONS
    assert all(references_in(reason) for reason in said.values())


def folder_of(package: Package) -> Path:
    (folder,) = (path for path in ROOT.glob(f"*/**/src/{package.name}") if path.is_dir())
    return folder


def arrows_of(package: Package) -> set[tuple[str, str]]:
    """Read from the lines of the files, by other means than the drawing."""
    folder, rooms = folder_of(package), {room for room, _ in package.rooms()}
    statement = re.compile(rf"^\s*(?:from|import) {package.name}(?:\.| import )(\w+)", re.MULTILINE)
    arrows = set()
    for path in folder.rglob("*.py"):
        inner = path.relative_to(folder)
        if "templates" not in inner.parts:
            found = statement.findall(path.read_text(encoding="utf-8"))
            arrows |= {(inner.parts[0].removesuffix(".py"), each) for each in found}
    return {(importer, each) for importer, each in arrows if {importer, each} <= rooms} - {
        (room, room) for room in rooms
    }


@packages
def test_the_drawing_shows_every_room_and_every_import(package: Package, tmp_path: Path) -> None:
    drawn = map_of(package)
    assert {(room.name, room.height) for room in drawn.rooms} == set(package.rooms())
    assert drawn.arrows == arrows_of(package)
    draw_layers(drawn, tmp_path / "layers.svg")
    svg = (tmp_path / "layers.svg").read_text()
    words = [text.strip() for text in re.findall(r"<!--(.*?)-->", svg, re.DOTALL)]
    for room in drawn.rooms:
        assert words.count(room.name) == 2  # of its row and of its column
        assert room.answers in words
    in_the_key = 2
    dots = re.findall(r'<use xlink:href="#m', svg)
    assert len(dots) == len(drawn.rooms) + len(drawn.arrows) + in_the_key


@packages
def test_every_importer_stands_above_what_it_imports(package: Package) -> None:
    drawn = map_of(package)
    rows = [room.name for room in drawn.rooms]
    assert all(rows.index(importer) < rows.index(each) for importer, each in drawn.arrows)
    heights = [room.height for room in drawn.rooms]
    assert heights == sorted(heights, reverse=True)


def test_the_page_shows_both_drawings() -> None:
    shown = re.findall(r"^```\{figure\} _generated/layers-(\w+)\.svg$", PAGE, re.MULTILINE)
    assert shown == [SDK.name, LTX2.name]


def test_the_page_tells_a_missing_name() -> None:
    """Guards the tests above."""
    text = "`a/b.py` — `one`, `two.three`; and `c/d.py`"
    assert references_in(text) == [("a/b.py", "one"), ("a/b.py", "two.three")]
    assert paths_in(text) == ["a/b.py", "c/d.py"]
    found = set(names_in(ast.parse("class A:\n    b: int\n    def c(self): ...\nd = 1").body))
    assert found == {"A", "A.b", "A.c", "d"}
