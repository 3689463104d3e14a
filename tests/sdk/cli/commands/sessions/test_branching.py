"""``longtake sessions fork`` and ``rewind``."""

from __future__ import annotations

from tests.sdk.cli.commands.sessions.takes import Takes


def test_a_fork_goes_its_own_way(takes: Takes) -> None:
    takes.flow("tram", "one", "two", "three", "--label", "show=sea")
    told = takes.done("fork", "tram", "rain", "--at", "1", "--label", "mood=wet")
    assert told.err == "rain: 1 segments of tram\n"
    takes.flow("rain", "it rains")
    assert takes.prompts("rain") == ["one", "it rains"]
    assert takes.prompts("tram") == ["one", "two", "three"]
    store = takes.store()
    assert store.read("rain").labels == {"mood": "wet"}
    parent = store.read("rain").parent
    assert parent is not None
    assert (parent.id, parent.num_segments) == ("tram", 1)
    takes.done("delete", "tram")
    takes.done("sweep")
    takes.done("film", "rain", "rain.mkv")  # what they shared is there
    takes.done("fork", "rain", "all")
    assert takes.prompts("all") == ["one", "it rains"]
    assert takes.run("fork", "rain", "all").code == 2
    assert takes.run("fork", "rain", "more", "--at", "3").code == 2


def test_a_session_is_rewound(takes: Takes) -> None:
    takes.flow("tram", "one", "two", "three")
    assert takes.done("rewind", "tram", "--to", "1").err == "tram: 1 segments are left\n"
    takes.flow("tram", "another")
    assert takes.prompts("tram") == ["one", "another"]
    assert takes.run("rewind", "tram", "--to", "3").code == 2
    missing = takes.run("rewind", "tram")
    assert (missing.code, "Missing option '--to'" in missing.err) == (2, True)
