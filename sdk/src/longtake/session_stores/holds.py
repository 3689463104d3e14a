"""Holds as rows: who needs which blobs, before a commit and after it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from attrs import evolve

from longtake.errors import HoldRevoked
from longtake.session_stores.access import RowAccess
from longtake.session_stores.checks import check_attempt, check_blob_ids, check_seconds, check_whole
from longtake.session_stores.layout import decode, decode_needs, encode, hold_key
from longtake.session_stores.records import Hold, SessionSegment, new_attempt
from longtake.session_stores.rows import RowChange

__all__ = ["RowHolds"]

Need = tuple[str, str]
"""An attempt, and a blob that it needs."""


class RowHolds(RowAccess):
    """What of a session store concerns blobs, over rows."""

    def hold(
        self, blob_ids: Sequence[str], *, for_seconds: float, attempt: str | None = None
    ) -> Hold:
        """As `SupportsHolds.hold`."""
        names, until = check_blob_ids(blob_ids), check_seconds(for_seconds, "for_seconds")
        hold = Hold(
            id=new_attempt(),
            attempt=new_attempt() if attempt is None else check_attempt(attempt),
            blob_ids=names,
            until=self._now() + until,
        )
        self.write_rows(RowChange(puts={hold_key(hold.id): encode(hold)}))
        return hold

    def revoke_over(self, *, limit: int = 100) -> list[Hold]:
        """As `SupportsHolds.revoke_over`."""
        check_whole(limit, "limit", 1)
        found: list[Hold] = []
        for over in self._revoked(limit):
            found += self._not_needed(over)
            if len(found) >= limit:
                break
        return found[:limit]  # the others are revoked, and come first the next time

    def forget_hold(self, hold: Hold) -> None:
        """As `SupportsHolds.forget_hold`."""
        self.write_rows(RowChange(deletes=[hold_key(hold.id)]))

    def held(self) -> set[str]:
        """As `SupportsHolds.held`."""
        return {blob_id for _, blob_id in self._needs()}

    def _needs(self) -> Iterator[Need]:
        """What holds and segments need."""
        # Holds first: what is committed meanwhile is then found among the segments.
        for _, row in self.rows_below("hold/"):
            hold = decode(row, Hold, "a hold")
            if not hold.revoked:
                yield from ((hold.attempt, blob_id) for blob_id in hold.blob_ids)
        for _, row in self.rows_below("segment/"):
            yield from decode_needs(row)

    def _revoked(self, limit: int) -> Iterator[list[Hold]]:
        """Holds that are over, revoked, up to ``limit`` at once; those before come again."""
        now = self._now()
        over: list[Hold] = []
        for key, row in self.rows_below("hold/"):
            hold = decode(row, Hold, "a hold")
            if hold.until > now:
                continue
            if not hold.revoked:
                hold = evolve(hold, revoked=True)
                if not self.write_rows(RowChange(expected={key: row}, puts={key: encode(hold)})):
                    continue  # it was committed, or another sweeper was first
            over.append(hold)
            if len(over) == limit:
                yield over
                over = []
        if over:
            yield over

    def _not_needed(self, over: Sequence[Hold]) -> list[Hold]:
        """Of each hold what nothing else of its attempt needs: who holds twice commits once."""
        attempts = {hold.attempt for hold in over}
        needed = {need for need in self._needs() if need[0] in attempts}
        found = []
        for hold in over:
            free = tuple(i for i in hold.blob_ids if (hold.attempt, i) not in needed)
            if free:
                found.append(evolve(hold, blob_ids=free))
            else:
                self.forget_hold(hold)
        return found

    def _check_hold(self, hold: Hold | None) -> None:
        if hold is not None and self.read_rows([hold_key(hold.id)])[0] != encode(hold):
            raise HoldRevoked(
                "the blobs were held for too short a time, and may be swept by now: put and hold "
                "them again"
            )


def needs_of(segments: Iterable[SessionSegment]) -> Iterator[Need]:
    """The blobs of segments, each with the attempt that pinned it."""
    return ((each.attempt, blob_id) for each in segments for blob_id in each.blob_ids)


def let_go(removed: Sequence[SessionSegment], kept: Sequence[SessionSegment]) -> dict[str, bytes]:
    """Rows of holds that are over, of what segments that go held; what others of their attempt hold
    stays pinned for it."""
    needed = set(needs_of(kept))
    rows: dict[str, bytes] = {}
    for each in removed:
        ids = tuple(i for i in each.blob_ids if (each.attempt, i) not in needed)
        if ids:
            hold = Hold(
                id=new_attempt(), attempt=each.attempt, blob_ids=ids, until=0.0, revoked=True
            )
            rows[hold_key(hold.id)] = encode(hold)
    return rows


def giving_up(hold: Hold | None) -> tuple[Mapping[str, bytes], list[str]]:
    """What a change expects and deletes that gives the hold up."""
    if hold is None:
        return {}, []
    return {hold_key(hold.id): encode(hold)}, [hold_key(hold.id)]
