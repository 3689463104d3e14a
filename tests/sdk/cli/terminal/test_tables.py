"""Columns for people, JSON for programs."""

from __future__ import annotations

import json

import pytest

from longtake.cli.terminal.tables import print_json, print_table


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
