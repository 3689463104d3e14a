"""The contract of observers names each planted fault: one test fails, no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from longtake.testing.observers.recorded import OUTCOMES, recorded_runs
from tests.sdk.testing.observers import planted_observers
from tests.sdk.testing.planted import failures


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reports")


@pytest.mark.parametrize(
    ("name", "fails"),
    [(each.__name__, each.fails) for each in planted_observers.planted(vars(planted_observers))],
)
def test_a_broken_observer_fails_the_test_that_names_its_fault(
    reports: Path, name: str, fails: str
) -> None:
    failed = failures("observers/planted_observers.py", reports)[name]
    assert {test.partition("[")[0] for test in failed} == ({fails} if fails else set())


def test_the_recorded_runs_are_whole_and_end_as_they_are_called() -> None:
    runs = recorded_runs()
    assert tuple(runs) == OUTCOMES
    ends = {outcome: told[-1] for outcome, told in runs.items()}
    outcomes = [getattr(end, "outcome", None) for end in ends.values()]
    assert outcomes == ["done", "done", "failed", "cancelled", "failed", "cancelled"]
    assert {type(told[0]).__name__ for told in runs.values()} == {"RunStarted"}
    assert {event.purpose for event in runs["finish"]} == {"finish"}
    assert len(runs["refused"]) == 2
