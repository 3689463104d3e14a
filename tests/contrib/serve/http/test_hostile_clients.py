"""Clients that are slow, cut, or speak no HTTP: 200 of each kind cost next to nothing."""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

import psutil  # type: ignore[import-untyped]
import pytest

pytest.importorskip("longtake_serve")

from tests.contrib.serve.http.process import Process, running
from tests.contrib.serve.scripted import eventually

CLIENTS = 200
SAMPLING = {"height": 256, "width": 384, "num_frames": 97, "seed": 3}
HOST = b"Host: localhost\r\n"
JSON = b"Content-Type: application/json\r\n"
MIB = 2**20
MOST = 96 * MIB
"""What all of one kind may cost together: half a MiB for each, kept by the allocator at worst."""

Sent = Callable[[str], bytes]


def get(path: str, headers: bytes = b"") -> bytes:
    return f"GET {path} HTTP/1.1\r\n".encode() + HOST + headers + b"\r\n"


def post(path: str, headers: bytes, body: bytes) -> bytes:
    return f"POST {path} HTTP/1.1\r\n".encode() + HOST + headers + b"\r\n" + body


KEPT_OPEN: dict[str, Sent] = {
    "nothing": lambda take: b"",
    "half a head": lambda take: get("/healthz")[:-9],
    "an endless head": lambda take: get("/healthz")[:-2] + b"X: " + b"x" * 50_000,
    "a body that does not come": lambda take: post(
        "/v1/sessions", JSON + b"Content-Length: 1000000\r\n", b"{" * 1000
    ),
    "a chunk that does not end": lambda take: post(
        "/v1/sessions", JSON + b"Transfer-Encoding: chunked\r\n", b"fffff\r\n{"
    ),
    "an upload that stops": lambda take: post(
        "/v1/sessions/import",
        b"Content-Type: application/zip\r\nContent-Length: 100000000\r\n",
        b"PK" * 50_000,
    ),
    "a body where none belongs": lambda take: (
        get("/healthz", b"Content-Length: 100000000\r\n") + b"x" * 100_000
    ),
    "half of the next head": lambda take: get("/healthz") + get("/healthz")[:20],
    "hundreds of heads": lambda take: get("/v1/sessions?limit=100") * 500,
    "events that nobody reads": lambda take: get(f"/v1/sessions/{take}/events"),
    "a file that nobody reads": lambda take: get(f"/v1/sessions/{take}/take.mp4"),
    "a picture that nobody reads": lambda take: get(f"/v1/sessions/{take}/sheet.png"),
    "an export that nobody reads": lambda take: get(f"/v1/sessions/{take}/export"),
    "a list that is waited for": lambda take: get("/v1/sessions/EMPTY/stream.m3u8"),
}
"""What 200 clients send each before they go silent, reading nothing."""

MALFORMED = {
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
    "another protocol": b"SSH-2.0-OpenSSH_9.9\r\n\r\n",
    "no version": b"GET /healthz\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no host": b"GET /healthz HTTP/1.1\r\n\r\n",
    "a space before the colon": get("/healthz", b"X : y\r\n"),
    "zero bytes": get("/healthz", b"X: a\x00b\r\n"),
    "a head too long": get("/healthz", b"X: " + b"x" * 200_000 + b"\r\n"),
    "two lengths": post("/v1/sessions", b"Content-Length: 2\r\nContent-Length: 3\r\n", b"{}"),
    "a negative length": post("/v1/sessions", b"Content-Length: -2\r\n", b"{}"),
    "a huge length": post("/v1/sessions", b"Content-Length: " + b"9" * 5000 + b"\r\n", b"{}"),
    "no chunk's length": post("/v1/sessions", b"Transfer-Encoding: chunked\r\n", b"zz\r\n{}"),
    "an unknown coding": post("/v1/sessions", b"Transfer-Encoding: gzip\r\n", b"{}"),
}

REFUSALS = (b"400", b"413", b"415", b"421", b"501")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    with running(tmp_path_factory.mktemp("serve")) as server:
        yield server


@pytest.fixture(scope="module")
def take(server: Process) -> str:
    """Two segments, more than a connection holds by itself."""
    take: str = server.client.post("/v1/sessions", json={}).json()["id"]
    for prompt in ("sea", "dunes"):
        asked = {"prompt": prompt, "sampling": SAMPLING}
        assert server.client.post(f"/v1/sessions/{take}/segments", json=asked).is_success
    eventually(lambda: not server.get(f"/v1/sessions/{take}")["open_work"])
    assert len(server.get(f"/v1/sessions/{take}/segments")["data"]) == 2
    return take


def address(server: Process) -> tuple[str, int]:
    return "127.0.0.1", server.client.base_url.port or 0


def connected(server: Process, sent: bytes) -> socket.socket:
    """A client that has sent as much of this as the server took."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(address(server))
    client.settimeout(0.05)
    with suppress(TimeoutError, ConnectionError):  # it takes no more, or has cut the client
        client.sendall(sent)
    return client


@contextmanager
def many(server: Process, sent: bytes) -> Iterator[list[socket.socket]]:
    with ExitStack() as stack:
        yield [stack.enter_context(connected(server, sent)) for _ in range(CLIENTS)]


def cut(clients: list[socket.socket]) -> None:
    """Half of them without a word."""
    for number, client in enumerate(clients):
        if number % 2:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()


def memory(server: Process) -> int:
    """Bytes of the server's own memory."""
    return int(psutil.Process(server.process.pid).memory_full_info().uss)


def connections(server: Process) -> int:
    found = psutil.Process(server.process.pid).net_connections("tcp")
    return sum(each.status != psutil.CONN_LISTEN for each in found)


def answers(server: Process) -> bool:
    return bool(server.get("/healthz") == {"status": "ok"})


@pytest.mark.parametrize("kind", KEPT_OPEN)
def test_clients_that_are_kept_open_cost_little_and_then_nothing(
    server: Process, take: str, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = server.client.post("/v1/sessions", json={}).json()["id"]
    sent = KEPT_OPEN[kind](take).replace(b"EMPTY", empty.encode())
    before, sizes = memory(server), []
    for _ in range(3):
        with many(server, sent) as clients:
            assert answers(server)
            sizes.append(memory(server))
            cut(clients)
        eventually(lambda: connections(server) <= 1)
        sizes.append(memory(server))
    shown = " ".join(f"{size / MIB:.1f}" for size in sizes)
    with capsys.disabled():
        sys.stdout.write(f"\n{CLIENTS} clients, {kind}: MiB with and without them, thrice: {shown}")
    assert max(sizes) - before <= MOST


@pytest.mark.parametrize("kind", MALFORMED)
def test_what_is_no_http_is_refused(server: Process, kind: str) -> None:
    with connected(server, MALFORMED[kind]) as client:
        client.settimeout(20)
        answer = b""
        with suppress(ConnectionResetError):  # it had sent more than was read
            while piece := client.recv(65536):
                answer += piece
    assert answer.split(b" ")[1:2] in ([], *([status] for status in REFUSALS))
    assert answers(server)
