"""A store of sessions as a release leaves it behind, and what that release would have rolled next.

``python -m tests.sdk.sessions.released FOLDER`` writes one with the code that it is run with. Each
release gets a folder of its own in ``releases``, which is never edited. The two families compute
with whole numbers, or round far from a tie, so that their bits are those of every machine.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from attrs import frozen

import longtake as lt
from longtake.plugins.loading import Plugin
from tests.sdk.cli.commands.sessions.takes import RIVER
from tests.sdk.toy_family import FOG

__all__ = [
    "FAMILIES",
    "NEXT",
    "REGISTRY",
    "Store",
    "end_digest",
    "segment_facts",
    "write_release",
]

FAMILIES = {"fog": FOG, "river": RIVER}
"""Fog writes its state by hand, a river's is written by `longtake.AttrsCodec`."""
REGISTRY = lt.Registry(
    [Plugin("toys", "longtake-toys", "1.2", "loaded", families=tuple(FAMILIES.values()))]
)
SEGMENTS, FORKED_AT, KEPT = 4, 2, 3
NEXT = "the fog lifts"


@frozen
class Store:
    """The sessions in ``takes.db`` and the blobs beside it."""

    sessions: lt.RowSessionStore
    blobs: lt.BlobStore

    @classmethod
    @contextmanager
    def opened(cls, folder: Path) -> Iterator[Store]:
        sessions = lt.open_session_store(f"sqlite://{folder}/takes.db")
        assert isinstance(sessions, lt.RowSessionStore)
        try:
            yield cls(sessions, lt.open_blob_store(f"file://{folder}/blobs"))
        finally:
            sessions.close()

    def roll(self, session_id: str, prompt: str) -> lt.RolledSegment:
        """With its media as a blob, by the family that the session is of."""
        request = lt.GenerationRequest(prompt, output=lt.Output(overlap_frames=3))
        pipeline = lt.Pipeline(FAMILIES[self.sessions.read(session_id).family])
        return lt.roll(
            self.sessions,
            session_id,
            request,
            pipeline=pipeline,
            blobs=self.blobs,
            media=lt.BlobMedia(),
            worker="worker-1",
        )


def segment_facts(rolled: lt.RolledSegment) -> dict[str, Any]:
    """The bits of a segment that was just rolled: of its state, its frames and its sound."""
    assert rolled.result is not None and rolled.result.audio is not None
    return {
        "state": rolled.segment.state_digest,
        "frames": _sha256(rolled.result.frames.tobytes()),
        "sound": _sha256(rolled.result.audio.astype("<f4").tobytes()),
    }


def end_digest(store: Store, session_id: str) -> str | None:
    """Of the sound that the session's end has beside its segments, if its family keeps any back."""
    record = store.sessions.read(session_id)
    assert record.state is not None
    pipeline = lt.Pipeline(FAMILIES[record.family])
    if not pipeline.family.finish:
        return None
    end = pipeline.finish(record.state, blobs=store.blobs)
    assert end.audio is not None
    return _sha256(end.audio.astype("<f4").tobytes())


def write_release(folder: Path) -> None:
    """Into the new ``folder``: per family a take of four segments, a fork, a rewind, an export."""
    folder.mkdir(parents=True)
    expected: dict[str, Any] = {"writer": lt.__version__, "sessions": {}}
    with Store.opened(folder) as store:
        for name, family in FAMILIES.items():
            expected["sessions"] |= _write_sessions(store, name, family, folder)
    with closing(sqlite3.connect(folder / "takes.db")) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with tempfile.TemporaryDirectory() as copied:
        again = Path(shutil.copytree(folder, Path(copied) / "again"))
        with Store.opened(again) as store:
            for session_id, facts in expected["sessions"].items():
                facts["end"] = end_digest(store, session_id)
                facts["next"] = segment_facts(store.roll(session_id, NEXT))
    (folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


def _write_sessions(
    store: Store, name: str, family: lt.ModelFamily, folder: Path
) -> dict[str, dict[str, Any]]:
    """The take, its fork, and what was rolled in each."""
    night, sessions = f"{name}-night", store.sessions
    sessions.create(name, family=family.name, preset="", labels={"show": "harbour", "of": name})
    facts = [segment_facts(store.roll(name, f"{name} {index}")) for index in range(SEGMENTS)]
    lt.fork_session(sessions, name, FORKED_AT, night, labels={"show": "night"}, blobs=store.blobs)
    forked = segment_facts(store.roll(night, "night falls"))
    sessions.rewind(name, sessions.read(name).revision, KEPT)
    lt.export_session(sessions, night, folder / f"{night}.zip", blobs=store.blobs)
    return {
        name: {"segments": facts[:KEPT]},
        night: {"segments": [*facts[:FORKED_AT], forked]},
    }


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


if __name__ == "__main__":
    write_release(Path(sys.argv[1]))
