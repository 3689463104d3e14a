"""The blob store in a folder."""

from __future__ import annotations

import errno
import gc
import hashlib
import os
import pickle
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from longtake.blobs.file import writing
from longtake.blobs.file.store import FileBlobStore, open_store
from longtake.blobs.records.seal import HEADER_SIZE, decode_seal
from longtake.errors import (
    BlobCorrupt,
    BlobError,
    BlobStoreFull,
    BlobStoreUnavailable,
    BlobTooLarge,
    ValidationError,
)
from longtake.testing import BlobStoreContract, RawBlobs, WatchedStore
from longtake.testing.blobs.samples import noise


def without_unnamed_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a file system that cannot make files without a name."""
    real = os.open

    def refusing(path: str, flags: int, *args: int, **options: int) -> int:
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
        return real(path, flags, *args, **options)

    monkeypatch.setattr(os, "open", refusing)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "blobs"


@pytest.fixture(params=["unnamed", "temporary names"])
def store(
    root: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FileBlobStore]:
    if request.param == "temporary names":
        without_unnamed_files(monkeypatch)
    store = FileBlobStore(root)
    yield store
    store.close()


def files(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if not path.is_dir())


def path_of(root: Path, blob_id: str) -> Path:
    return root / blob_id[:2] / blob_id


class NamedFilesStore(FileBlobStore):
    """A store that works with temporary names in whatever process it is opened."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        with patch("longtake.blobs.file.store.unnamed_files_work", return_value=False):
            super().__init__(root)


