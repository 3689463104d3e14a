"""How long blob stores take beside the rawest client that does the same, in one run.

``python benchmarks/blobs.py``; ``--stores file redis s3`` for some of them. A row without a budget
is there to be read: a store computes the SHA-256 of what it takes and checks that of what it gives,
which for less than 16 MiB takes longer than the raw side's whole work. A server that is not
installed is said to be missing.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
import http.client
import os
import secrets
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from attrs import frozen

import longtake as lt

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.harness import Figure, Part, Told, at_most, cost, paired, seconds
from tests.servers import (
    RcloneServer,
    RedisServer,
    S3Server,
    missing_rclone,
    missing_redis,
    running,
)

PART = Part("blobs", "Blob stores", "the rawest client that does the same")

KIB, MIB = 2**10, 2**20
SIZES = (64 * KIB, MIB, 16 * MIB, 64 * MIB)
LARGE = 16 * MIB
"""Bytes from which the time goes by the byte, and not by the call."""

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


Rows = Iterator[Row | str]
"""What is measured, and remarks about it, while everything that it needs is there."""


def figure(row: Row) -> Figure:
    """Its ratio, of as many pairs as the time allows."""
    pairs = paired(row.ours, row.raw, pairs=FEWEST, most=MOST, within=SECONDS, tidy=row.tidy)
    goal = None if row.budget is None else at_most(row.budget)
    name = f"{row.name}, {size_text(row.size)}, beside {row.raw_name}"
    return cost(name, f"the store / {row.raw_name}", pairs, goal)


# Files


def free_core() -> bool:
    """Whether a core is idle beside the one that this process will use."""
    return len(os.sched_getaffinity(0)) - os.getloadavg()[0] >= 1.5


def files() -> Rows:
    """Beside write, fsync and rename; and beside reading the file again."""
    put_budget = 1.15 if free_core() else 2.0
    yield f"file: {'a' if free_core() else 'no'} core is free, so that put <= {put_budget}"
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        store = lt.open_blob_store(Path(name, "blobs").as_uri())
        for folder in range(256):  # a store that has been used for a while has its folders
            Path(name, "blobs", f"{folder:02x}").mkdir(mode=0o700, exist_ok=True)
        for size in SIZES:
            yield from file_rows(store, Path(name), secrets.token_bytes(size), put_budget)


def file_rows(store: lt.BlobStore, folder: Path, data: bytes, put_budget: float) -> list[Row]:
    path = folder / "raw"
    blob_id, written = store.put(data), list[str]()

    def raw_put() -> None:
        file = os.open(folder / "new", os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        with closing_descriptor(file):
            view = memoryview(data)
            while view:
                view = view[os.write(file, view) :]
            os.fsync(file)
        os.rename(folder / "new", path)

    def durable_put() -> None:
        raw_put()
        file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        with closing_descriptor(file):
            os.fsync(file)

    def put() -> None:
        written.append(store.put(data))

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
    budget = 0.5 if len(data) >= LARGE else None
    size = len(data)
    return [
        Row("file put", size, "write+fsync+rename", put, raw_put, put_budget, tidy),
        Row("file put", size, "the same, folder's fsync", put, durable_put, put_budget, tidy),
        Row("file get again", size, "read the file", reread, raw_read, budget),
    ]


@contextmanager
def closing_descriptor(file: int) -> Iterator[None]:
    try:
        yield
    finally:
        os.close(file)


# Redis


def digest_ms() -> float:
    """Milliseconds that SHA-256 takes for a MiB here: what no put and no get can be below."""
    data = bytes(MIB)
    return 1e3 * min(seconds(lambda: hashlib.sha256(data).digest()) for _ in range(20))


class RawRedis:
    """One socket that speaks RESP, values in pieces of ``piece`` bytes."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def put(self, data: bytes, piece: int) -> list[bytes]:
        """SET of each piece under a new key, one behind the other, then all replies."""
        key, view = secrets.token_hex(16).encode(), memoryview(data)
        names: list[bytes] = []
        for start in range(0, len(data), piece):
            part = view[start : start + piece]
            name = b"%b:%08d" % (key, start)
            head = b"*3\r\n$3\r\nSET\r\n$%d\r\n%b\r\n$%d\r\n" % (len(name), name, len(part))
            for buffer in (head, part, b"\r\n"):
                self._socket.sendall(buffer)
            names.append(name)
        self._replies(b"+OK\r\n" * len(names))
        return names

    def get(self, names: list[bytes], size: int) -> bytearray:
        """GET of all pieces, into a buffer of the right size."""
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

    def forget(self, names: list[bytes]) -> None:
        """UNLINK of all pieces."""
        parts = [b"*%d\r\n$6\r\nUNLINK\r\n" % (len(names) + 1)]
        parts += [b"$%d\r\n%b\r\n" % (len(name), name) for name in names]
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


