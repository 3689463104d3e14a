"""Holds and claims as rows: who needs which blobs, and who is at work on what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import evolve

from longtake.errors import SessionError, ValidationError, shown
from longtake.session_stores.layout import (
    ClaimRow,
    claim_key,
    decode,
    encode,
    hold_key,
    range_below,
    session_key,
)
from longtake.session_stores.records import (
    Claim,
    Hold,
    SessionSegment,
    check_seconds,
    check_session_id,
    new_attempt,
)
from longtake.session_stores.rows import RowChange, SessionRows, Translating

__all__ = ["RowHolds"]

_PAGE = 500


class RowHolds:
    """What of a session store concerns blobs and work that is not committed, over ``rows``."""

    def __init__(self, rows: SessionRows) -> None:
        self._rows = rows
        self._closed = False

    @property
    def rows(self) -> SessionRows:
        """Where the sessions are."""
        return self._rows

    def hold(
        self, blob_ids: Sequence[str], *, for_seconds: float, attempt: str | None = None
    ) -> Hold:
        """As `SupportsHolds.hold`."""
        hold = Hold(
            id=new_attempt(),
            attempt=attempt or new_attempt(),
            blob_ids=tuple(blob_ids),
            until=self._now() + check_seconds(for_seconds, "for_seconds"),
        )
        self._write(RowChange(puts={hold_key(hold.id): encode(hold)}))
        return hold

    def revoke_over(self, *, limit: int = 100) -> list[Hold]:
        """As `SupportsHolds.revoke_over`."""
        now = self._now()
        over: list[Hold] = []
        for key, row in self._scan(*range_below("hold/"), None):
            hold = decode(row, Hold, "a hold")
            if hold.until > now:
                continue
            if not hold.revoked:
                hold = evolve(hold, revoked=True)
                if not self._write(RowChange(expected={key: row}, puts={key: encode(hold)})):
                    continue  # it was committed, or another sweeper was first
            over.append(hold)
            if len(over) == limit:
                break
        return over

    def forget_hold(self, hold: Hold) -> None:
        """As `SupportsHolds.forget_hold`."""
        self._write(RowChange(deletes=[hold_key(hold.id)]))

    def held(self) -> set[str]:
        """As `SupportsHolds.held`."""
        # Holds first: what is committed meanwhile is then found among the segments.
        found = {
            blob_id
            for _, row in self._scan(*range_below("hold/"), None)
            for blob_id in _still_held(decode(row, Hold, "a hold"))
        }
        for _, row in self._scan(*range_below("segment/"), None):
            found.update(decode(row, SessionSegment, "a segment").blob_ids)
        return found

    def begin(self, session_id: str, step: str, *, holder: str, for_seconds: float) -> Claim:
        """As `SupportsClaims.begin`."""
        check_session_id(session_id)
        check_seconds(for_seconds, "for_seconds")
        if not isinstance(holder, str) or not holder:
            raise ValidationError("holder", f"is {shown(holder)}; must be a text")
        key = claim_key(session_id)
        while True:
            before, session = self._read([key, session_key(session_id)])
            now = self._now()
            if before is not None:
                other = decode(before, ClaimRow, "a claim")
                left = other.until - now
                if other.holder != holder and left > 0:
                    return Claim(
                        holder=other.holder, step=other.step, seconds_left=left, granted=False
                    )
            own = Claim(holder=holder, step=step, seconds_left=for_seconds, granted=True)
            if session is None:
                return own  # a claim on nothing is kept nowhere
            row = encode(ClaimRow(holder=holder, step=step, until=now + for_seconds))
            expected = {key: before, session_key(session_id): session}
            if self._write(RowChange(expected=expected, puts={key: row})):
                return own

    def end(self, session_id: str, *, holder: str) -> None:
        """As `SupportsClaims.end`."""
        key = claim_key(check_session_id(session_id))
        row = self._read([key])[0]
        if row is not None and decode(row, ClaimRow, "a claim").holder == holder:
            self._write(RowChange(expected={key: row}, deletes=[key]))

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

    def _let_go(
        self, removed: Sequence[SessionSegment], kept: Sequence[SessionSegment]
    ) -> dict[str, bytes]:
        """Holds that are over, of what segments that go held; what others of their attempt hold
        stays pinned for it."""
        needed = {(each.attempt, blob_id) for each in kept for blob_id in each.blob_ids}
        holds: dict[str, bytes] = {}
        for each in removed:
            ids = tuple(i for i in each.blob_ids if (each.attempt, i) not in needed)
            if ids:
                hold = Hold(
                    id=new_attempt(), attempt=each.attempt, blob_ids=ids, until=0.0, revoked=True
                )
                holds[hold_key(hold.id)] = encode(hold)
        return holds

    def _now(self) -> float:
        self._check_open()
        with Translating(self._rows):
            return self._rows.now()

    def _read(self, keys: Sequence[str]) -> list[bytes | None]:
        self._check_open()
        with Translating(self._rows):
            return self._rows.read(keys)

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

    def _write(self, change: RowChange) -> bool:
        self._check_open()
        with Translating(self._rows):
            return self._rows.write(change)

    def _check_open(self) -> None:
        if self._closed:
            raise SessionError(f"{self!r} is closed; open another one")


def _still_held(hold: Hold) -> Mapping[str, None]:
    return {} if hold.revoked else dict.fromkeys(hold.blob_ids)
