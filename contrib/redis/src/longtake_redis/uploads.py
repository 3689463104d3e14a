"""How a record gets into Redis whole or not at all."""

from __future__ import annotations

from contextlib import suppress
from time import monotonic

from redis.exceptions import RedisError

from longtake_redis.manifests import PIECE_SIZE, Manifest, Names
from longtake_redis.pipeline import Connection, Pipeline

__all__ = ["PENDING", "RENEW", "Upload"]

PENDING = 3600
"""Seconds that pieces live without their manifest, and longer than it once it is there."""

_COMMIT = b"""\
for i = 2, #KEYS do
    if redis.call('EXPIRE', KEYS[i], ARGV[3]) == 0 then return 0 end
end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return 1
"""
"""One step on the server: pieces that are all there are kept, and the manifest is there."""

RENEW = b"""\
for i = 1, #KEYS do
    if redis.call('EXISTS', KEYS[i]) == 0 then return 0 end
end
for i = #KEYS, 1, -1 do
    local seconds = tonumber(i == 1 and ARGV[1] or ARGV[2])
    local left = redis.call('PTTL', KEYS[i])
    if left >= 0 and left < 1000 * seconds then redis.call('EXPIRE', KEYS[i], seconds) end
end
return 1
"""
"""One step on the server: a record that is whole lives on for a while, none of it for less."""


class Upload:
    """A record that is being written under ``names``, to be kept for ``ttl`` seconds.

    Pieces expire soon until all are there; what a killed process leaves is gone after `PENDING`.
    """

    def __init__(self, connection: Connection, names: Names, ttl: int) -> None:
        self._pipeline = Pipeline(connection)
        self._names = names
        self._ttl = ttl
        self._rest: list[bytes | memoryview] = []
        self._rest_size = 0
        self._num_pieces = 0
        self._renewed = monotonic()

    def append(self, data: bytes | memoryview) -> None:
        """The next bytes of the record; they may be used until the end."""
        view = memoryview(data)
        while self._rest_size + len(view) >= PIECE_SIZE:
            room = PIECE_SIZE - self._rest_size
            self._rest.append(view[:room])
            self._send_piece()
            view = view[room:]
        if len(view):
            self._rest.append(view)
            self._rest_size += len(view)

    def commit(self) -> None:
        """Make the record be there. Raises `LookupError` when the server has lost a piece of it."""
        size = self._num_pieces * PIECE_SIZE + self._rest_size
        value = [Manifest(self._num_pieces, size).encode(), *self._rest]
        if self._num_pieces:
            keys = [self._names.manifest, *self._names.pieces(self._num_pieces)]
            numbers = (self._ttl, self._ttl + PENDING)
            self._pipeline.run(_COMMIT, keys, [b"".join(value), *(b"%d" % n for n in numbers)])
        else:
            self._pipeline.set(self._names.manifest, value, self._ttl)
        self._pipeline.finish()

    def discard(self) -> None:
        """Remove what was sent, if the server can be reached; else it goes by itself."""
        if not self._pipeline.is_lost:
            with suppress(RedisError, OSError):
                self._pipeline.forget([self._names.manifest, *self._names.pieces(self._num_pieces)])

    def _send_piece(self) -> None:
        piece, self._rest, self._rest_size = self._rest, [], 0
        index, self._num_pieces = self._num_pieces, self._num_pieces + 1
        self._pipeline.set(self._names.piece(index), piece, PENDING)
        if monotonic() - self._renewed > PENDING / 2:  # a slow iterable outlives no piece
            self._pipeline.expire(self._names.pieces(self._num_pieces), PENDING)
            self._renewed = monotonic()
