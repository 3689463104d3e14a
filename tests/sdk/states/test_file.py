"""A take's state in a file: read or refused by name, replaced as a whole, blobs let go after it."""

from __future__ import annotations

import errno
import json
import os
import stat
from pathlib import Path

import pytest

import longtake as lt
from longtake.blobs.memory import MemoryBlobStore
from longtake.states.file import StateFile, check_state_target, read_state


def blob_ids(state: lt.ContinuationState) -> list[str]:
    return [str(blob_id) for blob_id in state.payload["blobs"]]


def state_of(*ids: str) -> lt.ContinuationState:
    return lt.ContinuationState("fog.v1", {"schema_version": 1, "blobs": list(ids)})


@pytest.fixture
def store() -> MemoryBlobStore:
    return MemoryBlobStore()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "take.json"


def test_what_was_saved_is_read_again(path: Path) -> None:
    StateFile(path, blob_ids).save(state_of("a"))
    assert read_state(path) == state_of("a")


def test_a_file_that_somebody_puts_there_meanwhile_stays(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    states = StateFile(path, blob_ids)
    states.save(state_of("a"))
    states.save(state_of("b"))
    path.unlink()
    path.write_text("mine")
    states.save(state_of("c"))
    states.save(state_of("d"))
    beside = path.with_name("take-2.json")
    assert (path.read_text(), read_state(beside)) == ("mine", state_of("d"))
    assert "was put there by somebody else" in caplog.text
    states.remove()
    assert [each.name for each in path.parent.iterdir()] == ["take.json"]


def test_a_state_that_was_edited_meanwhile_is_not_removed(path: Path) -> None:
    states = StateFile(path, blob_ids)
    states.save(state_of("a"))
    path.write_text("mine")
    os.utime(path, ns=(1, 1))
    states.remove()
    assert path.read_text() == "mine"


@pytest.mark.parametrize("content", [b"", b"[]", b'{"kind": 3, "payload": {}}', b"\xff"])
def test_what_is_no_state_is_refused_with_the_name_of_the_file(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(lt.ValidationError, match="is not a state") as refused:
        read_state(path)
    assert refused.value.path == str(path)


def test_a_file_that_cannot_be_read_is_refused_with_its_name(path: Path) -> None:
    with pytest.raises(lt.ValidationError, match="cannot be read: No such file") as refused:
        read_state(path)
    assert refused.value.path == str(path)


def test_places_where_no_state_can_be_are_refused_unchanged(tmp_path: Path) -> None:
    check_state_target(tmp_path / "take.json")
    with pytest.raises(lt.OutputError, match="is a directory"):
        check_state_target(tmp_path)
    with pytest.raises(lt.OutputError, match="there is no folder"):
        check_state_target(tmp_path / "none" / "take.json")
    assert list(tmp_path.iterdir()) == []


def test_only_the_blobs_of_the_newest_state_are_kept(path: Path, store: MemoryBlobStore) -> None:
    given, first, both, last = (store.put(data) for data in (b"0", b"1", b"2", b"3"))
    states = StateFile(path, blob_ids, blobs=store, given=state_of(given))
    states.save(state_of(given, first, both))
    assert all(blob_id in store for blob_id in (given, first, both))
    states.save(state_of(both, last))
    assert first not in store
    assert all(blob_id in store for blob_id in (given, both, last))  # the given one is its owner's
    states.remove()
    assert both not in store
    assert last not in store
    assert given in store
    assert not path.exists()


def test_what_a_replaced_state_shares_with_the_new_one_stays(
    path: Path, store: MemoryBlobStore
) -> None:
    both, old = store.put(b"1"), store.put(b"2")
    StateFile(path, blob_ids).save(state_of(both, old))
    states = StateFile(path, blob_ids, blobs=store, kept=read_state(path))
    states.save(state_of(both))
    assert both in store
    assert old not in store


def test_a_state_that_is_not_saved_takes_its_own_blobs_alone(
    path: Path, store: MemoryBlobStore
) -> None:
    kept, dropped = store.put(b"1"), store.put(b"2")
    states = StateFile(path, blob_ids, blobs=store)
    states.save(state_of(kept))
    states.discard(state_of(kept, dropped))
    states.discard(None)
    assert kept in store
    assert dropped not in store


def test_a_disk_that_is_full_keeps_the_state_before_and_its_blobs(
    path: Path, store: MemoryBlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "no room")

    before, after = store.put(b"1"), store.put(b"2")
    states = StateFile(path, blob_ids, blobs=store)
    states.save(state_of(before))
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(lt.OutputError, match=r"the state cannot be written: no room"):
            states.save(state_of(after))
    assert json.loads(path.read_bytes())["payload"]["blobs"] == [before]
    assert before in store
    assert after not in store
    assert [each.name for each in path.parent.iterdir()] == ["take.json"]


def test_a_link_stays_one(path: Path) -> None:
    (path.parent / "link.json").symlink_to(path)
    StateFile(path.parent / "link.json", blob_ids).save(state_of("a"))
    assert (path.parent / "link.json").is_symlink()
    assert read_state(path) == state_of("a")


def test_without_a_store_nothing_is_dropped(path: Path) -> None:
    def never(state: lt.ContinuationState) -> list[str]:
        raise AssertionError("there is no store to drop blobs from")

    states = StateFile(path, never, given=state_of("a"))
    states.save(state_of("b"))
    states.save(state_of("c"))
    assert read_state(path) == state_of("c")


def test_a_pipe_is_neither_read_nor_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    states = StateFile(tmp_path / "pipe", blob_ids)
    with pytest.raises(lt.OutputError, match="is a named pipe; only a regular file is replaced"):
        check_state_target(states.path)
    with pytest.raises(lt.OutputError, match="the state cannot be written: is a named pipe"):
        states.save(state_of("a"))
    with pytest.raises(lt.ValidationError, match="is a named pipe; only a regular file is read"):
        read_state(states.path)
    assert stat.S_ISFIFO(os.stat(states.path).st_mode)


def test_a_file_larger_than_a_state_can_be_is_not_read(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with path.open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(lt.ValidationError, match=f"has {2**40} bytes; at most {2**30} are read"):
        read_state(path)
    StateFile(path, blob_ids).save(state_of("a" * 100))
    monkeypatch.setenv("LONGTAKE_STATE_BYTES", "50")
    with pytest.raises(lt.ValidationError, match="at most 100 are read"):
        read_state(path)


def test_a_state_is_its_owners_alone_and_keeps_the_mode_that_it_was_given(path: Path) -> None:
    states = StateFile(path, blob_ids)
    states.save(state_of("a"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    states.save(state_of("b"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


@pytest.mark.parametrize("name", ["a" * 250 + ".json", "a" * 256])
def test_the_longest_names_hold_a_state_and_longer_ones_are_refused(
    tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    if len(name) > 255:
        with pytest.raises(lt.OutputError, match="a name of 256 bytes; at most 255 are taken"):
            check_state_target(path)
        return
    check_state_target(path)
    StateFile(path, blob_ids).save(state_of("a"))
    assert read_state(path) == state_of("a")
