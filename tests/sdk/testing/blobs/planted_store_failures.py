"""Blob stores broken in how they are used and fail, each in one way that one test names.

Not collected by itself: `test_planted_store_failures` runs it and looks at what failed.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from typing import Any

import longtake as lt
from tests.sdk.testing.blobs.store_contracts import DictStoreTests, contracts
from tests.sdk.testing.blobs.working_stores import (
    HEADER,
    PASSWORD,
    DictStore,
)


class LosesInARace(DictStore):
    """Read, change, write, with nothing that keeps others out."""

    fails = "test_threads_agree_with_a_model"

    def keep(self, key: str, record: bytes) -> None:
        records = dict(self.records)
        if threading.current_thread() is not threading.main_thread():
            time.sleep(0.001)
        super().keep(key, record)
        self.records = records | {key: record}


class DiesWithDrop(DictStore):
    """The memory of a dropped blob is used again."""

    fails = "test_what_was_got_outlives_drop"

    def __init__(self, room: int = 2**40) -> None:
        super().__init__(room)
        self.given: dict[str, bytearray] = {}

    def get(self, blob_id: str) -> Any:
        content = bytearray(super().get(blob_id))
        if len(content) > 100_000:
            self.given[blob_id] = content
        return memoryview(content).toreadonly()

    def forget(self, key: str) -> None:
        super().forget(key)
        if key in self.given:
            self.given[key][:] = bytes(len(self.given[key]))


class DiesWithClose(DictStore):
    fails = "test_what_was_got_outlives_close"

    def __init__(self, room: int = 2**40) -> None:
        super().__init__(room)
        self.given: list[memoryview] = []

    def get(self, blob_id: str) -> Any:
        self.given.append(memoryview(super().get(blob_id)))
        return self.given[-1]

    def close(self) -> None:
        super().close()
        for view in self.given:
            view.release()


class LeaksDescriptors(DictStore):
    fails = "test_uses_leave_no_descriptors_and_threads_behind"

    def load(self, key: str) -> Any:
        os.dup(0)
        return super().load(key)


class LeaksThreads(DictStore):
    fails = "test_uses_leave_no_descriptors_and_threads_behind"

    def forget(self, key: str) -> None:
        threading.Thread(target=time.sleep, args=(5,), daemon=True).start()
        super().forget(key)


class UsableAfterClose(DictStore):
    fails = "test_use_after_close_is_an_error"

    def check_open(self) -> None:
        pass


class ClosesOnce(DictStore):
    fails = "test_closing_again_does_nothing"

    def close(self) -> None:
        self.check_open()
        super().close()


class IdsInRepr(DictStore):
    fails = "test_repr_hides_ids"

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {[*self.records]}>"


class IdsInErrors(DictStore):
    fails = "test_errors_hide_ids"

    def missing(self, blob_id: str) -> Exception:
        return lt.BlobNotFound(f"no blob {blob_id}")


class IdsInLogs(DictStore):
    fails = "test_logs_hide_ids_and_credentials"

    def load(self, key: str) -> Any:
        logging.getLogger(__name__).info("GET /%s", key)
        return super().load(key)


class PasswordInRepr(DictStore):
    fails = "test_repr_and_errors_hide_credentials"

    def __repr__(self) -> str:
        return f"<{type(self).__name__} https://user:{PASSWORD}@host>"


class PasswordInErrors(DictStore):
    """Only while the server is away does its whole address come up."""

    fails = "test_repr_and_errors_hide_credentials"

    def reach(self, *call: object) -> None:
        try:
            super().reach(*call)
        except lt.BlobStoreUnavailable:
            raise lt.BlobStoreUnavailable("nobody answers") from OSError(f"user:{PASSWORD}@host")


class UnpicklableErrors(DictStore):
    fails = "test_errors_survive_pickling"

    class NotFound(lt.BlobNotFound):
        def __init__(self, reason: str, detail: str) -> None:
            super().__init__(reason)

    def missing(self, blob_id: str) -> Exception:
        return self.NotFound("no such blob", "here")


class UnpicklableStore(DictStore):
    """A lock in it, and nobody thought of pickling."""

    fails = "test_pickling_is_refused_with_a_blob_error_or_opens_the_store"

    def __reduce__(self) -> Any:
        raise TypeError("cannot pickle '_thread.lock' object")


class ReadsAllBeforeRefusing(DictStore):
    fails = "test_a_blob_above_the_limit_is_refused_before_all_of_it_is_read"

    def check_size(self, size: int) -> None:
        pass

    def content_of(self, data: Any) -> Any:
        content = super().content_of(data)
        super().check_size(len(content))
        return content


class FullIsABareError(DictStore):
    fails = "test_a_full_store_says_so"

    def keep(self, key: str, record: bytes) -> None:
        try:
            super().keep(key, record)
        except lt.BlobStoreFull:
            raise OSError(28, "No space left on device") from None


class FullForEver(DictStore):
    """Room that was taken is never given back."""

    fails = "test_a_full_store_keeps_its_blobs_and_takes_others_again"
    is_full = False

    def keep(self, key: str, record: bytes) -> None:
        if self.is_full:
            raise lt.BlobStoreFull("no room")
        try:
            super().keep(key, record)
        except lt.BlobStoreFull:
            self.is_full = True
            raise


class HangsWhenLost(DictStore):
    fails = "test_a_lost_store_says_so_in_bounded_time"

    def reach(self, *call: object) -> None:
        if self.is_lost and call[0] == "forget":
            time.sleep(5)
        super().reach(*call)


class LostForEver(DictStore):
    """The connection that broke is never opened again."""

    fails = "test_a_store_is_usable_after_an_outage"
    was_lost = False

    def reach(self, *call: object) -> None:
        self.was_lost = self.was_lost or self.is_lost
        self.calls.append(call)
        if self.was_lost:
            raise lt.BlobStoreUnavailable("the connection is broken")


class TornByOutage(DictStore):
    """What was sent before the outage is taken for all."""

    fails = "test_a_put_during_an_outage_is_whole_or_an_error"

    def pieces_of(self, data: Any) -> Any:
        for piece in super().pieces_of(data):
            if not self.is_lost:
                yield piece


class WrongMime(DictStore):
    """It goes in and never comes out."""

    fails = "test_stat_gives_the_mime_type_back"

    def stat(self, blob_id: str) -> lt.BlobStat:
        stat = super().stat(blob_id)
        return lt.BlobStat(stat.size, stat.sha256, "application/octet-stream", stat.created_ns)


class WrongSize(DictStore):
    """The size of the record, not of the blob."""

    fails = "test_stat_gives_size_and_digest"

    def stat(self, blob_id: str) -> lt.BlobStat:
        stat = super().stat(blob_id)
        return lt.BlobStat(stat.size + HEADER.size, stat.sha256, stat.mime, stat.created_ns)


class TimeInSeconds(DictStore):
    fails = "test_stat_gives_the_time_of_the_put"

    def stat(self, blob_id: str) -> lt.BlobStat:
        stat = super().stat(blob_id)
        return lt.BlobStat(stat.size, stat.sha256, stat.mime, stat.created_ns // 10**9)


class RangeOffByOne(DictStore):
    """The end counts, as in HTTP."""

    fails = "test_a_range_equals_a_slice"

    def get_range(self, blob_id: str, start: int, stop: int) -> Any:
        super().get_range(blob_id, start, stop)
        return super().get_range(blob_id, start, stop + 1)


class RangesFromTheEnd(DictStore):
    """Whatever a slice takes."""

    fails = "test_what_is_no_range_is_refused"

    def get_range(self, blob_id: str, start: int, stop: int) -> Any:
        return self.get(blob_id)[int(start or 0) : stop]


globals().update(contracts(globals(), DictStoreTests))
