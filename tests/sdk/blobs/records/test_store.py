"""The store over anything that keeps records: the contract, and what it does for a backend."""

from __future__ import annotations

import errno
import gc
import os
import pickle
import secrets
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

import longtake as lt
from longtake.blobs.records.seal import FOOTER_SIZE
from longtake.testing import BlobStoreContract, RawBlobs
from longtake.testing.blobs.samples import noise


class LostError(Exception):
    """What the client of a backend raises when there is nobody there."""


class Shelf(lt.BlobRecords):
    """Defines what must be defined, and no more."""

    unavailable = (LostError,)

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.failing: Exception | None = None

    def _check(self) -> None:
        if self.failing is not None:
            raise self.failing

    def write(self, key: str, pieces: Iterable[bytes | memoryview]) -> None:
        self._check()
        self.kept[key] = b"".join(pieces)

    def read(self, key: str) -> bytes | None:
        self._check()
        return self.kept.get(key)

    def delete(self, key: str) -> None:
        self._check()
        self.kept.pop(key, None)

    def __reduce__(self) -> Any:
        raise lt.BlobError("a shelf stands in one process")


class Drawer(lt.BlobRecords):
    """Records as files of a folder."""

    max_size = 66 * 2**20

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)

    def write(self, key: str, pieces: Iterable[bytes | memoryview]) -> None:
        temporary = self.folder / f".tmp-{secrets.token_hex(8)}"
        try:
            with temporary.open("wb") as file:
                file.writelines(pieces)
                file.flush()
                os.fsync(file.fileno())
            temporary.rename(self.folder / key)
        finally:
            temporary.unlink(missing_ok=True)

    def read(self, key: str) -> bytes | None:
        try:
            return (self.folder / key).read_bytes()
        except FileNotFoundError:
            self._check()
            return None

    def delete(self, key: str) -> None:
        (self.folder / key).unlink(missing_ok=True)
        self._check()

    def _check(self) -> None:
        if not self.folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "the drawer is gone")


class DrawerRaw(RawBlobs):
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, blob_id: str) -> bytes:
        return (self.folder / blob_id).read_bytes()

    def write(self, blob_id: str, content: bytes) -> None:
        (self.folder / blob_id).write_bytes(content)

    def names(self) -> set[str]:
        return set(os.listdir(self.folder))


class TestOverADictionary(BlobStoreContract):
    @pytest.fixture
    def store(self) -> lt.RecordBlobStore:
        return lt.RecordBlobStore(Shelf())


class TestOverFiles(BlobStoreContract):
    max_size = Drawer.max_size
    put_memory = 4 * 2**20

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        (tmp_path / "drawer").mkdir()
        return tmp_path / "drawer"

    @pytest.fixture
    def store(self, folder: Path) -> lt.RecordBlobStore:
        return lt.RecordBlobStore(Drawer(str(folder)))

    @pytest.fixture
    def raw(self, folder: Path) -> DrawerRaw:
        return DrawerRaw(folder)

    @pytest.fixture
    def sweep(self, folder: Path) -> Callable[[], None]:
        def sweep() -> None:
            for path in folder.glob(".tmp-*"):
                path.unlink()

        return sweep

    @pytest.fixture
    def outage(self, folder: Path) -> Callable[[], AbstractContextManager[None]]:
        @contextmanager
        def outage() -> Iterator[None]:
            folder.rename(folder.with_name("elsewhere"))
            yield
            folder.with_name("elsewhere").rename(folder)

        return outage


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def store(shelf: Shelf) -> lt.RecordBlobStore:
    return lt.RecordBlobStore(shelf)


