"""A session store over anything that keeps rows: what all of them have in common.

What differs is a `SessionRows`. Every change is one `RowChange`, whose expected rows make it
compare-and-set; nothing here is in two steps.
"""

from __future__ import annotations

import builtins
import time
from collections.abc import Iterator, Mapping, Sequence

from attrs import evolve

from longtake.errors import (
    Conflict,
    HoldRevoked,
    SessionError,
    SessionExists,
    SessionNotFound,
    ValidationError,
    shown,
)
from longtake.session_stores.holds import RowHolds
from longtake.session_stores.layout import (
    Head,
    SessionRow,
    claim_key,
    decode,
    encode,
    head_key,
    hold_key,
    label_key,
    range_below,
    segment_key,
    session_key,
    state_key,
)
from longtake.session_stores.protocol import Committed
from longtake.session_stores.records import (
    Hold,
    SessionParent,
    SessionRecord,
    SessionSegment,
    check_labels,
    check_seconds,
    check_session_id,
    new_attempt,
)
from longtake.session_stores.rows import RowChange, SessionRows
from longtake.states.state import ContinuationState

__all__ = ["RowSessionStore"]

_PAGE = 500
_MOST_LISTED = 1000
_CLOCK_SECONDS = 30.0
"""How long the store's clock is carried on by this machine's monotonic one, to stamp commits."""


