"""What a server does for its clients, whatever they speak: takes, and the work on them."""

from __future__ import annotations

import builtins
import os
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import longtake as lt
from longtake_serve.takes import changes
from longtake_serve.takes.admission import Admission
from longtake_serve.takes.book import Book
from longtake_serve.takes.errors import ServiceClosed
from longtake_serve.takes.jobs import Jobs
from longtake_serve.takes.limits import (
    ServeLimits,
    check_count,
    check_import,
    check_upload,
)
from longtake_serve.takes.rows import TakeRow
from longtake_serve.takes.tenants import Tenants, new_id
from longtake_serve.takes.views import TakeEvent, TakeView, WorkView, work_number
from longtake_serve.takes.workshop import Workshop

__all__ = ["TakeService"]

_MOST_EVENTS = 1000


class TakeService:
    """Takes of many tenants in a session store, and the work on them.

    ``sessions``: must be a `longtake.RowSessionStore`, for the book of work is kept in its rows.
    ``family``, ``preset`` (with its version): of new takes. ``check``: is called with each request
    before it is queued, and raises for one that cannot be rolled. ``registry``: has the families of
    takes that are imported. ``clock``: seconds since 1970. ``jobs``: takes that are asked for as a
    whole.

    Every method may be called from any thread and waits for the store. A take that is not the
    tenant's is `longtake.SessionNotFound`, as one that is not there. What is changed is of the
    store before a method returns; when that says `longtake.SessionStoreUnavailable`, it may be.
    """

    def __init__(
        self,
        sessions: lt.SessionStore,
        blobs: lt.BlobStore | None,
        dispatcher: lt.Dispatcher,
        *,
        family: str,
        preset: str,
        limits: ServeLimits | None = None,
        check: Callable[[lt.GenerationRequest], object] | None = None,
        registry: lt.Registry | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not isinstance(sessions, lt.RowSessionStore):
            problem = (
                f"is {sessions!r}, which keeps no rows for others; use one that does, such as "
                "sqlite:, redis: or postgresql:"
            )
            raise lt.ValidationError("sessions", problem)
        self._sessions = sessions
        self._blobs = blobs
        self._dispatcher = dispatcher
        self._made_for = (family, preset)
        self._limits = limits or ServeLimits()
        self._admission = Admission(limits=self._limits, check=check, clock=clock)
        self._registry = registry
        self._book = Book(sessions)
        self._tenants = Tenants(sessions, self._book)
        self._workshop = Workshop(sessions, self._book, dispatcher, self._limits, clock)
        self._is_open = True
        self.jobs = Jobs(
            sessions=sessions,
            blobs=blobs,
            book=self._book,
            tenants=self._tenants,
            workshop=self._workshop,
            admission=self._admission,
            family=family,
            preset=preset,
            check_open=self._check_open,
        )

    def resume(self) -> int:
        """Submit what waits or had been started, once, at the start; of how many takes."""
        found = self._book.open_takes()
        for take in found:
            row = self._book.take(take)
            if row is not None and row.deleted:
                self._delete(take)
                continue
            try:
                self._workshop.resume(take)
            except lt.SessionNotFound:  # its session was deleted by somebody else, or is over
                self._book.purge(take)
        return len(found)

    def create(self, tenant: str, *, labels: Mapping[str, str] | None = None) -> TakeView:
        """A new take without segments. Raises `LimitExceeded` for one too many."""
        self._check_open()
        all_labels = self._tenants.labels(tenant, labels or {})
        check_count(self._tenants.count(tenant, self._limits.sessions), self._limits)
        family, preset = self._made_for
        record = self._sessions.create(new_id(), family=family, preset=preset, labels=all_labels)
        return self._tenants.view(record, None)

    def read(self, tenant: str, take: str) -> TakeView:
        """The take as it is now."""
        row = self._tenants.row(tenant, take)
        return self._tenants.view(self._sessions.read(take), row)

    def list(
        self,
        tenant: str,
        *,
        labels: Mapping[str, str] | None = None,
        after: str = "",
        limit: int = 100,
    ) -> builtins.list[TakeView]:
        """The tenant's takes that have all of ``labels``, in the order of their ids.

        ``after``: go on behind this id. ``limit``: 1 to 1000.
        """
        wanted = self._tenants.labels(tenant, labels or {})
        records = self._sessions.list(labels=wanted, after=after, limit=limit)
        rows = self._book.takes([each.id for each in records])
        found = zip(records, rows, strict=True)
        return [self._tenants.view(each, row) for each, row in found if not _is_gone(row)]

    def extend(
        self,
        tenant: str,
        take: str,
        request: dict[str, Any],
        *,
        key: str | None = None,
        traceparent: str | None = None,
    ) -> WorkView:
        """Queue a request. The same ``key`` again gives the work that it made the first time.

        ``request``: the document of a `longtake.GenerationRequest`, without a state.
        ``traceparent``: of the client's trace; one that is none is passed over. Raises
        `longtake.ValidationError` with the path of what is wrong, `LimitExceeded` and
        `TakeFinished`.
        """
        self._check_open()
        self._admission.check_key(key)
        self._tenants.row(tenant, take)
        asked = self._admission.asked(request, key=key, traceparent=traceparent)
        work = self._workshop.add(take, tenant, asked)
        return self._workshop.view(take, self._tenants.row(tenant, take), work)

    def work(self, tenant: str, take: str) -> builtins.list[WorkView]:
        """Work on the take, in the order in which it was asked for; at most the last 1,000."""
        row = self._tenants.row(tenant, take)
        return [self._workshop.view(take, row, each) for each in self._book.works(take)]

    def cancel(self, tenant: str, take: str, work: str | None = None) -> builtins.list[WorkView]:
        """Cancel one piece of work, or all that is open; as it is then.

        What is being rolled is ``cancelling`` until its worker has stopped, and may yet be done.
        Work that has ended stays as it is.
        """
        self._tenants.row(tenant, take)
        numbers = None if work is None else (work_number(take, work),)
        changed = self._workshop.cancel(take, tenant, numbers)
        row = self._tenants.row(tenant, take)
        return [self._workshop.view(take, row, each) for each in changed]

    def fork(self, tenant: str, take: str, num_segments: int) -> TakeView:
        """A new take that begins with the first ``num_segments`` segments of this one."""
        self._check_open()
        self._tenants.row(tenant, take)
        check_count(self._tenants.count(tenant, self._limits.sessions), self._limits)
        record = lt.fork_session(self._sessions, take, num_segments, new_id(), blobs=self._blobs)
        return self._tenants.view(record, None)

    def rewind(self, tenant: str, take: str, num_segments: int) -> TakeView:
        """Let all segments behind the first ``num_segments`` go.

        Raises `TakeBusy` while there is open work, and `TakeFinished`.
        """
        self._tenants.row(tenant, take)
        with self._book.turn(take):
            self._book.change(take, tenant, changes.check_idle)
            record = lt.rewind_session(self._sessions, take, num_segments, blobs=self._blobs)
            self._book.change(
                take, tenant, lambda draft: draft.tell("rewound", num_segments=num_segments)
            )
        return self._tenants.view(record, self._book.take(take))

    def finish(self, tenant: str, take: str) -> TakeView:
        """Take no more requests; the take is finished once those that are open have ended."""
        self._tenants.row(tenant, take)
        session = partial(self._sessions.read, take)
        self._book.change(take, tenant, lambda draft: changes.finish(draft, session))
        return self.read(tenant, take)

    def delete(self, tenant: str, take: str) -> None:
        """Forget the take and its work. Forks of it stay."""
        self._tenants.row(tenant, take)
        with self._book.turn(take):
            self._book.change(take, tenant, changes.delete)
            self._workshop.drop(take)
        self._delete(take)

    def state(self, tenant: str, take: str) -> lt.ContinuationState | None:
        """The state after the last segment; None before the first."""
        self._tenants.row(tenant, take)
        return self._sessions.read(take).state

    def export(self, tenant: str, take: str, path: str | os.PathLike[str]) -> TakeView:
        """Write the take to the new file ``path``. Raises as `longtake.export_session`."""
        row = self._tenants.row(tenant, take)
        record = lt.export_session(self._sessions, take, path, blobs=self._blobs)
        return self._tenants.view(record, row)

    def import_(self, tenant: str, path: str | os.PathLike[str]) -> TakeView:
        """A new take from a file that `export` wrote, anywhere; its labels are the tenant's.

        Raises as `longtake.import_session`, `LimitExceeded`, and `longtake.ValidationError` for a
        take of another family.
        """
        self._check_open()
        check_upload(path, self._limits)
        check_count(self._tenants.count(tenant, self._limits.sessions), self._limits)
        record = lt.import_session(
            self._sessions,
            path,
            session_id=new_id(),
            blobs=self._blobs,
            registry=self._registry,
            labels=self._tenants.labels(tenant, {}),
        )
        try:
            check_import(record, self._made_for[0], self._limits)
        except lt.ValidationError:
            self._sessions.delete(record.id)  # its blobs go with the next sweep
            raise
        return self._tenants.view(record, None)

    def segments(
        self, tenant: str, take: str, *, start: int = 0, limit: int | None = None
    ) -> builtins.list[lt.SessionSegment]:
        """The take's segments from ``start`` on, at most ``limit``."""
        self._tenants.row(tenant, take)
        return self._sessions.history(take, start=start, limit=limit)

    def media(self, tenant: str, take: str, index: int) -> str:
        """The id of the blob, or the URL, with the segment's picture and sound."""
        found = self.segments(tenant, take, start=index, limit=1) if index >= 0 else []
        if not found or not found[0].media:
            raise lt.SessionNotFound(f"take {take!r} has no media of a segment {index}")
        return found[0].media[0]

    def events(
        self, tenant: str, take: str, *, after: int = 0, limit: int = 100
    ) -> builtins.list[TakeEvent]:
        """Events that are kept, behind the one of this id: at most the last 1,000.

        ``limit``: 1 to 1000.
        """
        if after < 0:
            raise lt.ValidationError("after", f"is {after}; must be the id of an event, or 0")
        if not 1 <= limit <= _MOST_EVENTS:
            raise lt.ValidationError("limit", f"is {limit}; must be from 1 to {_MOST_EVENTS}")
        self._tenants.row(tenant, take)
        return self._book.events(take, after, limit)

    def listen(
        self, tenant: str, take: str, callback: Callable[[TakeEvent], None]
    ) -> Callable[[], None]:
        """Have ``callback`` told every event from now on; what comes back ends that.

        It is called in the order of events, from any thread, and must not wait. Ids of events that
        are kept have no gaps: whoever sees one, as after an outage of the store, reads `events`.
        """
        self._tenants.row(tenant, take)
        return self._book.listen(take, callback)

    def capacity(self) -> lt.DispatcherStatus:
        """The dispatcher's status."""
        return self._dispatcher.status()

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until all that the dispatcher has told is kept; whether it was in time, seconds."""
        return self._workshop.flush(timeout)

    def drain(self, timeout: float | None = None) -> bool:
        """Take and start nothing more, and wait for what runs; whether it ended in time.

        ``timeout``: seconds. The requests that wait stay in the store, for `resume`.
        """
        self._is_open = False
        return self._workshop.drain(timeout)

    def close(self) -> None:
        """End everything, the dispatcher too. What was not over goes on with `resume`."""
        self._is_open = False
        self._workshop.close()

    def _check_open(self) -> None:
        if not self._is_open:
            raise ServiceClosed("the server is being shut down; try again when it is back")

    def _delete(self, take: str) -> None:
        """The session first: as long as the book has the mark, a start does this again."""
        self._sessions.delete(take)
        self._book.purge(take)


def _is_gone(row: TakeRow | None) -> bool:
    return row is not None and row.deleted
