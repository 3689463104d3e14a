"""A server that works for long: its memory comes to rest."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

pytest.importorskip("longtake_serve")

from tests.contrib.serve.http.process import Process, running
from tests.contrib.serve.http.server import TINY

KEPT = 5
"""Takes that are there at once; older ones are deleted."""
MOST = 0.01
"""Growth of the second half, as a share, where it is long enough to tell."""
LONG = 1800
"""Seconds from which on it is."""
ROOM = 24 * 2**20
"""Bytes that a short run may grow by: what is made once, and what an allocator keeps."""


def memory(server: Process) -> int:
    """Bytes that the server alone has made: anonymous pages, where the system tells.

    A library's pages are its own or shared by who else runs, which comes and goes by 20 MiB.
    """
    status = Path(f"/proc/{server.process.pid}/status")
    if not status.exists():
        return int(psutil.Process(server.process.pid).memory_full_info().uss)
    (line,) = (each for each in status.read_text().splitlines() if each.startswith("RssAnon:"))
    return 1024 * int(line.split()[1])


def one_take(server: Process) -> str:
    """What a client does with a take, from its start to its download."""
    take: str = server.client.post("/v1/sessions", json={}).json()["id"]
    url = f"/v1/sessions/{take}"
    for prompt in ("sea", "dunes"):
        asked = {"prompt": prompt, "sampling": TINY}
        assert server.client.post(f"{url}/segments", json=asked).status_code == 202
    with server.client.stream("GET", f"{url}/events") as answer:
        segments = 0
        for line in answer.iter_lines():
            segments += line == "event: segment"
            if segments == 2:
                break
    for path in ("stream.m3u8", "take.mp4", "thumbnail.jpg", "waveform.png", "export", "state"):
        assert server.client.get(f"{url}/{path}").status_code == 200
    fork = server.client.post(f"{url}/fork", json={"num_segments": 1})
    assert fork.status_code == 201
    server.client.delete(f"/v1/sessions/{fork.json()['id']}")
    return take


def test_a_server_that_works_on_and_on_grows_no_more(
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
) -> None:
    seconds = request.config.getoption("soak_seconds")
    sizes, takes = list[int](), list[str]()
    with running(tmp_path_factory.mktemp("soak")) as server:
        begin = time.monotonic()
        while time.monotonic() - begin < seconds or len(sizes) < 3 * KEPT:
            takes.append(one_take(server))
            if len(takes) > KEPT:
                server.client.delete(f"/v1/sessions/{takes.pop(0)}")
            sizes.append(memory(server))
    half = sizes[len(sizes) // 2]
    growth = (sizes[-1] - half) / half
    with capsys.disabled():
        sys.stdout.write(
            f"\n{len(sizes)} takes in {time.monotonic() - begin:.0f} s: "
            f"{sizes[0] / 2**20:.0f} MiB, "
            f"{half / 2**20:.0f} at half time, {sizes[-1] / 2**20:.0f} in the end ({growth:+.1%}) "
        )
    if seconds >= LONG:
        assert growth < MOST
    else:
        assert sizes[-1] - half < ROOM
