"""Every error is one line, and its exit code says whether the user can put it right."""

from __future__ import annotations

import signal

import click
import pytest

import longtake as lt
from longtake.cli.terminal.failures import report
from longtake.cli.terminal.interruption import Stopped, Terminated

LINES = [
    (lt.ValidationError("sampling.fps", "is 0"), 2, "error: sampling.fps: is 0"),
    (lt.OutputError("take.mp4", "is a directory"), 2, "error: take.mp4: is a directory"),
    (click.ClickException("no such thing"), 2, "error: no such thing"),
    (click.UsageError("no such option"), 2, "error: no such option. See 'longtake --help'."),
    (click.UsageError("which one?"), 2, "error: which one? See 'longtake --help'."),
    (lt.Cancelled("stopped"), 130, "interrupted"),
    (click.Abort(), 130, "interrupted"),
    (KeyboardInterrupt(), 130, "interrupted"),
    (Terminated(), 143, "interrupted"),
    (Stopped(signal.SIGTERM), 143, "interrupted"),
    (lt.BlobNotFound("blob abc: gone"), 1, "error: blob abc: gone"),
    (
        RuntimeError("the fog\n  lifted\n"),
        1,
        "error: RuntimeError: the fog lifted (longtake --verbose shows where)",
    ),
]


@pytest.mark.parametrize(("error", "code", "line"), LINES, ids=lambda each: type(each).__name__)
def test_an_error_is_one_line_and_an_exit_code(
    capsys: pytest.CaptureFixture[str], error: Exception | KeyboardInterrupt, code: int, line: str
) -> None:
    assert report(error) == code
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", f"{line}\n")


def test_of_several_processes_all_but_the_first_say_which_they_are(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for rank, start in (("0", "error: "), ("2", "error on rank 2: ")):
        monkeypatch.setenv("WORLD_SIZE", "3")
        monkeypatch.setenv("RANK", rank)
        report(lt.ValidationError("seed", "is wrong"))
        assert capsys.readouterr().err == f"{start}seed: is wrong\n"


def test_settings_that_are_wrong_are_reported_as_themselves(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "first")
    assert report(lt.ValidationError("RANK", "is 'first'")) == 2
    assert capsys.readouterr().err == "error: RANK: is 'first'\n"
