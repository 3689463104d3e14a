"""A server that is killed in the middle of segments: the takes are those of one that is not."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import longtake as lt

pytest.importorskip("longtake_serve")

from longtake_serve.takes.views import WorkView
from tests.contrib.serve.scripted import Desk, eventually

PROGRAM = Path(__file__).parents[1] / "serving_process.py"
PROMPTS = ("sea", "dunes", "snow", "rain")
KILLS = 4
SAMPLING = {"height": 48, "width": 64, "num_frames": 49, "seed": 3}


@contextmanager
def server(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A server on the stores in ``folder``, killed in the end unless it has ended."""
    urls = [f"sqlite:///{folder / 'takes.db'}", f"file://{folder / 'blobs'}"]
    process = subprocess.Popen([sys.executable, PROGRAM, *urls])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def asked_for(desk: Desk) -> list[str]:
    """Two takes with requests that wait."""
    takes = [desk.service.create("ann").id for _ in range(2)]
    for take in takes:
        for prompt in PROMPTS:
            request = {"prompt": prompt, "sampling": SAMPLING}
            desk.service.extend("ann", take, request, key=prompt)
    return takes


def running(desk: Desk, takes: list[str]) -> list[WorkView]:
    return [work for take in takes for work in desk.works(take) if work.status == "running"]


def starts(desk: Desk, takes: list[str]) -> int:
    return sum(desk.types(take).count("started") for take in takes)


def digests(desk: Desk, take: str) -> list[str | None]:
    return [each.state_digest for each in desk.service.segments("ann", take)]


def test_takes_survive_kills_of_their_server(tmp_path: Path) -> None:
    rng = random.Random(5)
    desk = Desk(
        lt.open_session_store(f"sqlite:///{tmp_path / 'takes.db'}"),
        lt.open_blob_store(f"file://{tmp_path / 'blobs'}"),
    )
    takes = asked_for(desk)
    killed_at_work = 0
    for _ in range(KILLS):
        before = starts(desk, takes)
        with server(tmp_path):
            eventually(lambda before=before: starts(desk, takes) > before)  # type: ignore[misc]
            time.sleep(rng.random() / 10)
        killed_at_work += bool(running(desk, takes))
    with server(tmp_path) as process:
        assert process.wait(60) == 0
    assert killed_at_work
    undisturbed = Desk(blobs=lt.open_blob_store("memory:"))
    for take, other in zip(takes, asked_for(undisturbed), strict=True):
        undisturbed.roll_all(other)
        assert desk.prompts(take) == list(PROMPTS)
        assert desk.statuses(take) == ["done"] * len(PROMPTS)
        assert desk.types(take).count("segment") == len(PROMPTS)
        assert digests(desk, take) == digests(undisturbed, other)
    desk.service.close()
    undisturbed.service.close()
