"""``longtake serve`` with two workers, killed again and again: no take shows it."""

from __future__ import annotations

import random
import sys
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("longtake_serve")

from tests.contrib.serve.asked_takes import SESSIONS, begun, check, found, wait
from tests.contrib.serve.http.process import running

SAMPLING = {"height": 32, "width": 48, "num_frames": 33, "seed": 3}
OPTIONS = ("--device", "cpu", "--device", "cpu", "--limit-queue", "1000")
PROMPTS = ("sea", "dunes", "snow", "rain", "fog")


@pytest.fixture
def segments(request: pytest.FixtureRequest) -> int:
    """Of each session."""
    return int(request.config.getoption("served_segments"))


def asked(session: int, segment: int) -> dict[str, Any]:
    prompt = PROMPTS[(session + segment) % len(PROMPTS)]
    return {"prompt": prompt, "sampling": SAMPLING | {"seed": session}}


def killed(folder: Path, segments: int, kills: int) -> list[str]:
    """Takes that were done by so many servers that were killed, and one that was not.

    Each has done its part when it is killed, and is in the middle of something else.
    """
    rng, takes = random.Random(7), list[str]()
    for number in range(kills + 1):
        with running(folder, *OPTIONS) as server:
            takes = takes or begun(server, segments, asked)
            wait(server, takes, until=SESSIONS * segments * (kills - number) // (kills + 1))
            time.sleep(rng.uniform(0, 0.3) if number < kills else 0)
    return takes


def test_takes_of_killed_servers_are_those_of_one_that_lives(
    tmp_path: Path,
    segments: int,
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
) -> None:
    kills = request.config.getoption("server_kills")
    with running(tmp_path / "undisturbed", *OPTIONS) as server:
        time.sleep(1)
        begin = time.monotonic()
        undisturbed = begun(server, segments, asked)
        wait(server, undisturbed)
        quiet = time.monotonic() - begin
        wanted = [found(server, take) for take in undisturbed]
    begin = time.monotonic()
    takes = killed(tmp_path / "killed", segments, kills)
    stormy = time.monotonic() - begin
    with running(tmp_path / "killed", *OPTIONS) as server:
        got = [found(server, take) for take in takes]
    with capsys.disabled():
        sys.stdout.write(
            f"\n{SESSIONS} sessions x {segments} segments on 2 workers: {quiet:.1f} s undisturbed, "
            f"{stormy:.1f} s with {kills} kills ({quiet / stormy:.2f} of the speed) "
        )
    check(got, wanted, segments, asked)
