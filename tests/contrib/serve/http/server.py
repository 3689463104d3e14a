"""A real server of pendulums in a thread of the test, on a port of its own, and a client for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Literal

import httpx
import uvicorn
from attrs import frozen

import longtake as lt
from longtake_serve.app import build_app, serving
from longtake_serve.takes.limits import ServeLimits
from longtake_serve.takes.service import TakeService

__all__ = ["SLOW", "TINY", "WAIT", "Served", "listening", "served"]

WAIT = 120
"""Seconds after which a test that hangs fails."""
TINY = {"height": 32, "width": 48, "num_frames": 17, "seed": 3}
SLOW = {"height": 512, "width": 768, "num_frames": 721, "seed": 3}
"""Takes seconds to draw, in many steps."""


@frozen
class Served:
    """``client``: of the server, 30 seconds of patience. ``service``: what it answers for."""

    client: httpx.Client
    service: TakeService
    port: int

    def take(self, *prompts: str, sampling: dict[str, Any] = TINY) -> str:
        """A take of which these prompts were asked."""
        answer = self.client.post("/v1/sessions", json={})
        assert answer.status_code == 201, answer.text
        take: str = answer.json()["id"]
        for prompt in prompts:
            self.extend(take, prompt, sampling)
        return take

    def extend(self, take: str, prompt: str, sampling: dict[str, Any] = TINY) -> dict[str, Any]:
        answer = self.client.post(
            f"/v1/sessions/{take}/segments", json={"prompt": prompt, "sampling": sampling}
        )
        assert answer.status_code == 202, answer.text
        work: dict[str, Any] = answer.json()
        return work

    def work(self, take: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.client.get(f"/v1/sessions/{take}/work").json()["data"]
        return found

    def settle(self, take: str) -> None:
        """Wait until nothing of the take is open."""
        end = time.monotonic() + WAIT
        while self.client.get(f"/v1/sessions/{take}").json()["open_work"]:
            assert time.monotonic() < end, self.work(take)
            time.sleep(0.01)

    def rolled(self, *prompts: str) -> str:
        """A take with these segments."""
        take = self.take(*prompts)
        self.settle(take)
        assert [each["status"] for each in self.work(take)] == ["done"] * len(prompts)
        return take


@contextmanager
def served(
    stores: Path,
    *,
    limits: ServeLimits | None = None,
    authenticator: lt.Authenticator | None = None,
    folder: Path | None = None,
    audio_codec: Literal["aac", "flac"] = "flac",
    model: Path | None = None,
) -> Iterator[Served]:
    """A server on the stores in ``stores``. ``model``: a checkpoint in the place of pendulums."""
    stores.mkdir(exist_ok=True)
    with ExitStack() as stack:
        pipeline = stack.enter_context(lt.load(model, family=None if model else "pendulum"))
        sessions = lt.open_session_store(f"sqlite:///{stores / 'takes.db'}")
        blobs = lt.open_blob_store(f"file://{stores / 'blobs'}")
        opened = stack.enter_context(
            serving(
                [pipeline],
                sessions=sessions,
                blobs=blobs,
                limits=limits,
                audio_codec=audio_codec,
            )
        )
        app = build_app(opened, authenticator=authenticator, folder=folder)
        config = uvicorn.Config(
            app, host="127.0.0.1", port=0, log_level="critical", timeout_graceful_shutdown=2
        )
        port = stack.enter_context(listening(uvicorn.Server(config)))
        client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=WAIT)
        yield Served(stack.enter_context(client), opened.service, port)


@contextmanager
def listening(server: uvicorn.Server) -> Iterator[int]:
    """The port of a server that answers in a thread until the end."""
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        end = time.monotonic() + WAIT
        while not server.started:
            assert time.monotonic() < end
            time.sleep(0.01)
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(WAIT)
