"""Session and blob stores for tests of rolling, and stores that fail when they are told to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import longtake as lt
from tests.sdk.toy_family import FOG

__all__ = ["Counting", "Grumpy", "Room", "asked", "fog", "room"]


def fog() -> lt.Pipeline:
    return lt.Pipeline(FOG)


def asked(prompt: str) -> lt.GenerationRequest:
    """Of nine frames, of which the next segment repeats three."""
    return lt.GenerationRequest(prompt, output=lt.Output(overlap_frames=3))


class Counting:
    """An observer that counts the runs which began."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, event: lt.RunEvent) -> None:
        self.count += isinstance(event, lt.RunStarted)


class Plain:
    """A blob store with the four methods of the protocol, and no power."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}

    def put(self, data: Any, *, mime: str = "application/octet-stream") -> str:
        blob_id = f"plain-{len(self.blobs)}-{id(data)}"
        pieces = [data] if isinstance(data, bytes | bytearray | memoryview) else data
        self.blobs[blob_id] = b"".join(bytes(each) for each in pieces)
        return blob_id

    def get(self, blob_id: str) -> bytes:
        if blob_id not in self.blobs:
            raise lt.BlobNotFound(f"blob {blob_id}: not here")
        return self.blobs[blob_id]

    def drop(self, blob_id: str) -> None:
        self.blobs.pop(blob_id, None)

    def __contains__(self, blob_id: object) -> bool:
        return blob_id in self.blobs


class Watched:
    """``store`` and the ids of all that was ever put into it; with its powers."""

    def __new__(cls, store: Any) -> Any:
        seen: list[str] = []
        put = store.put

        def watched(data: Any, **how: Any) -> str:
            blob_id: str = put(data, **how)
            seen.append(blob_id)
            return blob_id

        store.put = watched
        store.seen = seen
        return store


class Room:
    """A session ``s`` of fog in a session store, and a blob store beside it."""

    def __init__(self, kind: str, blob_kind: str, folder: Path) -> None:
        self._kind, self._folder = kind, folder
        if blob_kind == "plain":
            self.blobs: Any = Watched(Plain())
        elif blob_kind == "memory":
            self.blobs = Watched(lt.open_blob_store("memory:"))
        else:
            self.blobs = Watched(lt.open_blob_store(f"file://{folder}/blobs"))
        self._count = 0
        self.renew()

    def renew(self) -> None:
        """An empty session store; what is in the blob store goes, too."""
        self._count += 1
        for blob_id in self.blobs.seen:
            self.blobs.drop(blob_id)
        url = {"memory": "memory:", "sqlite": f"sqlite://{self._folder}/{self._count}.db"}
        opened = lt.open_session_store(url[self._kind])
        assert isinstance(opened, lt.RowSessionStore)
        self.sessions = opened
        self.rows = opened.rows
        self.sessions.create("s", family="fog", preset="thin@1")

    def roll(self, pipeline: lt.Pipeline, request: Any, **how: Any) -> lt.RolledSegment:
        how = {"blobs": self.blobs, "sessions": self.sessions} | how
        request = asked(request) if isinstance(request, str) else request
        return lt.roll(how.pop("sessions"), "s", request, pipeline=pipeline, **how)

    def blobs_there(self) -> list[str]:
        return [blob_id for blob_id in self.blobs.seen if blob_id in self.blobs]

    def leftovers(self) -> list[str]:
        """Keys of rows of holds and claims."""
        return [key for key, _ in self.rows.scan("claim/", "hold0", 1000) if key[:4] != "head"]

    def check_whole(self) -> None:
        """The session's segments follow each other, and all their blobs are there."""
        session = self.sessions.read("s")
        segments = self.sessions.history("s")
        assert [each.index for each in segments] == list(range(session.num_segments))
        for segment in segments:
            assert all(blob_id in self.blobs for blob_id in segment.blob_ids)


@pytest.fixture(
    params=["memory-memory", "memory-plain", "sqlite-file", "sqlite-plain"], name="room"
)
def room(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Room]:
    kind, blob_kind = request.param.split("-")
    made = Room(kind, blob_kind, tmp_path)
    yield made
    made.sessions.close()


class Grumpy(lt.SessionRows):
    """``rows`` that cannot be reached for the n-th use, for each n of ``fails``.

    ``after``: the write was made all the same. ``revokes``: so many commits find their hold
    revoked, as by a sweeper. ``committing``: which use the
    last commit was; ``uses``: the number of the last one, from 0.
    """

    unavailable = (ConnectionError,)

    def __init__(
        self,
        rows: lt.SessionRows,
        *,
        fails: set[int] = frozenset(),  # type: ignore[assignment]
        after: bool = False,
        revokes: int = 0,
    ) -> None:
        self._rows, self._fails, self._after, self._revokes = rows, fails, after, revokes
        self.uses = -1
        self.committing = -1

    def now(self) -> float:
        return self._rows.now()

    def read(self, keys: Sequence[str]) -> list[bytes | None]:
        self._use()
        return self._rows.read(keys)

    def scan(self, start: str, stop: str, limit: int) -> list[tuple[str, bytes]]:
        self._use()
        return self._rows.scan(start, stop, limit)

    def write(self, change: lt.RowChange) -> bool:
        if any(key.startswith("segment/") for key in change.puts):
            self.committing = self.uses + 1
            self._revoke(change.deletes)
        if not self._after:
            self._use()
        done = self._rows.write(change)
        if self._after:
            self._use()
        return done

    def _revoke(self, holds: Sequence[str]) -> None:
        if self._revokes:
            self._revokes -= 1
            self._rows.write(lt.RowChange(deletes=holds))

    def _use(self) -> None:
        self.uses += 1
        if self.uses in self._fails:
            raise ConnectionError("the cable was cut")
