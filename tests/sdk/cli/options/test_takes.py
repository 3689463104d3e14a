"""--json: events on standard output, and nothing else there, whatever happens."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from longtake.media.reader import read_take
from tests.sdk.cli.cli_support import Command, Outcome
from tests.sdk.cli.toy_family import HELD_BACK, RATE


def records(outcome: Outcome) -> list[dict[str, Any]]:
    return [json.loads(line) for line in outcome.out.splitlines()]


def test_a_take_is_told_as_events(longtake: Command, model: str) -> None:
    done = longtake(
        *("generate", "one", "two", "--model", model, "--save-state", "s.json", "--json"),
        *("-o", "take.mkv", "--steps", "2"),
    )
    assert (done.code, done.err) == (0, "")
    told = records(done)
    steps = [each["segment"] for each in told if each["event"] == "progress"]
    rest = [each["event"] for each in told if each["event"] != "progress"]
    assert steps == [1, 1, 1, 2, 2, 2]
    assert rest == ["started", "segment", "segment", "done"]
    # A segment is told when it is kept, which may be while the next one is made.
    assert [each["event"] for each in told[:4]] == ["started", "progress", "progress", "progress"]
    started, last = told[0], told[-1]
    assert (started["family"], started["preset"], started["model"]) == ("fog", "thin@1", model)
    assert (started["seed"], started["height"], started["width"]) == (1, 32, 48)
    assert (started["first_segment"], started["segments"]) == (1, 2)
    assert last == {
        "event": "done",
        "output": "take.mkv",
        "frames": 8,
        "seconds": 0.333,
        "state": "s.json",
        "next_command": f"longtake generate 'NEXT PROMPT' --model {model} --json --steps 2 "
        "--state s.json --save-state s.json -o take.mkv --resume",
    }


def test_segments_say_where_they_are_in_the_file(longtake: Command, model: str) -> None:
    common = ("--model", model, "--json")
    first = longtake("generate", "one", *common, "--save-state", "1.json", "-o", "1.mkv")
    rest = longtake("generate", "two", "three", *common, "--state", "1.json", "-o", "2.mkv")
    [one] = [each for each in records(first) if each["event"] == "segment"]
    two, three = [each for each in records(rest) if each["event"] == "segment"]
    samples = 4 * RATE // 24
    assert (one["segment"], one["segments"], one["state"]) == (1, 1, "1.json")
    assert (two["segment"], two["segments"]) == (2, 3)
    assert (three["segment"], three["segments"]) == (3, 3)
    assert (two["first_frame"], three["first_frame"]) == (0, 4)
    assert (two["first_sample"], three["first_sample"]) == (0, samples)
    assert (one["samples"], two["samples"]) == (samples - HELD_BACK, samples)
    take = read_take("2.mkv")
    assert len(take.frames) == two["frames"] + three["frames"]
    assert Path(three["state"]).name == "2.mkv.state.json"


@pytest.mark.parametrize(
    ("arguments", "path", "reason", "code"),
    [
        (("a", "--height", "40"), "sampling.height", "must divide by 16", 2),
        (("a", "--hieght", "40"), None, "did you mean '--height'", 2),
        (("a", "-o", "nowhere/take.mp4"), "nowhere/take.mp4", "there is no folder", 2),
        (("a", "--set", "draw.fail_in_segment=0"), None, "the fog\nlifted", 1),
        ((), None, "Missing argument", 2),
    ],
)
def test_a_failure_is_the_last_event(
    longtake: Command, arguments: tuple[str, ...], path: str | None, reason: str, code: int
) -> None:
    failed = longtake("generate", *arguments, "--json")
    last = records(failed)[-1]
    assert (failed.code, last["event"], last["exit_code"]) == (code, "failed", code)
    assert last["path"] == path
    assert reason in last["reason"]
    assert failed.err.splitlines()[-1].startswith("error: ")


def test_standard_output_is_the_programs_again_behind_a_wrong_option(longtake: Command) -> None:
    before = sys.stdout
    assert longtake("generate", "one", "--no-such-option", "--json").code == 2
    assert sys.stdout is before


def test_an_interruption_says_which_signal_it_was(longtake: Command, model: str) -> None:
    stopped = longtake(
        *("generate", "one", "--segments", "4", "--model", model, "--json"),
        *("--set", "draw.interrupt_in_segment=1", "--steps", "1000"),
    )
    last = records(stopped)[-1]
    assert (stopped.code, last["reason"], last["signal"]) == (130, "interrupted", 2)
    assert [each["segment"] for each in records(stopped) if each["event"] == "segment"] == [1]


def test_the_fraction_of_each_segment_never_falls(longtake: Command, model: str) -> None:
    told = records(longtake("generate", "one", "two", "--model", model, "--json"))
    for segment in (1, 2):
        steps = [e for e in told if e["event"] == "progress" and e["segment"] == segment]
        fractions = [each["fraction"] for each in steps]
        assert fractions == sorted(fractions)
        assert 0 <= fractions[0] < fractions[-1] <= 1


def test_a_prompt_of_this_name_is_a_prompt(longtake: Command, model: str) -> None:
    done = longtake("generate", "--model", model, "--", "--json")
    assert (done.code, done.out) == (0, "")


def test_notes_are_warnings(longtake: Command) -> None:
    told = records(longtake("generate", "one", "--json"))
    assert told[0]["event"] == "warning"
    assert "random weights" in told[0]["message"]


def test_the_end_of_a_take_is_told_too(longtake: Command, model: str) -> None:
    longtake("generate", "one", "--model", model, "--save-state", "s.json")
    done = longtake("finish", "--state", "s.json", "--model", model, "--json")
    [told] = records(done)
    assert (told["event"], told["output"], told["frames"]) == ("done", "tail.mp4", 0)


def test_another_rank_tells_nothing(longtake: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    refused = longtake("generate", "a", "--family", "fog", "-o", "take.mkv", "--json")
    assert (refused.code, refused.out) == (2, "")