class RawFiles(RawBlobs):
    """The files of a store."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def read(self, blob_id: str) -> bytes:
        return path_of(self.root, blob_id).read_bytes()

    def write(self, blob_id: str, content: bytes) -> None:
        path_of(self.root, blob_id).write_bytes(content)

    def names(self) -> set[str]:
        return {path.name for path in files(self.root)} - {".lock"}


class FileStoreTests(BlobStoreContract):
    """What the contract needs to know of a file store in ``root``."""

    put_memory = 4 * 2**20

    @pytest.fixture
    def raw(self, store: FileBlobStore, root: Path) -> RawFiles:
        return RawFiles(root)

    @pytest.fixture
    def watched(self, store: FileBlobStore, monkeypatch: pytest.MonkeyPatch) -> WatchedStore:
        watched = WatchedStore(store)
        for name in ("open", "stat", "lstat", "link", "rename", "unlink"):
            monkeypatch.setattr(os, name, _noting(watched.calls, getattr(os, name)))
        return watched

    @pytest.fixture
    def full_store(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FileBlobStore:
        """As on a disk of 8 MiB."""
        full, real = tmp_path / "full", os.pwrite

        def pwrite(file: int, data: memoryview, offset: int) -> int:
            if sum(path.stat().st_size for path in files(full)) + len(data) > 8 * 2**20:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return real(file, data, offset)

        monkeypatch.setattr(os, "pwrite", pwrite)
        return FileBlobStore(full)

    @pytest.fixture
    def outage(self, root: Path) -> Callable[[], AbstractContextManager[None]]:
        """As when a disk is not mounted."""

        @contextmanager
        def outage() -> Iterator[None]:
            root.rename(root.with_name("unmounted"))
            yield
            root.with_name("unmounted").rename(root)

        return outage


class TestFileBlobStore(FileStoreTests):
    @pytest.fixture
    def store(self, root: Path) -> Iterator[FileBlobStore]:
        store = FileBlobStore(root)
        yield store
        store.close()


class TestTemporaryNames(FileStoreTests):
    """As on a file system that cannot make files without a name."""

    @pytest.fixture
    def store(self, root: Path) -> Iterator[FileBlobStore]:
        store = NamedFilesStore(root)
        yield store
        store.close()

    @pytest.fixture
    def sweep(self, root: Path) -> Callable[[], None]:
        """A day passes."""

        def sweep() -> None:
            for path in files(root):
                os.utime(path, (time.time() - 86400,) * 2)

        return sweep


class TestLayout:
    def test_a_blob_is_one_private_file_in_a_private_folder(
        self, store: FileBlobStore, root: Path
    ) -> None:
        blob_id = store.put(noise(1000))
        assert files(root) == [path_of(root, blob_id)]
        assert path_of(root, blob_id).stat().st_mode & 0o7777 == 0o600
        assert path_of(root, blob_id).parent.stat().st_mode & 0o7777 == 0o700
        assert root.stat().st_mode & 0o7777 == 0o700

    def test_the_payload_follows_one_page_of_header(self, store: FileBlobStore, root: Path) -> None:
        before = time.time_ns()
        blob_id = store.put(noise(1000), mime="video/mp4")
        content = path_of(root, blob_id).read_bytes()
        header = decode_seal(content[:HEADER_SIZE], blob_id, HEADER_SIZE)
        assert content[HEADER_SIZE:] == noise(1000)
        assert (header.size, header.mime) == (1000, "video/mp4")
        assert header.sha256 == hashlib.sha256(noise(1000)).digest()
        assert before <= header.created_ns <= time.time_ns()

    def test_an_absent_parent_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ValidationError, match="parent"):
            FileBlobStore(tmp_path / "absent" / "blobs")
        assert not (tmp_path / "absent").exists()

    def test_a_file_in_the_place_of_the_folder_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"x")
        for path in (tmp_path / "file", tmp_path / "file" / "blobs"):
            with pytest.raises(ValidationError, match="folder"):
                FileBlobStore(path)

    def test_a_folder_that_is_gone_is_unavailable(self, store: FileBlobStore, root: Path) -> None:
        blob_id = store.put(b"x")
        root.rename(root.with_name("moved"))
        with pytest.raises(BlobStoreUnavailable, match="mounted"):
            store.get(blob_id)
        with pytest.raises(BlobStoreUnavailable):
            store.put(b"y")
        root.with_name("moved").rename(root)
        assert bytes(store.get(blob_id)) == b"x"

    def test_a_shard_that_is_removed_is_made_again(self, store: FileBlobStore, root: Path) -> None:
        for _ in range(300):
            blob_id = store.put(b"x")
            store.drop(blob_id)
            (root / blob_id[:2]).rmdir()


class TestUrl:
    def test_it_names_the_folder(self, tmp_path: Path) -> None:
        with_store = {
            f"file://{tmp_path}/a": "a",
            f"file://localhost{tmp_path}/b": "b",
            f"FILE://LocalHost{tmp_path}/c": "c",
            f"file://{tmp_path}/d%20%C3%A9%3f": "d \u00e9?",
        }
        for url, name in with_store.items():
            blob_id = open_store(url).put(b"x")
            assert path_of(tmp_path / name, blob_id).exists()

    @pytest.mark.parametrize(
        "url",
        [
            "file:",
            "file://",
            "file:///",
            "file:relative",
            "file:/one-slash",
            "file://relative/folder",
            "file://host/folder",
            "file://user:secret@localhost/folder",
            "file:///folder?mode=1",
            "file:///folder#part",
            "file:///folder%00",
            "file:///folder%zz",
            "http:///folder",
            "/folder",
        ],
    )
    def test_other_forms_are_refused(self, url: str) -> None:
        with pytest.raises(ValidationError, match="blobs") as raised:
            open_store(url)
        assert "secret" not in str(raised.value)


class TestDamage:
    @pytest.mark.parametrize("offset", [0, 8, 12, 40, HEADER_SIZE - 1, HEADER_SIZE, -1])
    def test_a_flipped_bit(self, root: Path, offset: int) -> None:
        blob_id = FileBlobStore(root).put(noise(9000), mime="video/mp4")
        content = bytearray(path_of(root, blob_id).read_bytes())
        content[offset] ^= 4
        path_of(root, blob_id).write_bytes(content)
        self._is_corrupt(root, blob_id)

    @pytest.mark.parametrize("size", [0, 1, HEADER_SIZE - 1, HEADER_SIZE, HEADER_SIZE + 8999])
    def test_a_truncated_file(self, root: Path, size: int) -> None:
        blob_id = FileBlobStore(root).put(noise(9000))
        os.truncate(path_of(root, blob_id), size)
        self._is_corrupt(root, blob_id)

    def test_an_extended_file(self, root: Path) -> None:
        blob_id = FileBlobStore(root).put(noise(9000))
        with path_of(root, blob_id).open("ab") as file:
            file.write(b"\0")
        self._is_corrupt(root, blob_id, "13097 bytes, 13096 were written")

    def test_files_that_changed_names(self, root: Path) -> None:
        store = FileBlobStore(root)
        first, second = store.put(noise(9000, 1)), store.put(noise(9000, 2))
        os.replace(path_of(root, first), path_of(root, second))
        self._is_corrupt(root, second)

    @pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
    def test_what_is_no_file(self, root: Path, make: Callable[[Path], None]) -> None:
        store = FileBlobStore(root)
        blob_id = store.put(b"x")
        path_of(root, blob_id).unlink()
        make(path_of(root, blob_id))
        assert blob_id not in store
        self._is_corrupt(root, blob_id)

    def test_damage_after_a_verified_read(self, root: Path) -> None:
        store = FileBlobStore(root)
        blob_id = store.put(noise(9000))
        store.get(blob_id)
        content = bytearray(path_of(root, blob_id).read_bytes())
        content[-1] ^= 1
        time.sleep(0.02)  # the clock of the file system ticks in milliseconds
        path_of(root, blob_id).write_bytes(content)
        with pytest.raises(BlobCorrupt):
            store.get(blob_id)

    @settings(
        max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(
        offset=st.integers(0, HEADER_SIZE - 1),
        garbage=st.binary(min_size=1, max_size=64),
    )
    def test_any_other_header_is_corrupt(self, tmp_path: Path, offset: int, garbage: bytes) -> None:
        store = FileBlobStore(tmp_path / "blobs")
        blob_id = store.put(b"payload")
        path = path_of(tmp_path / "blobs", blob_id)
        content = path.read_bytes()
        damaged = content[:offset] + garbage + content[offset + len(garbage) :]
        path.write_bytes(damaged)
        if damaged == content:
            assert bytes(store.get(blob_id)) == b"payload"
        else:
            self._is_corrupt(tmp_path / "blobs", blob_id)

    def test_a_later_format_says_upgrade(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("longtake.blobs.records.seal._VERSION", 2)
        blob_id = FileBlobStore(root).put(b"x")
        monkeypatch.undo()
        with pytest.raises(BlobError, match="upgrade") as raised:
            FileBlobStore(root).get(blob_id)
        assert not isinstance(raised.value, BlobCorrupt)

    def _is_corrupt(self, root: Path, blob_id: str, problem: str = "^blob ") -> None:
        store = FileBlobStore(root)
        for _ in range(2):
            with pytest.raises(BlobCorrupt, match=problem) as raised:
                store.get(blob_id)
            assert blob_id not in str(raised.value)


class TestLinks:
    def test_a_link_in_the_place_of_a_blob_is_not_followed(
        self, root: Path, tmp_path: Path
    ) -> None:
        store = FileBlobStore(root)
        blob_id = store.put(b"x")
        path_of(root, blob_id).rename(tmp_path / "elsewhere")
        path_of(root, blob_id).symlink_to(tmp_path / "elsewhere")
        assert blob_id not in store
        with pytest.raises(BlobCorrupt):
            store.get(blob_id)
        store.drop(blob_id)
        assert not files(root)
        assert (tmp_path / "elsewhere").exists()

    def test_a_link_in_the_place_of_a_shard_is_not_followed(
        self, root: Path, tmp_path: Path
    ) -> None:
        store = FileBlobStore(root)
        blob_id = store.put(b"x")
        (root / blob_id[:2]).rename(tmp_path / "elsewhere")
        (root / blob_id[:2]).symlink_to(tmp_path / "elsewhere")
        for use in (store.get, store.drop, store.__contains__):
            with pytest.raises(BlobStoreUnavailable):
                use(blob_id)
        assert (tmp_path / "elsewhere" / blob_id).exists()


class TestWholeOrNothing:
    @pytest.mark.parametrize("fails", ["pwrite", "fsync"])
    @pytest.mark.parametrize(
        ("code", "expected"),
        [
            (errno.ENOSPC, BlobStoreFull),
            (errno.EDQUOT, BlobStoreFull),
            (errno.EFBIG, BlobTooLarge),
            (errno.EROFS, BlobStoreUnavailable),
            (errno.EIO, BlobStoreUnavailable),
        ],
    )
    def test_a_failing_disk_leaves_nothing_and_a_usable_store(
        self,
        store: FileBlobStore,
        root: Path,
        monkeypatch: pytest.MonkeyPatch,
        fails: str,
        code: int,
        expected: type[BlobError],
    ) -> None:
        real = getattr(os, fails)
        kept = [store.put(b"kept")]
        outcomes: list[type[BlobError]] = []
        for call in range(4):
            with monkeypatch.context() as patch:
                patch.setattr(os, fails, _failing_at(call, real, code))
                try:
                    kept.append(store.put([noise(5000), noise(300_000)]))
                except BlobError as error:
                    outcomes.append(type(error))
        kept.append(store.put(b"after"))
        assert len(outcomes) >= 2
        assert set(outcomes) == {expected}
        assert {path.name for path in files(root)} == set(kept)
        assert bytes(store.get(kept[0])) == b"kept"

    def test_a_large_piece_that_cannot_be_flushed_leaves_nothing(
        self, store: FileBlobStore, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store.drop(store.put(b"x"))
        monkeypatch.setattr(writing, "FLUSH_FROM", 2**20)
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", _failing_at(1, os.fsync, errno.ENOSPC))
            with pytest.raises(BlobStoreFull):
                store.put(noise(2**20))
        assert not files(root)
        assert bytes(store.get(store.put(noise(2**20)))) == noise(2**20)

    def test_short_writes_are_continued(
        self, store: FileBlobStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = os.pwrite
        monkeypatch.setattr(os, "pwrite", lambda file, data, at: real(file, data[:1013], at))
        assert bytes(store.get(store.put([noise(5000), noise(300_000)]))) == (
            noise(5000) + noise(300_000)
        )

    def test_the_file_is_durable_before_its_name_and_then_the_folder(
        self, store: FileBlobStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        calls: list[str] = []
        real_fsync = os.fsync

        def fsync(file: int) -> None:
            kind = "folder" if os.path.isdir(f"/proc/self/fd/{file}") else "file"
            calls.append(f"fsync {kind}")
            real_fsync(file)

        monkeypatch.setattr(os, "fsync", fsync)
        for name in ("link", "rename", "pwrite"):
            monkeypatch.setattr(os, name, _noting(calls, getattr(os, name)))
        monkeypatch.setattr(os, "mkdir", _noting(calls, os.mkdir))
        store.put(b"x")
        named = [call for call in calls if call in {"link", "rename"}]
        assert len(named) == 1
        assert calls == [
            "mkdir",
            "fsync folder",
            "pwrite",
            "pwrite",
            "fsync file",
            *named,
            "fsync folder",
        ]

    def test_a_limit_on_file_sizes_is_too_large(self, root: Path) -> None:
        script = """
