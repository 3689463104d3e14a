"""Branches as they are drawn: whole drawings, for what they look like is what they are for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from longtake.cli.terminal.branches import Branch, Marks, draw_branches

MARKS = Marks()


def drawn(*branches: Branch, marks: Marks = MARKS) -> str:
    return "\n".join(["", *draw_branches(branches, marks), ""])


def test_a_take_without_forks() -> None:
    assert (
        drawn(Branch("take", 0, 3, note="3 segments"))
        == """
take  ●──●──●  3 segments
"""
    )


def test_forks_stand_under_the_segment_that_they_leave() -> None:
    assert (
        drawn(
            Branch("take", 0, 5, note="5 segments"),
            Branch("rain", 2, 6, 0, note="4 of its own"),
            Branch("snow", 4, 6, 0, note="2 of its own"),
            Branch("hail", 3, 3, 1, note="nothing yet"),
            Branch("mist", 5, 9, 2),
        )
        == """
take  ●──●──●──●──●              5 segments
snow     │     ╰──●──●           2 of its own
mist     │        ╰──●──●──●──●
rain     ╰──●──●──●──●           4 of its own
hail        ╰·                   nothing yet
"""
    )


def test_a_long_stretch_is_a_number() -> None:
    assert (
        drawn(Branch("take", 0, 1000), Branch("other", 990, 992, 0))
        == """
take   ●─ 988 more ─●──●──●──●──●──●──●──●──●──●──●
other               ╰──●──●
"""
    )


def test_what_begins_by_itself_stands_below() -> None:
    assert (
        drawn(Branch("one", 0, 2), Branch("other", 0, 3), Branch("none", 0, 0))
        == """
one    ●──●
other  ●──●──●
none   ·
"""
    )


def test_a_terminal_without_the_characters_has_others() -> None:
    branches = Branch("take", 0, 3), Branch("rain", 1, 2, 0), Branch("snow", 2, 2, 0)
    assert (
        drawn(*branches, marks=Marks.for_encoding("latin-1"))
        == """
take  o--o--o
snow  |  `.
rain  `--o
"""
    )
    assert Marks.for_encoding("utf-8") == MARKS
    assert Marks.for_encoding(None) == Marks.for_encoding("no such encoding") != MARKS


@st.composite
def trees(draw: st.DrawFn) -> list[Branch]:
    branches = [Branch("0", 0, draw(st.integers(1, 60)))]
    for number in range(1, draw(st.integers(1, 6))):
        parent = draw(st.integers(0, len(branches) - 1))
        above = branches[parent]
        if above.stop == above.start:
            continue
        start = draw(st.integers(above.start + 1, above.stop))
        branches.append(Branch(str(number), start, start + draw(st.integers(0, 60)), parent))
    return branches


@given(trees())
def test_every_branch_has_a_row_and_its_lines_meet(branches: list[Branch]) -> None:
    lines = draw_branches(branches, MARKS)
    assert len(lines) == len(branches)
    for row, line in enumerate(lines):
        for column, mark in enumerate(line):
            if mark in (MARKS.turn, MARKS.down):
                assert lines[row - 1][column] in (MARKS.dot, MARKS.turn, MARKS.down)
