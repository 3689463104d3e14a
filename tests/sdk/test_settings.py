"""What the environment variables mean, and that nothing else is read."""

from __future__ import annotations

import pytest

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
