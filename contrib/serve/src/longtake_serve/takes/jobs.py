"""Takes that are asked for as a whole: all requests at once, and finished with the last of them."""

from __future__ import annotations

import builtins
import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from attrs import evolve, frozen

import longtake as lt
from longtake_serve.takes.admission import Admission
from longtake_serve.takes.book import Book
from longtake_serve.takes.limits import LimitExceeded, check_count
from longtake_serve.takes.rows import TakeRow, digest_of
from longtake_serve.takes.tenants import Tenants, new_id
from longtake_serve.takes.views import JobStatus, JobView, TakeJob, WorkError
from longtake_serve.takes.workshop import Workshop

__all__ = ["Jobs"]

_CANCELLED = WorkError(type="Cancelled", path="", message="it was cancelled")


@frozen(kw_only=True)
class Jobs:
    """The jobs of a service. What it says of tenants, threads and the store holds here, too.

    ``family``, ``preset``: of new takes. ``check_open``: raises once nothing is taken any more.
    """

    sessions: lt.RowSessionStore
    blobs: lt.BlobStore | None
    book: Book
    tenants: Tenants
    workshop: Workshop
    admission: Admission
    family: str
    preset: str
    check_open: Callable[[], None]

    def start(
        self,
        tenant: str,
        requests: Sequence[dict[str, Any]],
        job: TakeJob,
        *,
        after: str | None = None,
        key: str | None = None,
    ) -> JobView:
        """Have a new take rolled, in the place of which the same ``key`` again gives that one.

        ``requests``: as of `TakeService.extend`, one for each segment; where one of them makes
        none, those behind it are not rolled. ``job``: what is said of it later; its counts and its
        digest are set here. ``after``: the take begins with all segments of this one, which stays
        as it is. Raises like `TakeService.extend` and `TakeService.fork`.
        """
        self.check_open()
        self.admission.check_key(key)
        asked = [self.admission.asked(each) for each in requests]
        job = self._counted(tenant, job, [each.document for each in asked], after)
        take = new_id() if key is None else _id_of(tenant, key)
        with suppress(lt.SessionNotFound):
            return self._made_before(tenant, take, job.digest)
        limits = self.admission.limits
        check_count(self.tenants.count(tenant, limits.sessions), limits)
        with suppress(lt.SessionExists):  # the same key, at the same time or before a kill
            self._create(tenant, take, after)
        self.workshop.add_job(take, tenant, asked, job)
        return self.read(tenant, take)

    def read(self, tenant: str, take: str) -> JobView:
        """The job as it is now. A take that is none is `longtake.SessionNotFound`."""
        row = self.tenants.row(tenant, take)
        if row.job is None:
            raise lt.SessionNotFound(f"take {take!r} was not asked for as a whole")
        return self._view(self.sessions.read(take), row, row.job)

    def list(self, tenant: str) -> builtins.list[JobView]:
        """All jobs of the tenant, the oldest first."""
        found = []
        for records in self.tenants.pages(tenant):
            rows = self.book.takes([each.id for each in records])
            for record, row in zip(records, rows, strict=True):
                if row is not None and row.job is not None and not row.deleted:
                    with suppress(lt.SessionNotFound):  # it was deleted meanwhile
                        found.append(self._view(record, row, row.job))
        return sorted(found, key=lambda each: (each.take.created, each.take.id))

    def _counted(
        self, tenant: str, job: TakeJob, documents: builtins.list[dict[str, Any]], after: str | None
    ) -> TakeJob:
        """The job with its counts. Raises `LimitExceeded` for one that could never be queued."""
        before = 0
        if after is not None:
            self.tenants.row(tenant, after)
            before = self.sessions.read(after).num_segments
        limits, count = self.admission.limits, len(documents)
        most = min(limits.queue, limits.segments - before)
        if count > most:
            problem = f"make {count} segments; at most {most} are taken at once"
            raise LimitExceeded("requests", problem)
        digest = digest_of({"requests": documents, "after": after, "seconds": job.seconds})
        return evolve(job, num_works=count, num_segments=before + count, digest=digest)

    def _made_before(self, tenant: str, take: str, digest: str) -> JobView:
        made = self.read(tenant, take)
        if made.job.digest != digest:
            raise lt.ValidationError("key", "was used for another request; choose a new one")
        return made

    def _create(self, tenant: str, take: str, after: str | None) -> None:
        if after is None:
            labels = self.tenants.labels(tenant, {})
            self.sessions.create(take, family=self.family, preset=self.preset, labels=labels)
        else:
            count = self.sessions.read(after).num_segments
            lt.fork_session(self.sessions, after, count, take, blobs=self.blobs)

    def _view(self, record: lt.SessionRecord, row: TakeRow, job: TakeJob) -> JobView:
        if not row.queue and record.num_segments < job.num_segments:
            record = self.sessions.read(record.id)  # it may have been read before its row
        status = self._status(record, row, job)
        done = job.num_works - len(row.queue)
        if status == "failed":
            done = job.num_works - (job.num_segments - record.num_segments)
        fraction = done / job.num_works
        if row.queue:
            first = self.workshop.view(record.id, row, self.book.work(record.id, row.queue[0]))
            fraction += (first.fraction or 0.0) / job.num_works
            if first.status == "queued" and not done:
                status = "queued"
        error = row.error or _CANCELLED
        last = record.last
        return JobView(
            take=self.tenants.view(record, row),
            job=job,
            status=status,
            fraction=fraction,
            completed=last.committed if status == "completed" and last else None,
            error=error if status == "failed" else None,
        )

    def _status(self, record: lt.SessionRecord, row: TakeRow, job: TakeJob) -> JobStatus:
        if row.queue:
            return "in_progress"
        return "completed" if record.num_segments >= job.num_segments else "failed"


def _id_of(tenant: str, key: str) -> str:
    """Of the take that a tenant's key makes: always the same, and nobody else's."""
    digest = hashlib.sha256(f"{tenant}\n{key}".encode()).digest()
    return f"take_{urlsafe_b64encode(digest[:16]).decode().rstrip('=')}"
