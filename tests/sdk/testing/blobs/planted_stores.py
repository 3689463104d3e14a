"""Blob stores broken in what they take and give, each in one way that one test names.

Not collected by itself: `test_planted_stores` runs it and looks at what failed.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import secrets
from typing import Any

import longtake as lt
from tests.sdk.testing.blobs.store_contracts import DictStoreTests, contracts
from tests.sdk.testing.blobs.working_stores import HEADER, DictStore


class Whole(DictStore):
    """Nothing is wrong."""


class ContentHashIds(DictStore):
    fails = "test_equal_blobs_have_different_ids"

    def new_id(self, content: bytes) -> str:
        return hashlib.sha256(content).hexdigest()[:32]


class SequentialIds(DictStore):
    fails = "test_ids_are_unguessable"
    numbers = itertools.count()

    def new_id(self, content: bytes) -> str:
        return f"{next(self.numbers):032x}"


class ShortIds(DictStore):
    """Sixteen random characters, and sixteen that are always the same."""

    fails = "test_ids_are_unguessable"

    def new_id(self, content: bytes) -> str:
        return secrets.token_hex(8) + "0" * 16


class UncheckedIds(DictStore):
    """Whatever string comes becomes a key."""

    fails = "test_malformed_ids_are_refused_before_they_reach_the_backend"

    def check_id(self, blob_id: Any) -> str:
        if not isinstance(blob_id, str):
            raise lt.InvalidBlobId("no id")
        return blob_id


class IdsCheckedTooLate(DictStore):
    """The error is right, and the backend was asked."""

    fails = "test_malformed_ids_are_refused_before_they_reach_the_backend"

    def check_id(self, blob_id: Any) -> str:
        self.reach("exists", blob_id)
        return super().check_id(blob_id)


class LineBreakAfterId(DictStore):
    """The classic: ``$`` matches before a final line break."""

    fails = "test_malformed_ids_are_refused_before_they_reach_the_backend"

    def check_id(self, blob_id: Any) -> str:
        if not isinstance(blob_id, str) or not re.match("[0-9a-f]{32}$", blob_id):
            raise lt.InvalidBlobId("no id")
        return blob_id


class NumbersAreIds(DictStore):
    fails = "test_what_is_no_string_is_no_id"

    def check_id(self, blob_id: Any) -> str:
        return super().check_id(blob_id) if isinstance(blob_id, str) else repr(blob_id)


class OtherLettersSameBlob(DictStore):
    """Keys on a file system that folds case."""

    fails = "test_an_id_in_other_letters_is_another_id"

    def check_id(self, blob_id: Any) -> str:
        return super().check_id(blob_id.lower() if isinstance(blob_id, str) else blob_id)


class KeepsTheCallersBuffer(DictStore):
    fails = "test_the_input_may_change_after_put"

    def __init__(self, room: int = 2**40) -> None:
        super().__init__(room)
        self.views: dict[str, memoryview] = {}

    def put(self, data: Any, *, mime: str = "application/octet-stream") -> str:
        blob_id = super().put(data, mime=mime)
        if type(data) is bytearray and data:
            self.views[blob_id] = memoryview(data).toreadonly()
        return blob_id

    def get(self, blob_id: str) -> Any:
        content = super().get(blob_id)
        return self.views.get(blob_id, content)


class WritableResult(DictStore):
    fails = "test_what_get_gives_cannot_be_written"

    def get(self, blob_id: str) -> Any:
        return memoryview(bytearray(super().get(blob_id)))

    def get_range(self, blob_id: str, start: int, stop: int) -> Any:
        return super().get_range(blob_id, start, stop).toreadonly()


class PlainKeyError(DictStore):
    fails = "test_an_absent_blob_is_not_found"

    def missing(self, blob_id: str) -> Exception:
        return KeyError("no such blob")


class DropOfNothingRaises(DictStore):
    fails = "test_dropping_what_is_absent_does_nothing"

    def forget(self, key: str) -> None:
        self.reach("forget", key)
        if key not in self.records:
            raise lt.BlobNotFound("no such blob")
        del self.records[key]


class DropForgetsTheNameOnly(DictStore):
    """``in`` says that it is gone; who has the id still reads it."""

    fails = "test_a_dropped_blob_is_gone"

    def __init__(self, room: int = 2**40) -> None:
        super().__init__(room)
        self.trash: dict[str, bytes] = {}

    def forget(self, key: str) -> None:
        self.reach("forget", key)
        if key in self.records:
            self.trash[key] = self.records.pop(key)

    def get(self, blob_id: str) -> Any:
        if not self.is_lost and not self.is_closed and self.trash.keys() & {str(blob_id)}:
            return self.unsealed(blob_id, self.trash[blob_id])
        return super().get(blob_id)


class ContainsRaises(DictStore):
    """A dictionary asked about a list."""

    fails = "test_anything_may_be_asked_about"

    def __contains__(self, blob_id: object) -> bool:
        self.check_open()
        hash(blob_id)
        return super().__contains__(blob_id)


class SeenTooEarly(DictStore):
    """Each piece is there as soon as it came; what failed is removed."""

    fails = "test_nothing_is_seen_while_a_put_runs"

    def content_of(self, data: Any) -> Any:
        if self.is_buffer(data) or isinstance(data, str) or not hasattr(data, "__iter__"):
            return super().content_of(data)
        key, content = secrets.token_hex(16), b""
        try:
            for piece in self.pieces_of(data):
                content += piece
                self.records[key] = self.sealed(key, content)
        finally:
            self.records.pop(key, None)
        return content


class LitterOfFailures(DictStore):
    fails = "test_a_failing_iterable_leaves_nothing"

    def content_of(self, data: Any) -> Any:
        if self.is_buffer(data):
            return super().content_of(data)
        temporary = f".tmp-{secrets.token_hex(16)}"
        self.records[temporary] = b""
        content = super().content_of(data)
        del self.records[temporary]
        return content


class LocksUpAfterFailure(DictStore):
    """A flag that only success resets."""

    fails = "test_a_store_is_usable_after_a_put_that_failed"
    is_writing = False

    def pieces_of(self, data: Any) -> Any:
        if self.is_writing:
            raise lt.BlobError("another put runs")
        try:
            yield from super().pieces_of(data)
        except RuntimeError:
            self.is_writing = True
            raise


class FlipsUnnoticed(DictStore):
    """Sizes and owners are compared, digests are not."""

    fails = "test_flipped_bits_are_noticed"

    def unsealed(self, blob_id: str, record: bytes) -> Any:
        if len(record) < HEADER.size:
            raise lt.BlobCorrupt("no header")
        owner, _, size = HEADER.unpack_from(record)
        if (owner, size) != (blob_id.encode(), len(record) - HEADER.size):
            raise lt.BlobCorrupt("another blob's")
        return record[HEADER.size :]


class CutsUnnoticed(DictStore):
    """What is there of a blob is given."""

    fails = "test_truncated_blobs_are_noticed"

    def unsealed(self, blob_id: str, record: bytes) -> Any:
        if HEADER.size <= len(record) < HEADER.size + HEADER.unpack_from(record)[2]:
            return record[HEADER.size :]
        return super().unsealed(blob_id, record)


class ExtensionsUnnoticed(DictStore):
    """As much is given as was put, whatever follows."""

    fails = "test_extended_blobs_are_noticed"

    def unsealed(self, blob_id: str, record: bytes) -> Any:
        if len(record) > HEADER.size:
            record = record[: HEADER.size + HEADER.unpack_from(record)[2]]
        return super().unsealed(blob_id, record)


class SwapsUnnoticed(DictStore):
    """The digest is right, for another blob."""

    fails = "test_swapped_blobs_are_noticed"

    def unsealed(self, blob_id: str, record: bytes) -> Any:
        return super().unsealed(blob_id, blob_id.encode() + record[32:])


class DamageCrashes(DictStore):
    """A header that is too short is a `struct.error`."""

    fails = "test_damage_is_always_blob_corrupt"

    def unsealed(self, blob_id: str, record: bytes) -> Any:
        HEADER.unpack_from(record)
        return super().unsealed(blob_id, record)


class CutAt64K(DictStore):
    fails = "test_get_gives_what_put_took"

    def get(self, blob_id: str) -> Any:
        return super().get(blob_id)[: 64 * 1024]

    def stat(self, blob_id: str) -> lt.BlobStat:
        super().stat(blob_id)
        return self.stats[blob_id]


class EmptyRefused(DictStore):
    fails = "test_an_empty_blob_is_a_blob"

    def content_of(self, data: Any) -> Any:
        content = super().content_of(data)
        if not content:
            raise lt.ValidationError("data", "nothing to store")
        return content


class TextTaken(DictStore):
    fails = "test_put_refuses_what_is_not_bytes"

    def content_of(self, data: Any) -> Any:
        return super().content_of(data.encode() if isinstance(data, str) else data)


class BytesOnly(DictStore):
    """Any other buffer is taken for an iterable of numbers."""

    fails = "test_put_takes_any_buffer"

    def is_buffer(self, data: Any) -> bool:
        if type(data).__name__ == "array":
            return False
        return super().is_buffer(data)


class OrderOfMemory(DictStore):
    """Arrays are stored as they lie in memory."""

    fails = "test_put_takes_memory_that_is_not_contiguous"

    def copied(self, data: Any) -> Any:
        view = memoryview(data)
        self.check_size(view.nbytes)
        return view.tobytes(order="A")


class ReadsAhead(DictStore):
    """All pieces are held before the first is copied."""

    fails = "test_an_iterator_may_fill_one_buffer_again"

    def pieces_of(self, data: Any) -> Any:
        held, size = [], 0
        for piece in data:
            held.append(piece)
            size += memoryview(piece).nbytes if self.is_buffer(piece) else 0
            self.check_size(size)
        return super().pieces_of(held)


class PiecesSorted(DictStore):
    """Like uploads in parallel that are joined as they end."""

    fails = "test_pieces_are_joined_in_order"

    def content_of(self, data: Any) -> Any:
        if self.is_buffer(data):
            return super().content_of(data)
        if isinstance(data, str) or not hasattr(data, "__iter__"):
            return super().content_of(data)
        pieces = list(self.pieces_of(data))
        return b"".join(pieces[::-1] if len(pieces) == 2 else pieces)


class CallersErrorsTranslated(DictStore):
    fails = "test_what_an_iterable_raises_passes_through"

    def content_of(self, data: Any) -> Any:
        try:
            return super().content_of(data)
        except OSError as error:
            if isinstance(error, lt.BlobError):
                raise
            raise lt.BlobStoreUnavailable("the disk failed") from error


class LineBreaksInMime(DictStore):
    """Fit for smuggling headers into a request."""

    fails = "test_put_refuses_what_is_no_mime_type"

    def check_mime(self, mime: Any) -> None:
        super().check_mime(mime.partition("\r\n")[0] if isinstance(mime, str) else mime)


class ShortMimesOnly(DictStore):
    fails = "test_put_takes_mime_types"

    def check_mime(self, mime: Any) -> None:
        super().check_mime(mime)
        if len(mime) > 250:
            raise lt.ValidationError("mime", "too long")


globals().update(contracts(globals(), DictStoreTests))
