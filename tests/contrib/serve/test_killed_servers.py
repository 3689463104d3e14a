"""``longtake serve`` with two workers, killed again and again: no take shows it."""

from __future__ import annotations

import hashlib
import random
import sys
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("longtake_serve")

from tests.contrib.serve.http.process import Process, running

SESSIONS = 8
SAMPLING = {"height": 32, "width": 48, "num_frames": 33, "seed": 3}
OPTIONS = ("--device", "cpu", "--device", "cpu", "--limit-queue", "1000")
PROMPTS = ("sea", "dunes", "snow", "rain", "fog")
LONGEST = 1800
"""Seconds after which takes that stand still fail."""


@pytest.fixture
def segments(request: pytest.FixtureRequest) -> int:
    """Of each session."""
    return int(request.config.getoption("served_segments"))


def asked(session: int, segment: int) -> dict[str, Any]:
    prompt = PROMPTS[(session + segment) % len(PROMPTS)]
    return {"prompt": prompt, "sampling": SAMPLING | {"seed": session}}


def begun(server: Process, segments: int) -> list[str]:
    """Takes of which so many segments are asked, each request twice with the same key."""
    takes = [server.client.post("/v1/sessions", json={}).json()["id"] for _ in range(SESSIONS)]
    for segment in range(segments):
        for session, take in enumerate(takes):
            for _ in range(2):
                answer = server.client.post(
                    f"/v1/sessions/{take}/segments",
                    json=asked(session, segment),
                    headers={"Idempotency-Key": str(segment)},
                )
                assert answer.status_code == 202, answer.text
    return takes


def left(server: Process, takes: list[str]) -> int:
    """Requests that are open."""
    open_work = (server.get(f"/v1/sessions/{take}")["open_work"] for take in takes)
    return sum(open_work)


def wait(server: Process, takes: list[str], *, until: int = 0) -> int:
    """How many requests are open, once these are no more than ``until``."""
    end = time.monotonic() + LONGEST
    while (count := left(server, takes)) > until:
        assert time.monotonic() < end, "the takes stand still"
        time.sleep(0.05)
    return count


def found(server: Process, take: str) -> tuple[list[str], list[str], list[str], str]:
    """Prompts and digests of its segments, how its work ended, and the digest of its file."""
    segments = server.get(f"/v1/sessions/{take}/segments?limit=1000")["data"]
    work = server.get(f"/v1/sessions/{take}/work")["data"]
    file = server.client.get(f"/v1/sessions/{take}/take.mp4").content
    return (
        [each["request"]["prompt"] for each in segments],
        [each["state_digest"] for each in segments],
        [each["status"] for each in work],
        hashlib.sha256(file).hexdigest(),
    )


def killed(folder: Path, segments: int, kills: int) -> list[str]:
    """Takes that were done by so many servers that were killed, and one that was not.

    Each has done its part when it is killed, and is in the middle of something else.
    """
    rng, takes = random.Random(7), list[str]()
    for number in range(kills + 1):
        with running(folder, *OPTIONS) as server:
            takes = takes or begun(server, segments)
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
        undisturbed = begun(server, segments)
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
    assert got == wanted
    for session, (prompts, digests, statuses, _) in enumerate(got):
        assert prompts == [asked(session, number)["prompt"] for number in range(segments)]
        assert len(set(digests)) == segments
        assert statuses == ["done"] * segments
