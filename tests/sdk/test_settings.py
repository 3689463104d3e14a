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


@pytest.mark.parametrize(("text", "mode"), [("", 0o600), ("644", 0o644), (" 0o660 ", 0o660)])
def test_the_mode_of_new_files(text: str, mode: int) -> None:
    assert Settings.from_environment({"LONGTAKE_FILE_MODE": text}).file_mode == mode


@pytest.mark.parametrize("text", ["6", "888", "400", "rw", "-600", "4755", "0o7777"])
def test_a_mode_that_its_owner_cannot_use_is_refused(text: str) -> None:
    with pytest.raises(lt.ValidationError, match=r"LONGTAKE_FILE_MODE: is '.*'; must be octal"):
        Settings.from_environment({"LONGTAKE_FILE_MODE": text})


@pytest.mark.parametrize(
    ("text", "size"), [("", 2**29), ("5", 5), ("3 KiB", 3072), ("1MiB", 2**20), ("2GiB", 2**31)]
)
def test_what_a_state_may_take(text: str, size: int) -> None:
    assert Settings.from_environment({"LONGTAKE_STATE_BYTES": text}).state_bytes == size


@pytest.mark.parametrize("text", ["-1", "1.5GiB", "2GB", "9" * 400, "x"])
def test_a_size_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(lt.ValidationError, match="LONGTAKE_STATE_BYTES: .*must be a number of"):
        Settings.from_environment({"LONGTAKE_STATE_BYTES": text})


@pytest.mark.parametrize(("term", "dumb"), [("dumb", True), ("xterm", False), ("", False)])
def test_a_dumb_terminal_says_so(term: str, dumb: bool) -> None:
    assert Settings.from_environment({"TERM": term}).dumb_terminal is dumb


def test_the_options_of_observers() -> None:
    document = '{"run-log": {"path": "a"}, "other": false}'
    settings = Settings.from_environment({"LONGTAKE_OBSERVERS": document})
    assert settings.observers == {"run-log": {"path": "a"}, "other": False}
    assert Settings.from_environment({"LONGTAKE_OBSERVERS": " "}).observers == {}


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("run-log", "LONGTAKE_OBSERVERS"),
        ('{"run-log"', "LONGTAKE_OBSERVERS"),
        ("[" * 100_000, "LONGTAKE_OBSERVERS"),
        ("[]", "LONGTAKE_OBSERVERS"),
        ('{"run-log": true}', "LONGTAKE_OBSERVERS.run-log"),
        ('{"run-log": "runs.jsonl"}', "LONGTAKE_OBSERVERS.run-log"),
        ('{"run-log": 0}', "LONGTAKE_OBSERVERS.run-log"),
    ],
)
def test_a_document_of_observers_that_is_none_is_refused(text: str, path: str) -> None:
    with pytest.raises(lt.ValidationError) as refused:
        Settings.from_environment({"LONGTAKE_OBSERVERS": text})
    assert refused.value.path == path


def test_the_limits_of_states_are_in_one_place() -> None:
    limits = Settings.from_environment({"LONGTAKE_STATE_LIMITS": '{"frames": 9, "depth": 16}'})
    assert limits.state_limits == lt.StateLimits(frames=9, depth=16)
    both = {"LONGTAKE_STATE_LIMITS": '{"pixels": 5}', "LONGTAKE_STATE_BYTES": "1KiB"}
    assert Settings.from_environment(both).state_limits == lt.StateLimits(1024, pixels=5)
    assert Settings.from_environment({}).state_limits == lt.StateLimits()


def test_the_current_limits_are_those_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LONGTAKE_STATE_LIMITS", '{"tensor_bytes": 7}')
    assert lt.StateLimits.current().tensor_bytes == 7
    assert lt.StateBudget().limits.tensor_bytes == 7


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("{", "LONGTAKE_STATE_LIMITS"),
        ("[]", "LONGTAKE_STATE_LIMITS"),
        ('{"frame": 3}', "LONGTAKE_STATE_LIMITS.frame"),
        ('{"frames": 0}', "LONGTAKE_STATE_LIMITS.frames"),
        ('{"depth": 15}', "LONGTAKE_STATE_LIMITS.depth"),
        ('{"values": 29}', "LONGTAKE_STATE_LIMITS.values"),
        ('{"frames": "3"}', "LONGTAKE_STATE_LIMITS.frames"),
        ('{"frames": true}', "LONGTAKE_STATE_LIMITS.frames"),
        ('{"frames": 1e3}', "LONGTAKE_STATE_LIMITS.frames"),
    ],
)
def test_limits_that_there_are_not_are_refused(text: str, path: str) -> None:
    with pytest.raises(lt.ValidationError) as refused:
        Settings.from_environment({"LONGTAKE_STATE_LIMITS": text})
    assert refused.value.path == path
