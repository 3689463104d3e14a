"""``longtake sessions show``: the tree in the terminal, the segments, and the sheet."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.sdk.cli.commands.sessions.takes import Takes


def forked(takes: Takes) -> None:
    """``tram`` of four segments, ``rain`` that leaves it after two, ``hail`` that leaves rain."""
    takes.flow("tram", "one", "two", "three", "four", "--label", "show=sea")
    takes.done("fork", "tram", "rain", "--at", "2")
    takes.flow("rain", "it rains", "--worker", "me")
    takes.done("fork", "rain", "hail")


def test_a_session_is_shown_with_its_tree_and_its_segments(takes: Takes) -> None:
    forked(takes)
    shown = takes.done("show", "rain")
    facts, drawing, table = shown.out.rstrip("\n").split("\n\n")
    lines = [re.split(r"  +", line, maxsplit=1) for line in facts.splitlines()]
    assert [line[0] for line in lines] == [
        "session", "holds", "family", "preset", "revision", "created", "expires",
        "forked from", "label",
    ]  # fmt: skip
    assert lines[1][1].startswith("3 segments, 0.8")
    assert lines[-2:] == [["forked from", "tram, after 2 segments"], ["label", "show=sea"]]
    assert drawing.splitlines() == [
        "  tram  ●──●──●──●  4 segments, 1.04 s",
        "> rain     ╰──●     1 of its own, 0.17 s",
        "  hail        ╰·    nothing of its own yet",
    ]
    rows = table.splitlines()
    assert rows[0].split() == ["#", "SECONDS", "PROMPT", "MADE", "BY", "WHEN", "STATE"]
    assert len(rows) == 4
    digest = takes.segments("rain")[2]["state_digest"].removeprefix("sha256:")
    assert re.fullmatch(
        rf"3 +0\.\d\d +it rains +me +\d{{4}}-\d\d-\d\d \d\d:\d\d +{digest[:12]}", rows[3]
    )


def test_a_session_without_segments(takes: Takes) -> None:
    takes.store().create("tram", family="river", preset="default@1")
    shown = takes.done("show", "tram").out
    assert "holds     nothing yet" in shown
    assert "#" not in shown


def test_a_program_reads_json(takes: Takes) -> None:
    forked(takes)
    shown = json.loads(takes.done("show", "rain", "--json").out)
    assert shown["parent"] == {"id": "tram", "num_segments": 2}
    segments = shown["segments"]
    assert [each["index"] for each in segments] == [0, 1, 2]
    assert all(re.fullmatch("sha256:[0-9a-f]{64}", each["state_digest"]) for each in segments)
    assert segments[2].keys() == {
        "index", "step", "request", "state_digest", "media", "seconds", "made_by", "versions",
        "committed",
    }  # fmt: skip


def test_a_contact_sheet_of_every_branch(takes: Takes) -> None:
    from PIL import Image

    forked(takes)
    shown = takes.done("show", "rain", "--sheet", "rain.png")
    assert shown.err == "rain.png: 3 contact sheets\n"
    with Image.open("rain.png") as picture:
        assert picture.width > 640
        assert picture.height > 3 * 300
    again = takes.run("show", "rain", "--sheet", "rain.png")
    assert (again.code, "is already there" in again.err) == (2, True)
    assert takes.run("show", "rain", "--sheet", "rain.jpg").code == 2


def test_what_has_no_picture_has_no_sheet(takes: Takes) -> None:
    takes.store().create("tram", family="river")
    refused = takes.run("show", "tram", "--sheet", "tram.png")
    assert (refused.code, "there is no segment yet" in refused.err) == (2, True)
    assert not Path("tram.png").exists()


def test_a_session_that_is_not_there_is_one_line(takes: Takes) -> None:
    takes.store().create("tram", family="river")
    missing = takes.run("show", "tramm")
    assert (missing.code, missing.err) == (2, "error: there is no session 'tramm'\n")


@pytest.mark.parametrize("command", [("show", "x"), ("list",), ("sweep",)])
def test_a_store_that_is_not_there_is_not_made(takes: Takes, command: tuple[str, ...]) -> None:
    refused = takes.longtake("sessions", *command, "--sessions", "sqlite:takess.db")
    assert refused.code == 2
    assert "takess.db: there is no such file; 'longtake sessions roll' makes one" in refused.err
    assert list(Path().iterdir()) == []
