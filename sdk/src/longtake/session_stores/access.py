"""How rows are asked for and changed, and how a session is read from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import frozen

from longtake.errors import SessionError, SessionNotFound, ValidationError
from longtake.session_stores.checks import check_session_id
from longtake.session_stores.layout import (
    Head,
    SessionRow,
    decode,
    head_key,
    range_below,
    segment_key,
    session_key,
    state_key,
)
from longtake.session_stores.records import SessionRecord, SessionSegment
from longtake.session_stores.rows import RowChange, SessionRows, Translating
from longtake.states.state import ContinuationState

__all__ = ["Found", "RowAccess"]

_PAGE = 500


@frozen
class Found:
    """A session at one moment. ``rows``: as they were, for a change that expects them still."""

    id: str
    row: SessionRow
    head: Head
    rows: Mapping[str, bytes]
    more: Sequence[bytes | None]

    def is_same_branch(self, other: Found) -> bool:
        """Whether the segments that both have are the same ones."""
        same_session = self.row.nonce == other.row.nonce
        return same_session and self.head.branch == other.head.branch

    def record(self, last: SessionSegment | None, state: ContinuationState | None) -> SessionRecord:
        """The session, with its last segment and the state after it."""
        return SessionRecord(
            id=self.id,
            revision=self.head.revision,
            family=self.row.family,
            preset=self.row.preset,
            num_segments=self.head.num_segments,
            last=last,
            state=state,
            parent=self.row.parent,
            labels=self.row.labels,
            created=self.row.created,
            expires=self.row.expires,
        )


class RowAccess:
    """``rows`` behind their errors, until it is closed. Pickled, it is its rows."""

    def __init__(self, rows: SessionRows) -> None:
        self._rows = rows
        self._closed = False

    @property
    def rows(self) -> SessionRows:
        """Where the sessions are."""
        return self._rows

    def read(self, session_id: str) -> SessionRecord:
        """As `SessionStore.read`."""
        return self._record(self._found(session_id), with_state=True)

    def read_rows(self, keys: Sequence[str]) -> list[bytes | None]:
        """The rows as they are at one moment, None for each that is absent.

        Others may keep rows of their own beside the sessions, under keys that begin with a name of
        theirs and a slash. These three raise what a session store raises, and nothing else.
        """
        self._check_open()
        with Translating(self._rows):
            return self._rows.read(keys)

    def rows_below(
        self, prefix: str, *, after: str | None = None, limit: int | None = None
    ) -> Iterator[tuple[str, bytes]]:
        """The rows whose keys begin with ``prefix``, which ends with a slash, in their order.

        ``after``: only those behind this key. ``limit``: at most so many. They are read page by
        page, each page as it is at one moment.
        """
        start, stop = range_below(prefix)
        return self._scan(start if after is None else f"{after}\x00", stop, limit)

    def write_rows(self, change: RowChange) -> bool:
        """Make all of ``change`` in one step; False, and nothing changed, if rows are not so."""
        self._check_open()
        with Translating(self._rows):
            return self._rows.write(change)

    def close(self) -> None:
        """Let connections go. Closing again does nothing; other uses raise `SessionError`."""
        if not self._closed:
            self._closed = True
            with Translating(self._rows):
                self._rows.close()

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._rows,)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} in {self._rows!r}{', closed' if self._closed else ''}>"

    def _found(self, session_id: str, *keys: str) -> Found:
        """The session, and more rows of the same moment. Raises `SessionNotFound`."""
        check_session_id(session_id)
        row, head, *more = self.read_rows([session_key(session_id), head_key(session_id), *keys])
        found = as_found(session_id, row, head, more)
        if self._is_over(found.row):
            raise SessionNotFound(f"the time of session {session_id!r} is over")
        return found

    def _record(self, found: Found, *, with_state: bool) -> SessionRecord:
        """The session with its last segment, all of one moment."""
        while found.head.num_segments:
            index = found.head.num_segments - 1
            keys = [segment_key(found.id, index)] + [state_key(found.id, index)] * with_state
            again = self._found(found.id, *keys)
            if again.head.num_segments == found.head.num_segments:
                last, *states = again.more
                return again.record(
                    as_last(last, found.id), as_state(states[0]) if states else None
                )
            found = again
        return found.record(None, None)

    def _is_over(self, row: SessionRow) -> bool:
        return row.expires is not None and row.expires <= self._now()

    def _segments(
        self, session_id: str, start: int = 0, limit: int | None = None
    ) -> list[SessionSegment]:
        """The session's segments from ``start`` on, page by page."""
        _, stop = range_below(f"segment/{session_id}/")
        rows = self._scan(segment_key(session_id, start), stop, limit)
        return [as_segment(row, session_id) for _, row in rows]

    def _now(self) -> float:
        self._check_open()
        with Translating(self._rows):
            return self._rows.now()

    def _scan(self, start: str, stop: str, limit: int | None) -> Iterator[tuple[str, bytes]]:
        """All rows of the range, page by page; each page is of one moment."""
        left = limit
        while left is None or left > 0:
            self._check_open()
            asked = _PAGE if left is None else min(_PAGE, left)
            with Translating(self._rows):
                page = self._rows.scan(start, stop, asked)
            yield from page
            if len(page) < asked:
                return
            start = f"{page[-1][0]}\x00"
            left = None if left is None else left - len(page)

    def _check_open(self) -> None:
        if self._closed:
            raise SessionError(f"{self!r} is closed; open another one")


def as_found(
    session_id: str, row: bytes | None, head: bytes | None, more: Sequence[bytes | None]
) -> Found:
    """The session of its rows. Raises `SessionNotFound` when they are not there."""
    if row is None or head is None:
        raise SessionNotFound(f"there is no session {session_id!r}")
    decoded = decode(row, SessionRow, f"session {session_id!r}")
    rows = {session_key(session_id): row, head_key(session_id): head}
    return Found(session_id, decoded, Head.decode(head), rows, more)


def as_segment(row: bytes, session_id: str) -> SessionSegment:
    """The segment of a row. Raises `SessionError` for a damaged one."""
    return decode(row, SessionSegment, f"a segment of session {session_id!r}")


def as_last(row: bytes | None, session_id: str) -> SessionSegment:
    """The last segment of a session, which is there."""
    if row is None:
        raise SessionError(f"the last segment of session {session_id!r} is missing in its store")
    return as_segment(row, session_id)


def as_state(row: bytes | None) -> ContinuationState | None:
    """The state of a row. Raises `SessionError` for a damaged one."""
    if row is None:
        return None
    try:
        return ContinuationState.from_json(row)
    except ValidationError as error:
        raise SessionError(f"a state is damaged in its store: {error}") from error
