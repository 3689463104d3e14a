"""Columns for people, JSON for programs."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stdout

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longtake.cli.terminal import tables
from longtake.cli.terminal.tables import print_json, print_table, print_text


def test_columns_are_as_wide_as_their_widest_cell(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("name", "what it is"), [("fog", "thin"), ("a longer one", "")])
    assert capsys.readouterr().out == (
        "NAME          WHAT IT IS\n"
        "fog           thin\n"
        "a longer one\n"
    )  # fmt: skip


def test_a_table_without_rows_is_its_header(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("name",), [])
    assert capsys.readouterr().out == "NAME\n"


def test_json_is_read_back_and_keeps_its_characters(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"name": "Nebel über dem Fluß", "n": [1, None]})
    out = capsys.readouterr().out
    assert json.loads(out) == {"name": "Nebel über dem Fluß", "n": [1, None]}
    assert "ü" in out


ROWS = [("fog", "thin, thick", "a little of it"), ("dust", "coarse", "")]


def printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], columns: int
) -> list[str]:
    monkeypatch.setattr(tables, "_terminal_columns", lambda: columns)
    print_table(("family", "presets", "what it is"), ROWS)
    return capsys.readouterr().out.splitlines()


def test_a_terminal_that_is_wide_enough_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert printed(monkeypatch, capsys, 36) == [
        "FAMILY  PRESETS      WHAT IT IS",
        "fog     thin, thick  a little of it",
        "dust    coarse",
    ]


def test_on_a_narrow_one_the_widest_columns_are_broken(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert printed(monkeypatch, capsys, 30) == [
        "FAMILY  PRESETS    WHAT IT IS",
        "fog     thin,      a little",
        "        thick      of it",
        "dust    coarse",
    ]


def test_on_a_very_narrow_one_each_row_is_a_block(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert printed(monkeypatch, capsys, 22) == [
        "FAMILY      fog",
        "PRESETS     thin,",
        "            thick",
        "WHAT IT IS  a little",
        "            of it",
        "",
        "FAMILY      dust",
        "PRESETS     coarse",
        "WHAT IT IS",
    ]


@given(
    st.lists(
        st.tuples(*[st.text("ab ,-", max_size=30)] * 3),
        min_size=1,
        max_size=4,
    ),
    st.integers(12, 90),
)
def test_at_any_width_no_line_is_too_long_and_no_letter_is_lost(
    rows: list[tuple[str, ...]], columns: int
) -> None:
    out = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out):
        patch.setattr(tables, "_terminal_columns", lambda: columns)
        print_table(("x", "y", "z"), rows)
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) < columns
    shown = sorted(out.getvalue().replace(" ", "").replace("\n", ""))
    letters = sorted("".join("".join(row) for row in rows).replace(" ", ""))
    titles = "XYZ" * (shown.count("X"))
    assert shown == sorted([*letters, *titles])


def test_text_is_broken_at_the_width_of_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    print_text("one two three")
    monkeypatch.setattr(tables, "_terminal_columns", lambda: 9)
    print_text("one two three")
    assert capsys.readouterr().out.splitlines() == ["one two three", "one two", "three"]