class Fussy(Shelf):
    """Records that count what they are asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[bytes | memoryview] = []
        self.slices: list[tuple[int, int | None]] = []
        self.closed = 0

    def write(self, key: str, pieces: Iterable[bytes | memoryview]) -> None:
        self.pieces = list(pieces)
        super().write(key, self.pieces)

    def read_slice(self, key: str, start: int, stop: int | None) -> bytes | None:
        self.slices.append((start, stop))
        record = self.kept.get(key)
        return None if record is None else record[start:stop]

    def close(self) -> None:
        self.closed += 1


class TestErrors:
    @pytest.mark.parametrize("use", ["put", "get", "drop", "in", "stat", "get_range", "close"])
    def test_what_a_client_raises_becomes_a_blob_error(
        self, store: lt.RecordBlobStore, shelf: Shelf, use: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        blob_id = store.put(b"abc")
        uses: dict[str, Callable[[], object]] = {
            "put": lambda: store.put(b"d"),
            "get": lambda: store.get(blob_id),
            "drop": lambda: store.drop(blob_id),
            "in": lambda: blob_id in store,
            "stat": lambda: store.stat(blob_id),
            "get_range": lambda: store.get_range(blob_id, 0, 1),
            "close": store.close,
        }
        shelf.failing = ZeroDivisionError("a fault")
        monkeypatch.setattr(Shelf, "close", Shelf._check)
        with pytest.raises(lt.BlobError, match="Shelf failed: ZeroDivisionError") as raised:
            uses[use]()
        assert raised.value.__cause__ is shelf.failing

    def test_errors_that_mean_it_is_gone_are_named_and_translated(
        self, store: lt.RecordBlobStore, shelf: Shelf
    ) -> None:
        blob_id = store.put(b"abc")
        shelf.failing = LostError("nobody answers")
        for use in (lambda: store.put(b"d"), lambda: store.get(blob_id), lambda: blob_id in store):
            with pytest.raises(lt.BlobStoreUnavailable, match="Shelf: nobody answers; try again"):
                use()

    @pytest.mark.parametrize(
        ("error", "expected"),
        [
            (OSError(errno.ENOSPC, "no space"), lt.BlobStoreFull),
            (OSError(errno.EDQUOT, "quota"), lt.BlobStoreFull),
            (OSError(errno.EFBIG, "too big"), lt.BlobTooLarge),
            (OSError(errno.EACCES, "denied"), lt.BlobStoreUnavailable),
            (ConnectionResetError(errno.ECONNRESET, "reset"), lt.BlobStoreUnavailable),
            (TimeoutError(), lt.BlobStoreUnavailable),
        ],
    )
    def test_errors_of_the_system_need_no_word(
        self,
        store: lt.RecordBlobStore,
        shelf: Shelf,
        error: OSError,
        expected: type[lt.BlobError],
    ) -> None:
        shelf.failing = error
        with pytest.raises(expected, match="Shelf"):
            store.put(b"x")

    def test_what_failure_says_hides_the_client(
        self, store: lt.RecordBlobStore, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(shelf, "failure", lambda error: lt.BlobStoreFull("no shelf left"))
        shelf.failing = ValueError("user:secret@host")
        with pytest.raises(lt.BlobStoreFull, match="no shelf left") as raised:
            store.put(b"x")
        assert "secret" not in "".join(traceback.format_exception(raised.value))

    def test_a_blob_error_passes(self, store: lt.RecordBlobStore, shelf: Shelf) -> None:
        shelf.failing = lt.BlobStoreFull("a shelf says so itself")
        with pytest.raises(lt.BlobStoreFull, match="itself"):
            store.put(b"x")

    @pytest.mark.parametrize("error", [ValueError("mine"), lt.BlobStoreFull("mine")])
    def test_the_callers_error_passes_though_a_client_wraps_it(
        self, store: lt.RecordBlobStore, shelf: Shelf, monkeypatch: pytest.MonkeyPatch, error: Any
    ) -> None:
        def wrapping(key: str, pieces: Iterable[bytes | memoryview]) -> None:
            try:
                list(pieces)
            except Exception:
                raise LostError("the body could not be read") from None

        monkeypatch.setattr(shelf, "write", wrapping)
        with pytest.raises(type(error)) as raised:
            store.put(_failing(error))
        assert raised.value is error

    def test_the_callers_error_passes_though_a_client_swallows_it(
        self, store: lt.RecordBlobStore, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def swallowing(key: str, pieces: Iterable[bytes | memoryview]) -> None:
            kept: list[bytes | memoryview] = []
            try:
                kept.extend(pieces)
            except ValueError:
                shelf.kept[key] = b"".join(kept)

        monkeypatch.setattr(shelf, "write", swallowing)
        with pytest.raises(ValueError, match="mine"):
            store.put(_failing(ValueError("mine")))
        assert shelf.kept == {}

    def test_records_that_leave_pieces_unread_store_nothing(
        self, store: lt.RecordBlobStore, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def hasty(key: str, pieces: Iterable[bytes | memoryview]) -> None:
            shelf.kept[key] = bytes(next(iter(pieces)))

        monkeypatch.setattr(shelf, "write", hasty)
        with pytest.raises(lt.BlobError, match="unread"):
            store.put([b"a", b"b"])
        assert shelf.kept == {}


def _failing(error: Exception) -> Iterator[bytes]:
    yield b"first"
    raise error


class TestPieces:
    def test_they_are_held_until_write_returns_and_none_is_empty(self) -> None:
        records = Fussy()
        store = lt.RecordBlobStore(records)
        buffer = bytearray(3)

        def refilled() -> Iterator[bytearray]:
            for letter in b"xyz":
                buffer[:] = bytes([letter]) * 3
                yield buffer
                yield bytearray()

        blob_id = store.put(refilled())
        assert [bytes(each) for each in records.pieces[:-1]] == [b"xxx", b"yyy", b"zzz"]
        assert len(records.pieces[-1]) == FOOTER_SIZE
        assert bytes(store.get(blob_id)) == b"xxxyyyzzz"

    def test_a_buffer_is_not_copied(self) -> None:
        seen: list[int] = []

        class Looking(Shelf):
            def write(self, key: str, pieces: Iterable[bytes | memoryview]) -> None:
                for piece in pieces:
                    buffer[0] = 1  # shows in a view and not in a copy
                    seen.append(piece[0])

        buffer = bytearray(1000)
        lt.RecordBlobStore(Looking()).put(buffer)
        assert seen[0] == 1

    def test_the_callers_buffer_is_free_once_an_error_is_gone(
        self, store: lt.RecordBlobStore, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def failing(key: str, pieces: Iterable[bytes | memoryview]) -> None:
            held = [memoryview(piece)[10:] for piece in pieces]
            raise LostError(len(held))

        monkeypatch.setattr(shelf, "write", failing)
        data = bytearray(1000)
        with pytest.raises(lt.BlobStoreUnavailable):
            store.put(data)
        gc.collect()  # the error and its frames, which hold parts of it
        data.extend(b"more")

    @pytest.mark.parametrize("size", [0, 1, 300_000])
    def test_a_record_is_the_blob_and_its_seal(
        self, store: lt.RecordBlobStore, shelf: Shelf, size: int
    ) -> None:
        blob_id = store.put(noise(size))
        assert shelf.kept.keys() == {blob_id}
        assert shelf.kept[blob_id][:-FOOTER_SIZE] == noise(size)


class TestSizes:
    def test_a_blob_may_have_the_largest_size_and_no_more(
        self, store: lt.RecordBlobStore, shelf: Shelf
    ) -> None:
        shelf.max_size = 1000
        assert len(store.get(store.put(noise(1000)))) == 1000
        for data in (noise(1001), [noise(600), noise(401)]):
            with pytest.raises(lt.BlobTooLarge, match="1000 bytes"):
                store.put(data)
        assert len(shelf.kept) == 1


class TestParts:
    def test_stat_and_ranges_read_no_more_than_they_need(self) -> None:
        records = Fussy()
        store = lt.RecordBlobStore(records)
        blob_id = store.put(noise(9000), mime="video/mp4")
        assert store.stat(blob_id).mime == "video/mp4"
        assert records.slices == [(-FOOTER_SIZE, None)]
        assert bytes(store.get_range(blob_id, 8000, 10**9)) == noise(9000)[8000:]
        assert records.slices[1:] == [(-FOOTER_SIZE, None), (8000, 9000)]

    def test_a_range_never_shows_the_seal(self, store: lt.RecordBlobStore) -> None:
        blob_id = store.put(b"abc")
        assert bytes(store.get_range(blob_id, 0, 300)) == b"abc"
        assert store.get_range(blob_id, 3, 300) == b""

    def test_a_range_that_comes_short_is_corrupt(self, monkeypatch: pytest.MonkeyPatch) -> None:
        records = Fussy()
        store = lt.RecordBlobStore(records)
        blob_id = store.put(noise(9000))
        real = Fussy.read_slice
        monkeypatch.setattr(
            Fussy, "read_slice", lambda *args: real(*args) if args[2] < 0 else b"short"
        )
        with pytest.raises(lt.BlobCorrupt, match="missing"):
            store.get_range(blob_id, 0, 100)

    @pytest.mark.parametrize("cut", [0, 1, FOOTER_SIZE - 1])
    def test_a_record_without_a_seal_is_corrupt(
        self, store: lt.RecordBlobStore, shelf: Shelf, cut: int
    ) -> None:
        blob_id = store.put(b"")
        shelf.kept[blob_id] = shelf.kept[blob_id][:cut]
        for use in (store.get, store.stat):
            with pytest.raises(lt.BlobCorrupt):
                use(blob_id)

    def test_whether_a_record_is_there_follows_from_reading_it(
        self, store: lt.RecordBlobStore
    ) -> None:
        blob_id, empty = store.put(b"abc"), store.put(b"")
        assert blob_id in store
        assert empty in store
        store.drop(blob_id)
        assert blob_id not in store


class TestHandles:
    def test_records_are_closed_once(self) -> None:
        records = Fussy()
        store = lt.RecordBlobStore(records)
        store.close()
        store.close()
        assert records.closed == 1

    def test_a_pickle_is_that_of_the_records(self, tmp_path: Path) -> None:
        store = lt.RecordBlobStore(Drawer(str(tmp_path)))
        blob_id = store.put(b"abc")
        store.close()
        again = pickle.loads(pickle.dumps(store))
        assert bytes(again.get(blob_id)) == b"abc"

    def test_records_that_stay_in_one_process_say_so(self, store: lt.RecordBlobStore) -> None:
        with pytest.raises(lt.BlobError, match="one process"):
            pickle.dumps(store)

    def test_repr_and_errors_show_what_the_records_say_of_themselves(
        self, store: lt.RecordBlobStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Shelf, "__repr__", lambda self: "the shelf in the hall")
        blob_id = store.put(b"abc")
        store.drop(blob_id)
        assert repr(store) == "<RecordBlobStore over the shelf in the hall>"
        with pytest.raises(lt.BlobNotFound, match="not in the shelf in the hall"):
            store.get(blob_id)
        store.close()
        assert repr(store).endswith(", closed>")
