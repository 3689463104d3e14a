"""Whether a worker really rolls: one segment, once, when a server starts."""

from __future__ import annotations

import logging
import secrets
import threading
from contextlib import suppress

import longtake as lt

__all__ = ["WorkerProbe"]

_log = logging.getLogger(__name__)

_SESSION = "longtake-serve-probe"
_AGAIN_SECONDS = 5.0


class WorkerProbe:
    """Has the dispatcher roll a segment of a session of its own, again until one is rolled.

    ``family``, ``preset``: of that session, which is nobody's and goes when it is done.
    """

    def __init__(
        self, dispatcher: lt.Dispatcher, sessions: lt.SessionStore, family: str, preset: str
    ) -> None:
        self._dispatcher = dispatcher
        self._sessions = sessions
        self._made_for = (family, preset)
        self._answered = threading.Event()
        self._closed = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._try, name="longtake-serve-probe", daemon=True)

    def is_ready(self) -> bool:
        """Whether a worker has rolled it."""
        return self._answered.is_set()

    def start(self) -> None:
        """Begin, without waiting."""
        self._thread.start()

    def close(self) -> None:
        """Ask no more; the dispatcher must be closed before."""
        self._closed.set()
        self._ended.set()
        self._thread.join()

    def _try(self) -> None:
        while not self._closed.is_set() and not self._answered.is_set():
            self._ended.clear()
            try:
                self._submit()
            except lt.DispatcherClosed:
                return
            except lt.LongtakeError as error:
                _log.warning("no worker could be tried: %s", error)
            else:
                self._ended.wait()
                with suppress(lt.SessionError):
                    self._sessions.delete(_SESSION)
            if not self._answered.is_set():
                self._closed.wait(_AGAIN_SECONDS)

    def _submit(self) -> None:
        with suppress(lt.SessionNotFound):  # of a server that was killed
            self._sessions.delete(_SESSION)
        family, preset = self._made_for
        self._sessions.create(_SESSION, family=family, preset=preset)
        order = lt.StepOrder(
            id=f"probe_{secrets.token_urlsafe(9)}",
            session_id=_SESSION,
            request=lt.GenerationRequest("a probe"),
        )
        self._dispatcher.submit(order, self._told)

    def _told(self, event: lt.OrderEvent) -> None:
        if isinstance(event, lt.OrderDone):
            self._answered.set()
        elif isinstance(event, lt.OrderFailed):
            _log.warning("a worker could not roll a segment: %s", event.error)
        if isinstance(event, lt.OrderDone | lt.OrderFailed | lt.OrderCancelled):
            self._ended.set()
