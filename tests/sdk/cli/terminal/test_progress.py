"""A bar fits its terminal at any width, and is nothing where there is none."""

from __future__ import annotations

import io
import os
import sys

import pytest

from longtake.cli.terminal import progress
from longtake.cli.terminal.progress import Bar, as_bytes, as_time, terminal_columns


class Terminal(io.StringIO):
    """Standard error of somebody who sits in front of it."""

    def isatty(self) -> bool:
        return True


def sit_down(monkeypatch: pytest.MonkeyPatch, columns: int | None = None) -> Terminal:
    """Standard error is a terminal, of so many columns if it knows."""
    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    if columns is not None:
        monkeypatch.setattr(progress, "terminal_columns", lambda: columns)
    return shown


def lines(terminal: Terminal) -> list[str]:
    return [line for line in terminal.getvalue().split("\r") if line.strip()]


@pytest.mark.parametrize("columns", [10, 30, 60, 80, 200])
def test_it_never_fills_the_last_column(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    terminal = sit_down(monkeypatch, columns)
    with Bar() as bar:
        bar.show(
            "segment 12/120 decode_video_and_more", 3, 40, "3/40 [" + "x" * 25 + "]", "3/40 [x]"
        )
        bar.say("loading a component with a long name " * 3)
    assert max(map(len, lines(terminal))) < columns


def test_it_follows_a_terminal_that_becomes_narrower(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = sit_down(monkeypatch, 100)
    with Bar() as bar:
        bar.show("draw", 1, 4, "1/4 [long]", "1/4 [short]")
        monkeypatch.setattr(progress, "terminal_columns", lambda: 60)
        bar.show("draw", 1, 4, "1/4 [long]", "1/4 [short]")
    wide, narrow = lines(terminal)[-2:]
    assert (len(wide), len(narrow.rstrip())) == (99, 59)
    assert "[long]" in wide
    assert "[short]" in narrow


def test_a_narrow_one_still_says_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = sit_down(monkeypatch, 60)
    with Bar() as bar:
        bar.show(
            "segment 12/120 decode_audio", 3, 40, "3/40 [a lot of text here]", "3/40 [0:30, 4:10]"
        )
    assert lines(terminal)[-1].endswith("| 3/40 [0:30, 4:10]")


def test_braces_are_shown_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = sit_down(monkeypatch)
    with Bar() as bar:
        bar.show("draw", 1, 4, "{n}")
    assert "{n}" in terminal.getvalue()


def test_it_is_gone_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = sit_down(monkeypatch)
    with Bar() as bar:
        bar.say("loading")
    assert terminal.getvalue().split("\r")[-2].strip() == ""
    assert not any(code in terminal.getvalue() for code in ("\x1b", "\n"))


def test_it_is_hidden_in_a_pipe_and_on_a_dumb_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = sit_down(monkeypatch)
    with Bar(hidden=True) as bar:
        bar.say("loading")
        assert not bar.is_shown
    assert terminal.getvalue() == ""
    pipe = io.StringIO()
    monkeypatch.setattr(sys, "stderr", pipe)
    with Bar() as bar:
        bar.show("draw", 1, 4, "1/4")
        assert not bar.is_shown
    assert pipe.getvalue() == ""


def test_what_is_no_terminal_has_no_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    assert terminal_columns(io.StringIO()) is None
    read, write = os.pipe()
    with open(read, encoding="utf-8") as end, open(write, "w", encoding="utf-8"):
        assert terminal_columns(end) is None
    monkeypatch.setattr(sys, "stderr", None)
    assert terminal_columns() is None


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "?"), (0, "0:00"), (59.6, "1:00"), (3661, "1:01:01")]
)
def test_times(seconds: float | None, text: str) -> None:
    assert as_time(seconds) == text


@pytest.mark.parametrize(
    ("count", "total", "text"),
    [
        (5, None, "5 B"),
        (0, 1000, "0/1000 B"),
        (512, 2048, "0.5/2.0 KiB"),
        (3 * 2**30, 38 * 2**30, "3.0/38.0 GiB"),
    ],
)
def test_bytes(count: int, total: int | None, text: str) -> None:
    assert as_bytes(count, total) == text
