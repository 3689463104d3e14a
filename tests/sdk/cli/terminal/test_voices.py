"""Words for people, JSON lines for programs: each tells every event, in its own place."""

from __future__ import annotations

import io
import json
import logging
import sys

import click
import pytest
from attrs import evolve

from longtake.cli.terminal import voices
from longtake.cli.terminal.events import Done, LoadProgress, StepProgress, Warned
from longtake.cli.terminal.voices import JsonLines, Words, speaking, voice_in_use, warn
from tests.sdk.cli.terminal.test_events import EVENTS, ROLLED, STARTED
from tests.sdk.cli.terminal.test_progress import sit_down

STEP = StepProgress(
    segment=2,
    segments=3,
    stage="draw",
    step=1,
    total=4,
    segment_seconds_left=30,
    take_seconds_left=250,
)


def test_words_are_lines_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    words = Words()
    for event, _, _ in EVENTS:
        words.tell(event)
    words.busy("loading")
    words.close()
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.splitlines() == [
        "fog, preset thin@1",
        "seed 3, 32x48, 4 frames at 24000/1001 a second; segments 2 to 3 into take.mp4",
        "segment 2/3: 4 frames, 0.17 s, draw 0.1 s",
        "note: mind the gap",
        "take.mp4: 8 frames, 0.33 s",
    ]


def test_a_single_segment_and_a_model_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    Words().tell(evolve(STARTED, model="m", first_segment=3))
    model, rest = capsys.readouterr().err.splitlines()
    assert model == "fog, preset thin@1, model m"
    assert rest.endswith("; segment 3 into take.mp4")


def test_sound_alone_is_told_in_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    Words().tell(evolve(ROLLED, frames=0, timings={}))
    Words().tell(Done(output="a.m4a", frames=0, seconds=0.5))
    assert capsys.readouterr().err == "segment 2/3: 0.17 s\na.m4a: 0.50 s of sound\n"


def test_bars_say_what_is_loaded_and_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = sit_down(monkeypatch)
    words = Words()
    assert words.is_followed
    words.busy("loading fog")
    words.tell(LoadProgress("transformer"))
    words.tell(LoadProgress("transformer", 2**20, 2**22))
    words.tell(STEP)
    words.close()
    shown = terminal.getvalue()
    for text in ("loading fog", "loading transformer", "| 1.0/4.0 MiB"):
        assert text in shown
    assert "segment 2/3 draw |" in shown
    assert "| 1/4 [left: segment 0:30, take 4:10]" in shown


def test_on_a_dumb_terminal_there_are_lines_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = sit_down(monkeypatch)
    words = Words(dumb=True)
    words.busy("loading fog")
    words.tell(STEP)
    words.tell(Warned("mind the gap"))
    assert not words.is_followed
    assert terminal.getvalue() == "note: mind the gap\n"


def test_lines_are_broken_at_the_width_of_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(voices, "terminal_columns", lambda: 40)
    Words().tell(Warned("a word, and then another one, until it is too long"))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert max(map(len, lines)) < 40


def test_json_lines_are_all_there_is_on_their_stream(
    capsys: pytest.CaptureFixture[str],
) -> None:
    stream = io.StringIO()
    with click.Context(click.Command("roll")) as ctx, speaking(ctx, JsonLines(stream)):
        voice = voice_in_use()
        assert voice is not None
        voice.busy("loading")
        for event, _, _ in EVENTS:
            voice.tell(event)
        sys.stdout.write("what a library prints")
        logging.getLogger("fog").warning("it is %s", "thick")
        logging.getLogger("py.warnings").warning("for developers")
    records = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [record["event"] for record in records] == [*(name for _, name, _ in EVENTS), "warning"]
    assert records[-1]["message"] == "it is thick"
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "what a library prints" in shown.err


def test_a_warning_is_told_by_the_voice_in_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert voice_in_use() is None
    warn("nobody speaks")
    assert capsys.readouterr().err == "note: nobody speaks\n"
    stream = io.StringIO()
    with click.Context(click.Command("roll")) as ctx, speaking(ctx, JsonLines(stream)):
        warn("mind the gap")
    assert json.loads(stream.getvalue()) == {"event": "warning", "message": "mind the gap"}