def redis() -> Rows:
    """Beside one socket, with one value and with pieces like the store's."""
    missing = missing_redis()
    if missing:
        yield f"redis: not measured, {missing}"
        return
    yield f"redis: redis-server on loopback, not persistent; SHA-256 takes {digest_ms():.2f} ms/MiB"
    with tempfile.TemporaryDirectory() as name:
        server = RedisServer(Path(name))
        with running(server):
            store, raw = lt.open_blob_store(server.url), RawRedis(server.port)
            for size in SIZES:
                yield from redis_rows(store, raw, secrets.token_bytes(size))


def redis_rows(store: lt.BlobStore, raw: RawRedis, data: bytes) -> list[Row]:
    size, written, named = len(data), list[str](), list[bytes]()
    blob_id, kept = store.put(data), raw.put(data, MIB)

    def put() -> None:
        written.append(store.put(data))

    def digested() -> None:
        named.extend(raw.put(data, MIB))
        hashlib.sha256(data).digest()

    def tidy() -> None:
        raw.forget(named)
        named.clear()
        while written:
            store.drop(written.pop())

    large = 1.25 if size >= LARGE else None
    beside: dict[str, tuple[Callable[[], object], float | None]] = {
        "socket, one value": (lambda: named.extend(raw.put(data, size)), large),
        "socket, pieces": (lambda: named.extend(raw.put(data, MIB)), None),
        "socket, pieces + SHA-256": (digested, 1.25 if size >= MIB else None),
    }
    puts = [Row("redis put", size, name, put, *each, tidy) for name, each in beside.items()]
    get = Row(
        "redis get",
        size,
        "socket, pieces",
        lambda: store.get(blob_id),
        lambda: raw.get(kept, size),
        None,
    )
    return [*puts, get]


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


def s3() -> Rows:
    """Beside http.client, to rclone's server over a folder."""
    missing = missing_rclone()
    if missing:
        yield f"s3: not measured, {missing}"
        return
    yield "s3: rclone serve s3 on loopback; S3's clients sign the body's SHA-256, if not told else"
    with tempfile.TemporaryDirectory() as name:
        server = RcloneServer(Path(name))
        os.environ.update(server.environment)
        with running(server):
            store, raw = lt.open_blob_store(server.new_url()), RawS3(server)
            for size in SIZES:
                yield from s3_rows(store, raw, secrets.token_bytes(size))


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


STORES: dict[str, Callable[[], Rows]] = {"file": files, "redis": redis, "s3": s3}


def size_text(size: int) -> str:
    return f"{size // MIB} MiB" if size >= MIB else f"{size // KIB} KiB"


def figures(stores: Sequence[str]) -> Iterator[Told]:
    """One of each row of each store."""
    for name in stores:
        for row in STORES[name]():
            yield row if isinstance(row, str) else figure(row)


def main() -> None:
    parser = PART.parser(__doc__)
    parser.add_argument("--stores", nargs="+", choices=STORES, default=list(STORES))
    asked = parser.parse_args()
    PART.tell(figures(asked.stores), asked.json)


if __name__ == "__main__":
    main()
