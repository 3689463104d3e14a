"""What a worker does with an order: it rolls the segment, tells how far it is, and how it ended."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from threading import Event as Flag

from longtake.blobs.protocol import BlobStore
from longtake.dispatch.pacing import Pace
from longtake.dispatch.protocol import (
    OrderCancelled,
    OrderDone,
    OrderEvent,
    OrderFailed,
    OrderProgress,
    StepOrder,
)
from longtake.errors import Cancelled, LongtakeError, text_of
from longtake.pipeline import Pipeline
from longtake.runs.events import Event, Preview, Progress
from longtake.session_stores.protocol import SessionStore
from longtake.sessions.attempts import Patience
from longtake.sessions.making import SegmentMaker
from longtake.sessions.making_thread import MakingThread
from longtake.sessions.media import MediaSink
from longtake.sessions.rolling import rolled
from longtake.sessions.stepping import Rolling, Times
from longtake.states.live import LiveState

__all__ = ["Roller"]

_PREVIEW_SECONDS = 0.5
_LONGEST_SIDE = 256
_MOST_LIVE = 4
"""Sessions whose typed state is kept; each takes memory, on the device too for some families."""


class Roller:
    """Rolls orders with one pipeline, and keeps the states of the last sessions.

    Threads may roll orders of several sessions at once: one makes a segment, and another one keeps
    what it has made. All segments are made in one more thread, which is over when the roller is
    closed, or forgotten. The parameters are those of `longtake.roll`; ``worker`` is for the record.
    """

    def __init__(
        self,
        worker: str,
        pipeline: Pipeline,
        sessions: SessionStore,
        blobs: BlobStore | None,
        media: MediaSink | None,
    ) -> None:
        self._worker = worker
        self._pipeline = pipeline
        self._sessions = sessions
        self._blobs = blobs
        self._media = media
        self._live: dict[str, LiveState] = {}  # by session; the last one used is the last
        self._lock = threading.Lock()
        self._thread = MakingThread()

    def prepare(self) -> None:
        """Have the networks loaded where segments are made. Raises as `Pipeline.prepare`."""
        self._thread.do(self._pipeline.prepare)

    def close(self) -> None:
        """End the thread that makes the segments, behind what it has to make."""
        self._thread.close()

    def rolled(
        self,
        order: StepOrder,
        cancelled: Flag,
        tell: Callable[[OrderEvent], None],
        made: Callable[[], None] | None = None,
    ) -> OrderDone | OrderFailed | OrderCancelled:
        """How the order ended; nothing is raised.

        ``tell``: is told its progress. ``made``: as of `longtake.roll`.
        """
        try:
            return self._done(order, cancelled.is_set, _Told(order, tell), made)
        except Cancelled as error:
            if cancelled.is_set():
                return OrderCancelled(order_id=order.id)
            return OrderFailed(order_id=order.id, error=error)
        except Exception as error:  # whatever a stage or a store raises is the order's
            return OrderFailed(order_id=order.id, error=error)
        except BaseException as error:  # what would end a program does not end the worker
            failure = LongtakeError(f"the worker was told to stop: {text_of(error)}")
            failure.__cause__ = error
            return OrderFailed(order_id=order.id, error=failure)

    def _done(
        self,
        order: StepOrder,
        cancel: Callable[[], bool],
        follow: Callable[[Event], None],
        made: Callable[[], None] | None,
    ) -> OrderDone:
        with self._lock:
            live = self._live.pop(order.session_id, None)
        maker = SegmentMaker(
            order.session_id,
            self._pipeline,
            self._blobs,
            admit=None,
            follow=follow,
            traceparent=order.traceparent,
            in_thread=self._thread.do,
        )
        rolling = Rolling(
            self._sessions,
            maker,
            self._media,
            accept_versions=False,
            worker=self._worker,
            times=Times(),
            patience=Patience(),
        )
        kept = rolled(rolling, order.request, order.expected_revision, live, cancel, made)
        if kept.result is not None and kept.result.live_state is not None:
            self._keep(order.session_id, kept.result.live_state)
        return OrderDone(order_id=order.id, segment=kept.segment, revision=kept.session.revision)

    def _keep(self, session_id: str, live: LiveState) -> None:
        with self._lock:
            self._live[session_id] = live
            if len(self._live) > _MOST_LIVE:
                del self._live[next(iter(self._live))]


class _Told:
    """What a run's events tell of its order: its progress, with the newest preview there is."""

    def __init__(self, order: StepOrder, tell: Callable[[OrderEvent], None]) -> None:
        self._order = order
        self._tell = tell
        self._pace = Pace()
        self._preview: Preview | None = None
        self._next_preview = 0.0

    def __call__(self, event: Event) -> None:
        if isinstance(event, Preview):
            self._preview = event
        elif isinstance(event, Progress) and self._pace.tells(event):
            progress = OrderProgress(
                order_id=self._order.id,
                stage=event.stage,
                step=event.step,
                steps=event.total,
                fraction=event.fraction,
                preview=self._new_preview(),
            )
            self._tell(progress)

    def _new_preview(self) -> bytes | None:
        """As a PNG, once; None where it is too early for one."""
        preview, now = self._preview, time.monotonic()
        if preview is None or now < self._next_preview:
            return None
        self._preview, self._next_preview = None, now + _PREVIEW_SECONDS
        return _as_png(preview)


def _as_png(preview: Preview) -> bytes | None:
    """The frame in the middle; of a larger one only each second, third, ... pixel is taken."""
    from longtake.media.stills import encode_still  # late: of orders with previews alone

    if preview.pixels.ndim != 4 or not preview.pixels.size:
        return None
    frame = preview.pixels[len(preview.pixels) // 2]
    every = -(-max(frame.shape[:2]) // _LONGEST_SIDE)
    return encode_still(frame[::every, ::every])
