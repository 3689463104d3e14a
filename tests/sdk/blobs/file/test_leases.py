"""Leases of the file store: damage, clocks, kills between any two steps."""

from __future__ import annotations

import errno
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import longtake as lt
from longtake.blobs.file.store import FileBlobStore
from longtake.errors import BlobCorrupt, BlobStoreUnavailable

PROGRAM = """
import json, os, sys
import longtake as lt
from longtake.blobs.file.store import FileBlobStore

store, state = FileBlobStore(sys.argv[1]), sys.argv[2]
blobs = lt.leasing(store, 0.02)
owner, old, n = "", [], int(sys.argv[3])
if os.path.exists(state):
    document = json.load(open(state))
    owner, old = document["owner"], document["ids"]
print("ready", flush=True)
while True:
    n += 1
    new_owner, new = f"take-{n}", [blobs.put(os.urandom(100)) for _ in range(2)]
    store.pin(new, new_owner)
    with open(state + ".new", "w") as file:
        json.dump({"owner": new_owner, "ids": new}, file)
    os.replace(state + ".new", state)
    if owner:
        store.unpin(old, owner)
    owner, old = new_owner, new
    store.sweep()
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "blobs"


@pytest.fixture
def store(root: Path) -> FileBlobStore:
    return FileBlobStore(root)


def leased(store: FileBlobStore, seconds: float = 0.01) -> str:
    return store.put(b"x", lease_seconds=seconds)


def test_a_kill_between_any_two_steps_leaves_no_state_without_its_blobs(
    root: Path, store: FileBlobStore, tmp_path: Path
) -> None:
    state, chance = tmp_path / "state.json", random.Random(3)
    for attempt in range(8):
        arguments = [sys.executable, "-c", PROGRAM, str(root), str(state), str(attempt * 10**6)]
        program = subprocess.Popen(arguments, stdout=subprocess.PIPE)
        assert program.stdout is not None
        assert program.stdout.readline() == b"ready\n"
        time.sleep(chance.uniform(0.005, 0.15))
        program.send_signal(signal.SIGKILL)
        program.wait()
        program.stdout.close()
        time.sleep(0.03)
        store.sweep()
        if state.exists():
            assert all(blob_id in store for blob_id in json.loads(state.read_text())["ids"])
    assert state.exists()


def test_what_killed_programs_left_is_swept(
    root: Path, store: FileBlobStore, tmp_path: Path
) -> None:
    for _ in range(5):
        leased(store)
    kept = store.put(b"kept")
    time.sleep(0.02)
    assert FileBlobStore(root).sweep() == 5
    assert [path.name for path in root.glob("??/*")] == [kept]
    assert not list((root / "leases").glob("[!.]*"))


def test_a_damaged_record_stops_the_sweep(root: Path, store: FileBlobStore) -> None:
    ids = sorted(leased(store) for _ in range(3))
    record = root / "leases" / ids[1]
    time.sleep(0.02)
    record.write_bytes(record.read_bytes()[:-3])
    with pytest.raises(BlobCorrupt, match="pins") as raised:
        store.sweep()
    assert ids[1] not in str(raised.value)
    assert ids[1] in store
    assert ids[2] in store
    store.drop(ids[1])  # as the message says
    assert store.sweep() == 1


def test_a_damaged_record_pins_none_of_the_blobs(root: Path, store: FileBlobStore) -> None:
    ids = [leased(store), leased(store)]
    (root / "leases" / ids[1]).write_bytes(b"")
    with pytest.raises(BlobCorrupt):
        store.pin(ids, "take")
    store.drop(ids[1])
    time.sleep(0.02)
    assert store.sweep() == 1
    assert ids[0] not in store


def test_dropping_also_forgets_the_record_of_a_blob_that_is_gone(
    root: Path, store: FileBlobStore
) -> None:
    blob_id = leased(store)
    (root / blob_id[:2] / blob_id).unlink()
    (root / "leases" / blob_id).write_bytes(b"")
    with pytest.raises(BlobCorrupt):
        store.sweep()
    store.drop(blob_id)  # as the message says
    assert store.sweep() == 0


def test_what_a_kill_left_of_a_record_is_swept(root: Path, store: FileBlobStore) -> None:
    leased(store, 60)
    old, new = root / "leases" / ".tmp-old", root / "leases" / ".tmp-new"
    for path in (old, new):
        path.touch()
    os.utime(old, (0, 0))
    store.sweep()
    assert not old.exists()
    assert new.exists()  # somebody may be writing it


def test_a_record_of_another_blob_is_damage(root: Path, store: FileBlobStore) -> None:
    one, other = leased(store), leased(store)
    (root / "leases" / one).write_bytes((root / "leases" / other).read_bytes())
    with pytest.raises(BlobCorrupt):
        store.pin([one], "take")


def test_the_callers_clock_does_not_matter(
    store: FileBlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: real + 10**15)
    monkeypatch.setattr(time, "time", lambda: (real + 10**15) / 1e9)
    blob_id = leased(store, 60)
    assert store.sweep() == 0
    assert blob_id in store


def test_a_lease_whose_blob_never_came_goes_in_the_end(
    root: Path, store: FileBlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    blob_id = leased(store)
    (root / blob_id[:2] / blob_id).unlink()
    time.sleep(0.02)
    assert store.sweep() == 0
    assert (root / "leases" / blob_id).exists()  # its put may be about to publish it
    monkeypatch.setattr("longtake.blobs.file.leases._ORPHAN_NS", 0)
    assert store.sweep() == 0
    assert not (root / "leases" / blob_id).exists()


def test_a_blob_whose_lease_cannot_be_kept_is_not_kept(
    root: Path, store: FileBlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rename(source: str, target: str) -> None:
        raise OSError(errno.ENOSPC, "no room")

    monkeypatch.setattr(os, "replace", rename)
    with pytest.raises(lt.BlobStoreFull):
        leased(store)
    assert list(root.glob("??/*")) == []
    assert [path.name for path in (root / "leases").iterdir()] == [".lock"]


def test_records_are_for_their_owner_only(root: Path, store: FileBlobStore) -> None:
    blob_id = leased(store)
    store.pin([blob_id], "take")
    assert (root / "leases").stat().st_mode & 0o777 == 0o700
    assert (root / "leases" / blob_id).stat().st_mode & 0o777 == 0o600


def test_a_store_without_leases_has_no_folder_for_them(root: Path, store: FileBlobStore) -> None:
    blob_id = store.put(b"x")
    store.pin([blob_id], "take")
    store.unpin([blob_id], "take")
    assert store.sweep() == 0
    assert not (root / "leases").exists()


def test_a_lock_that_is_never_given_back_is_unavailable(
    root: Path, store: FileBlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    leased(store)
    monkeypatch.setattr("longtake.blobs.file.leases._LOCK_SECONDS", 0.05)
    lock = os.open(root / "leases" / ".lock", os.O_RDWR)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(BlobStoreUnavailable, match="lock"):
            store.sweep()
    finally:
        os.close(lock)
    store.sweep()


def test_a_process_forked_under_the_lock_does_not_keep_it(
    root: Path, store: FileBlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("longtake.blobs.file.leases._LOCK_SECONDS", 0.5)
    blob_id = leased(store)
    children: list[int] = []
    replace = os.replace

    def rename(source: str, target: str) -> None:
        if not children:
            children.append(os.fork())
            if not children[0]:
                signal.pause()
        replace(source, target)

    monkeypatch.setattr(os, "replace", rename)
    try:
        store.pin([blob_id], "take")
        store.unpin([blob_id], "take")
    finally:
        os.kill(children[0], signal.SIGKILL)
        os.waitpid(children[0], 0)


def test_blobs_put_through_leasing_are_swept(store: FileBlobStore) -> None:
    blobs = lt.leasing(store, 0.01)
    blob_id = blobs.put(b"abc", mime="text/plain")
    assert bytes(blobs.get(blob_id)) == b"abc"
    assert blob_id in blobs
    assert store.stat(blob_id).mime == "text/plain"
    time.sleep(0.02)
    assert store.sweep() == 1
    blobs.drop(blob_id)
