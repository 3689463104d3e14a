"""A session becomes one file that has all of it, the same bytes each time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, ZipFile

import pytest
from attrs import evolve

import longtake as lt
from tests.sdk.sessions.exported import Made, exported, imported, made


def manifest_of(path: Path) -> dict[str, Any]:
    with ZipFile(path) as opened:
        document: dict[str, Any] = json.loads(opened.read("manifest.json"))
    return document


def test_it_is_a_zip_file_of_stored_entries_with_a_manifest(tmp_path: Path) -> None:
    one = made({"show": "sea"})
    for _ in range(2):
        one.commit([b"the same picture"])
    path = exported(tmp_path, one)
    with ZipFile(path) as opened:
        infos = opened.infolist()
        names = [info.filename for info in infos]
        assert opened.testzip() is None
    assert names[-3:] == ["states/0.json", "states/1.json", "manifest.json"]
    assert len(names) == 6  # two states' blobs, and one of the media, whose bytes are equal
    assert all(name.startswith("blobs/") for name in names[:3])
    assert {info.compress_type for info in infos} == {ZIP_STORED}
    assert {info.date_time for info in infos} == {(1980, 1, 1, 0, 0, 0)}
    manifest = manifest_of(path)
    assert manifest["format"] == 1
    assert manifest["session"] == {
        "id": "take",
        "family": "fog",
        "preset": "thin@1",
        "labels": {"show": "sea"},
        "parent": None,
    }
    assert [each["request"]["prompt"] for each in manifest["segments"]] == ["fog 0", "fog 1"]
    assert manifest["entries"].keys() == set(names) - {"manifest.json"}


def test_no_id_of_a_blob_leaves_its_store(tmp_path: Path) -> None:
    one = made()
    segment = one.commit([b"picture"])
    data = exported(tmp_path, one).read_bytes()
    assert [blob_id for blob_id in segment.blob_ids if blob_id.encode() in data] == []


def test_the_same_session_gives_the_same_bytes(tmp_path: Path) -> None:
    one = made({"b": "2", "a": "1"})
    one.commit([b"one", b"two", b"one"])
    one.commit(inline=True, url="https://films.example/2.mkv")
    first, second = exported(tmp_path, one, "1.zip"), exported(tmp_path, one, "2.zip")
    assert first.read_bytes() == second.read_bytes()
    assert exported(tmp_path, imported(first), "3.zip").read_bytes() == first.read_bytes()


def test_a_session_without_segments(tmp_path: Path) -> None:
    again = imported(exported(tmp_path, made()))
    assert again.sessions.read("take").num_segments == 0


def test_the_file_is_replaced_only_when_asked(tmp_path: Path) -> None:
    one = made()
    path = exported(tmp_path, one)
    before = path.read_bytes()
    one.commit()
    with pytest.raises(lt.OutputError, match="is there already"):
        exported(tmp_path, one)
    assert path.read_bytes() == before
    lt.export_session(one.sessions, "take", path, blobs=one.blobs, overwrite=True)
    assert path.read_bytes() != before


def test_nothing_is_left_when_a_blob_is_missing(tmp_path: Path) -> None:
    one = made()
    segment = one.commit([b"picture"])
    one.blobs.drop(segment.media[0])
    with pytest.raises(lt.BlobNotFound):
        exported(tmp_path, one)
    with pytest.raises(lt.ValidationError, match=r"^blobs: segment 0 refers to blobs"):
        lt.export_session(one.sessions, "take", tmp_path / "take.zip")
    with pytest.raises(lt.SessionNotFound):
        lt.export_session(one.sessions, "another", tmp_path / "take.zip")
    assert list(tmp_path.iterdir()) == []


class Unread:
    """A blob store that is not to be read."""

    def get(self, blob_id: str) -> bytes:
        raise AssertionError("a blob was read")


def test_what_could_not_be_imported_is_refused_before_a_blob_is_read(tmp_path: Path) -> None:
    one = made()
    segment = one.commit([b"picture"])
    long = evolve(segment, index=1, attempt="f" * 32, request={"prompt": "x" * 2**26})
    one.sessions.advance("take", 1, long, None)
    with pytest.raises(lt.OutputError, match=r"67\d{6} bytes; at most 67108864 are read"):
        lt.export_session(
            one.sessions,
            "take",
            tmp_path / "take.zip",
            blobs=Unread(),  # type: ignore[arg-type]
        )
    assert list(tmp_path.iterdir()) == []


def test_what_is_exported_is_as_large_as_what_is_imported_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = made()
    one.commit([b"picture"])
    with ZipFile(exported(tmp_path, one)) as opened:
        size = opened.getinfo("manifest.json").file_size
    for module in ("exporting", "importing"):
        monkeypatch.setattr(f"longtake.sessions.{module}.MOST_MANIFEST", size)
    assert imported(exported(tmp_path, one, "as-large.zip")).sessions.read("take").num_segments == 1
    monkeypatch.setattr("longtake.sessions.exporting.MOST_MANIFEST", size - 1)
    with pytest.raises(lt.OutputError, match="export a fork of the first of its 1 segments"):
        exported(tmp_path, one, "larger.zip")
    monkeypatch.setattr("longtake.sessions.importing.MOST_MANIFEST", size - 1)
    with pytest.raises(lt.ValidationError, match=rf"{size} bytes; at most {size - 1} are read"):
        imported(tmp_path / "as-large.zip")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["as-large.zip", "take.zip"]


def test_more_values_than_an_import_reads_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = made()
    one.commit(inline=True)
    monkeypatch.setenv("LONGTAKE_STATE_BYTES", "2048")
    with pytest.raises(lt.OutputError, match=r"cannot be imported: its manifest\.json could not"):
        exported(tmp_path, one)
    assert list(tmp_path.iterdir()) == []


def test_a_state_that_is_not_the_committed_one_is_refused(tmp_path: Path) -> None:
    one = made()
    segment = one.commit(inline=True)
    state = one.sessions.state("take", 0)
    assert state is not None
    other = Made(blobs=one.blobs)
    other.sessions.create("take", family="fog")
    changed = lt.ContinuationState(state.kind, {**state.payload, "frames": 90})
    other.sessions.advance("take", 0, segment, changed)
    with pytest.raises(lt.SessionError, match="not the one that was committed"):
        exported(tmp_path, other)
    gone = Made(blobs=one.blobs)
    gone.sessions.create("take", family="fog")
    gone.sessions.advance("take", 0, segment, None)
    with pytest.raises(lt.SessionError, match="not the one that was committed"):
        exported(tmp_path, gone)
    assert list(tmp_path.iterdir()) == []


def test_what_is_committed_meanwhile_is_left_out_and_what_is_rewound_a_conflict(
    tmp_path: Path,
) -> None:
    one = made()
    one.commit()
    one.commit()
    sessions = one.sessions

    class Busy:
        """Somebody changes the session after each state that is read."""

        def __init__(self, change: Any) -> None:
            self._change = change

        def state(self, session_id: str, segment: int) -> Any:
            found = sessions.state(session_id, segment)
            self._change()
            return found

        def __getattr__(self, name: str) -> Any:
            return getattr(sessions, name)

    def again() -> None:
        assert isinstance(sessions, lt.SupportsBranches)
        record = sessions.read("take")
        last = sessions.history("take")[-1]
        state = sessions.state("take", last.index)
        count = record.num_segments - 1
        rewound = sessions.rewind("take", record.revision, count)
        sessions.advance("take", rewound.revision, evolve(last, attempt="f" * 32), state)

    growing: Any = Busy(one.commit)
    record = lt.export_session(growing, "take", tmp_path / "1.zip", blobs=one.blobs)
    assert record.num_segments == 2 == len(manifest_of(tmp_path / "1.zip")["segments"])
    assert sessions.read("take").num_segments == 4
    rewinding: Any = Busy(again)
    with pytest.raises(lt.Conflict):
        lt.export_session(rewinding, "take", tmp_path / "2.zip", blobs=one.blobs)
    assert [each.name for each in tmp_path.iterdir()] == ["1.zip"]
