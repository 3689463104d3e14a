"""What a server does for its clients, whatever they speak: takes, and the work on them."""

from __future__ import annotations

import builtins
import os
import time
from collections.abc import Callable, Mapping
from typing import Any

import longtake as lt
from longtake_serve.takes.limits import ServeLimits
from longtake_serve.takes.views import TakeEvent, TakeView, WorkView

__all__ = ["TakeService"]


class TakeService:
    """Takes of many tenants in a session store, and the work on them.

    ``sessions``: must be a `longtake.RowSessionStore`, for the book of work is kept in its rows.
    ``family``, ``preset`` (with its version): of new takes. Every method may be called from any
    thread, and each waits for the store; one of another tenant's takes raises `SessionNotFound`.
    """

    def __init__(
        self,
        sessions: lt.SessionStore,
        blobs: lt.BlobStore | None,
        dispatcher: Any,
        *,
        family: str,
        preset: str,
        limits: ServeLimits | None = None,
        registry: lt.Registry | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        raise NotImplementedError

    def resume(self) -> int:
        """Submit what waits or had been started, once, at the start; of how many takes."""
        raise NotImplementedError

    def create(self, tenant: str, *, labels: Mapping[str, str] | None = None) -> TakeView:
        raise NotImplementedError

    def read(self, tenant: str, take: str) -> TakeView:
        raise NotImplementedError

    def list(
        self,
        tenant: str,
        *,
        labels: Mapping[str, str] | None = None,
        after: str = "",
        limit: int = 100,
    ) -> builtins.list[TakeView]:
        raise NotImplementedError

    def extend(
        self, tenant: str, take: str, request: dict[str, Any], *, key: str | None = None
    ) -> WorkView:
        """Queue a request. The same ``key`` again gives the work that it made the first time."""
        raise NotImplementedError

    def work(self, tenant: str, take: str) -> builtins.list[WorkView]:
        raise NotImplementedError

    def cancel(self, tenant: str, take: str, work: str | None = None) -> builtins.list[WorkView]:
        """Cancel one piece of work, or all that is open; as it is then."""
        raise NotImplementedError

    def fork(self, tenant: str, take: str, num_segments: int) -> TakeView:
        raise NotImplementedError

    def rewind(self, tenant: str, take: str, num_segments: int) -> TakeView:
        raise NotImplementedError

    def finish(self, tenant: str, take: str) -> TakeView:
        """Take no more requests; the take is finished once those that are open have ended."""
        raise NotImplementedError

    def delete(self, tenant: str, take: str) -> None:
        raise NotImplementedError

    def state(self, tenant: str, take: str) -> lt.ContinuationState | None:
        raise NotImplementedError

    def export(self, tenant: str, take: str, path: str | os.PathLike[str]) -> TakeView:
        raise NotImplementedError

    def import_(self, tenant: str, path: str | os.PathLike[str]) -> TakeView:
        raise NotImplementedError

    def segments(
        self, tenant: str, take: str, *, start: int = 0, limit: int | None = None
    ) -> builtins.list[lt.SessionSegment]:
        raise NotImplementedError

    def media(self, tenant: str, take: str, index: int) -> str:
        """The id of the blob with the segment's picture and sound."""
        raise NotImplementedError

    def events(
        self, tenant: str, take: str, *, after: int = 0, limit: int = 100
    ) -> builtins.list[TakeEvent]:
        """Events that are kept, behind the one of this id."""
        raise NotImplementedError

    def listen(
        self, tenant: str, take: str, callback: Callable[[TakeEvent], None]
    ) -> Callable[[], None]:
        """Have ``callback`` told every event from now on; what comes back ends that.

        It is called in the order of events, from any thread, and must not wait.
        """
        raise NotImplementedError

    def capacity(self) -> Any:
        """The dispatcher's status."""
        raise NotImplementedError

    def drain(self, timeout: float | None = None) -> bool:
        """Start nothing more and wait for what runs; whether it ended in time. The rest stays."""
        raise NotImplementedError

    def close(self) -> None:
        """End everything, the dispatcher too. What was not over goes on with `resume`."""
        raise NotImplementedError
