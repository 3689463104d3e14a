"""Who left whom, and after how many segments: also where parents have changed or are gone."""

from __future__ import annotations

from longtake.cli.commands.sessions.family_tree import relatives_of
from tests.sdk.cli.commands.sessions.takes import Takes

Tree = list[tuple[str, str | None, int]]


def tree_of(takes: Takes, session_id: str) -> Tree:
    found = relatives_of(takes.store(), session_id)
    return [
        (each.record.id, None if each.parent is None else found[each.parent].record.id, each.shared)
        for each in found
    ]


def test_the_oldest_comes_first_whoever_is_asked_for(takes: Takes) -> None:
    takes.flow("tram", "one", "two", "three")
    takes.done("fork", "tram", "rain", "--at", "2")
    takes.flow("rain", "it rains")
    takes.done("fork", "rain", "hail", "--at", "3")
    takes.done("fork", "rain", "sun", "--at", "1")
    takes.flow("other", "one")
    expected: Tree = [
        ("tram", None, 0),
        ("rain", "tram", 2),
        ("hail", "rain", 3),
        ("sun", "tram", 1),
    ]
    for session_id in ("tram", "rain", "hail", "sun"):
        assert tree_of(takes, session_id) == expected
    assert tree_of(takes, "other") == [("other", None, 0)]


def test_what_is_rewound_is_no_longer_shared(takes: Takes) -> None:
    takes.flow("tram", "one", "two", "three")
    takes.done("fork", "tram", "rain", "--at", "3")
    takes.done("rewind", "tram", "--to", "1")
    takes.flow("tram", "another")
    assert tree_of(takes, "rain") == [("tram", None, 0), ("rain", "tram", 1)]


def test_a_parent_that_is_gone(takes: Takes) -> None:
    takes.flow("tram", "one", "two")
    takes.done("fork", "tram", "rain")
    takes.done("fork", "rain", "hail")
    takes.done("delete", "tram")
    assert tree_of(takes, "hail") == [("rain", None, 0), ("hail", "rain", 2)]
    takes.flow("tram", "a new one of this id")
    assert ("tram", None, 0) in tree_of(takes, "hail")


def test_a_fork_of_nothing_begins_by_itself(takes: Takes) -> None:
    takes.flow("tram", "one")
    takes.done("fork", "tram", "rain", "--at", "0")
    assert tree_of(takes, "tram") == [("tram", None, 0), ("rain", None, 0)]