class RowSessionStore(RowHolds):
    """The `SessionStore` whose sessions are ``rows``, with all powers, for any number of threads.

    Pickled, it is its rows.
    """

    def __init__(self, rows: SessionRows) -> None:
        super().__init__(rows)
        self._clock: tuple[float, float] | None = None

    def create(
        self,
        session_id: str,
        *,
        family: str,
        preset: str = "",
        labels: Mapping[str, str] | None = None,
        expires_in: float | None = None,
        segments: Sequence[Committed] = (),
        hold: Hold | None = None,
    ) -> SessionRecord:
        """As `SessionStore.create`."""
        check_session_id(session_id)
        labels = dict(check_labels(labels or {}))
        now = self._now()
        row = SessionRow(
            family=family,
            preset=preset,
            labels=labels,
            created=now,
            expires=None if expires_in is None else now + check_seconds(expires_in, "expires_in"),
            nonce=new_attempt(),
        )
        return self._create(session_id, row, segments, hold, {})

    def read(self, session_id: str) -> SessionRecord:
        """As `SessionStore.read`."""
        while True:
            row, head = self._found(session_id)
            if not head.num_segments:
                return _record(session_id, row, head, None, None)
            index = head.num_segments - 1
            last, state = self._read([segment_key(session_id, index), state_key(session_id, index)])
            if last is not None:
                segment = _segment(last, session_id)
                if segment.index == index:
                    return _record(session_id, row, head, segment, _state(state))
            # It was rewound or deleted between the two reads.

    def advance(
        self,
        session_id: str,
        expected_revision: int,
        segment: SessionSegment,
        state: ContinuationState | None,
        *,
        hold: Hold | None = None,
    ) -> SessionSegment:
        """As `SessionStore.advance`."""
        check_session_id(session_id)
        before = Head(expected_revision, segment.index)
        segment = evolve(segment, committed=self._about_now())
        change = RowChange(
            expected={head_key(session_id): before.encode(), **_expected(hold)},
            puts={
                head_key(session_id): Head(expected_revision + 1, segment.index + 1).encode(),
                **_rows_of(session_id, segment, state),
            },
            deletes=_keys(hold),
        )
        if self._write(change):
            return segment
        return self._committed_before(session_id, before, segment, hold)

    def history(
        self, session_id: str, *, start: int = 0, limit: int | None = None
    ) -> builtins.list[SessionSegment]:
        """As `SessionStore.history`."""
        self._found(session_id)
        if type(start) is not int or start < 0:
            raise ValidationError("start", f"is {shown(start)}; must be an index from 0")
        if limit is not None and (type(limit) is not int or limit < 1):
            raise ValidationError("limit", f"is {shown(limit)}; must be an integer from 1")
        _, stop = range_below(f"segment/{session_id}/")
        rows = self._scan(segment_key(session_id, start), stop, limit)
        return [_segment(row, session_id) for _, row in rows]

    def state(self, session_id: str, segment: int) -> ContinuationState | None:
        """As `SessionStore.state`."""
        _, head = self._found(session_id)
        if type(segment) is not int or not 0 <= segment < head.num_segments:
            problem = f"is {shown(segment)}; the session has {head.num_segments} segments, from 0"
            raise ValidationError("segment", problem)
        return _state(self._read([state_key(session_id, segment)])[0])

    def list(
        self, *, labels: Mapping[str, str] | None = None, after: str = "", limit: int = 100
    ) -> builtins.list[SessionRecord]:
        """As `SessionStore.list`."""
        wanted = dict(check_labels(labels or {}))
        if after:
            check_session_id(after)
        if type(limit) is not int or not 1 <= limit <= _MOST_LISTED:
            raise ValidationError("limit", f"is {shown(limit)}; must be 1 to {_MOST_LISTED}")
        found: builtins.list[SessionRecord] = []
        for session_id in self._ids(wanted, after):
            try:
                row, head = self._found(session_id)
            except SessionNotFound:  # deleted meanwhile, or its time is over
                continue
            if wanted.items() <= row.labels.items():
                found.append(_record(session_id, row, head, self._last(session_id, head), None))
            if len(found) == limit:
                break
        return found

    def delete(self, session_id: str) -> None:
        """As `SessionStore.delete`."""
        check_session_id(session_id)
        while True:
            row, head = self._read([session_key(session_id), head_key(session_id)])
            if row is None or head is None:
                return
            if self._delete(session_id, row, head):
                return

    def fork(
        self,
        session_id: str,
        num_segments: int,
        new_id: str,
        *,
        labels: Mapping[str, str] | None = None,
        attempt: str | None = None,
        hold: Hold | None = None,
    ) -> SessionRecord:
        """As `SupportsBranches.fork`."""
        check_session_id(new_id)
        row, head = self._found(session_id)
        _check_count(num_segments, head)
        segments = self.history(session_id, limit=num_segments) if num_segments else []
        owner = attempt or new_attempt()
        copies = [
            (evolve(each, attempt=owner), self.state(session_id, each.index)) for each in segments
        ]
        forked = SessionRow(
            family=row.family,
            preset=row.preset,
            labels=dict(row.labels if labels is None else check_labels(labels)),
            parent=SessionParent(id=session_id, num_segments=num_segments),
            created=self._now(),
            nonce=new_attempt(),
        )
        unchanged = {head_key(session_id): head.encode()}
        return self._create(new_id, forked, copies, hold, unchanged)

    def rewind(self, session_id: str, expected_revision: int, num_segments: int) -> SessionRecord:
        """As `SupportsBranches.rewind`."""
        _, head = self._found(session_id)
        if head.revision != expected_revision:
            raise Conflict(session_id, head.revision, expected_revision)
        _check_count(num_segments, head)
        removed = self.history(session_id, start=num_segments)
        kept = self.history(session_id, limit=num_segments) if num_segments else []
        after = Head(head.revision + 1, num_segments)
        change = RowChange(
            expected={head_key(session_id): head.encode()},
            puts={head_key(session_id): after.encode(), **self._let_go(removed, kept)},
            deletes=[
                key(session_id, each.index) for each in removed for key in (segment_key, state_key)
            ],
        )
        if not self._write(change):
            raise Conflict(session_id, self._found(session_id)[1].revision, expected_revision)
        return self.read(session_id)

    def expire(self, session_id: str, seconds: float | None) -> SessionRecord:
        """As `SupportsExpiry.expire`."""
        if seconds is not None:
            check_seconds(seconds, "seconds")
        while True:
            row, _ = self._found(session_id)
            expires = None if seconds is None else self._now() + seconds
            change = RowChange(
                expected={session_key(session_id): encode(row)},
                puts={session_key(session_id): encode(evolve(row, expires=expires))},
            )
            if self._write(change):
                return self.read(session_id)

    def drop_expired(self, *, limit: int | None = None) -> int:
        """As `SupportsExpiry.drop_expired`."""
        now, dropped = self._now(), 0
        for key, value in self._scan(*range_below("session/"), None):
            row = decode(value, SessionRow, "a session")
            if row.expires is not None and row.expires <= now:
                session_id = key.partition("/")[2]
                head = self._read([head_key(session_id)])[0]
                dropped += head is not None and self._delete(session_id, value, head)
            if limit is not None and dropped >= limit:
                break
        return dropped

    def _create(
        self,
        session_id: str,
        row: SessionRow,
        segments: Sequence[Committed],
        hold: Hold | None,
        unchanged: Mapping[str, bytes],
    ) -> SessionRecord:
        head = Head(0, len(segments))
        puts = {session_key(session_id): encode(row), head_key(session_id): head.encode()}
        for index, (segment, state) in enumerate(segments):
            if segment.index != index:
                problem = f"is {segment.index}; segments are numbered from 0"
                raise ValidationError(f"segments[{index}].index", problem)
            puts |= _rows_of(session_id, segment, state)
        labels = {label_key(*label, session_id): b"" for label in row.labels.items()}
        absent = {session_key(session_id): None}
        change = RowChange(
            expected={**absent, **unchanged, **_expected(hold)},
            puts={**puts, **labels},
            deletes=_keys(hold),
        )
        if not self._write(change):
            self._say_why_not(session_id, unchanged, hold)
        last, state = segments[-1] if segments else (None, None)
        return _record(session_id, row, head, last, state)

    def _say_why_not(
        self, session_id: str, unchanged: Mapping[str, bytes], hold: Hold | None
    ) -> None:
        """Raise what kept a session from being created."""
        if self._read([session_key(session_id)])[0] is not None:
            raise SessionExists(f"session {session_id!r} is there already; take another id")
        for key, value in unchanged.items():
            parent = key.partition("/")[2]
            now = self._found(parent)[1]  # raises when it was deleted
            if now.encode() != value:
                raise Conflict(parent, now.revision, Head.decode(value).revision)
        self._check_hold(hold)
        raise SessionExists(f"session {session_id!r} was there a moment ago; try again")

    def _committed_before(
        self, session_id: str, before: Head, segment: SessionSegment, hold: Hold | None
    ) -> SessionSegment:
        """The attempt's segment when it was committed already; else raises why it was not."""
        _, head = self._found(session_id)
        row = self._read([segment_key(session_id, segment.index)])[0]
        if row is not None:
            there = _segment(row, session_id)
            if there.attempt == segment.attempt:
                return there
        if head.revision != before.revision:
            raise Conflict(session_id, head.revision, before.revision)
        if head.num_segments != before.num_segments:
            problem = f"is {segment.index}; the next one of the session is {head.num_segments}"
            raise ValidationError("segment.index", problem)
        self._check_hold(hold)
        raise Conflict(session_id, head.revision, before.revision)

    def _check_hold(self, hold: Hold | None) -> None:
        if hold is not None and self._read([hold_key(hold.id)])[0] != encode(hold):
            raise HoldRevoked(
                "the blobs were held for too short a time, and may be swept by now: put and hold "
                "them again"
            )

    def _found(self, session_id: str) -> tuple[SessionRow, Head]:
        """Raises `SessionNotFound`."""
        check_session_id(session_id)
        row, head = self._read([session_key(session_id), head_key(session_id)])
        if row is None or head is None:
            raise SessionNotFound(f"there is no session {session_id!r}")
        found = decode(row, SessionRow, f"session {session_id!r}")
        if found.expires is not None and found.expires <= self._now():
            raise SessionNotFound(f"the time of session {session_id!r} is over")
        return found, Head.decode(head)

    def _last(self, session_id: str, head: Head) -> SessionSegment | None:
        if not head.num_segments:
            return None
        row = self._read([segment_key(session_id, head.num_segments - 1)])[0]
        return None if row is None else _segment(row, session_id)

    def _ids(self, labels: Mapping[str, str], after: str) -> Iterator[str]:
        """Ids behind ``after`` in order, of sessions that have the first of ``labels``."""
        prefix = "session/"
        for name, value in labels.items():
            prefix = label_key(name, value, "")
            break
        _, stop = range_below(prefix)
        start = f"{prefix}{after}\x00" if after else prefix
        for key, _ in self._scan(start, stop, None):
            yield key.rpartition("/")[2]

    def _delete(self, session_id: str, row: bytes, head: bytes) -> bool:
        """False when it has changed meanwhile."""
        _, stop = range_below(f"segment/{session_id}/")
        rows = self._scan(segment_key(session_id, 0), stop, None)
        segments = [_segment(value, session_id) for _, value in rows]
        labels = decode(row, SessionRow, f"session {session_id!r}").labels
        deletes = [session_key(session_id), head_key(session_id), claim_key(session_id)]
        deletes += [label_key(*label, session_id) for label in labels.items()]
        for each in segments:
            deletes += [segment_key(session_id, each.index), state_key(session_id, each.index)]
        expected = {session_key(session_id): row, head_key(session_id): head}
        puts = self._let_go(segments, [])
        return self._write(RowChange(expected=expected, puts=puts, deletes=deletes))

    def _about_now(self) -> float:
        """The store's time, asked for now and then: it only stamps."""
        here = time.monotonic()
        if self._clock is None or here - self._clock[1] > _CLOCK_SECONDS:
            self._clock = (self._now(), time.monotonic())
        there, asked = self._clock
        return there + (here - asked if here > asked else 0.0)


