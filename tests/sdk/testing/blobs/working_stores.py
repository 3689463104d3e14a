"""Blob stores that pass the whole contract, written in small steps so that each can be broken."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import longtake as lt

MIB = 2**20
"""Bytes; a store keeps blobs of up to four times as many."""

HEADER = struct.Struct("<32s32sQ")
PASSWORD = "open-sesame"


class DictStore:
    """Records in a dictionary: a header of id, digest and size, then the blob."""

    fails: ClassVar[str] = ""
    """The one test of the contract that names what is wrong here."""

    def __init__(self, room: int = 2**40) -> None:
        self.records: dict[str, bytes] = {}
        self.stats: dict[str, lt.BlobStat] = {}
        self.calls: list[tuple[object, ...]] = []
        self.room = room
        self.is_lost = self.is_closed = False

    # The four methods and the powers

    def put(self, data: Any, *, mime: str = "application/octet-stream") -> str:
        self.check_open()
        self.check_mime(mime)
        content = self.content_of(data)
        blob_id = self.new_id(content)
        self.keep(blob_id, self.sealed(blob_id, content))
        digest = hashlib.sha256(content).digest()
        self.stats[blob_id] = lt.BlobStat(len(content), digest, mime, time.time_ns())
        return blob_id

    def get(self, blob_id: str) -> Any:
        self.check_open()
        record = self.load(self.check_id(blob_id))
        if record is None:
            raise self.missing(blob_id)
        return self.unsealed(blob_id, record)

    def drop(self, blob_id: str) -> None:
        self.check_open()
        self.forget(self.check_id(blob_id))

    def __contains__(self, blob_id: object) -> bool:
        self.check_open()
        try:
            return self.load(self.check_id(blob_id)) is not None
        except lt.InvalidBlobId:
            return False

    def stat(self, blob_id: str) -> lt.BlobStat:
        self.get(blob_id)
        return self.stats[blob_id]

    def get_range(self, blob_id: str, start: int, stop: int) -> Any:
        if type(start) is not int or type(stop) is not int or not 0 <= start <= stop:
            raise lt.ValidationError("start", "no range")
        return self.get(blob_id)[start:stop]

    def close(self) -> None:
        self.is_closed = True

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __reduce__(self) -> Any:
        raise lt.BlobError("this store lives in one process")

    # The steps

    def check_open(self) -> None:
        if self.is_closed:
            raise lt.BlobError("the store is closed")

    def check_mime(self, mime: Any) -> None:
        if not (isinstance(mime, str) and re.fullmatch(r"[!-~]+/[ -~]+", mime) and len(mime) < 256):
            raise lt.ValidationError("mime", "no mime type")

    def check_id(self, blob_id: Any) -> str:
        if not isinstance(blob_id, str) or not re.fullmatch("[0-9a-f]{32}", blob_id):
            raise lt.InvalidBlobId("no id")
        return blob_id

    def new_id(self, content: bytes) -> str:
        return secrets.token_hex(16)

    def missing(self, blob_id: str) -> Exception:
        return lt.BlobNotFound("no such blob")

    def content_of(self, data: Any) -> Any:
        if self.is_buffer(data):
            return self.copied(data)
        if isinstance(data, str) or not hasattr(data, "__iter__"):
            raise lt.ValidationError("data", "not bytes")
        return b"".join(self.pieces_of(data))

    def pieces_of(self, data: Any) -> Iterator[bytes]:
        size = 0
        for piece in data:
            if not self.is_buffer(piece):
                raise lt.ValidationError("data", "not bytes")
            size += memoryview(piece).nbytes
            self.check_size(size)
            yield self.copied(piece)

    def is_buffer(self, data: Any) -> bool:
        try:
            view = memoryview(data)
        except TypeError:
            return False
        if "O" in view.format:
            raise lt.ValidationError("data", "objects")
        return True

    def copied(self, data: Any) -> Any:
        self.check_size(memoryview(data).nbytes)
        return memoryview(data).tobytes()

    def check_size(self, size: int) -> None:
        if size > 4 * MIB:
            raise lt.BlobTooLarge("data: more than 4 MiB")

    def sealed(self, blob_id: str, content: bytes) -> bytes:
        digest = hashlib.sha256(content).digest()
        return HEADER.pack(blob_id.encode(), digest, len(content)) + content

    def unsealed(self, blob_id: str, record: bytes) -> Any:
        if len(record) < HEADER.size:
            raise lt.BlobCorrupt("no header")
        owner, digest, size = HEADER.unpack_from(record)
        content = record[HEADER.size :]
        if (owner, size) != (blob_id.encode(), len(content)):
            raise lt.BlobCorrupt("another blob's")
        if hashlib.sha256(content).digest() != digest:
            raise lt.BlobCorrupt("other bytes")
        return content

    # The backend

    def reach(self, *call: object) -> None:
        self.calls.append(call)
        if self.is_lost:
            raise lt.BlobStoreUnavailable("nobody answers")

    def keep(self, key: str, record: bytes) -> None:
        self.reach("keep", key)
        if sum(map(len, list(self.records.values()))) + len(record) > self.room:
            raise lt.BlobStoreFull("no room")
        self.records[key] = record

    def load(self, key: str) -> Any:
        self.reach("load", key)
        return self.records.get(key)

    def forget(self, key: str) -> None:
        self.reach("forget", key)
        self.records.pop(key, None)

    def names(self) -> set[str]:
        return set(self.records)


class FolderStore(DictStore):
    """Records in files of a folder, for any number of processes."""

    def __init__(self, root: str) -> None:
        super().__init__()
        self.root = root
        for path in Path(root).glob(".tmp-*"):
            self.sweep(path)

    def __reduce__(self) -> Any:
        return type(self), (self.root,)

    def sweep(self, path: Path) -> None:
        """Remove a temporary file unless the process that writes it still runs."""
        if not is_running(int(path.name.split("-")[1])):
            path.unlink(missing_ok=True)

    stat = None  # type: ignore[assignment]  # what is not there, for `isinstance`

    def path(self, blob_id: str) -> lt.BlobPath:
        self.get(blob_id)
        path = self.path_of(blob_id)
        return lt.BlobPath(path, HEADER.size, path.stat().st_size - HEADER.size)

    def path_of(self, key: str) -> Path:
        return Path(self.root, key)

    def keep(self, key: str, record: bytes) -> None:
        temporary = Path(self.root, f".tmp-{os.getpid()}-{key}")
        temporary.touch(0o600)
        temporary.write_bytes(record)
        temporary.rename(self.path_of(key))

    def load(self, key: str) -> Any:
        try:
            return self.path_of(key).read_bytes()
        except FileNotFoundError:
            return None

    def forget(self, key: str) -> None:
        self.path_of(key).unlink(missing_ok=True)

    def names(self) -> set[str]:
        return set(os.listdir(self.root))


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
