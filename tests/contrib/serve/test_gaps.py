"""What streaming servers of this field leave out, each as a client notices it."""

from __future__ import annotations

import io
import re
import signal
from pathlib import Path

import av
import httpx
import numpy as np
import pytest

pytest.importorskip("longtake_serve")

from longtake_serve.http.access import TokenFile
from tests.contrib.serve.http.process import running
from tests.contrib.serve.http.server import TINY, Served, served
from tests.contrib.serve.http.test_events import is_of, listening, messages, until
from tests.contrib.serve.scripted import eventually


def digests(server: Served, take: str) -> list[str]:
    found = server.client.get(f"/v1/sessions/{take}/segments").json()["data"]
    return [each["state_digest"] for each in found]


def test_a_second_session_is_served_beside_the_first(server: Served) -> None:
    takes = [server.take("sea", "dunes") for _ in range(3)]
    for take in takes:
        with listening(server, take) as found:
            assert until(found, lambda event: event.data.get("index") == 1)
    for take in takes:
        server.settle(take)
        assert [each["status"] for each in server.work(take)] == ["done", "done"]


def test_the_stream_has_sound_that_is_heard(server: Served) -> None:
    take = server.take("sea", sampling=TINY | {"num_frames": 97})  # it is struck after a second
    server.settle(take)
    data = server.client.get(f"/v1/sessions/{take}/take.mp4").content
    with av.open(io.BytesIO(data), "r") as file:
        sound = np.concatenate([each.to_ndarray() for each in file.decode(audio=0)], axis=1)
    assert np.abs(sound).max() > 0.01


def test_a_worker_that_is_lost_leaves_nobody_waiting(tmp_path: Path) -> None:
    """Its client's stream ends, and goes on behind the same event when a worker is back."""
    with running(tmp_path) as server:
        take = server.client.post("/v1/sessions", json={}).json()["id"]
        server.extend(take, "sea")
        url = f"/v1/sessions/{take}/events"
        with server.client.stream("GET", url) as answer:
            events = messages(answer)
            last = until(events, is_of("started"))[-1]
            server.process.send_signal(signal.SIGKILL)
            with pytest.raises(httpx.RemoteProtocolError):
                list(events)
    with running(tmp_path) as server:
        headers = {"Last-Event-ID": last.id or ""}
        with server.client.stream("GET", url, headers=headers) as answer:
            assert until(messages(answer), is_of("segment"))[-1].data["index"] == 0
        eventually(lambda: not server.get(f"/v1/sessions/{take}")["open_work"])


def test_nothing_is_answered_without_a_token(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text(f"ann:{'0' * 64}\n")
    with served(tmp_path, authenticator=TokenFile(tokens)) as server:
        paths = server.client.get("/openapi.json").json()["paths"]
        for path, methods in paths.items():
            if not path.startswith("/v1"):
                continue
            for method in methods:
                url = re.sub(r"{\w+}", "x", path)
                assert server.client.request(method, url).status_code == 401, (method, path)


def test_a_segment_goes_on_from_the_state_before_it(server: Served) -> None:
    take = server.rolled("sea", "dunes")
    fork = server.client.post(f"/v1/sessions/{take}/fork", json={"num_segments": 1}).json()["id"]
    server.extend(fork, "dunes")
    server.settle(fork)
    assert digests(server, fork) == digests(server, take)
    other = server.take()
    server.extend(other, "sea", TINY | {"seed": 4})
    server.extend(other, "dunes", TINY | {"seed": 4})
    server.settle(other)
    assert not set(digests(server, other)) & set(digests(server, take))
    assert digests(server, server.rolled("dunes"))[0] != digests(server, take)[1]
