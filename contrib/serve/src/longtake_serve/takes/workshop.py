"""Having the work of takes done: each take's first request is a dispatcher's, the others wait."""

from __future__ import annotations

import base64
import logging
import secrets
from collections.abc import Callable, Sequence
from functools import partial

from attrs import define

import longtake as lt
from longtake_serve.takes import changes
from longtake_serve.takes.book import Book, Draft
from longtake_serve.takes.clerk import Clerk
from longtake_serve.takes.limits import ServeLimits
from longtake_serve.takes.rows import TakeRow, WorkRow
from longtake_serve.takes.views import TakeJob, WorkView, work_id

__all__ = ["Workshop"]

_log = logging.getLogger(__name__)


@define
class _Order:
    """Work that is a dispatcher's. ``place``, ``fraction``: as it told last."""

    id: str
    take: str
    number: int
    place: int = 0
    fraction: float | None = None


class Workshop:
    """Takes' queues in ``book``, done by ``dispatcher``, which may come back to life at any time.

    The first request of a take is submitted with the revision that it is rolled from, which is
    written down before, so that whoever submits it again gets the same segment. A take's next one
    is submitted when it has ended: between takes the dispatcher's queue is fair.
    """

    def __init__(
        self,
        sessions: lt.RowSessionStore,
        book: Book,
        dispatcher: lt.Dispatcher,
        limits: ServeLimits,
        clock: Callable[[], float],
    ) -> None:
        self._sessions = sessions
        self._book = book
        self._dispatcher = dispatcher
        self._limits = limits
        self._clock = clock
        self._orders: dict[str, _Order] = {}
        self._current: dict[str, _Order] = {}
        self._stopping = False
        self._clerk: Clerk[lt.OrderEvent] = Clerk(self._handle)

    def add(self, take: str, tenant: str, asked: changes.Asked) -> WorkRow:
        """Queue a request, and submit it when it is the first."""
        session = partial(self._sessions.read, take)
        with self._book.turn(take):
            work = self._book.change(
                take, tenant, lambda draft: changes.add(draft, asked, self._limits, session)
            )
            self._submit_next(take)
        return work

    def add_job(self, take: str, tenant: str, asked: Sequence[changes.Asked], job: TakeJob) -> None:
        """Queue all requests of a take, unless that was done before, and submit the first."""
        session = partial(self._sessions.read, take)
        with self._book.turn(take):
            self._book.change(
                take,
                tenant,
                lambda draft: changes.begin_job(draft, asked, job, self._limits, session),
            )
            self._submit_next(take)

    def cancel(self, take: str, tenant: str, numbers: tuple[int, ...] | None) -> list[WorkRow]:
        """Cancel open work, all of it when there are no ``numbers``."""
        with self._book.turn(take):
            changed = self._book.change(
                take, tenant, lambda draft: changes.cancel(draft, numbers, self._clock())
            )
            if any(work.status == "cancelling" for work in changed):
                self.stop(take)
                changed = [self._book.work(take, work.number) for work in changed]
        return changed

    def stop(self, take: str) -> None:
        """Have the dispatcher cancel what it has of the take."""
        order = self._current.get(take)
        if order is not None:
            self._dispatcher.cancel(order.id)
        else:
            self._submit_next(take)

    def drop(self, take: str) -> None:
        """Have nothing more to do with a take that is being deleted; in its turn."""
        order = self._current.get(take)
        if order is not None:
            self._forget(order)  # a job's key may bring the very id back
            self._dispatcher.cancel(order.id)

    def resume(self, take: str) -> None:
        """Submit what waits first, or had been submitted by a server that is no more.

        A claim on its step that such a server left behind is ended, so that nobody waits for it; if
        its worker lives, one of the two works for nothing. Raises `longtake.SessionNotFound` when
        the session is no more, either.
        """
        self._sessions.read(take)
        claim = self._sessions.begin(take, "resume", holder=secrets.token_hex(8), for_seconds=1.0)
        self._sessions.end(take, holder=claim.holder)
        with self._book.turn(take):
            row = self._book.take(take)
            if row is None or not row.queue or take in self._current:
                return
            number = row.queue[0]
            self._book.change(take, row.tenant, lambda draft: changes.requeue(draft, number))
            self._submit_next(take)

    def view(self, take: str, row: TakeRow, work: WorkRow) -> WorkView:
        """The work as this server knows it."""
        place, fraction = None, None
        order = self._current.get(take)
        known = order is not None and order.number == work.number
        if work.status == "queued":
            place = row.queue.index(work.number) if work.number in row.queue else 0
        if known and order is not None:
            place = None if place is None else order.place
            fraction = order.fraction
        return WorkView(
            id=work_id(work.number),
            take=take,
            status=work.status,
            prompt=work.prompt,
            created=work.created,
            started=work.started,
            ended=work.ended,
            place=place,
            fraction=fraction,
            segment=work.segment,
            error=work.error,
        )

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until what the dispatcher told before is in the book; whether that was in time."""
        return self._clerk.flush(timeout)

    def drain(self, timeout: float | None = None) -> bool:
        """Submit nothing more, and wait for what the dispatcher has; whether it ended in time."""
        self._stopping = True
        ended = self._dispatcher.drain(timeout)
        return self.flush(timeout) and ended

    def close(self) -> None:
        """Close the dispatcher, too. Closing again does nothing."""
        self._stopping = True
        self._dispatcher.close()
        self._clerk.close()

    def _submit_next(self, take: str) -> None:
        """Give the dispatcher the take's first request, unless it has it; in the take's turn."""
        while not self._stopping and take not in self._current:
            row = self._book.take(take)
            if row is None or row.deleted or not row.queue:
                return
            work = self._book.work(take, row.queue[0])
            if work.status == "cancelling":
                self._settle(take, row.tenant, work)
            else:
                self._submit(take, row.tenant, work)

    def _submit(self, take: str, tenant: str, work: WorkRow) -> None:
        """Submit it; it ends as failed when it cannot be."""
        order = _Order(f"order_{secrets.token_urlsafe(16)}", take, work.number)
        try:
            document = self._book.request(take, work.number)
            step = lt.StepOrder(
                id=order.id,
                session_id=take,
                request=lt.GenerationRequest.from_dict(document),
                expected_revision=work.revision,
                traceparent=work.traceparent,
            )
        except lt.ValidationError as error:  # another release had taken it
            self._book.change(take, tenant, self._without_segment(work.number, error))
            return
        self._orders[order.id] = self._current[take] = order
        try:
            self._dispatcher.submit(step, self._clerk.put)
        except lt.DispatcherClosed:
            self._stopping = True
            self._forget(order)
        except BaseException:
            self._forget(order)
            raise

    def _handle(self, event: lt.OrderEvent) -> None:
        """Keep what the dispatcher told; done again when the store was away meanwhile."""
        order = self._orders.get(event.order_id)
        if order is None:
            return
        try:
            with self._book.turn(order.take):
                self._handled(order, event)
        except lt.SessionNotFound:  # it was deleted meanwhile
            self._forget(order)

    def _handled(self, order: _Order, event: lt.OrderEvent) -> None:
        take, name = order.take, work_id(order.number)
        match event:
            case lt.OrderQueued():
                order.place = event.place
                self._book.mention(take, "queued", work=name, place=event.place)
            case lt.OrderStarted():
                order.place = 0
                now = self._clock()
                self._change(
                    order, lambda draft: changes.begin(draft, order.number, event.worker, now)
                )
            case lt.OrderProgress():
                order.fraction = event.fraction
                seen: dict[str, str] = (
                    {} if event.preview is None else {"preview": _as_url(event.preview)}
                )
                self._book.mention(
                    take,
                    "progress",
                    work=name,
                    stage=event.stage,
                    step=event.step,
                    steps=event.steps,
                    fraction=event.fraction,
                    **seen,
                )
            case _:
                self._ended(order, event)

    def _ended(self, order: _Order, event: lt.OrderEvent) -> None:
        """The order has ended, and mostly what it was for, too: the next one's turn comes."""
        match event:
            case lt.OrderDone():
                now = self._clock()
                self._change(order, lambda draft: changes.end_with(draft, order.number, event, now))
            case lt.OrderFailed() if not isinstance(event.error, lt.SessionStoreUnavailable):
                is_known = isinstance(event.error, lt.LongtakeError)
                trace = None if is_known else event.error
                _log.warning("take %s: %s", order.take, event.error, exc_info=trace)
                self._change(order, self._without_segment(order.number, event.error))
            case lt.OrderCancelled() if self._is_unwanted(order):
                self._change(order, self._without_segment(order.number, None))
            case _:
                # Whether it was committed is not known, or the dispatcher was closed: the very same
                # step again says so, here or after the next start.
                self._change(order, lambda draft: changes.requeue(draft, order.number))
        self._current.pop(order.take, None)
        self._submit_next(order.take)
        self._orders.pop(order.id, None)

    def _settle(self, take: str, tenant: str, work: WorkRow) -> None:
        """The end of work that was to be cancelled when its server went: it may have been done."""
        session = self._sessions.read(take)
        if work.revision is not None and session.revision > work.revision and session.last:
            done = lt.OrderDone(order_id="", segment=session.last, revision=session.revision)
            self._book.change(
                take,
                tenant,
                lambda draft: changes.end_with(draft, work.number, done, self._clock()),
            )
        else:
            self._book.change(take, tenant, self._without_segment(work.number, None))

    def _without_segment(self, number: int, error: Exception | None) -> Callable[[Draft], None]:
        """The end of work that made no segment."""

        def alter(draft: Draft) -> None:
            session = self._sessions.read(draft.take)
            changes.end(
                draft,
                number,
                "cancelled" if error is None else "failed",
                now=self._clock(),
                revision=session.revision,
                num_segments=session.num_segments,
                error=error,
            )

        return alter

    def _is_unwanted(self, order: _Order) -> bool:
        return self._book.work(order.take, order.number).status == "cancelling"

    def _change(self, order: _Order, alter: Callable[[Draft], object]) -> None:
        """Change the rows of the order's take, which are there as long as the take is."""
        row = self._book.take(order.take)
        if row is None:
            raise lt.SessionNotFound(f"take {order.take!r} was deleted")
        self._book.change(order.take, row.tenant, alter)

    def _forget(self, order: _Order) -> None:
        self._orders.pop(order.id, None)
        self._current.pop(order.take, None)


def _as_url(png: bytes) -> str:
    """What a page shows without asking for it."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
