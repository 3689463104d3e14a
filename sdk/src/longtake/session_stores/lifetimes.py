"""How a session begins and ends, as rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import evolve

from longtake.errors import SessionExists, ValidationError
from longtake.session_stores.checks import (
    check_attempt,
    check_labels,
    check_seconds,
    check_session_id,
    check_text,
    check_whole,
)
from longtake.session_stores.holds import RowHolds, giving_up, let_go
from longtake.session_stores.layout import (
    Head,
    SessionRow,
    claim_key,
    decode,
    encode,
    head_key,
    label_key,
    segment_key,
    session_key,
    state_key,
)
from longtake.session_stores.protocol import Committed
from longtake.session_stores.records import Hold, SessionRecord, SessionSegment, new_attempt
from longtake.session_stores.rows import RowChange
from longtake.states.state import ContinuationState

__all__ = ["RowLifetimes"]


class RowLifetimes(RowHolds):
    """Creating sessions, ending them, and removing them with all that is theirs."""

    def create(
        self,
        session_id: str,
        *,
        family: str,
        preset: str = "",
        labels: Mapping[str, str] | None = None,
        expires_in: float | None = None,
        segments: Sequence[Committed] = (),
        attempt: str | None = None,
        hold: Hold | None = None,
    ) -> SessionRecord:
        """As `SessionStore.create`."""
        check_session_id(session_id)
        labels = dict(check_labels({} if labels is None else labels))
        seconds = None if expires_in is None else check_seconds(expires_in, "expires_in")
        now = self._now()
        row = SessionRow(
            family=check_text(family, "family"),
            preset=check_text(preset, "preset"),
            labels=labels,
            created=now,
            expires=None if seconds is None else now + seconds,
            nonce=new_attempt() if attempt is None else check_attempt(attempt),
        )
        rows: dict[str, bytes] = {}
        for index, (segment, state) in enumerate(segments):
            if segment.index != index:
                problem = f"is {segment.index}; segments are numbered from 0"
                raise ValidationError(f"segments[{index}].index", problem)
            rows |= rows_of(session_id, segment, state)
        expected, deletes = giving_up(hold)
        change = RowChange(expected=expected, puts=rows, deletes=deletes)
        while not self._made(session_id, row, len(segments), change):
            self._check_hold(hold)
        return self.read(session_id)

    def delete(self, session_id: str) -> None:
        """As `SessionStore.delete`."""
        check_session_id(session_id)
        while True:
            row, head = self.read_rows([session_key(session_id), head_key(session_id)])
            if row is None or head is None or self._removed(session_id, row, head):
                return

    def expire(self, session_id: str, seconds: float | None) -> SessionRecord:
        """As `SupportsExpiry.expire`."""
        if seconds is not None:
            check_seconds(seconds, "seconds")
        while True:
            found = self._found(session_id)
            row = evolve(found.row, expires=None if seconds is None else self._now() + seconds)
            head = evolve(found.head, expires=seconds is not None)
            puts = {session_key(session_id): encode(row), head_key(session_id): head.encode()}
            if self.write_rows(RowChange(expected=found.rows, puts=puts)):
                return self.read(session_id)

    def drop_expired(self, *, limit: int | None = None) -> int:
        """As `SupportsExpiry.drop_expired`."""
        if limit is not None:
            check_whole(limit, "limit", 1)
        now, dropped = self._now(), 0
        for key, value in self.rows_below("session/"):
            row = decode(value, SessionRow, "a session")
            if row.expires is not None and row.expires <= now:
                session_id = key.partition("/")[2]
                head = self.read_rows([head_key(session_id)])[0]
                dropped += head is not None and self._removed(session_id, value, head)
            if limit is not None and dropped >= limit:
                break
        return dropped

    def _made(self, session_id: str, row: SessionRow, num_segments: int, change: RowChange) -> bool:
        """Create a session with ``change``; False when what that expects is not so.

        One that the same attempt had made is made. Raises `SessionExists` for another's.
        """
        absent = {session_key(session_id): None}
        head = Head(0, num_segments, row.expires is not None)
        own = {session_key(session_id): encode(row), head_key(session_id): head.encode()}
        labels = {label_key(*label, session_id): b"" for label in row.labels.items()}
        change = evolve(
            change, expected={**change.expected, **absent}, puts={**change.puts, **own, **labels}
        )
        while not self.write_rows(change):
            there, head_there = self.read_rows([session_key(session_id), head_key(session_id)])
            if there is None or head_there is None:
                return False
            other = decode(there, SessionRow, f"session {session_id!r}")
            if other.nonce == row.nonce:
                return True
            if not self._is_over(other):
                raise SessionExists(f"session {session_id!r} is there already; take another id")
            self._removed(session_id, there, head_there)
        return True

    def _removed(self, session_id: str, row: bytes, head: bytes) -> bool:
        """Remove all of a session; False when it has changed meanwhile."""
        segments = self._segments(session_id)
        labels = decode(row, SessionRow, f"session {session_id!r}").labels
        deletes = [session_key(session_id), head_key(session_id), claim_key(session_id)]
        deletes += [label_key(*label, session_id) for label in labels.items()]
        deletes += keys_of(session_id, segments)
        expected = {session_key(session_id): row, head_key(session_id): head}
        puts = let_go(segments, [])
        return self.write_rows(RowChange(expected=expected, puts=puts, deletes=deletes))


def rows_of(
    session_id: str, segment: SessionSegment, state: ContinuationState | None
) -> dict[str, bytes]:
    """The rows of a segment, and of the state after it."""
    rows = {segment_key(session_id, segment.index): encode(segment)}
    if state is not None:
        rows[state_key(session_id, segment.index)] = state.to_json().encode()
    return rows


def keys_of(session_id: str, segments: Sequence[SessionSegment]) -> list[str]:
    """The keys of the rows of segments, with or without states."""
    keys = (segment_key, state_key)
    return [key(session_id, each.index) for each in segments for key in keys]
