"""A video is in the store: its server is killed in the middle of a segment, and comes back."""

from __future__ import annotations

import hashlib
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("longtake_serve")
pytest.importorskip("openai")

from tests.contrib.serve.http.process import Process, running
from tests.contrib.serve.http.server import WAIT
from tests.contrib.serve.openai.client import client_of, counted, extended

pytestmark = pytest.mark.filterwarnings("ignore:The Sora API is scheduled:DeprecationWarning")

PATIENT = 20
"""Tries of a client while its server is away."""
SIZE = "192x128"


def kill_in_a_segment(server: Process, client: Any, video: str) -> None:
    """SIGKILL once its second segment is begun, and not yet done."""
    end = time.monotonic() + 3 * WAIT  # a server begins with a segment of its own
    while not 50 < (progress := client.videos.retrieve(video).progress) < 100:
        assert time.monotonic() < end and progress < 100, progress
        time.sleep(0.01)
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()


def digests(server: Process, video: str) -> tuple[list[str], str]:
    """Of its states, and of its file."""
    data = server.client.get(f"/v1/videos/{video}/content").content
    return server.digests(video), hashlib.sha256(data).hexdigest()


def test_polling_goes_on_over_a_kill(tmp_path: Path) -> None:
    with running(tmp_path) as server, ThreadPoolExecutor(1) as thread:
        port = server.client.base_url.port
        assert port is not None
        with client_of(port, max_retries=PATIENT) as client:
            video = client.videos.create(prompt="a calm sea", seconds="4", size=SIZE)
            polled = thread.submit(client.videos.poll, video.id, poll_interval_ms=50)
            kill_in_a_segment(server, client, video.id)
            assert not polled.done()
            with running(tmp_path, "--port", str(port)) as server:
                done = polled.result(3 * WAIT)
                assert (done.status, done.progress, done.prompt) == (
                    "completed",
                    100,
                    "a calm sea",
                )
                killed = digests(server, video.id)
                other = client.videos.create_and_poll(prompt="a calm sea", seconds="4", size=SIZE)
                assert digests(server, other.id) == killed
                assert len(killed[0]) == 2
                content = client.videos.download_content(video.id).read()
                assert counted(content) == (120, 192, 128)


def test_an_extension_goes_on_over_a_kill(tmp_path: Path) -> None:
    with running(tmp_path) as server, client_of(server.client.base_url.port or 0) as client:
        first = client.videos.create_and_poll(prompt="sea", seconds="1", size=SIZE)
        longer = extended(client, first.id, "dunes", "4")
        kill_in_a_segment(server, client, longer.id)
    with running(tmp_path) as server, client_of(server.client.base_url.port or 0) as client:
        assert client.videos.retrieve(first.id).status == "completed"
        done = client.videos.poll(longer.id)
        assert (done.status, done.seconds, done.created_at) == ("completed", "5", longer.created_at)
        assert counted(client.videos.download_content(longer.id).read())[0] == 150
        again = client.videos.poll(extended(client, first.id, "dunes", "4").id)
        assert server.digests(again.id) == server.digests(longer.id)
        assert {each.id for each in client.videos.list()} == {first.id, longer.id, again.id}
        client.videos.delete(longer.id)
        assert len(client.videos.list().data) == 2
