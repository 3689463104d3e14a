"""What a dispatcher must do, what it is asked, and what it tells."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Protocol, TypeAlias, runtime_checkable

from attrs import Attribute, field, frozen

from longtake.errors import ValidationError, shown
from longtake.requests.request import GenerationRequest
from longtake.session_stores.checks import check_revision, check_traceparent, is_session_id
from longtake.session_stores.records import SessionSegment

__all__ = [
    "Dispatcher",
    "DispatcherPool",
    "DispatcherStatus",
    "OrderCancelled",
    "OrderDone",
    "OrderEvent",
    "OrderFailed",
    "OrderProgress",
    "OrderQueued",
    "OrderStarted",
    "StepOrder",
    "WorkerStatus",
]

_ID = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)


def _check_id(instance: object, attribute: Attribute[Any], value: object) -> None:
    if not isinstance(value, str) or _ID.fullmatch(value) is None:
        problem = f"is {shown(value)}; must be 1 to 128 characters of A-Z, a-z, 0-9, _ and -"
        raise ValidationError("order.id", problem)


def _check_request(instance: object, attribute: Attribute[Any], value: object) -> None:
    if not isinstance(value, GenerationRequest):
        raise ValidationError("order.request", f"is {shown(value)}; must be a GenerationRequest")
    if value.state is not None:
        problem = "goes on from the session's state; leave it out"
        raise ValidationError("order.request.state", problem)


def _check_expected(instance: object, attribute: Attribute[Any], value: object) -> None:
    if value is not None:
        check_revision(value)


def _check_trace(instance: object, attribute: Attribute[Any], value: object) -> None:
    check_traceparent(value, "order.traceparent")


@frozen(kw_only=True)
class StepOrder:
    """An order to roll the next segment of a session.

    - ``id``: given by the caller, 1 to 128 of ``A-Za-z0-9_-``; no two orders of a dispatcher that
      are not over have the same.
    - ``session_id``: of a session in the dispatcher's store.
    - ``request``: what the segment shows, without a state.
    - ``expected_revision``, ``traceparent``: as of `longtake.roll`.

    Raises `ValidationError`, and `InvalidSessionId`.
    """

    id: str = field(validator=_check_id)
    session_id: str = field(validator=is_session_id)
    request: GenerationRequest = field(validator=_check_request, repr=False)
    expected_revision: int | None = field(default=None, validator=_check_expected)
    traceparent: str | None = field(default=None, validator=_check_trace)


@frozen(kw_only=True)
class OrderQueued:
    """The order waits. ``place``: 0 is the next one; told again when it changes."""

    order_id: str
    place: int


@frozen(kw_only=True)
class OrderStarted:
    """A worker has begun with the order. ``worker``: its name.

    Told again, with another's name, when that one was lost and the order is begun anew.
    """

    order_id: str
    worker: str


@frozen(kw_only=True)
class OrderProgress:
    """A stage went on: ``step`` of ``steps`` are done; ``fraction`` of the segment, from 0 to 1.

    A stage's first and last are told, and so is a step that takes 0.1 s; of quicker ones some.
    ``preview``: what the segment is expected to become, where the order's request asks for previews
    and there is a new one: a PNG of the frame in the middle, at most 256 pixels a side. At most two
    a second are told.
    """

    order_id: str
    stage: str
    step: int
    steps: int
    fraction: float
    preview: bytes | None = field(default=None, repr=False)


@frozen(kw_only=True)
class OrderDone:
    """The segment is committed. ``revision``: of the session with it. The last of an order."""

    order_id: str
    segment: SessionSegment
    revision: int


@frozen(kw_only=True)
class OrderFailed:
    """Nothing was committed. ``error``: what was raised. The last event of an order."""

    order_id: str
    error: Exception


@frozen(kw_only=True)
class OrderCancelled:
    """The order was cancelled, and nothing was committed. The last event of an order."""

    order_id: str


OrderEvent: TypeAlias = (
    OrderQueued | OrderStarted | OrderProgress | OrderDone | OrderFailed | OrderCancelled
)
"""What the listener of an order is told. Exactly one of the last three ends it."""


@frozen(kw_only=True)
class WorkerStatus:
    """A worker as it is now.

    - ``device``: where its networks are, such as ``"cuda:0"``.
    - ``session_id``, ``order_id``: of the order that it is at; None while it has none.
    - ``orders_done``: how many it has ended, however they ended.
    """

    name: str
    device: str
    session_id: str | None = None
    order_id: str | None = None
    orders_done: int = 0


@frozen(kw_only=True)
class DispatcherStatus:
    """A dispatcher as it is now.

    ``workers``: those that are alive. ``queued``: how many orders wait. ``draining``: whether it
    takes no more of them.
    """

    workers: tuple[WorkerStatus, ...]
    queued: int
    draining: bool


@runtime_checkable
class Dispatcher(Protocol):
    """Hands segments to workers. Every method may be called from any thread.

    Sessions take turns. Orders of one session are rolled in the order in which they were submitted,
    and never two of them at once. What has ended is forgotten: its segment is in the session store.
    """

    def submit(self, order: StepOrder, listener: Callable[[OrderEvent], None]) -> None:
        """Take the order, and tell the listener of it until it is over.

        ``listener`` is called from any thread, also before this returns, and never twice at once
        for one order; it should return soon. What it raises hurts nothing, and is warned of in the
        log.

        Raises `ValidationError` for an id that an order which is not over has, and
        `DispatcherClosed` after `drain` or `close`.
        """
        ...

    def cancel(self, order_id: str) -> bool:
        """Cancel the order; whether it was known and not over.

        One that waits ends at once. One that is being rolled stops within one step, and ends by
        `OrderCancelled`; by `OrderDone` when its commit was faster.
        """
        ...

    def status(self) -> DispatcherStatus:
        """The workers and the queue as they are now."""
        ...

    def drain(self, timeout: float | None = None) -> bool:
        """Take no more orders, and wait until those that it has are over; whether they are.

        ``timeout``: seconds to wait at most; None: as long as it takes. No order is cancelled.
        """
        ...

    def close(self) -> None:
        """Cancel all orders, wait until they are over, and let the workers go. May be repeated."""
        ...


@runtime_checkable
class DispatcherPool(Protocol):
    """The workers of a dispatcher, as another process than its own sees them."""

    def status(self) -> DispatcherStatus:
        """The workers as they are now, and the queue as they were last told of it."""
        ...

    def replace(self) -> int:
        """Have every worker replaced by a new one, each after its order; how many there are.

        The dispatcher does so one after the other, and no order is lost or cancelled.
        """
        ...
