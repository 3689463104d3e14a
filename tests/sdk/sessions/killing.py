"""A session in a folder that is rolled by processes which are killed, and what must be left."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen

import longtake as lt
from longtake.blobs.file.leases import FileLeases
from longtake.blobs.file.store import FileBlobStore
from longtake.session_stores.layout import decode
from tests.sdk.sessions.rooms import asked
from tests.sdk.toy_family import FOG

__all__ = ["Deadly", "Folder", "in_child", "prompt_of", "say", "truth"]

LEASE_SECONDS = 0.05
HOUR = 3600.0


def say(what: str) -> None:
    """Shown by ``pytest -s``: how much of it there was."""
    sys.stdout.write(f"{what}\n")


def prompt_of(index: int) -> str:
    return f"mist {index}"


def truth(num_segments: int) -> list[tuple[str, str | None]]:
    """The step and state digests of a session that nothing disturbs."""
    sessions, blobs = lt.open_session_store("memory:"), lt.open_blob_store("memory:")
    sessions.create("s", family="fog")
    with lt.Pipeline(FOG) as pipeline:
        for index in range(num_segments):
            request = asked(prompt_of(index))
            lt.roll(sessions, "s", request, pipeline=pipeline, blobs=blobs)
    return [(each.step, each.state_digest) for each in sessions.history("s")]


def in_child(work: Callable[[], object]) -> int:
    """The id of a process that does ``work`` and ends: with 0 if it could."""
    child = os.fork()
    if not child:
        ended = 1
        try:
            work()
            ended = 0
        finally:
            sys.stderr.flush()
            os._exit(ended)
    return child


class Deadly:
    """Kills its process right before or after the n-th use of a store, from 0."""

    def __init__(self, nth: int, when: str) -> None:
        self._nth, self._when, self._uses = nth, when, 0

    def watch(self, use: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*args: Any, **how: Any) -> Any:
            mine, self._uses = self._uses, self._uses + 1
            if mine == self._nth and self._when == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            done = use(*args, **how)
            if mine == self._nth:
                os.kill(os.getpid(), signal.SIGKILL)
            return done

        return watched

    def watch_all(self, store: Any, names: Iterable[str]) -> None:
        for name in names:
            setattr(store, name, self.watch(getattr(store, name)))


@frozen
class Folder:
    """A session ``s`` of fog: its blobs are files in ``path``, its rows a SQLite file beside them.

    ``url``: of another session store, where the rows are.
    """

    path: Path
    url: str = ""

    @classmethod
    def made(cls, path: Path, num_segments: int, url: str = "") -> Folder:
        path.mkdir()
        folder = cls(path, url)
        sessions, blobs = folder.opened()
        sessions.create("s", family="fog")
        with lt.Pipeline(FOG) as pipeline:
            for index in range(num_segments):
                request = asked(prompt_of(index))
                lt.roll(sessions, "s", request, pipeline=pipeline, blobs=blobs)
        sessions.close()
        return folder

    def copy(self, name: str) -> Folder:
        """Another one, of rows in a SQLite file."""
        return Folder(Path(shutil.copytree(self.path, self.path.with_name(name))))

    def opened(self, ahead: float = 0.0) -> tuple[lt.RowSessionStore, FileBlobStore]:
        """Both stores; the clock of the sessions' is so many seconds ahead."""
        sessions = lt.open_session_store(self.url or f"sqlite://{self.path}/sessions.db")
        assert isinstance(sessions, lt.RowSessionStore)
        if ahead:
            rows: Any = sessions.rows
            now = rows.now
            rows.now = lambda: now() + ahead
        return sessions, FileBlobStore(self.path / "blobs")

    def roll(self, deadly: Deadly | None = None, *, ahead: float = 0.0, **how: Any) -> Any:
        """The segment behind the ``expected_revision`` first ones, by its own prompt."""
        sessions, blobs = self.opened(ahead)
        if deadly is not None:
            deadly.watch_all(sessions.rows, ("read", "scan", "write"))
            deadly.watch_all(blobs, ("put", "get", "pin", "unpin", "drop"))
        request = asked(prompt_of(how["expected_revision"]))
        with lt.Pipeline(FOG) as pipeline:
            rolled = lt.roll(sessions, "s", request, pipeline=pipeline, blobs=blobs, **how)
        sessions.close()
        return rolled

    def roll_each(
        self, num_segments: int, deadly: Deadly | None = None, *, ahead: float = 0.0, **how: Any
    ) -> list[lt.RolledSegment]:
        """The segments up to ``num_segments``, each made while the one before is kept."""
        sessions, blobs = self.opened(ahead)
        if deadly is not None:
            deadly.watch_all(sessions.rows, ("read", "scan", "write"))
            deadly.watch_all(blobs, ("put", "get", "pin", "unpin", "drop"))
        session = sessions.read("s")
        requests = [asked(prompt_of(i)) for i in range(session.num_segments, num_segments)]
        with lt.Pipeline(FOG) as pipeline:
            rolled = list(
                lt.roll_each(sessions, "s", requests, pipeline=pipeline, blobs=blobs, **how)
            )
        sessions.close()
        return rolled

    def check_whole(self) -> int:
        """How many segments there are; they and all their blobs are whole, and what is held is."""
        sessions, blobs = self.opened()
        session, segments = sessions.read("s"), sessions.history("s")
        assert session.revision == session.num_segments == len(segments)
        assert [each.index for each in segments] == list(range(len(segments)))
        for segment in segments:
            state = sessions.state("s", segment.index)
            assert state is not None
            ids = FOG.codecs[0].blob_ids(state)
            assert lt.state_digest(state, ids, blobs) == segment.state_digest
            assert all(len(blobs.get(blob_id)) > 0 for blob_id in segment.blob_ids)
        assert [each for each in sessions.held() if each not in blobs] == []
        sessions.close()
        return len(segments)

    def digests(self) -> list[tuple[str, str | None]]:
        sessions, _ = self.opened()
        found = [(each.step, each.state_digest) for each in sessions.history("s")]
        sessions.close()
        return found

    def check_swept(self) -> None:
        """After all leases a sweep leaves no blob, pin or hold but those of the history.

        A hold whose answer was lost is remembered, revoked, as long as the history has its blobs.
        """
        time.sleep(LEASE_SECONDS + 0.02)
        sessions, blobs = self.opened(HOUR)
        lt.sweep_sessions(sessions, blobs)
        needed = {
            blob_id: frozenset({segment.attempt})
            for segment in sessions.history("s")
            for blob_id in segment.blob_ids
        }
        assert sorted(self.blob_ids()) == sorted(needed)
        leases = FileLeases(str(self.path / "blobs"))
        pins = {blob_id: leases.read(blob_id) for blob_id in needed}
        assert {each: None if pin is None else pin.owners for each, pin in pins.items()} == needed
        rows = sessions.rows.scan("hold/", "hold0", 100)
        holds = [decode(row, lt.Hold, "a hold") for _, row in rows]
        assert [each for each in holds if not each.revoked] == []
        assert {blob_id for each in holds for blob_id in each.blob_ids} <= needed.keys()
        sessions.close()

    def blob_ids(self) -> Sequence[str]:
        files = [each for each in (self.path / "blobs").rglob("*") if each.is_file()]
        return [each.name for each in files if each.parent.name == each.name[:2]]
