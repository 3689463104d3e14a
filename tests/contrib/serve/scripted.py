"""A dispatcher that does what a test says, and a service on it that may go and come back."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from typing import Any

from attrs import define, field

import longtake as lt
from longtake_serve.takes.limits import ServeLimits
from longtake_serve.takes.service import TakeService
from longtake_serve.takes.views import TakeEvent, WorkView

TINY = {"height": 16, "width": 16, "num_frames": 17, "seed": 3}
WAIT = 120
"""Seconds after which a test that hangs fails."""

Listener = Callable[[lt.OrderEvent], None]


@cache
def pendulum() -> lt.Pipeline:
    """Rolls segments in milliseconds."""
    return lt.load(family="pendulum")


def asked(prompt: str) -> dict[str, Any]:
    """A request as a client writes it."""
    return {"prompt": prompt, "sampling": TINY}


def eventually(is_true: Callable[[], bool]) -> None:
    """Wait until it is."""
    end = time.monotonic() + WAIT
    while not is_true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.002)


class ScriptedDispatcher:
    """A `longtake.Dispatcher` whose orders wait until the test does something with them."""

    def __init__(self, sessions: lt.SessionStore, blobs: lt.BlobStore | None) -> None:
        self.sessions = sessions
        self.blobs = blobs
        self.orders: dict[str, lt.StepOrder] = {}
        self.seen: list[lt.StepOrder] = []
        self.asked_to_cancel: list[str] = []
        self.closed = False
        self._listeners: dict[str, Listener] = {}

    def submit(self, order: lt.StepOrder, listener: Listener) -> None:
        if self.closed:
            raise lt.DispatcherClosed("closed")
        assert all(each.session_id != order.session_id for each in self.orders.values())
        self.orders[order.id] = order
        self.seen.append(order)
        self._listeners[order.id] = listener
        listener(lt.OrderQueued(order_id=order.id, place=len(self.orders) - 1))

    def cancel(self, order_id: str) -> bool:
        self.asked_to_cancel.append(order_id)
        return order_id in self.orders

    def status(self) -> lt.DispatcherStatus:
        return lt.DispatcherStatus(workers=(), queued=len(self.orders), draining=self.closed)

    def drain(self, timeout: float | None = None) -> bool:
        self.closed = True
        return not self.orders

    def close(self) -> None:
        self.closed = True
        for order in list(self.orders.values()):
            self.end(order, lt.OrderCancelled(order_id=order.id))

    def of(self, take: str) -> lt.StepOrder:
        """The order of a take, once it is there."""
        eventually(lambda: any(each.session_id == take for each in self.orders.values()))
        return next(each for each in self.orders.values() if each.session_id == take)

    def tell(self, order: lt.StepOrder, event: lt.OrderEvent) -> None:
        self._listeners[order.id](event)

    def start(self, order: lt.StepOrder) -> None:
        self.tell(order, lt.OrderStarted(order_id=order.id, worker="worker-1"))

    def end(self, order: lt.StepOrder, event: lt.OrderEvent) -> None:
        self.orders.pop(order.id, None)
        self.tell(order, event)

    def roll(self, order: lt.StepOrder) -> lt.OrderDone:
        """Commit its segment, and tell nobody."""
        rolled = lt.roll(
            self.sessions,
            order.session_id,
            order.request,
            pipeline=pendulum(),
            blobs=self.blobs,
            expected_revision=order.expected_revision,
        )
        return lt.OrderDone(
            order_id=order.id, segment=rolled.segment, revision=rolled.session.revision
        )

    def do(self, order: lt.StepOrder) -> None:
        """Start it, commit its segment, and tell that."""
        self.start(order)
        self.end(order, self.roll(order))

    def fail(self, order: lt.StepOrder, error: Exception) -> None:
        self.end(order, lt.OrderFailed(order_id=order.id, error=error))

    def stop(self, order: lt.StepOrder) -> None:
        """End it as it ends when a worker was told to stop."""
        self.end(order, lt.OrderCancelled(order_id=order.id))


@define
class Desk:
    """A service in this process, and its dispatcher. ``events``: by takes that are listened to."""

    sessions: lt.SessionStore = field(factory=lambda: lt.open_session_store("memory:"))
    blobs: lt.BlobStore | None = None
    limits: ServeLimits = field(factory=ServeLimits)
    clock: Callable[[], float] = time.time
    events: dict[str, list[TakeEvent]] = field(factory=dict)
    dispatcher: ScriptedDispatcher = field(init=False)
    service: TakeService = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """A server comes, whatever became of the one before."""
        preset = pendulum().preset
        self.dispatcher = ScriptedDispatcher(self.sessions, self.blobs)
        self.service = TakeService(
            self.sessions,
            self.blobs,
            self.dispatcher,
            family="pendulum",
            preset=f"{preset.name}@{preset.version}",
            limits=self.limits,
            clock=self.clock,
        )

    def take(self, *prompts: str) -> str:
        """A new take of ``"ann"`` that is listened to, with these requests."""
        take = self.service.create("ann").id
        self.listen(take)
        for prompt in prompts:
            self.extend(take, prompt)
        return take

    def listen(self, take: str) -> None:
        events = self.events[take] = []
        self.service.listen("ann", take, events.append)

    def extend(self, take: str, prompt: str, *, key: str | None = None) -> WorkView:
        return self.service.extend("ann", take, asked(prompt), key=key)

    def roll_all(self, take: str) -> None:
        """Have all done that waits."""
        while {"queued", "running"} & set(self.statuses(take)):
            self.dispatcher.do(self.dispatcher.of(take))
            self.settle(take)

    def settle(self, take: str) -> None:
        """Wait until what the dispatcher had told is in the book."""
        self.service.flush()

    def works(self, take: str) -> list[WorkView]:
        return self.service.work("ann", take)

    def statuses(self, take: str) -> list[str]:
        return [each.status for each in self.works(take)]

    def types(self, take: str) -> list[str]:
        """Of the events that are kept."""
        return [each.type for each in self.service.events("ann", take, limit=1000)]

    def prompts(self, take: str) -> list[str]:
        """Of the segments that are committed."""
        return [each.request["prompt"] for each in self.service.segments("ann", take)]

    def rows(self, take: str) -> list[str]:
        """Keys of what the server keeps of a take."""
        assert isinstance(self.sessions, lt.RowSessionStore)
        found = self.sessions.rows.scan("serve/", "serve0", 100_000)
        return [key for key, _ in found if take in key]
