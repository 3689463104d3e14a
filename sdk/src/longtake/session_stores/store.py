"""A session store over anything that keeps rows: what all of them have in common.

What differs is a `SessionRows`. Every change is one `RowChange`, whose expected rows make it
compare-and-set; what is read in several rounds is read again when it was not of one moment.
"""

from __future__ import annotations

import builtins
import time
from collections.abc import Iterator, Mapping
from itertools import islice

from attrs import evolve

from longtake.errors import Conflict, SessionNotFound, ValidationError
from longtake.session_stores.access import as_found, as_last, as_segment, as_state
from longtake.session_stores.branches import RowBranches
from longtake.session_stores.checks import (
    check_labels,
    check_revision,
    check_session_id,
    check_state,
    check_whole,
)
from longtake.session_stores.claims import RowClaims
from longtake.session_stores.holds import giving_up
from longtake.session_stores.layout import (
    Head,
    head_key,
    label_key,
    segment_key,
    session_key,
    state_key,
)
from longtake.session_stores.lifetimes import rows_of
from longtake.session_stores.records import Hold, SessionRecord, SessionSegment, stamped
from longtake.session_stores.rows import RowChange, SessionRows
from longtake.states.state import ContinuationState

__all__ = ["RowSessionStore"]

_MOST_LISTED = 1000
_LEAST_AT_ONCE = 20
"""Sessions that are looked at together, when few of them have all labels."""
_CLOCK_SECONDS = 30.0
"""How long the store's clock is carried on by this machine's monotonic one, to stamp commits."""


class RowSessionStore(RowBranches, RowClaims):
    """The `SessionStore` whose sessions are ``rows``, with all powers, for any number of threads.

    Pickled, it is its rows.
    """

    def __init__(self, rows: SessionRows) -> None:
        super().__init__(rows)
        self._clock: tuple[float, float] | None = None

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
        before = Head(check_revision(expected_revision), segment.index)
        segment = stamped(segment, self._about_now())
        expected, deletes = giving_up(hold)
        change = RowChange(
            expected={head_key(session_id): before.encode(), **expected},
            puts={
                head_key(session_id): _next(before).encode(),
                **rows_of(session_id, segment, check_state(state)),
            },
            deletes=deletes,
        )
        if self.write_rows(change):
            return segment
        return self._advanced(session_id, before, segment, change, hold)

    def history(
        self, session_id: str, *, start: int = 0, limit: int | None = None
    ) -> builtins.list[SessionSegment]:
        """As `SessionStore.history`."""
        check_session_id(session_id)
        check_whole(start, "start", 0)
        if limit is not None:
            check_whole(limit, "limit", 1)
        found = self._found(session_id)
        while True:
            segments = self._segments(session_id, start, limit)
            again = self._found(session_id)
            if again.is_same_branch(found):
                return segments
            found = again

    def state(self, session_id: str, segment: int) -> ContinuationState | None:
        """As `SessionStore.state`."""
        check_session_id(session_id)
        check_whole(segment, "segment", 0)
        found = self._found(session_id, state_key(session_id, segment))
        if segment >= found.head.num_segments:
            problem = f"is {segment}; the session has {found.head.num_segments} segments, from 0"
            raise ValidationError("segment", problem)
        return as_state(found.more[0])

    def list(
        self, *, labels: Mapping[str, str] | None = None, after: str = "", limit: int = 100
    ) -> builtins.list[SessionRecord]:
        """As `SessionStore.list`."""
        wanted = dict(check_labels({} if labels is None else labels))
        if after != "":
            check_session_id(after)
        check_whole(limit, "limit", 1, _MOST_LISTED)
        ids = self._ids(wanted, after)
        found: builtins.list[SessionRecord] = []
        while len(found) < limit:
            some = builtins.list(islice(ids, max(limit - len(found), _LEAST_AT_ONCE)))
            if not some:
                break
            found += [each for each in self._records(some) if wanted.items() <= each.labels.items()]
        return found[:limit]

    def _advanced(
        self,
        session_id: str,
        before: Head,
        segment: SessionSegment,
        change: RowChange,
        hold: Hold | None,
    ) -> SessionSegment:
        """The segment of a change that was refused; else raises why it was."""
        while True:
            found = self._found(session_id, segment_key(session_id, segment.index))
            row, now = found.more[0], found.head
            if row is not None:
                there = as_segment(row, session_id)
                if there.attempt == segment.attempt:
                    return there  # this attempt had been committed
            if now.revision != before.revision:
                raise Conflict(session_id, now.revision, before.revision)
            if now.num_segments != segment.index:
                problem = f"is {segment.index}; the next one of the session is {now.num_segments}"
                raise ValidationError("segment.index", problem)
            self._check_hold(hold)
            # The session has an end, which is not reached: it must have the same end still.
            ends = evolve(
                change,
                expected={**change.expected, **found.rows},
                puts={**change.puts, head_key(session_id): _next(now).encode()},
            )
            if self.write_rows(ends):
                return segment

    def _records(self, ids: builtins.list[str]) -> Iterator[SessionRecord]:
        """Those that are there, in a few rounds for all of them."""
        heads = self.read_rows([head_key(each) for each in ids])
        keys: builtins.list[str] = []
        for session_id, head in zip(ids, heads, strict=True):
            index = 0 if head is None else max(Head.decode(head).num_segments - 1, 0)
            keys += [session_key(session_id), head_key(session_id), segment_key(session_id, index)]
        now, rows = self._now(), iter(self.read_rows(keys))
        for session_id, before, row, head, last in zip(ids, heads, rows, rows, rows, strict=True):
            try:
                found = as_found(session_id, row, head, ())
                if found.row.expires is not None and found.row.expires <= now:
                    continue
                if head != before:
                    yield self._record(found, with_state=False)
                else:
                    some = found.head.num_segments
                    yield found.record(as_last(last, session_id) if some else None, None)
            except SessionNotFound:  # deleted meanwhile
                continue

    def _ids(self, labels: Mapping[str, str], after: str) -> Iterator[str]:
        """Ids behind ``after`` in order, of sessions that have the first of ``labels``."""
        prefix = "session/"
        for name, value in labels.items():
            prefix = label_key(name, value, "")
            break
        for key, _ in self.rows_below(prefix, after=f"{prefix}{after}" if after else None):
            yield key.rpartition("/")[2]

    def _about_now(self) -> float:
        """The store's time, asked for now and then: it only stamps."""
        here = time.monotonic()
        if self._clock is None or here - self._clock[1] > _CLOCK_SECONDS:
            self._clock = (self._now(), time.monotonic())
        there, asked = self._clock
        return there + (here - asked if here > asked else 0.0)


def _next(head: Head) -> Head:
    return Head(head.revision + 1, head.num_segments + 1, head.expires)
