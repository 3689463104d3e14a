"""A session from a stranger's file: all of it or nothing."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zipfile import ZIP_DEFLATED, ZipInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import longtake as lt
from longtake.plugins.loading import Plugin
from longtake.sessions.attempts import Patience
from tests.sdk.sessions.exported import (
    REGISTRY,
    Entries,
    exported,
    forged,
    imported,
    made,
    replaced_entry,
    with_manifest,
)
from tests.sdk.toy_family import FOG, FogCodec

GOLDEN = Path(__file__).with_name("exports") / "format-1.zip"
GOLDEN_DIGEST = "4877f0ea68b010bf8c7c07f8003b8cdaed1aed37b84391f10782d227b7b36388"


class Watched:
    """A memory store of blobs that knows what was put."""

    def __init__(self) -> None:
        self._blobs: Any = lt.open_blob_store("memory:")
        self.ids: list[str] = []

    def put(
        self,
        data: Any,
        *,
        mime: str = "application/octet-stream",
        lease_seconds: float | None = None,
    ) -> str:
        self.ids.append(self._blobs.put(data, mime=mime, lease_seconds=lease_seconds))
        return self.ids[-1]

    def pin(self, *args: Any) -> None:
        self._blobs.pin(*args)

    def unpin(self, *args: Any) -> None:
        self._blobs.unpin(*args)

    def sweep(self, *, limit: int | None = None) -> int:
        count: int = self._blobs.sweep(limit=limit)
        return count

    def get(self, blob_id: str) -> bytes | memoryview:
        data: bytes = self._blobs.get(blob_id)
        return data

    def drop(self, blob_id: str) -> None:
        self._blobs.drop(blob_id)

    def __contains__(self, blob_id: object) -> bool:
        return blob_id in self._blobs

    def left(self) -> list[str]:
        return [each for each in self.ids if each in self]


def refused(path: Path, **options: Any) -> Exception:
    """What an import of ``path`` raises; nothing is left of it."""
    blobs, sessions = Watched(), lt.open_session_store("memory:")
    with pytest.raises((lt.ValidationError, lt.LongtakeError)) as caught:
        lt.import_session(sessions, path, blobs=blobs, registry=REGISTRY, **options)
    assert blobs.left() == []
    assert sessions.list() == []
    assert isinstance(sessions, lt.SupportsHolds)
    assert sessions.held() == set()
    error: Exception = caught.value
    return error


@pytest.fixture
def export(tmp_path: Path) -> Path:
    one = made({"show": "sea"})
    one.commit([b"picture 0" * 100])
    one.commit(inline=True, url="https://films.example/1.mkv")
    one.commit([b"picture 2", b"picture 2"])
    return exported(tmp_path, one)


def test_all_of_a_session_comes_back(export: Path) -> None:
    again = imported(export)
    record = again.sessions.read("take")
    assert (record.family, record.preset, record.num_segments) == ("fog", "thin@1", 3)
    assert (record.labels, record.revision, record.parent) == ({"show": "sea"}, 0, None)
    history = again.sessions.history("take")
    assert [each.request["prompt"] for each in history] == ["fog 0", "fog 1", "fog 2"]
    assert [each.step for each in history] == ["step-0", "step-1", "step-2"]
    assert {(each.made_by, each.seconds) for each in history} == {("worker-1", 0.375)}
    assert history[1].media == ("https://films.example/1.mkv",)
    assert again.media() == [[b"picture 0" * 100], [], [b"picture 2", b"picture 2"]]
    assert [again.state(index).frames for index in range(3)] == [9, 18, 27]


def test_a_manifest_may_have_more_values_than_a_state(
    export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LONGTAKE_STATE_LIMITS", '{"values": 30}')  # of a state here, 15 or so
    there = lt.open_session_store("memory:")
    blobs = lt.open_blob_store("memory:")
    record = lt.import_session(there, export, blobs=blobs, registry=REGISTRY)
    assert record.num_segments == len(there.history(record.id)) > 1


def test_the_states_have_the_digests_that_they_had(export: Path) -> None:
    with_ids = imported(export)
    for segment in with_ids.sessions.history("take"):
        state = with_ids.sessions.state("take", segment.index)
        assert state is not None
        ids = FOG.blob_ids(state)
        assert lt.state_digest(state, ids, with_ids.blobs) == segment.state_digest


def test_it_is_imported_once_and_under_another_id_again(export: Path) -> None:
    one = imported(export)
    options: dict[str, Any] = {"blobs": one.blobs, "registry": REGISTRY}
    with pytest.raises(lt.SessionExists):
        lt.import_session(one.sessions, export, **options)
    lt.import_session(one.sessions, export, session_id="take-2", **options)
    assert [record.id for record in one.sessions.list()] == ["take", "take-2"]
    ids = [
        {each for segment in one.sessions.history(name) for each in segment.blob_ids}
        for name in ("take", "take-2")
    ]
    assert ids[0].isdisjoint(ids[1])
    assert isinstance(refused(export, session_id="../take"), lt.InvalidSessionId)


def test_whoever_imports_adds_labels_of_their_own(export: Path) -> None:
    store, blobs = lt.open_session_store("memory:"), lt.open_blob_store("memory:")
    for name, labels in (("a", {"tenant": "x"}), ("b", {"show": "dunes"}), ("c", {})):
        lt.import_session(
            store, export, session_id=name, blobs=blobs, registry=REGISTRY, labels=labels
        )
    assert [record.labels for record in store.list()] == [
        {"show": "sea", "tenant": "x"},
        {"show": "dunes"},
        {"show": "sea"},
    ]
    with pytest.raises(lt.ValidationError, match="labels"):
        lt.import_session(store, export, session_id="d", blobs=blobs, labels={"": "x"})


def test_its_blobs_are_pinned_and_given_up_with_it(export: Path) -> None:
    one = imported(export)
    ids = {each for segment in one.sessions.history("take") for each in segment.blob_ids}
    assert isinstance(one.blobs, lt.SupportsLeases)
    assert isinstance(one.sessions, lt.SupportsHolds)
    assert one.sessions.held() == ids
    owners = {segment.attempt for segment in one.sessions.history("take")}
    assert len(owners) == 1
    one.sessions.delete("take")
    over = one.sessions.revoke_over()
    assert {blob_id for hold in over for blob_id in hold.blob_ids} == ids
    assert {hold.attempt for hold in over} == owners


def test_a_session_with_blobs_needs_a_store_and_one_without_does_not(
    tmp_path: Path, export: Path
) -> None:
    sessions = lt.open_session_store("memory:")
    with pytest.raises(lt.ValidationError, match="^blobs: the session has blobs"):
        lt.import_session(sessions, export, registry=REGISTRY)
    one = made()
    one.commit(inline=True)
    lt.import_session(sessions, exported(tmp_path, one, "inline.zip"), registry=REGISTRY)
    assert sessions.read("take").num_segments == 1


def test_a_family_that_is_not_installed_is_named(export: Path) -> None:
    empty = lt.Registry([Plugin("none", "longtake-none", "1", "loaded")])
    sessions = lt.open_session_store("memory:")
    with pytest.raises(lt.UnknownNameError, match="'fog'"):
        lt.import_session(sessions, export, blobs=Watched(), registry=empty)
    older = FOG.evolve(codecs=(FogCodec("fog.v0"),))
    registry = lt.Registry([Plugin("toys", "longtake-toys", "1", "loaded", families=(older,))])
    with pytest.raises(lt.ValidationError, match=r"states/0\.json: is of kind 'fog\.v1'"):
        lt.import_session(sessions, export, blobs=Watched(), registry=registry)


segments = st.lists(
    st.tuples(st.lists(st.binary(max_size=40), max_size=3), st.booleans(), st.booleans()),
    max_size=4,
)
texts = st.characters(codec="utf-8")
labels = st.dictionaries(
    st.text(texts, min_size=1, max_size=8), st.text(texts, max_size=8), max_size=3
)


@settings(deadline=None, max_examples=40)
@given(segments, labels)
def test_any_session_comes_back_and_is_exported_to_the_same_bytes(
    committed: list[tuple[list[bytes], bool, bool]], named: dict[str, str]
) -> None:
    one = made(named)
    for media, inline, has_url in committed:
        one.commit(media, inline=inline, url="s3://films/1" if has_url else None)
    with TemporaryDirectory() as folder:
        path = exported(Path(folder), one)
        again = imported(path)
        assert again.media() == one.media()
        count = len(committed)
        assert list(map(again.state, range(count))) == list(map(one.state, range(count)))
        assert again.sessions.read("take").labels == named
        assert exported(Path(folder), again, "2.zip").read_bytes() == path.read_bytes()


def damaged(path: Path, place: int, by: int) -> Path:
    data = bytearray(path.read_bytes())
    data[place] ^= by
    target = path.with_name("damaged.zip")
    target.write_bytes(data)
    return target


def test_one_damaged_byte_anywhere_is_one_error(tmp_path: Path) -> None:
    one = made()
    one.commit([b"picture"])
    path = exported(tmp_path, one)
    for place in range(path.stat().st_size):
        error = refused(damaged(path, place, 1 << place % 8))
        assert isinstance(error, lt.ValidationError)
        assert "damaged.zip" in error.path
        assert str(error).count("\n") == 0


def test_the_entry_that_is_damaged_is_named(export: Path) -> None:
    data = export.read_bytes()
    place = data.index(b"picture 2")
    error = refused(damaged(export, place, 1))
    name = f"blobs/{hashlib.sha256(b'picture 2').hexdigest()}"
    assert isinstance(error, lt.ValidationError)
    assert error.path == f"{export.with_name('damaged.zip')}/{name}"
    state = refused(damaged(export, data.index(b'{"kind":"fog.v1"'), 1))
    assert isinstance(state, lt.ValidationError)
    assert state.path.endswith("/states/0.json")


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_any_damage_is_one_error(data: st.DataObject) -> None:
    whole = GOLDEN.read_bytes()
    start = data.draw(st.integers(0, len(whole)))
    stop = data.draw(st.integers(start, min(len(whole), start + 64)))
    put = data.draw(st.binary(max_size=64))
    changed = whole[:start] + put + whole[stop:]
    if changed == whole:
        return
    with TemporaryDirectory() as folder:
        path = Path(folder) / "take.zip"
        path.write_bytes(changed)
        assert isinstance(refused(path), lt.ValidationError)


def test_no_part_of_a_file_is_a_session(export: Path) -> None:
    data = export.read_bytes()
    part = export.with_name("part.zip")
    for length in (*range(0, len(data), 97), len(data) - 1):
        part.write_bytes(data[:length])
        assert isinstance(refused(part), lt.ValidationError)
    part.write_bytes(data + b"\n")
    assert isinstance(refused(part), lt.ValidationError)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.zip"):
        assert isinstance(refused(path), lt.ValidationError)


def added(name: str, data: bytes = b"x", **fields: Any) -> Callable[[Entries], Entries]:
    def change(entries: Entries) -> Entries:
        info = ZipInfo(name, (1980, 1, 1, 0, 0, 0))
        info.external_attr = 0o100600 << 16
        for field, value in fields.items():
            setattr(info, field, value)
        return [(info, data), *entries]

    return change


@pytest.mark.parametrize(
    "name",
    [
        "../take.json",
        "/etc/passwd",
        "states/../take.json",
        "states/00.json",
        "states/0.json/",
        "states\\0.json",
        "blobs/",
        f"blobs/{'A' * 64}",
        "notes.txt",
        "Manifest.json",
    ],
)
def test_entries_of_other_names_are_refused(export: Path, name: str) -> None:
    error = refused(forged(export, added(name)))
    assert "has an entry" in str(error)


def test_entries_that_the_manifest_does_not_know_are_refused(export: Path) -> None:
    name = f"blobs/{hashlib.sha256(b'x').hexdigest()}"
    assert "is not what manifest.json knows" in str(refused(forged(export, added(name))))
    missing = refused(forged(export, lambda entries: entries[1:]))
    assert str(missing).endswith(": is missing")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_entry_that_is_there_twice_is_refused(export: Path) -> None:
    error = refused(forged(export, added("states/0.json")))
    assert str(error).endswith("states/0.json: is there twice")


def test_links_and_compressed_entries_are_refused(export: Path) -> None:
    name = f"blobs/{hashlib.sha256(b'x').hexdigest()}"
    link = refused(forged(export, added(name, external_attr=0o120777 << 16)))
    bomb = bytes(10_000_000)
    packed = forged(
        export,
        added(f"blobs/{hashlib.sha256(bomb).hexdigest()}", bomb, compress_type=ZIP_DEFLATED),
    )
    assert packed.stat().st_size < 100_000
    for error in (link, refused(packed)):
        assert "is compressed, encrypted or no plain file" in str(error)


def test_entries_that_share_their_bytes_are_refused(export: Path) -> None:
    """Such as a directory that names one place in the file again and again."""
    data = export.read_bytes()
    name = data.index(b"states/1.json", data.index(b"PK\x01\x02"))
    directory = bytearray(data)
    size = (len(data)).to_bytes(4, "little")
    directory[name - 26 : name - 18] = size + size
    whole = bytes(directory)
    end = len(whole) - 97
    digest = hashlib.sha256(whole[: end - 2]).hexdigest().encode()
    path = export.with_name("shared.zip")
    path.write_bytes(whole[:-64] + digest)
    assert "has more bytes than there are in the file" in str(refused(path))


def test_a_manifest_of_a_later_format_is_refused_as_such(export: Path) -> None:
    error = refused(with_manifest(export, lambda document: document.update(format=2)))
    assert "is of format 2; this release reads format 1" in str(error)


Change = Callable[[dict[str, Any]], Any]
MANIFESTS: dict[str, tuple[Change, str]] = {
    "id": (
        lambda d: d["session"].update(id="../../x"),
        r"session: session id: '\.\./\.\./x' is none",
    ),
    "parent": (
        lambda d: d["session"].update(parent={"id": "fog 2", "num_segments": 1}),
        r"session\.parent: session id: 'fog 2' is none",
    ),
    "field": (lambda d: d["session"].update(x=1), "session.x"),
    "labels": (lambda d: d["session"].update(labels={"": "x"}), "session.labels"),
    "type": (lambda d: d["segments"][0].update(seconds="1"), r"segments\[0\].seconds"),
    "negative": (lambda d: d["segments"][0].update(seconds=-1), r"segments\[0\].seconds"),
    "digest": (lambda d: d["segments"][0].update(state_digest="0" * 64), "states/0.json"),
    "no digest": (lambda d: d["segments"][0].update(state_digest=None), "states/0.json"),
    "media": (lambda d: d["segments"][1].update(media=["b1"]), r"segments\[1\].media"),
    "ids": (lambda d: d["segments"][1].update(blob_ids=["b1"]), r"segments\[1\].blob_ids"),
    "state's ids": (lambda d: d["segments"][0].update(blob_ids=[], media=[]), "states/0|blobs"),
    "segments": (lambda d: d.update(segments=d["segments"][:2]), "states/2.json"),
    "blobs": (lambda d: d.update(blobs={}), "blob"),
    "mime": (lambda d: [b.update(mime="\n") for b in d["blobs"].values()], "mime"),
    "size": (lambda d: d["entries"]["states/1.json"].update(size=10**30), "states/1.json"),
    "sha256": (lambda d: d["entries"]["states/1.json"].update(sha256="0"), "states/1.json"),
    "name": (lambda d: d["entries"].update({"../x": d["entries"]["states/1.json"]}), "x"),
}


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_that_is_wrong_is_refused_with_the_place(export: Path, name: str) -> None:
    change, place = MANIFESTS[name]
    error = refused(with_manifest(export, change))
    assert isinstance(error, lt.ValidationError)
    assert re.search(place, str(error).replace(str(export.parent), "")), error


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"{", b"\xff", b"[" * 100_000, b'{"format": 1}', b'{"format": true}']
)
def test_what_is_no_manifest_is_refused(export: Path, text: bytes) -> None:
    def change(entries: Entries) -> Entries:
        return [*entries[:-1], (entries[-1][0], text)]

    error = refused(forged(export, change))
    assert isinstance(error, lt.ValidationError)
    assert "manifest.json" in error.path


def test_a_state_cannot_refer_to_the_importers_blobs(export: Path) -> None:
    """Whoever knows an id may read a blob, so an import must not pass on a stranger's."""
    one = imported(export)
    secret = one.blobs.put(b"secret")
    document = {"kind": "fog.v1", "payload": {"blob": secret}}
    path = replaced_entry(export, "states/1.json", json.dumps(document).encode())
    error = refused(path)
    assert str(error).endswith("states/1.json: refers to blobs that its segment does not name")