import resource, signal, sys
from longtake.blobs.file.store import FileBlobStore
from longtake.errors import BlobTooLarge
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
store = FileBlobStore(sys.argv[1])
try:
    store.put(bytes(500_000))
except BlobTooLarge:
    print(store.put(b"small"))
"""
        small = _python(script, str(root)).strip()
        assert files(root) == [path_of(root, small)]
        assert bytes(FileBlobStore(root).get(small)) == b"small"

    def test_a_folder_that_may_not_be_written_is_unavailable(self, root: Path) -> None:
        blob_id = FileBlobStore(root).put(b"x")
        for folder in (root / blob_id[:2], root):
            folder.chmod(0o500)
        if os.access(root, os.W_OK):
            pytest.skip("this user may write anywhere")
        store = FileBlobStore(root)
        assert bytes(store.get(blob_id)) == b"x"
        with pytest.raises(BlobStoreUnavailable, match="owner"):
            store.put(b"y")
        with pytest.raises(BlobStoreUnavailable, match="owner"):
            store.drop(blob_id)
        for folder in (root, root / blob_id[:2]):
            folder.chmod(0o700)


def _failing_at(call: int, real: Callable[..., object], code: int) -> Callable[..., object]:
    """``real``, but the call with this index fails."""
    calls = iter(range(1000))

    def failing(*args: object) -> object:
        if next(calls) == call:
            raise OSError(code, os.strerror(code))
        return real(*args)

    return failing


def _noting(calls: list[Any], real: Callable[..., object]) -> Callable[..., object]:
    def noting(*args: object, **options: object) -> object:
        calls.append(real.__name__)
        return real(*args, **options)

    return noting


class TestLitter:
    def test_litter_is_swept_when_the_store_is_opened_and_only_when_old(
        self, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        without_unnamed_files(monkeypatch)
        store = FileBlobStore(root)
        blob_id = store.put(b"x")
        shard = path_of(root, blob_id).parent
        (shard / ".tmp-old").write_bytes(b"torn")
        (shard / ".tmp-young").write_bytes(b"running")
        os.utime(path_of(root, blob_id), (0, 0))
        os.utime(shard / ".tmp-old", (0, 0))
        FileBlobStore(root)
        assert {path.name for path in files(root)} == {blob_id, ".tmp-young"}

    def test_a_file_under_a_temporary_name_is_removed_unless_published(self, root: Path) -> None:
        folder = os.open(root.parent, os.O_RDONLY)
        file = writing.NewFile(folder, unnamed=False)
        file.append(memoryview(b"half"))
        assert all(path.name.startswith(".tmp-") for path in files(root.parent))
        assert len(files(root.parent)) == 1
        file.close()
        os.close(folder)
        assert not files(root.parent)


class TestProcesses:
    def test_a_store_is_pickled_as_its_root(self, store: FileBlobStore) -> None:
        blob_id = store.put(b"x")
        again = pickle.loads(pickle.dumps(store))
        assert bytes(again.get(blob_id)) == b"x"
        assert repr(again) == repr(store)

    def test_put_works_while_the_interpreter_ends(self, root: Path) -> None:
        script = """
