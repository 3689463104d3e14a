"""Records of bytes in Redis: whole pieces, and a manifest that makes them one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import longtake as lt
from longtake_redis.connections import Connections, ask
from longtake_redis.failures import blob_error
from longtake_redis.manifests import HEADER_SIZE, PIECE_SIZE, Manifest, Names
from longtake_redis.pipeline import Connection, command, replies
from longtake_redis.places import BLOBS, parse_url
from longtake_redis.uploads import PENDING, RENEW, Upload

__all__ = ["RedisRecords"]

_NAMES_AT_ONCE = 1000


class RedisRecords(lt.BlobRecords):
    """Records in the database that ``url`` names. Pickled, it is ``url``, also its password.

    Raises `ValidationError` for a URL that it cannot use. Nothing is sent before the first use.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._place = parse_url(url, BLOBS)
        self._connections = Connections(self._place)

    def write(self, key: str, pieces: Iterable[bytes | memoryview]) -> None:
        with self._connections.one() as connection:
            upload = Upload(connection, self._names(key), self._place.ttl)
            try:
                for piece in pieces:
                    upload.append(piece)
                upload.commit()
            except BaseException:
                upload.discard()
                raise

    def read(self, key: str) -> bytes | memoryview | None:
        names = self._names(key)
        with self._connections.one() as connection:
            value = ask(connection, b"GET", names.manifest)
            if value is None:
                return None
            manifest = Manifest.decode(value, key)
            if len(value) != HEADER_SIZE + manifest.rest:
                raise lt.BlobCorrupt(f"blob {key[:6]}...: its manifest in Redis was cut")
            if manifest.num_pieces:
                whole = bytearray(manifest.size)
                gets = (command(b"GET", name) for name in names.pieces(manifest.num_pieces))
                complete = _fill(whole, replies(connection, gets), PIECE_SIZE)
                whole[manifest.size - manifest.rest :] = memoryview(value)[HEADER_SIZE:]
        if not manifest.num_pieces:
            return memoryview(value)[HEADER_SIZE:]
        return memoryview(whole) if complete else self._missing(key)

    def read_slice(self, key: str, start: int, stop: int | None) -> bytes | memoryview | None:
        names = self._names(key)
        with self._connections.one() as connection:
            header = ask(connection, b"GETRANGE", names.manifest, b"0", b"%d" % (HEADER_SIZE - 1))
            if not header:
                return None
            manifest = Manifest.decode(header, key)
            start, stop, _ = slice(start, stop).indices(manifest.size)
            part = bytearray(max(0, stop - start))
            ranges = _ranges(names, manifest, start, stop)
            complete = _fill(part, replies(connection, ranges), None)
        return memoryview(part) if complete else self._missing(key)

    def delete(self, key: str) -> None:
        names = self._names(key)
        with self._connections.one() as connection:
            header = ask(connection, b"GETRANGE", names.manifest, b"0", b"%d" % (HEADER_SIZE - 1))
            if not header:
                return
            try:
                count = Manifest.decode(header, key).num_pieces
            except lt.BlobCorrupt:  # nobody knows its pieces any more; they expire
                count = 0
            doomed = [names.manifest, *names.pieces(count)]
            for first in range(0, len(doomed), _NAMES_AT_ONCE):
                ask(connection, b"UNLINK", *doomed[first : first + _NAMES_AT_ONCE])

    def has(self, key: str) -> bool:
        with self._connections.one() as connection:
            return bool(ask(connection, b"EXISTS", self._names(key).manifest))

    def renew(self, blob_ids: Iterable[str]) -> Sequence[str]:
        with self._connections.one() as connection:
            return [key for key in blob_ids if not self._renewed(connection, key)]

    def failure(self, error: Exception) -> lt.BlobError | None:
        return blob_error(error, self._place.shown)

    def close(self) -> None:
        self._connections.close()

    def _names(self, key: str) -> Names:
        return Names.of(self._place.prefix, key)

    def _renewed(self, connection: Connection, key: str) -> bool:
        """Whether the record is there, whole."""
        names = self._names(key)
        header = ask(connection, b"GETRANGE", names.manifest, b"0", b"%d" % (HEADER_SIZE - 1))
        if not header:
            return False
        try:
            count = Manifest.decode(header, key).num_pieces
        except lt.BlobCorrupt:  # it cannot be read, and so is gone
            return False
        keys = [names.manifest, *names.pieces(count)]
        ttl = self._place.ttl
        times = [b"%d" % ttl, b"%d" % (ttl + PENDING)]
        return bool(ask(connection, b"EVAL", RENEW, b"%d" % len(keys), *keys, *times))

    def _missing(self, key: str) -> bytes | None:
        """None when the record was deleted meanwhile. Raises `BlobCorrupt` when it was not."""
        if self.has(key):
            raise lt.BlobCorrupt(
                f"blob {key[:6]}...: a piece of it is missing in {self._place.shown}; "
                "was it evicted? The server needs room, and the policy noeviction"
            )
        return None

    def __reduce__(self) -> tuple[type[RedisRecords], tuple[str]]:
        return type(self), (self._url,)

    def __repr__(self) -> str:
        return self._place.shown


def _ranges(names: Names, manifest: Manifest, start: int, stop: int) -> Iterator[bytes]:
    """The commands that ask for the record's bytes from ``start`` to ``stop``."""
    while start < stop:
        index, offset = divmod(start, PIECE_SIZE)
        end = min(PIECE_SIZE, offset + stop - start)
        start += end - offset
        name = names.piece(index)
        if index == manifest.num_pieces:
            name, offset, end = names.manifest, HEADER_SIZE + offset, HEADER_SIZE + end
        yield command(b"GETRANGE", name, b"%d" % offset, b"%d" % (end - 1))


def _fill(whole: bytearray, parts: Iterable[bytes | None], size: int | None) -> bool:
    """Put ``parts`` one behind the other. False when one is missing or has not ``size`` bytes."""
    position, complete = 0, True
    for part in parts:
        if part is None or (size is not None and len(part) != size):
            complete = False
            continue
        whole[position : position + len(part)] = part
        position += len(part)
    return complete and (size is not None or position == len(whole))
