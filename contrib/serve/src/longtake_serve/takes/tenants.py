"""Whose take it is: nobody learns that another's is there."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping

import longtake as lt
from longtake_serve.takes.book import Book
from longtake_serve.takes.rows import TakeRow
from longtake_serve.takes.views import TakeStatus, TakeView

__all__ = ["TENANT_LABEL", "Tenants", "new_id"]

_PREFIX = "longtake-serve."
TENANT_LABEL = f"{_PREFIX}tenant"
"""The label of a session that says whose take it is."""

_ID = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)
_PAGE = 1000


class Tenants:
    """Takes by tenants. A session is a tenant's take when it has the tenant's label."""

    def __init__(self, sessions: lt.RowSessionStore, book: Book) -> None:
        self._sessions = sessions
        self._book = book

    def row(self, tenant: str, take: str) -> TakeRow:
        """The row of the tenant's take, a new one when nothing was asked for it yet.

        Raises `longtake.SessionNotFound` for another's, and for one that is not there.
        """
        if _ID.fullmatch(take) is None:
            raise lt.SessionNotFound(f"there is no take {take[:100]!r}")
        row = self._book.take(take)
        if row is None:
            owner = self._sessions.read(take).labels.get(TENANT_LABEL)
            row = TakeRow(tenant=tenant)
        else:
            owner = None if row.deleted else row.tenant
        if owner != tenant:
            raise lt.SessionNotFound(f"there is no session {take!r}")
        return row

    def labels(self, tenant: str, labels: Mapping[str, str]) -> dict[str, str]:
        """The labels of a tenant's take. Raises `longtake.ValidationError` for reserved ones."""
        for name in labels:
            if isinstance(name, str) and name.startswith(_PREFIX):
                problem = f"begins with {_PREFIX!r}, which is the server's; choose another name"
                raise lt.ValidationError(f"labels.{name}", problem)
        return {TENANT_LABEL: tenant, **labels}

    def count(self, tenant: str, most: int) -> int:
        """How many takes the tenant has; looked for up to ``most``."""
        found, after = 0, ""
        while found < most:
            wanted = min(_PAGE, most - found)
            page = self._sessions.list(labels={TENANT_LABEL: tenant}, after=after, limit=wanted)
            found += len(page)
            if len(page) < wanted:
                break
            after = page[-1].id
        return found

    def pages(self, tenant: str) -> Iterator[list[lt.SessionRecord]]:
        """The tenant's sessions in the order of their ids, some at a time."""
        wanted, after = {TENANT_LABEL: tenant}, ""
        while page := self._sessions.list(labels=wanted, after=after, limit=_PAGE):
            yield page
            after = page[-1].id

    def view(self, record: lt.SessionRecord, row: TakeRow | None) -> TakeView:
        """The take of a session."""
        return TakeView(
            id=record.id,
            revision=record.revision,
            num_segments=record.num_segments,
            family=record.family,
            preset=record.preset,
            parent=record.parent,
            labels={n: v for n, v in record.labels.items() if not n.startswith(_PREFIX)},
            created=record.created,
            status="open" if row is None else _status(row),
            open_work=0 if row is None else len(row.queue),
            last_error=None if row is None else row.error,
        )


def new_id() -> str:
    """Of a take; nobody can guess it."""
    return f"take_{secrets.token_urlsafe(16)}"


def _status(row: TakeRow) -> TakeStatus:
    if not row.finished:
        return "open"
    return "finishing" if row.queue else "finished"
