"""What the releases before left in stores is read, continued, forked, exported and moved by this
one, to the bits that they would have come to themselves.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import av
import pytest

import longtake as lt
from longtake.media.reader import pictures_of
from tests.sdk.sessions.released import (
    FAMILIES,
    NEXT,
    REGISTRY,
    Store,
    end_digest,
    segment_facts,
    write_release,
)

RELEASES = Path(__file__).with_name("releases")
SESSIONS = ["fog", "fog-night", "river", "river-night"]
FORMAT_1 = Path(__file__).with_name("exports") / "format-1.zip"
AFTER_FORMAT_1 = {
    "state": "sha256:929b0121ac1b9cf3b14e3e519870d45bd357daf4a6af2f91938a9e24e090b1f9",
    "frames": "6932d8dd0200ef4c2144ab9f7b3a1f05325047b91d3aff1c65921c9bf614100b",
    "sound": "16206a877567811e0c2bf9e5886deaf7549756331f95cd0a074b0e44f18be10e",
}
"""What the release that wrote the export rolled after it."""


@pytest.fixture(params=sorted(each.name for each in RELEASES.iterdir()))
def release(request: pytest.FixtureRequest) -> Path:
    return RELEASES / str(request.param)


@pytest.fixture
def store(release: Path, tmp_path: Path) -> Iterator[Store]:
    """A copy of what the release left, opened by this one."""
    with Store.opened(Path(shutil.copytree(release, tmp_path / "release"))) as opened:
        yield opened


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Store]:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    with Store.opened(folder) as opened:
        yield opened


@pytest.fixture
def expected(release: Path) -> dict[str, dict[str, Any]]:
    """By session: the bits of its segments, of its end, and of what follows them."""
    sessions: dict[str, dict[str, Any]] = json.loads((release / "expected.json").read_text())[
        "sessions"
    ]
    assert sorted(sessions) == SESSIONS
    return sessions


def seen(store: Store, segment: lt.SessionSegment) -> str:
    """The digest of the pictures in a segment's media."""
    (media,) = segment.media
    with av.open(BytesIO(bytes(store.blobs.get(media))), "r") as container:
        pixels = b"".join(picture.tobytes() for picture in pictures_of(container))
    return hashlib.sha256(pixels).hexdigest()


def entries_of(export: Path) -> dict[str, Any]:
    """All that an export has, but whose fork it was: an import is nobody's."""
    with ZipFile(export) as opened:
        entries: dict[str, Any] = {name: opened.read(name) for name in opened.namelist()}
    entries["manifest.json"] = json.loads(entries["manifest.json"])
    del entries["manifest.json"]["session"]["parent"]
    return entries


def check_whole(store: Store, session_id: str, expected: dict[str, Any]) -> None:
    """Every segment, the state after it, and its pictures are those that were committed."""
    facts, history = expected["segments"], store.sessions.history(session_id)
    assert [each.index for each in history] == list(range(len(facts)))
    assert [each.state_digest for each in history] == [each["state"] for each in facts]
    assert [seen(store, each) for each in history] == [each["frames"] for each in facts]
    for segment in history:
        state = store.sessions.state(session_id, segment.index)
        assert state is not None
        codec = FAMILIES[store.sessions.read(session_id).family].codec(state.kind)
        assert codec is not None
        digest = lt.state_digest(state, codec.blob_ids(state), store.blobs)
        assert digest == segment.state_digest


@pytest.mark.parametrize("session_id", SESSIONS)
def test_a_session_of_a_release_is_read(
    session_id: str, store: Store, expected: dict[str, Any]
) -> None:
    check_whole(store, session_id, expected[session_id])
    assert end_digest(store, session_id) == expected[session_id]["end"]
    record = store.sessions.read(session_id)
    family, _, is_fork = session_id.partition("-")
    assert (record.family, record.num_segments) == (family, 3)
    prompts = [each.request["prompt"] for each in store.sessions.history(session_id)]
    assert prompts == [f"{family} 0", f"{family} 1", "night falls" if is_fork else f"{family} 2"]
    if is_fork:
        assert record.parent == lt.SessionParent(id=family, num_segments=2)


