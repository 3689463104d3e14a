"""Valid documents with anything changed: read, or refused with the documented error, at once.

``python -m nox -s fuzz`` is the long session, guided by coverage.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import longtake as lt
from tests.fuzzed_exports import MARK
from tests.fuzzing import CODECS, SEPARATOR, mutated, outcome, seeds

CASES = seeds()


def test_the_cases_are_valid_and_of_every_kind() -> None:
    assert [outcome(case) for case in CASES] == ["read"] * len(CASES)
    parts = [case.split(SEPARATOR) for case in CASES]
    states = [text for text, *contents in parts if contents[:1] != [MARK]]
    assert len(states) == len(CASES) - 1  # and an exported session
    kinds = {lt.ContinuationState.from_json(text).kind for text in states}
    assert kinds == set(CODECS) == {"ltx2.v1", "ltx2.v2", "fog.v1", "pendulum.v1", "pendulum.v2"}
    assert any(SEPARATOR in case for case in CASES)


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(CASES), st.randoms(use_true_random=False))
def test_a_mutated_document_is_read_or_refused(case: bytes, chance: random.Random) -> None:
    changed = mutated(case, chance)
    start = time.process_time()
    assert outcome(changed) in ("read", "refused")
    assert time.process_time() - start < 10  # hangs are found, slow machines are not


def test_mutations_reach_what_is_behind_the_first_check() -> None:
    """Guards the test above: some mutations are harmless, most are not, and both kinds come."""
    chance = random.Random(1)
    came = [outcome(mutated(chance.choice(CASES), chance)) for _ in range(200)]
    assert 10 < came.count("read") < 100


def test_the_long_session_counts_and_says_what_it_found() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz_documents", "1", "--at-random"],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "documents: " in done.stdout
    assert "the slowest took" in done.stdout


def test_the_long_session_fails_for_another_error(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.fuzz_documents import Report

    def broken(_: bytes) -> str:
        raise KeyError("of a codec")

    monkeypatch.setattr("tests.fuzzing.outcome", broken)
    report = Report()
    report.run(b"{}")
    assert list(report.failures) == ["KeyError: 'of a codec'"]
