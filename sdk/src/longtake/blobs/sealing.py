"""The pieces of a record as they are written: a payload, hashed on its way, and its seal."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Generator, Iterator

from longtake.blobs.hashing import HashWorkers
from longtake.blobs.powers import BlobStat
from longtake.blobs.seal import FOOTER_SIZE, encode_seal
from longtake.errors import BlobTooLarge

__all__ = ["SealedPieces"]


class SealedPieces:
    """The pieces of a record: those of the payload, hashed meanwhile, and its seal.

    ``refused``: what reading the payload raised. ``is_complete``: whether the seal was asked for.
    """

    def __init__(
        self,
        pieces: Iterator[bytes | memoryview],
        blob_id: str,
        mime: str,
        max_size: int | None,
        hashing: HashWorkers,
    ) -> None:
        self._pieces = pieces
        self._blob_id = blob_id
        self._mime = mime
        self._max_size = max_size
        self._hashing = hashing
        self.refused: BaseException | None = None
        self.is_complete = False

    def record(self) -> Generator[bytes | memoryview, None, None]:
        """The pieces, each hashed while its reader uses it. Raises what the payload raises."""
        digest, size = hashlib.sha256(), 0
        for piece in filter(len, self._payload()):  # an empty one may end a client's message
            size += len(piece)
            self._check_size(size)
            with self._hashing.meanwhile(digest, piece):
                yield piece
        stat = BlobStat(size, digest.digest(), self._mime, time.time_ns())
        self.is_complete = True
        yield encode_seal(stat, self._blob_id, FOOTER_SIZE)

    def _payload(self) -> Iterator[bytes | memoryview]:
        try:
            yield from self._pieces
        except GeneratorExit:
            raise
        except BaseException as error:
            self.refused = error
            raise

    def _check_size(self, size: int) -> None:
        if self._max_size is not None and size > self._max_size:
            self.refused = BlobTooLarge(
                f"data: more than {self._max_size} bytes, the largest blob of this store"
            )
            raise self.refused
