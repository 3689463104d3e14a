"""``longtake sessions list``: what is in a store, by label and page by page."""

from __future__ import annotations

import json

from tests.sdk.cli.commands.sessions.takes import Takes


def fill(takes: Takes) -> None:
    takes.roll("rain", "one", "--label", "show=sea", "--label", "mood=wet")
    store = takes.store()
    store.create("sun", family="fog", preset="thin@1", labels={"show": "sea"}, expires_in=3600)
    store.create("tram", family="fog", preset="thin@1")


def test_a_line_for_each_session(takes: Takes) -> None:
    fill(takes)
    lines = takes.done("list").out.splitlines()
    assert lines[0].split() == [
        "SESSION", "SEGMENTS", "PRESET", "LAST", "EXPIRES", "FROM", "LABELS",
    ]  # fmt: skip
    assert [line.split()[:4] for line in lines[1:]] == [
        ["rain", "1", "fog", "thin@1"],
        ["sun", "0", "fog", "thin@1"],
        ["tram", "0", "fog", "thin@1"],
    ]
    assert lines[1].endswith("mood=wet, show=sea")


def test_by_label_and_page(takes: Takes) -> None:
    fill(takes)
    sea = takes.done("list", "--label", "show=sea", "--limit", "1")
    assert sea.out.splitlines()[1].startswith("rain ")
    assert sea.err == "there may be more: --after rain\n"
    more = takes.done("list", "--label", "show=sea", "--after", "rain")
    assert [line.split()[0] for line in more.out.splitlines()[1:]] == ["sun"]
    none = takes.done("list", "--label", "show=sky")
    assert (none.out, none.err) == ("", "there is no session\n")
    both = takes.done("list", "--label", "show=sea", "--label", "mood=wet", "--json")
    assert [each["id"] for each in json.loads(both.out)] == ["rain"]


def test_a_program_reads_json(takes: Takes) -> None:
    fill(takes)
    found = json.loads(takes.done("list", "--json").out)
    assert [each["id"] for each in found] == ["rain", "sun", "tram"]
    created, expires = found[1].pop("created"), found[1].pop("expires")
    assert expires - created == 3600
    assert found[1] == {
        "id": "sun",
        "revision": 0,
        "family": "fog",
        "preset": "thin@1",
        "num_segments": 0,
        "parent": None,
        "labels": {"show": "sea"},
    }
