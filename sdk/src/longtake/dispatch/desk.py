"""The orders of a dispatcher from `submit` to their last event: all of it but the workers."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from attrs import define, field

from longtake.dispatch.ahead import OrdersAhead
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
from longtake.errors import DispatcherClosed, ValidationError

__all__ = ["OrderDesk", "OrderTicket"]


@define(eq=False)
class OrderTicket:
    """An order that is not over.

    - ``order``: may be replaced by one that says more, such as the revision that it begins at.
    - ``cancelled``: is set when the order is to stop. ``wanted``: when the worker that has it
      `OrderDesk.ahead` is to give it back unless it has begun, for others are idle or went ahead.
    - ``losses``: workers that were lost while they were at it.
    """

    order: StepOrder
    cancelled: threading.Event = field(factory=threading.Event, init=False)
    wanted: threading.Event = field(factory=threading.Event, init=False)
    losses: int = field(default=0, init=False)
    _mailbox: Mailbox
    _place: int | None = field(default=None, init=False)  # as its listener was last told

    def tell(self, event: OrderEvent) -> None:
        """Tell the listener, from the thread of the worker that is at the order."""
        self._mailbox.post(event)
        self._mailbox.deliver()


class OrderDesk:
    """Takes orders, has them wait in a fair queue, and tells their listeners.

    A dispatcher has one, and workers that it calls by their names: each takes the `next` order,
    and says how it came to its `end`, or puts it back when it was lost. One that has `made` a
    segment may take the next order, of another session, before the end of that one, and orders
    `ahead` even before. Every method may be called from any thread; listeners are told under no
    lock.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._queue = FairQueue()
        self._tickets: dict[str, OrderTicket] = {}
        self._at: dict[str, StepOrder] = {}  # that are made, by worker
        self._ahead = OrdersAhead()
        self._idle = 0  # workers that wait for an order
        self._done: Counter[str] = Counter()  # by worker
        self._untold = 0  # orders whose listener was not told the last event
        self._draining = False
        self._closed = False

    @property
    def is_closed(self) -> bool:
        """Whether there will be no order any more."""
        return self._closed

    def submit(self, order: StepOrder, listener: Callable[[OrderEvent], None]) -> None:
        """As `Dispatcher.submit`."""
        ticket = OrderTicket(order, Mailbox(listener, self._was_told))
        with self._changed:
            if self._draining:
                raise DispatcherClosed(f"order {order.id}: the dispatcher takes no more orders")
            if order.id in self._tickets:
                problem = f"{order.id!r} is that of an order which is not over; give another"
                raise ValidationError("order.id", problem)
            self._tickets[order.id] = ticket
            self._untold += 1
            self._queue.add(order)
            told = self._post_places()
            self._changed.notify_all()
        _deliver(told)

    def cancel(self, order_id: str) -> bool:
        """As `Dispatcher.cancel`; whoever is at the order sees it at the ticket."""
        with self._changed:
            ticket = self._tickets.get(order_id)
            if ticket is None:
                return False
            told = [*self._cancelled(ticket), *self._post_places()]
        _deliver(told)
        return True

    def next(self, worker: str, timeout: float | None = None) -> OrderTicket | None:
        """The order that the worker is at from now on; it is waited for.

        None when the desk is closed, and after ``timeout`` seconds without an order.
        """
        with self._changed:
            self._idle += 1
            self._changed.wait_for(lambda: self._took(worker) or self._closed, timeout)
            self._idle -= 1
            order = self._at.get(worker)
            if order is None:
                return None
            ticket = self._tickets[order.id]
            told = self._post_start(worker, ticket)
        _deliver(told)
        return ticket

    def ahead(self, worker: str) -> OrderTicket | None:
        """An order that the worker is to begin as soon as it can; it waits until then.

        None when there is none, and while others are idle or go ahead of this one.
        """
        with self._changed:
            has_none = self._idle or self._ahead.is_slow(worker)
            order = None if has_none else self._queue.take(worker)
            if order is None:
                return None
            self._want(self._ahead.overtaken(worker, len(self._at)))
            self._ahead.add(order.id, worker)
            return self._tickets[order.id]

    def begin(self, worker: str, ticket: OrderTicket) -> None:
        """The worker has begun with an order that it had `ahead`."""
        with self._changed:
            self._at[worker] = ticket.order
            told = self._post_start(worker, ticket)
        _deliver(told)

    def give_back(self, worker: str, ticket: OrderTicket) -> None:
        """The worker does not begin with an order that it had `ahead`: it comes before others."""
        self._put_back(worker, ticket)

    def made(self, worker: str, ticket: OrderTicket) -> None:
        """The worker has made the order's segment, which is kept and committed now."""
        with self._changed:
            self._stop_making(worker, ticket)

    def end(
        self, worker: str, ticket: OrderTicket, end: OrderDone | OrderFailed | OrderCancelled
    ) -> None:
        """The worker's order is over, and its id is free."""
        with self._changed:
            self._leave(worker, ticket)
            self._done[worker] += 1
            told = [self._post_end(ticket, end), *self._post_places()]
            self._changed.notify_all()
        _deliver(told)

    def put_back(self, worker: str, ticket: OrderTicket) -> None:
        """The worker was lost: the order waits again, before all others.

        One that is to stop is over instead, so nothing of it may have been committed.
        """
        ticket.losses += 1
        self._put_back(worker, ticket)

    def _put_back(self, worker: str, ticket: OrderTicket) -> None:
        with self._changed:
            self._leave(worker, ticket)
            ticket.wanted.clear()
            if ticket.cancelled.is_set():
                told = [self._post_end(ticket, OrderCancelled(order_id=ticket.order.id))]
            else:
                self._queue.put_back(ticket.order)
                told = self._post_places()
            self._changed.notify_all()
        _deliver(told)

    def hold(self, session_id: str) -> None:
        """Give nobody the session's orders until `release`: some worker is at it without one."""
        with self._changed:
            self._queue.hold(session_id)

    def release(self, session_id: str) -> None:
        """The session's orders may be given again."""
        with self._changed:
            self._queue.release(session_id)
            self._changed.notify_all()

    def status(self, devices: Mapping[str, str]) -> DispatcherStatus:
        """As `Dispatcher.status`. ``devices``: of the workers that are alive, by their names."""
        with self._changed:
            return DispatcherStatus(
                workers=tuple(self._status(name, devices[name]) for name in devices),
                queued=len(self._queue) + len(self._ahead),
                draining=self._draining,
            )

    def drain(self, timeout: float | None = None) -> bool:
        """As `Dispatcher.drain`."""
        with self._changed:
            self._draining = True
            return self._changed.wait_for(lambda: self._untold == 0, timeout)

    def close(self) -> None:
        """Cancel all orders and wait until they are over: whoever asks for the `next` gets None."""
        with self._changed:
            self._draining = True
            told = [
                each for ticket in [*self._tickets.values()] for each in self._cancelled(ticket)
            ]
        _deliver(told)
        self.drain()
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _took(self, worker: str) -> bool:
        order = self._queue.take(worker)
        if order is None:
            self._want(self._ahead.wanted_by(self._idle))
            return False
        self._at[worker] = order
        self._want(self._ahead.overtaken(worker, len(self._at)))
        return True

    def _want(self, order_ids: Iterable[str]) -> None:
        for order_id in order_ids:
            self._tickets[order_id].wanted.set()

    def _leave(self, worker: str, ticket: OrderTicket) -> None:
        self._stop_making(worker, ticket)
        self._ahead.remove(ticket.order.id)
        self._queue.ended(ticket.order)

    def _stop_making(self, worker: str, ticket: OrderTicket) -> None:
        order = self._at.get(worker)
        if order is not None and order.id == ticket.order.id:
            del self._at[worker]

    def _status(self, worker: str, device: str) -> WorkerStatus:
        order = self._at.get(worker)
        return WorkerStatus(
            name=worker,
            device=device,
            session_id=None if order is None else order.session_id,
            order_id=None if order is None else order.id,
            orders_done=self._done[worker],
        )

    def _cancelled(self, ticket: OrderTicket) -> list[Mailbox]:
        """Stop the order, or end it if it waits; the mailboxes to deliver."""
        ticket.cancelled.set()
        if not self._queue.remove(ticket.order.id):
            return []
        return [self._post_end(ticket, OrderCancelled(order_id=ticket.order.id))]

    def _post_start(self, worker: str, ticket: OrderTicket) -> list[Mailbox]:
        """Post that the worker has begun; the mailboxes to deliver."""
        self._ahead.begin(ticket.order.id, worker)
        ticket._place = None
        ticket._mailbox.post(OrderStarted(order_id=ticket.order.id, worker=worker))
        return [ticket._mailbox, *self._post_places()]

    def _post_places(self) -> list[Mailbox]:
        """Post the places that have changed; the mailboxes to deliver."""
        posted = []
        ahead = {order_id: place for place, order_id in enumerate(self._ahead.ids())}
        waiting = {each: len(ahead) + place for each, place in self._queue.places().items()}
        for order_id, place in {**ahead, **waiting}.items():
            ticket = self._tickets[order_id]
            if ticket._place != place:
                ticket._place = place
                ticket._mailbox.post(OrderQueued(order_id=order_id, place=place))
                posted.append(ticket._mailbox)
        return posted

    def _post_end(
        self, ticket: OrderTicket, end: OrderDone | OrderFailed | OrderCancelled
    ) -> Mailbox:
        """The order is over, and its id is free; the mailbox to deliver."""
        del self._tickets[ticket.order.id]
        ticket._mailbox.post(end)
        return ticket._mailbox

    def _was_told(self) -> None:
        with self._changed:
            self._untold -= 1
            self._changed.notify_all()


def _deliver(mailboxes: Iterable[Mailbox]) -> None:
    for mailbox in mailboxes:
        mailbox.deliver()
