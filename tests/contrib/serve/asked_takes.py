"""Takes of many sessions that are asked of a server at once, and how they end."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from typing import Any

from tests.contrib.serve.http.process import Process

__all__ = ["LONGEST", "SESSIONS", "begun", "check", "found", "left", "wait"]

SESSIONS = 8
LONGEST = 1800
"""Seconds after which takes that stand still fail."""

Asked = Callable[[int, int], dict[str, Any]]
"""The request of a session's segment, both by their numbers."""

Found = tuple[list[str], list[str], list[str], str]
"""Prompts and digests of a take's segments, how its work ended, and the digest of its file."""


def begun(server: Process, segments: int, asked: Asked) -> list[str]:
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
    listed = server.get("/v1/sessions?limit=1000")["data"]
    return sum(each["open_work"] for each in listed if each["id"] in takes)


def wait(server: Process, takes: list[str], *, until: int = 0) -> int:
    """How many requests are open, once these are no more than ``until``."""
    end = time.monotonic() + LONGEST
    while (count := left(server, takes)) > until:
        assert time.monotonic() < end, "the takes stand still"
        time.sleep(0.1)
    return count


def found(server: Process, take: str) -> Found:
    """What became of the take."""
    segments = server.get(f"/v1/sessions/{take}/segments?limit=1000")["data"]
    work = server.get(f"/v1/sessions/{take}/work")["data"]
    file = server.client.get(f"/v1/sessions/{take}/take.mp4").content
    return (
        [each["request"]["prompt"] for each in segments],
        [each["state_digest"] for each in segments],
        [each["status"] for each in work],
        hashlib.sha256(file).hexdigest(),
    )


def check(got: list[Found], wanted: list[Found], segments: int, asked: Asked) -> None:
    """Each request was committed once, in order, and is what it is elsewhere."""
    assert got == wanted
    for session, (prompts, digests, statuses, _) in enumerate(got):
        assert prompts == [asked(session, number)["prompt"] for number in range(segments)]
        assert len(set(digests)) == segments
        assert statuses == ["done"] * segments
