"""How long blob stores take beside the rawest client that does the same, in one run.

``python benchmarks/blobs.py``; ``--stores file redis s3`` for some of them. The two sides run in
turns, and each pair gives one ratio, so that a machine that is busy for a while slows both. What
the raw side does is printed with it. A row without a budget is there to be read. A server that is
not installed is said to be missing.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import hmac
import http.client
import os
import secrets
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

from attrs import Factory, frozen

import longtake as lt

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.servers import (
    RcloneServer,
    RedisServer,
    S3Server,
    missing_rclone,
    missing_redis,
    running,
)

KIB, MIB = 2**10, 2**20
SIZES = (64 * KIB, MIB, 16 * MIB, 64 * MIB)
REREAD_FROM = 16 * MIB
SECONDS = 4.0
"""About how long each row is measured."""

FEWEST, MOST = 7, 60
PAGE = 4096


@frozen
class Row:
    """One comparison: what ours is called, what raw does, and the largest good ratio."""

    name: str
    size: int
    raw_name: str
    ours: Callable[[], object]
    raw: Callable[[], object]
    budget: float | None
    tidy: Callable[[], object] = lambda: None
    """Runs after each pair and is not timed."""


@frozen
class Store:
    """A store that is measured, and what must hold for its numbers to mean anything."""

    rows: list[Row] = Factory(list)
    note: str = ""


def seconds(use: Callable[[], object]) -> float:
    start = time.perf_counter()
    use()
    return time.perf_counter() - start


def measure(row: Row) -> tuple[float, float, list[float]]:
    """Median milliseconds of ours and of raw, and the ratio of each pair, sorted."""
    once = seconds(row.ours) + seconds(row.raw)
    row.tidy()
    pairs = []
    for index in range(min(MOST, max(FEWEST, int(SECONDS / once)))):
        if index % 2:
            ours, raw = seconds(row.ours), seconds(row.raw)
        else:
            raw, ours = seconds(row.raw), seconds(row.ours)
        pairs.append((ours, raw))
        row.tidy()
    ratios = sorted(ours / raw for ours, raw in pairs)
    return 1e3 * median(p[0] for p in pairs), 1e3 * median(p[1] for p in pairs), ratios


# Files


def free_core() -> bool:
    """Whether a core is idle beside the one that this process will use."""
    return len(os.sched_getaffinity(0)) - os.getloadavg()[0] >= 1.5


@contextmanager
def files() -> Iterator[Store]:
    """Beside write, fsync and rename; and beside reading the file again."""
    is_free = free_core()
    put_budget = 1.15 if is_free else 2.0
    note = f"a core is free: put <= {put_budget}" if is_free else "no core is free: put <= 2.0"
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        store = lt.open_blob_store(Path(name, "blobs").as_uri())
        for folder in range(256):  # a store that has been used for a while has its folders
            Path(name, "blobs", f"{folder:02x}").mkdir(mode=0o700, exist_ok=True)
        rows = []
        for size in SIZES:
            rows += file_rows(store, Path(name), secrets.token_bytes(size), put_budget)
        yield Store(rows, note)


def file_rows(store: lt.BlobStore, folder: Path, data: bytes, put_budget: float) -> list[Row]:
    path = folder / "raw"
    blob_id, written = store.put(data), []

    def raw_put() -> None:
        file = os.open(folder / "new", os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        with closing_descriptor(file):
            view = memoryview(data)
            while view:
                view = view[os.write(file, view) :]
            os.fsync(file)
        os.rename(folder / "new", path)

    def tidy() -> None:
        while written:
            store.drop(written.pop())
        path.unlink(missing_ok=True)

    def reread() -> None:
        view = memoryview(store.get(blob_id))
        bytes(view[::PAGE])  # every page is looked at

    def raw_read() -> None:
        (folder / f"read{len(data)}").read_bytes()

    (folder / f"read{len(data)}").write_bytes(data)
    budget = 0.5 if len(data) >= REREAD_FROM else None
    put = Row(
        "file put",
        len(data),
        "write+fsync+rename",
        lambda: written.append(store.put(data)),
        raw_put,
        put_budget,
        tidy,
    )
    return [put, Row("file get again", len(data), "read the file", reread, raw_read, budget)]


@contextmanager
def closing_descriptor(file: int) -> Iterator[None]:
    try:
        yield
    finally:
        os.close(file)


# Redis


class RawRedis:
    """One socket that speaks RESP, values in pieces of ``piece`` bytes."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._keys: list[bytes] = []

    def put(self, data: bytes, piece: int) -> None:
        """SET of each piece under a new key, one behind the other, then all replies."""
        key, view, count = secrets.token_hex(16).encode(), memoryview(data), 0
        for start in range(0, len(data), piece):
            part = view[start : start + piece]
            name = b"%b:%08d" % (key, count)
            head = b"*3\r\n$3\r\nSET\r\n$%d\r\n%b\r\n$%d\r\n" % (len(name), name, len(part))
            for buffer in (head, part, b"\r\n"):
                self._socket.sendall(buffer)
            self._keys.append(name)
            count += 1
        self._replies(b"+OK\r\n" * count)

    def get(self, size: int, piece: int) -> bytearray:
        """GET of the pieces of the last put, into a buffer of the right size."""
        names = self._keys[-(-(-size // piece)) :]
        gets = (b"*2\r\n$3\r\nGET\r\n$%d\r\n%b\r\n" % (len(name), name) for name in names)
        self._socket.sendall(b"".join(gets))
        whole, position = bytearray(size), 0
        view = memoryview(whole)
        for _ in names:
            end = position + int(self._line()[1:])
            while position < end:
                position += self._socket.recv_into(view[position:end])
            self._line()
        return whole

    def forget(self) -> None:
        """DEL of all pieces, so that memory is used again at once."""
        keys, self._keys = self._keys, []
        parts = [b"*%d\r\n$3\r\nDEL\r\n" % (len(keys) + 1)]
        parts += [b"$%d\r\n%b\r\n" % (len(key), key) for key in keys]
        self._socket.sendall(b"".join(parts))
        self._line()

    def _line(self) -> bytes:
        line = b""
        while not line.endswith(b"\r\n"):
            line += self._socket.recv(1)
        return line

    def _replies(self, expected: bytes) -> None:
        got = b""
        while len(got) < len(expected):
            got += self._socket.recv(65536)
        assert got == expected, got[:100]


@contextmanager
def redis() -> Iterator[Store]:
    """Beside one socket, with one value and with pieces like the store's."""
    missing = missing_redis()
    if missing:
        yield Store(note=f"not measured: {missing}")
        return
    with tempfile.TemporaryDirectory() as name:
        server = RedisServer(Path(name))
        with running(server):
            store = lt.open_blob_store(server.url)
            raw = RawRedis(server.port)
            rows = []
            for size in SIZES:
                rows += redis_rows(store, raw, secrets.token_bytes(size))
            yield Store(rows, "redis-server on loopback, no persistence")


def redis_rows(store: lt.BlobStore, raw: RawRedis, data: bytes) -> list[Row]:
    written: list[str] = []
    blob_id = store.put(data)
    raw.put(data, MIB)

    def put() -> None:
        written.append(store.put(data))

    def digested() -> None:
        raw.put(data, MIB)
        hashlib.sha256(data).digest()

    def tidy() -> None:
        raw.forget()
        while written:
            store.drop(written.pop())

    def raw_get() -> None:
        raw.put(data, MIB) if not raw._keys else None
        raw.get(len(data), MIB)

    size = len(data)
    return [
        Row("redis put", size, "socket, 1 value", put, lambda: raw.put(data, size), 1.25, tidy),
        Row("redis put", size, "socket, pieces, SHA-256", put, digested, 1.25, tidy),
        Row("redis put", size, "socket, pieces", put, lambda: raw.put(data, MIB), None, tidy),
        Row("redis get", size, "socket, pieces", lambda: store.get(blob_id), raw_get, None),
    ]


# S3


class RawS3:
    """One connection of http.client that signs like clients of S3 (Signature Version 4)."""

    def __init__(self, server: S3Server) -> None:
        self._server = server
        self._host = urlsplit(server.endpoint).netloc
        self._connection = http.client.HTTPConnection(self._host)

    def put(self, data: bytes, *, digest: bool) -> None:
        """PUT; the signature covers the body's SHA-256, or says that it does not."""
        body = hashlib.sha256(data).hexdigest() if digest else "UNSIGNED-PAYLOAD"
        self._ask("PUT", data, body)

    def get(self) -> bytes:
        return self._ask("GET", b"", hashlib.sha256().hexdigest())

    def _ask(self, method: str, data: bytes, digest: str) -> bytes:
        path = f"/{self._server.bucket}/raw"
        self._connection.request(method, path, data or None, self._headers(method, path, digest))
        answer = self._connection.getresponse()
        content = answer.read()
        assert answer.status == 200, content[:300]
        return content

    def _headers(self, method: str, path: str, digest: str) -> dict[str, str]:
        now = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
        headers = {"host": self._host, "x-amz-content-sha256": digest, "x-amz-date": now}
        names = ";".join(headers)
        lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
        request = "\n".join([method, path, "", lines, names, digest])
        steps = (now[:8], "us-east-1", "s3", "aws4_request")
        scope = "/".join(steps)
        key = b"AWS4" + self._server.secret.encode()
        for step in steps:
            key = hmac.digest(key, step.encode(), "sha256")
        signed = hashlib.sha256(request.encode()).hexdigest()
        text = "\n".join(["AWS4-HMAC-SHA256", now, scope, signed])
        signature = hmac.digest(key, text.encode(), "sha256").hex()
        credential = f"AWS4-HMAC-SHA256 Credential={self._server.key_id}/{scope}"
        headers["authorization"] = f"{credential}, SignedHeaders={names}, Signature={signature}"
        return headers


@contextmanager
def s3() -> Iterator[Store]:
    """Beside http.client, to rclone's server over a folder."""
    missing = missing_rclone()
    if missing:
        yield Store(note=f"not measured: {missing}")
        return
    with tempfile.TemporaryDirectory() as name:
        server = RcloneServer(Path(name))
        os.environ.update(server.environment)
        with running(server), closing(lt.open_blob_store(server.new_url())) as store:  # type: ignore[type-var]
            raw = RawS3(server)
            rows = []
            for size in SIZES:
                rows += s3_rows(store, raw, secrets.token_bytes(size))
            yield Store(rows, "rclone serve s3 on loopback; raw signs what S3's clients sign")


def s3_rows(store: lt.BlobStore, raw: RawS3, data: bytes) -> list[Row]:
    written: list[str] = []
    blob_id = store.put(data)

    def put() -> None:
        written.append(store.put(data))

    def tidy() -> None:
        while written:
            store.drop(written.pop())

    def raw_get() -> None:
        assert len(raw.get()) == len(data)

    def signed() -> None:
        raw.put(data, digest=True)

    def unsigned() -> None:
        raw.put(data, digest=False)

    size = len(data)
    return [
        Row("s3 put", size, "http.client, body signed", put, signed, 1.15, tidy),
        Row("s3 put", size, "http.client, unsigned", put, unsigned, None, tidy),
        Row("s3 get", size, "http.client", lambda: store.get(blob_id), raw_get, None),
    ]


STORES: dict[str, Callable[[], object]] = {"file": files, "redis": redis, "s3": s3}
