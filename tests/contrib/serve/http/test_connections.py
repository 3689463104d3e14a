"""Connections that do nothing are cut; those that are slow for a reason are not."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
import uvicorn

pytest.importorskip("longtake_serve")

from longtake_serve.http import connections
from longtake_serve.http.connections import BoundedConnection
from tests.contrib.serve.http.server import WAIT, listening

LOOK = 1.0
MOST = 5
SIZE = 8 * 2**20


async def app(scope: Any, receive: Any, send: Any) -> None:
    """``/slow`` waits before it answers, longer than two looks; all answers are of 8 MiB."""
    if scope["type"] != "http":
        return
    if scope["path"] == "/slow":
        await asyncio.sleep(3 * LOOK)
    length = (b"content-length", str(SIZE).encode())
    await send({"type": "http.response.start", "status": 200, "headers": [length]})
    for _ in range(SIZE // 2**16):
        await send({"type": "http.response.body", "body": bytes(2**16), "more_body": True})
    await send({"type": "http.response.body"})


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(connections, "_LOOK_SECONDS", LOOK)
    config = uvicorn.Config(
        app,
        http=partial(BoundedConnection, most=MOST),  # type: ignore[arg-type]
        host="127.0.0.1",
        port=0,
        log_level="critical",
        timeout_keep_alive=60,
        timeout_graceful_shutdown=1,
    )
    with listening(uvicorn.Server(config)) as port:
        yield port


def connected(port: int, sent: bytes) -> socket.socket:
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**15)
    client.settimeout(WAIT)
    client.connect(("127.0.0.1", port))
    client.sendall(sent)
    return client


def received(client: socket.socket, *, pause: float = 0.0) -> int:
    """Bytes until the server ends it, or an answer is whole. ``pause``: after each piece."""
    count = 0
    with suppress(ConnectionResetError):
        while count < SIZE and (piece := client.recv(2**18)):
            count += len(piece)
            time.sleep(pause)
    return count


def request(path: str, headers: str = "") -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n".encode()


@pytest.mark.parametrize("sent", [b"", b"GET", request("/")[:-2]])
def test_who_sends_no_whole_request_is_cut(port: int, sent: bytes) -> None:
    with connected(port, sent) as client:
        assert received(client) == 0


def test_who_goes_on_with_what_was_answered_is_cut(port: int) -> None:
    with connected(port, request("/", "Content-Length: 1000000\r\n")) as client:
        assert received(client) >= SIZE
        with pytest.raises(OSError, match=r"reset|pipe|aborted"):
            for _ in range(10 * WAIT):
                client.sendall(b"x")
                time.sleep(0.1)


def test_who_begins_a_second_request_and_stops_is_cut(port: int) -> None:
    with connected(port, request("/")) as client:
        assert received(client) >= SIZE
        client.sendall(b"GET /")
        assert received(client) < SIZE


def test_who_takes_nothing_of_an_answer_is_cut(port: int) -> None:
    with connected(port, request("/")) as client:
        time.sleep(4 * LOOK)
        assert received(client) < SIZE


def test_who_takes_it_slowly_gets_it_all(port: int) -> None:
    with connected(port, request("/")) as client:
        assert received(client, pause=0.005) >= SIZE


def test_who_waits_for_an_answer_gets_it(port: int) -> None:
    with connected(port, request("/slow")) as client:
        assert received(client) >= SIZE


def test_who_is_one_too_many_is_told_to_come_back(port: int) -> None:
    waiting = [connected(port, request("/slow")) for _ in range(MOST)]
    with connected(port, b"") as client:
        answer = client.recv(2**16)
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"Retry-After: 1\r\n" in answer
    for each in waiting:
        each.close()