import atexit, sys
from longtake.blobs.file.store import FileBlobStore
store = FileBlobStore(sys.argv[1])
store.put(bytes(1_000_000))
atexit.register(lambda: print(store.put(b"e" * 1_000_000)))
"""
        blob_id = _python(script, str(root)).strip()
        assert bytes(FileBlobStore(root).get(blob_id)) == b"e" * 1_000_000


class TestUse:
    def test_the_digest_is_computed_once_however_many_threads_ask(
        self, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = FileBlobStore(root)
        blob_id = store.put(noise(1_000_000))
        hashed: list[int] = []
        real = hashlib.sha256

        def sha256(data: bytes = b"") -> object:
            hashed.append(len(data))
            return real(data)

        monkeypatch.setattr(hashlib, "sha256", sha256)
        threads = [threading.Thread(target=store.get, args=(blob_id,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        store.get(blob_id)
        assert hashed.count(1_000_000) == 1

    def test_what_was_checked_once_takes_little_room(self, store: FileBlobStore) -> None:
        ids = [store.put(b"%d" % number) for number in range(1000)]
        store.get(ids[0])
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            for blob_id in ids:
                store.get(blob_id)
            gc.collect()
            held = tracemalloc.get_traced_memory()[0] - before
        finally:
            tracemalloc.stop()
        assert held < 500 * len(ids)

    def test_the_view_is_page_aligned(self, root: Path) -> None:
        numpy = pytest.importorskip("numpy")
        store = FileBlobStore(root)
        view = store.get(store.put(noise(10_000)))
        assert numpy.frombuffer(view, "u1").ctypes.data % 4096 == 0

    def test_repr_shows_the_root(self, store: FileBlobStore, root: Path) -> None:
        assert str(root) in repr(store)


def _python(script: str, *args: str) -> str:
    """What ``script`` prints in an interpreter of its own."""
    command = [sys.executable, "-c", script, *args]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=60).stdout
