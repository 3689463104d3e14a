"""Claims as rows: who is at work on what."""

from __future__ import annotations

from longtake.session_stores.access import RowAccess
from longtake.session_stores.checks import check_name, check_seconds, check_session_id
from longtake.session_stores.layout import ClaimRow, claim_key, decode, encode, session_key
from longtake.session_stores.records import Claim
from longtake.session_stores.rows import RowChange

__all__ = ["RowClaims"]


class RowClaims(RowAccess):
    """What of a session store concerns work that is not committed yet, over rows."""

    def begin(self, session_id: str, step: str, *, holder: str, for_seconds: float) -> Claim:
        """As `SupportsClaims.begin`."""
        key = claim_key(check_session_id(session_id))
        check_seconds(for_seconds, "for_seconds")
        own = Claim(
            holder=check_name(holder, "holder"),
            step=check_name(step, "step"),
            seconds_left=for_seconds,
            granted=True,
        )
        while True:
            before, session = self.read_rows([key, session_key(session_id)])
            now = self._now()
            if before is not None:
                other = decode(before, ClaimRow, "a claim")
                left = other.until - now
                if other.holder != holder and left > 0:
                    return Claim(
                        holder=other.holder, step=other.step, seconds_left=left, granted=False
                    )
            if session is None:
                return own  # a claim on nothing is kept nowhere
            row = encode(ClaimRow(holder=holder, step=step, until=now + for_seconds))
            expected = {key: before, session_key(session_id): session}
            if self.write_rows(RowChange(expected=expected, puts={key: row})):
                return own

    def end(self, session_id: str, *, holder: str) -> None:
        """As `SupportsClaims.end`."""
        key = claim_key(check_session_id(session_id))
        row = self.read_rows([key])[0]
        if row is not None and decode(row, ClaimRow, "a claim").holder == holder:
            self.write_rows(RowChange(expected={key: row}, deletes=[key]))