@pytest.mark.parametrize(
    "text",
    [b"{}", b"[]", b"\xff", b'{"kind": 3, "payload": {}}', b'{"kind": "x", "payload": {}}', b"["],
)
def test_what_is_no_state_is_refused(export: Path, text: bytes) -> None:
    error = refused(replaced_entry(export, "states/1.json", text))
    assert isinstance(error, lt.ValidationError)
    assert error.path.endswith("states/1.json")


def test_a_state_with_another_digest_is_refused(export: Path) -> None:
    document = {"kind": "fog.v1", "payload": {"frames": 1}}
    error = refused(replaced_entry(export, "states/1.json", json.dumps(document).encode()))
    assert "is not the state whose digest the manifest has" in str(error)


def test_more_than_a_state_may_take_is_not_read(
    export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LONGTAKE_STATE_BYTES", "20")
    error = refused(export)
    assert isinstance(error, lt.ValidationError)


def test_a_store_that_fails_leaves_nothing_behind(export: Path) -> None:
    class Full(Watched):
        def put(self, *args: Any, **options: Any) -> str:
            if len(self.ids) == 2:
                raise lt.BlobStoreFull("no room")
            return super().put(*args, **options)

    blobs, sessions = Full(), lt.open_session_store("memory:")
    with pytest.raises(lt.BlobStoreFull):
        lt.import_session(sessions, export, blobs=blobs, registry=REGISTRY)
    assert (len(blobs.ids), blobs.left(), sessions.list()) == (2, [], [])


class Cut:
    """Sessions whose connection is cut, the first ``times``, when a session has been created."""

    def __init__(self, times: int) -> None:
        self.sessions: Any = lt.open_session_store("memory:")
        self.left = times

    def create(self, *args: Any, **options: Any) -> Any:
        created = self.sessions.create(*args, **options)
        self.left -= 1
        if self.left >= 0:
            raise lt.SessionStoreUnavailable("cut")
        return created

    def __getattr__(self, name: str) -> Any:
        return getattr(self.sessions, name)


def test_a_cut_connection_is_found_out(export: Path) -> None:
    blobs, cut = Watched(), Cut(2)
    record = lt.import_session(cut, export, blobs=blobs, registry=REGISTRY)
    assert (record.num_segments, len(cut.sessions.list())) == (3, 1)
    held = {each for segment in cut.sessions.history("take") for each in segment.blob_ids}
    assert set(blobs.left()) == held


def test_blobs_stay_when_nobody_knows_whether_the_session_was_made(
    export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("longtake.sessions.importing.Patience", lambda: Patience(0.1))
    blobs, cut = Watched(), Cut(10**6)
    with pytest.raises(lt.SessionStoreUnavailable):
        lt.import_session(cut, export, blobs=blobs, registry=REGISTRY)
    assert len(blobs.left()) == len(blobs.ids) > 0
    assert cut.sessions.read("take").num_segments == 3


def test_an_export_of_format_1_is_read_for_ever(tmp_path: Path) -> None:
    """The file was written once and is never changed."""
    data = GOLDEN.read_bytes()
    assert hashlib.sha256(data).hexdigest() == GOLDEN_DIGEST
    one = imported(GOLDEN)
    assert one.media() == [[b"picture 0" * 100], [], [b"picture 2", b"picture 2"]]
    assert [one.state(index).frames for index in range(3)] == [9, 18, 27]
    assert exported(tmp_path, one).read_bytes() == data
