"""The dispatcher of one process: a fair queue, and a thread for each pipeline."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType

from attrs import define, field

from longtake.blobs.protocol import BlobStore
from longtake.dispatch.fairness import FairQueue
from longtake.dispatch.listening import Mailbox
from longtake.dispatch.protocol import (
    DispatcherStatus,
    OrderCancelled,
    OrderDone,
    OrderEvent,
    OrderFailed,
    OrderQueued,
    OrderStarted,
    StepOrder,
    WorkerStatus,
)
from longtake.dispatch.working import Roller
from longtake.errors import DispatcherClosed, ValidationError
from longtake.pipeline import Pipeline
from longtake.session_stores.checks import check_name
from longtake.session_stores.protocol import SessionStore
from longtake.sessions.making import worker_name
from longtake.sessions.media import MediaSink

__all__ = ["InProcessDispatcher"]


@define(eq=False)
class _Taken:
    """An order that is not over. ``place``: in the queue, as its listener was last told."""

    order: StepOrder
    mailbox: Mailbox
    cancelled: threading.Event = field(factory=threading.Event)
    place: int | None = None


@define(eq=False)
class _Worker:
    """A pipeline and what its thread is at."""

    name: str
    pipeline: Pipeline
    roller: Roller
    at: StepOrder | None = None
    orders_done: int = 0

    def status(self) -> WorkerStatus:
        return WorkerStatus(
            name=self.name,
            device=self.pipeline.device,
            session_id=None if self.at is None else self.at.session_id,
            order_id=None if self.at is None else self.at.id,
            orders_done=self.orders_done,
        )


class InProcessDispatcher:
    """A `Dispatcher` with one thread for each pipeline; a context manager that closes it.

    ``pipelines``: one or more, as a rule one for each device; they stay the caller's and are not
    closed. ``sessions``, ``blobs``, ``media``: as of `longtake.roll`. ``worker_names``: one for
    each pipeline, no two the same; the host, the process and a number when None.

    A worker that goes on with a session which it rolled before does so without decoding its state.
    ``drain`` and ``close`` wait until listeners were told the last events, so no listener may call
    them. When the process ends without ``close``, what is being rolled is not committed.

    Raises `ValidationError` without a pipeline, and for names that do not fit.
    """

    def __init__(
        self,
        pipelines: Sequence[Pipeline],
        *,
        sessions: SessionStore,
        blobs: BlobStore | None = None,
        media: MediaSink | None = None,
        worker_names: Sequence[str] | None = None,
    ) -> None:
        names = _names_for(pipelines, worker_names)
        self._workers = [
            _Worker(name, pipeline, Roller(name, pipeline, sessions, blobs, media))
            for name, pipeline in zip(names, pipelines, strict=True)
        ]
        self._changed = threading.Condition()
        self._queue = FairQueue()
        self._taken: dict[str, _Taken] = {}
        self._untold = 0  # orders whose listener was not told the last event
        self._draining = False
        self._closed = False
        self._threads = [
            threading.Thread(target=self._work, args=(worker,), name=worker.name, daemon=True)
            for worker in self._workers
        ]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> InProcessDispatcher:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def submit(self, order: StepOrder, listener: Callable[[OrderEvent], None]) -> None:
        """As `Dispatcher.submit`."""
        taken = _Taken(order, Mailbox(listener, self._was_told))
        with self._changed:
            if self._draining:
                raise DispatcherClosed(f"order {order.id}: the dispatcher takes no more orders")
            if order.id in self._taken:
                problem = f"{order.id!r} is that of an order which is not over; give another"
                raise ValidationError("order.id", problem)
            self._taken[order.id] = taken
            self._untold += 1
            self._queue.add(order)
            told = self._post_places()
            self._changed.notify_all()
        _deliver(told)

    def cancel(self, order_id: str) -> bool:
        """As `Dispatcher.cancel`."""
        with self._changed:
            taken = self._taken.get(order_id)
            if taken is None:
                return False
            told = [*self._cancelled(taken), *self._post_places()]
        _deliver(told)
        return True

    def status(self) -> DispatcherStatus:
        """As `Dispatcher.status`."""
        with self._changed:
            return DispatcherStatus(
                workers=tuple(worker.status() for worker in self._workers),
                queued=len(self._queue),
                draining=self._draining,
            )

    def drain(self, timeout: float | None = None) -> bool:
        """As `Dispatcher.drain`."""
        with self._changed:
            self._draining = True
            return self._changed.wait_for(lambda: self._untold == 0, timeout)

    def close(self) -> None:
        """As `Dispatcher.close`."""
        with self._changed:
            self._draining = True
            told = [each for taken in [*self._taken.values()] for each in self._cancelled(taken)]
        _deliver(told)
        self.drain()
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _work(self, worker: _Worker) -> None:
        while (taken := self._next(worker)) is not None:

            def tell(event: OrderEvent, mailbox: Mailbox = taken.mailbox) -> None:
                mailbox.post(event)
                mailbox.deliver()

            end = worker.roller.rolled(taken.order, taken.cancelled, tell)
            with self._changed:
                worker.at = None
                worker.orders_done += 1
                self._queue.ended(taken.order)
                mailbox = self._post_end(taken, end)
                self._changed.notify_all()
            mailbox.deliver()

    def _next(self, worker: _Worker) -> _Taken | None:
        """The order that the worker is at from now on; None when the dispatcher is closed."""
        with self._changed:
            while (order := self._queue.take(worker.name)) is None:
                if self._closed:
                    return None
                self._changed.wait()
            taken = self._taken[order.id]
            worker.at = order
            taken.mailbox.post(OrderStarted(order_id=order.id, worker=worker.name))
            told = [taken.mailbox, *self._post_places()]
        _deliver(told)
        return taken

    def _cancelled(self, taken: _Taken) -> list[Mailbox]:
        """Stop the order, or end it if it waits; the mailboxes to deliver."""
        taken.cancelled.set()
        if not self._queue.remove(taken.order.id):
            return []
        return [self._post_end(taken, OrderCancelled(order_id=taken.order.id))]

    def _post_places(self) -> list[Mailbox]:
        """Post the places that have changed; the mailboxes to deliver."""
        posted = []
        for order_id, place in self._queue.places().items():
            taken = self._taken[order_id]
            if taken.place != place:
                taken.place = place
                taken.mailbox.post(OrderQueued(order_id=order_id, place=place))
                posted.append(taken.mailbox)
        return posted

    def _post_end(self, taken: _Taken, end: OrderDone | OrderFailed | OrderCancelled) -> Mailbox:
        """The order is over, and its id is free; the mailbox to deliver."""
        del self._taken[taken.order.id]
        taken.mailbox.post(end)
        return taken.mailbox

    def _was_told(self) -> None:
        with self._changed:
            self._untold -= 1
            self._changed.notify_all()


def _names_for(pipelines: Sequence[Pipeline], names: Sequence[str] | None) -> Sequence[str]:
    if not pipelines:
        raise ValidationError("pipelines", "is empty; give one for each device")
    if names is None:
        return [f"{worker_name()}/{index}" for index in range(len(pipelines))]
    if len(names) != len(pipelines) or len(set(names)) != len(names):
        raise ValidationError("worker_names", "must be one for each pipeline, no two the same")
    return [check_name(name, f"worker_names[{index}]") for index, name in enumerate(names)]


def _deliver(mailboxes: Iterable[Mailbox]) -> None:
    for mailbox in mailboxes:
        mailbox.deliver()