def test_the_sessions_of_a_release_are_listed(store: Store) -> None:
    def ids(**labels: str) -> list[str]:
        return [each.id for each in store.sessions.list(labels=labels)]

    assert (ids(), ids(show="night")) == (SESSIONS, ["fog-night", "river-night"])
    assert ids(show="harbour", of="river") == ["river"]


@pytest.mark.parametrize("session_id", SESSIONS)
def test_a_session_of_a_release_goes_on_to_the_same_bits(
    session_id: str, store: Store, elsewhere: Store, expected: dict[str, Any], tmp_path: Path
) -> None:
    """Where it is, in a fork of it, and where an export of it is imported."""
    facts, record = expected[session_id], store.sessions.read(session_id)
    path = tmp_path / "take.zip"
    lt.export_session(store.sessions, session_id, path, blobs=store.blobs)
    lt.fork_session(store.sessions, session_id, 3, "fork", blobs=store.blobs)
    lt.import_session(elsewhere.sessions, path, blobs=elsewhere.blobs, registry=REGISTRY)
    rolled = [
        store.roll(session_id, NEXT),
        store.roll("fork", NEXT),
        elsewhere.roll(session_id, NEXT),
    ]
    assert [segment_facts(each) for each in rolled] == [facts["next"]] * 3
    assert rolled[0].session.revision == record.revision + 1
    whole = {"segments": [*facts["segments"], facts["next"]]}
    for where, name in ((store, session_id), (store, "fork"), (elsewhere, session_id)):
        check_whole(where, name, whole)


def test_a_session_of_a_release_is_rewound_and_swept(
    store: Store, expected: dict[str, Any]
) -> None:
    store.sessions.rewind("fog", store.sessions.read("fog").revision, 2)
    store.sessions.delete("river")
    lt.sweep_sessions(store.sessions, store.blobs)
    check_whole(store, "fog", {"segments": expected["fog"]["segments"][:2]})
    check_whole(store, "river-night", expected["river-night"])
    assert segment_facts(store.roll("fog-night", NEXT)) == expected["fog-night"]["next"]


@pytest.mark.parametrize("session_id", ["fog-night", "river-night"])
def test_an_export_of_a_release_goes_on_to_the_same_bits(
    session_id: str,
    release: Path,
    store: Store,
    elsewhere: Store,
    expected: dict[str, Any],
    tmp_path: Path,
) -> None:
    path = release / f"{session_id}.zip"
    lt.import_session(elsewhere.sessions, path, blobs=elsewhere.blobs, registry=REGISTRY)
    check_whole(elsewhere, session_id, expected[session_id])
    exported, moved = tmp_path / "exported.zip", tmp_path / "moved.zip"
    lt.export_session(store.sessions, session_id, exported, blobs=store.blobs)
    assert exported.read_bytes() == path.read_bytes()
    lt.export_session(elsewhere.sessions, session_id, moved, blobs=elsewhere.blobs)
    assert entries_of(moved) == entries_of(path)
    assert segment_facts(elsewhere.roll(session_id, NEXT)) == expected[session_id]["next"]


def test_the_export_of_format_1_goes_on_to_the_same_bits(elsewhere: Store, tmp_path: Path) -> None:
    """In two steps: the second begins at an export of the first by this release."""
    lt.import_session(elsewhere.sessions, FORMAT_1, blobs=elsewhere.blobs, registry=REGISTRY)
    assert segment_facts(elsewhere.roll("take", NEXT)) == AFTER_FORMAT_1
    path = tmp_path / "take.zip"
    lt.export_session(elsewhere.sessions, "take", path, blobs=elsewhere.blobs)
    lt.import_session(
        elsewhere.sessions, path, session_id="moved", blobs=elsewhere.blobs, registry=REGISTRY
    )
    rolled = [segment_facts(elsewhere.roll(name, "dusk")) for name in ("take", "moved")]
    assert rolled[0] == rolled[1]


def test_this_release_rolls_what_the_releases_did(release: Path, tmp_path: Path) -> None:
    """From nothing: a change of the bits, or of how a state is written, needs a version."""
    write_release(tmp_path / "now")
    now = json.loads((tmp_path / "now" / "expected.json").read_text())["sessions"]
    assert now == json.loads((release / "expected.json").read_text())["sessions"]
