"""The dispatcher of one process: a fair queue, and three threads for each pipeline.

One makes segments. Two take orders in turns, and keep what is made.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from types import TracebackType

from attrs import field, frozen

from longtake.blobs.protocol import BlobStore
from longtake.dispatch.desk import OrderDesk
from longtake.dispatch.pipeline_spec import PipelineSpec
from longtake.dispatch.protocol import DispatcherStatus, OrderEvent, StepOrder
from longtake.dispatch.working import Roller
from longtake.errors import ValidationError
from longtake.pipeline import Pipeline
from longtake.session_stores.checks import check_name
from longtake.session_stores.protocol import SessionStore
from longtake.sessions.making import Once, worker_name
from longtake.sessions.media import MediaSink

__all__ = ["InProcessDispatcher", "open_dispatcher"]

_COUNT = re.compile(r"[1-9][0-9]{0,2}", re.ASCII)
_AT_ONCE = 2
"""Orders of a worker that are not over: one is made while another one is kept."""


def open_dispatcher(
    url: str,
    spec: PipelineSpec,
    *,
    sessions: SessionStore,
    blobs: BlobStore | None,
    media: MediaSink | None,
) -> InProcessDispatcher:
    """The one of ``inprocess:``, ``inprocess:N`` with N workers, or ``inprocess:cuda:0,cuda:1``.

    Its pipelines are loaded before it returns, and closed with it. Raises `ValidationError`, and
    what loading raises.
    """
    specs = _specs(url.partition(":")[2], spec)
    with ExitStack() as stack:
        pipelines = [stack.enter_context(each.load(prepare=False)) for each in specs]
        dispatcher = InProcessDispatcher(
            pipelines,
            sessions=sessions,
            blobs=blobs,
            media=media,
            closing=stack.pop_all().close,
        )
    try:
        dispatcher.prepare()
    except BaseException:
        dispatcher.close()
        raise
    return dispatcher


def _specs(workers: str, spec: PipelineSpec) -> list[PipelineSpec]:
    """What each worker loads."""
    if not workers:
        return [spec]
    if _COUNT.fullmatch(workers):
        return [spec] * int(workers)
    devices = workers.split(",")
    if not all(re.fullmatch(r"[a-z]+(:[0-9]+)?", each, re.ASCII) for each in devices):
        problem = "write 'inprocess:', a number of workers behind it, or devices: inprocess:cuda:0"
        raise ValidationError("dispatcher", problem)
    return [spec.on(device) for device in devices]


@frozen
class _Worker:
    """A pipeline, by the name of its worker.

    ``making``: is had by whichever of its threads takes the next order and has the segment made.
    """

    name: str
    pipeline: Pipeline
    roller: Roller
    making: threading.Lock = field(factory=threading.Lock)


class InProcessDispatcher:
    """A `Dispatcher` of the pipelines of this process; a context manager that closes it.

    ``pipelines``: one or more, as a rule one for each device; they stay the caller's and are not
    closed. ``sessions``, ``blobs``, ``media``: as of `longtake.roll`. ``worker_names``: one for
    each pipeline, no two the same; the host, the process and a number when None. ``closing``: is
    called in the end, and closes what the caller wants closed then.

    A worker makes the next order's segment while the one before it is kept and committed; so at
    most two of its segments are in memory, and ``media`` is used from several threads at once. A
    worker that goes on with a session which it rolled before does so without decoding its state.
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
        closing: Callable[[], None] | None = None,
    ) -> None:
        names = _names_for(pipelines, worker_names)
        self._workers = [
            _Worker(name, pipeline, Roller(name, pipeline, sessions, blobs, media))
            for name, pipeline in zip(names, pipelines, strict=True)
        ]
        self._closing = closing
        self._desk = OrderDesk()
        self._threads = [
            threading.Thread(target=self._work, args=(worker,), name=worker.name, daemon=True)
            for worker in self._workers * _AT_ONCE
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

    def prepare(self) -> None:
        """Load the networks of all pipelines now, each in the thread that makes its segments.

        Raises what `Pipeline.prepare` raises.
        """
        for worker in self._workers:
            worker.roller.prepare()

    def submit(self, order: StepOrder, listener: Callable[[OrderEvent], None]) -> None:
        """As `Dispatcher.submit`."""
        self._desk.submit(order, listener)

    def cancel(self, order_id: str) -> bool:
        """As `Dispatcher.cancel`."""
        return self._desk.cancel(order_id)

    def status(self) -> DispatcherStatus:
        """As `Dispatcher.status`."""
        return self._desk.status({each.name: each.pipeline.device for each in self._workers})

    def drain(self, timeout: float | None = None) -> bool:
        """As `Dispatcher.drain`."""
        return self._desk.drain(timeout)

    def close(self) -> None:
        """As `Dispatcher.close`."""
        self._desk.close()
        for thread in self._threads:
            thread.join()
        for worker in self._workers:
            worker.roller.close()
        if self._closing is not None:
            self._closing()

    def _work(self, worker: _Worker) -> None:
        while self._next(worker):
            pass

    def _next(self, worker: _Worker) -> bool:
        """Roll the next order, which is waited for, when it is this thread's turn; False: none."""
        worker.making.acquire()
        ended = Once(worker.making.release)
        try:
            ticket = self._desk.next(worker.name)
            if ticket is None:
                return False

            def made() -> None:
                self._desk.made(worker.name, ticket)
                ended()

            end = worker.roller.rolled(ticket.order, ticket.cancelled, ticket.tell, made)
            self._desk.end(worker.name, ticket, end)
            return True
        finally:
            ended()


def _names_for(pipelines: Sequence[Pipeline], names: Sequence[str] | None) -> Sequence[str]:
    if not pipelines:
        raise ValidationError("pipelines", "is empty; give one for each device")
    if names is None:
        return [f"{worker_name()}/{index}" for index in range(len(pipelines))]
    if len(names) != len(pipelines) or len(set(names)) != len(names):
        raise ValidationError("worker_names", "must be one for each pipeline, no two the same")
    return [check_name(name, f"worker_names[{index}]") for index, name in enumerate(names)]
