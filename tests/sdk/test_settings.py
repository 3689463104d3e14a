"""What the environment variables mean, and that nothing else is read."""

from __future__ import annotations

import pytest

import longtake as lt
from longtake.settings import Settings


def test_without_variables_everything_is_allowed() -> None:
    assert Settings.from_environment({}) == Settings(blocked=frozenset(), allowed=None)


def test_names_are_separated_by_commas() -> None:
    settings = Settings.from_environment(
        {"LONGTAKE_BLOCK": " one,two:entry ,, ", "LONGTAKE_PLUGINS": "three"}
    )
    assert settings.blocked == {"one", "two:entry"}
    assert settings.allowed == frozenset({"three"})


@pytest.mark.parametrize("empty", ["", "  "])
def test_empty_allow_list_is_no_allow_list(empty: str) -> None:
    assert Settings.from_environment({"LONGTAKE_PLUGINS": empty}).allowed is None


def test_allow_list_of_no_names_allows_nothing() -> None:
    assert Settings.from_environment({"LONGTAKE_PLUGINS": ","}).allowed == frozenset()


def test_default_is_the_environment_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LONGTAKE_BLOCK", "one")
    monkeypatch.delenv("LONGTAKE_PLUGINS", raising=False)
    assert Settings.from_environment() == Settings(blocked=frozenset({"one"}))


def test_a_process_is_alone_unless_both_variables_say_otherwise() -> None:
    for alone in ({}, {"RANK": "1"}, {"WORLD_SIZE": "2"}, {"RANK": " ", "WORLD_SIZE": "2"}):
        settings = Settings.from_environment(alone)
        assert (settings.rank, settings.world_size) == (0, 1)
    settings = Settings.from_environment({"RANK": "1", "WORLD_SIZE": "3"})
    assert (settings.rank, settings.world_size) == (1, 3)


@pytest.mark.parametrize(("rank", "world_size"), [("2", "2"), ("-1", "2"), ("one", "2")])
def test_a_rank_that_there_is_not_is_refused(rank: str, world_size: str) -> None:
    environment = {"RANK": rank, "WORLD_SIZE": world_size}
    with pytest.raises(lt.ValidationError, match=r"RANK: is '.*' where .*; ranks count from 0"):
        Settings.from_environment(environment)
