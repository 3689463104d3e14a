"""How a take's queue changes: work is added, started, cancelled, and ends. Nothing is done here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from attrs import evolve, frozen

import longtake as lt
from longtake_serve.takes.book import Draft
from longtake_serve.takes.errors import TakeBusy, TakeFinished
from longtake_serve.takes.limits import LimitExceeded, ServeLimits
from longtake_serve.takes.rows import OPEN, WorkRow
from longtake_serve.takes.views import TakeJob, WorkError, WorkStatus, work_id

__all__ = [
    "Asked",
    "add",
    "begin",
    "begin_job",
    "cancel",
    "check_idle",
    "delete",
    "end",
    "end_with",
    "finish",
    "requeue",
]

_LONGEST_MESSAGE = 2000


@frozen(kw_only=True)
class Asked:
    """A request to extend a take. ``digest``: of ``document``, as ``key`` was used for it."""

    prompt: str
    document: dict[str, Any]
    key: str | None
    traceparent: str | None
    digest: str
    created: float


def add(
    draft: Draft, asked: Asked, limits: ServeLimits, session: Callable[[], lt.SessionRecord]
) -> WorkRow:
    """The work at the end of the queue, or that which its key made before."""
    made = None if asked.key is None else draft.made_by(asked.key)
    if made is not None:
        before = draft.work(made)
        if before.request_digest != asked.digest:
            raise lt.ValidationError("key", "was used for another request; choose a new one")
        return before
    row, now = draft.row, session()
    if row.finished:
        raise TakeFinished(f"take {draft.take!r} is finished; fork it to go on")
    if len(row.queue) >= limits.queue:
        raise LimitExceeded("queue", f"has {limits.queue} requests of this take; wait for one")
    if now.num_segments + len(row.queue) >= limits.segments:
        problem = f"would be more than {limits.segments} of this take; fork an earlier part of it"
        raise LimitExceeded("segments", problem)
    work = WorkRow(
        number=row.next_work,
        prompt=asked.prompt,
        created=asked.created,
        key=asked.key,
        traceparent=asked.traceparent,
        request_digest=asked.digest,
        revision=None if row.queue else now.revision,
    )
    draft.add(work, asked.document)
    draft.tell("queued", work=work_id(work.number), place=len(row.queue))
    return work


def begin_job(
    draft: Draft,
    asked: Sequence[Asked],
    job: TakeJob,
    limits: ServeLimits,
    session: Callable[[], lt.SessionRecord],
) -> None:
    """All requests of a take that is finished with the last of them; once."""
    before = draft.row.job
    if before is None:
        for each in asked:
            add(draft, each, limits, session)
        draft.row = evolve(draft.row, job=job, finished=True)
    elif before.digest != job.digest:
        raise lt.ValidationError("key", "was used for another request; choose a new one")


def begin(draft: Draft, number: int, worker: str, now: float) -> None:
    """A worker is at it. ``now``: seconds since 1970."""
    if number in draft.row.queue:
        work = draft.work(number)
        status: WorkStatus = "running" if work.status == "queued" else work.status
        draft.keep(evolve(work, status=status, started=now))
        draft.tell("started", work=work_id(number), worker=worker)


def requeue(draft: Draft, number: int) -> WorkRow:
    """The first work of the queue as it waits again, after the server or the store was away."""
    work = draft.work(number)
    if number in draft.row.queue and work.status == "running":
        work = evolve(work, status="queued")
        draft.keep(work)
        draft.tell("queued", work=work_id(number), place=0)
    return work


def cancel(draft: Draft, numbers: tuple[int, ...] | None, now: float) -> list[WorkRow]:
    """Cancel these, or all: at once what only waits, and the first one as soon as it stops."""
    wanted = draft.row.queue if numbers is None else numbers
    behind = [each for number in wanted for each in _useless_without(draft, number)]
    changed = []
    for number in wanted:
        work = draft.work(number)
        if work.status in OPEN:
            if number in draft.row.queue[:1]:
                work = evolve(work, status="cancelling")
                draft.keep(work)
            else:
                work = evolve(work, status="cancelled", ended=now)
                _drop(draft, work)
        changed.append(work)
    for number in behind:
        if number in draft.row.queue and number not in wanted:
            _drop(draft, evolve(draft.work(number), status="cancelled", ended=now))
    return changed


def end(
    draft: Draft,
    number: int,
    status: WorkStatus,
    *,
    now: float,
    revision: int,
    num_segments: int,
    segment: lt.SessionSegment | None = None,
    error: Exception | None = None,
) -> None:
    """The first work of the queue is over, and the next one is rolled from ``revision``.

    ``num_segments``: of the session then. Nothing happens when that was known.
    """
    if number not in draft.row.queue:
        return
    why = None if error is None else _why(error)
    index = None if segment is None else segment.index
    for useless in () if segment else _useless_without(draft, number):
        _drop(draft, evolve(draft.work(useless), status="cancelled", ended=now))
    work = evolve(draft.work(number), status=status, segment=index, error=why, ended=now)
    draft.end(work)
    name = work_id(number)
    if segment is not None:
        draft.tell(
            "segment",
            work=name,
            index=segment.index,
            seconds=segment.seconds,
            state_digest=segment.state_digest,
        )
    elif why is not None:
        draft.tell("failed", work=name, error=why.type, path=why.path, message=why.message)
    else:
        draft.tell("cancelled", work=name)
    if draft.row.queue:
        draft.keep(evolve(draft.work(draft.row.queue[0]), revision=revision))
    elif draft.row.finished:
        draft.tell("finished", num_segments=num_segments)


def end_with(draft: Draft, number: int, event: lt.OrderDone, now: float) -> None:
    """The first work of the queue is over: it made the session's last segment."""
    segment = event.segment
    count = segment.index + 1
    revision = event.revision
    end(draft, number, "done", now=now, revision=revision, num_segments=count, segment=segment)


def finish(draft: Draft, session: Callable[[], lt.SessionRecord]) -> None:
    """Nothing is added any more; finished already, it stays so."""
    if not draft.row.finished:
        draft.row = evolve(draft.row, finished=True)
        if not draft.row.queue:
            draft.tell("finished", num_segments=session().num_segments)


def delete(draft: Draft) -> None:
    """The take is being deleted, from which nothing brings it back."""
    draft.row = evolve(draft.row, deleted=True)
    draft.tell("deleted")


def check_idle(draft: Draft) -> None:
    """Raise unless the take's segments may be changed by something else than work."""
    if draft.row.finished:
        raise TakeFinished(f"take {draft.take!r} is finished; fork it from there instead")
    if draft.row.queue:
        raise TakeBusy(
            f"take {draft.take!r} has {len(draft.row.queue)} requests that are open; cancel them, "
            "or wait for their end"
        )


def _useless_without(draft: Draft, number: int) -> tuple[int, ...]:
    """What waits behind the work of a job, and is not rolled when that makes no segment."""
    queue = draft.row.queue
    if draft.row.job is None or number not in queue:
        return ()
    return queue[queue.index(number) + 1 :]


def _drop(draft: Draft, work: WorkRow) -> None:
    """End what only waited."""
    draft.end(work)
    draft.tell("cancelled", work=work_id(work.number))


def _why(error: Exception) -> WorkError:
    path = error.path if isinstance(error, lt.ValidationError) else ""
    if isinstance(error, lt.LongtakeError):
        message = str(error)[:_LONGEST_MESSAGE]
    else:  # it may say what is nobody's business
        message = "something went wrong on the server; its log says what"
    return WorkError(type=type(error).__name__, path=path, message=message)