def _rows_of(
    session_id: str, segment: SessionSegment, state: ContinuationState | None
) -> dict[str, bytes]:
    rows = {segment_key(session_id, segment.index): encode(segment)}
    if state is not None:
        rows[state_key(session_id, segment.index)] = state.to_json().encode()
    return rows


def _record(
    session_id: str,
    row: SessionRow,
    head: Head,
    last: SessionSegment | None,
    state: ContinuationState | None,
) -> SessionRecord:
    return SessionRecord(
        id=session_id,
        revision=head.revision,
        family=row.family,
        preset=row.preset,
        num_segments=head.num_segments,
        last=last,
        state=state,
        parent=row.parent,
        labels=row.labels,
        created=row.created,
        expires=row.expires,
    )


def _segment(row: bytes, session_id: str) -> SessionSegment:
    return decode(row, SessionSegment, f"a segment of session {session_id!r}")


def _state(row: bytes | None) -> ContinuationState | None:
    if row is None:
        return None
    try:
        return ContinuationState.from_json(row)
    except ValidationError as error:
        raise SessionError(f"a state is damaged in its store: {error}") from error


def _check_count(num_segments: object, head: Head) -> None:
    if type(num_segments) is not int or not 0 <= num_segments <= head.num_segments:
        problem = f"is {shown(num_segments)}; the session has {head.num_segments} segments"
        raise ValidationError("num_segments", problem)


def _expected(hold: Hold | None) -> dict[str, bytes]:
    return {} if hold is None else {hold_key(hold.id): encode(hold)}


def _keys(hold: Hold | None) -> builtins.list[str]:
    return [] if hold is None else [hold_key(hold.id)]
