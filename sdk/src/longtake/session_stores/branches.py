"""Forks and rewinds as rows: a fork has copies of its own, so that nothing is shared."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import evolve

from longtake.errors import Conflict
from longtake.session_stores.access import Found
from longtake.session_stores.checks import (
    check_attempt,
    check_labels,
    check_revision,
    check_session_id,
    check_whole,
)
from longtake.session_stores.holds import giving_up, let_go
from longtake.session_stores.layout import (
    SessionRow,
    encode,
    head_key,
    segment_key,
    state_key,
)
from longtake.session_stores.lifetimes import RowLifetimes, keys_of
from longtake.session_stores.records import Hold, SessionParent, SessionRecord, new_attempt
from longtake.session_stores.rows import RowChange

__all__ = ["RowBranches"]

_STATES_AT_ONCE = 50


class RowBranches(RowLifetimes):
    """Two futures from one past."""

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
        owner = new_attempt() if attempt is None else check_attempt(attempt)
        parent = found = self._found(session_id)
        check_whole(num_segments, "num_segments", 0, parent.head.num_segments)
        row = SessionRow(
            family=parent.row.family,
            preset=parent.row.preset,
            labels=dict(parent.row.labels if labels is None else check_labels(labels)),
            parent=SessionParent(id=session_id, num_segments=num_segments),
            created=self._now(),
            nonce=owner,
        )
        copies = self._copies(session_id, num_segments, new_id, owner)
        expected, deletes = giving_up(hold)
        while True:
            unchanged = {**expected, **found.rows}
            change = RowChange(expected=unchanged, puts=copies, deletes=deletes)
            if self._made(new_id, row, num_segments, change):
                return self.read(new_id)
            self._check_hold(hold)
            found = self._found(session_id)
            if not found.is_same_branch(parent):
                raise Conflict(session_id, found.head.revision, parent.head.revision)
            # It only went on: what was copied is what it still has.

    def rewind(self, session_id: str, expected_revision: int, num_segments: int) -> SessionRecord:
        """As `SupportsBranches.rewind`."""
        check_revision(expected_revision)
        while True:
            found = self._found(session_id)
            if found.head.revision != expected_revision:
                raise Conflict(session_id, found.head.revision, expected_revision)
            check_whole(num_segments, "num_segments", 0, found.head.num_segments)
            if self.write_rows(self._rewound(found, num_segments)):
                return self.read(session_id)

    def _rewound(self, found: Found, num_segments: int) -> RowChange:
        segments = self._segments(found.id)
        kept, removed = segments[:num_segments], segments[num_segments:]
        head = evolve(found.head, revision=found.head.revision + 1, num_segments=num_segments)
        return RowChange(
            expected=found.rows,
            puts={head_key(found.id): head.encode(), **let_go(removed, kept)},
            deletes=keys_of(found.id, removed),
        )

    def _copies(
        self, session_id: str, num_segments: int, new_id: str, owner: str
    ) -> dict[str, bytes]:
        """The rows of the first segments and of their states, as another session's."""
        segments = self._segments(session_id, limit=num_segments)
        rows = {
            segment_key(new_id, each.index): encode(evolve(each, attempt=owner))
            for each in segments
        }
        for first in range(0, len(segments), _STATES_AT_ONCE):
            indices = [each.index for each in segments[first : first + _STATES_AT_ONCE]]
            states = self.read_rows([state_key(session_id, index) for index in indices])
            for index, state in zip(indices, states, strict=True):
                if state is not None:
                    rows[state_key(new_id, index)] = state
        return rows
