"""A run's events told to its caller in the run's own thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from longtake.runs.events import Event

__all__ = ["Follower"]


class Follower:
    """The listener of a run that tells ``follow`` its events; ``cancel`` is the caller's.

    When ``follow`` raises, the run is cancelled at its next step, for its stages are not to blame.
    """

    def __init__(self, follow: Callable[[Event], None], cancel: Callable[[], bool]) -> None:
        self._follow = follow
        self._cancel = cancel
        self._error: BaseException | None = None

    def __call__(self, event: Event) -> None:
        """Tell it, unless it has raised something."""
        if self._error is None:
            try:
                self._follow(event)
            except BaseException as error:  # no stage may catch it
                self._error = error

    def is_cancelled(self) -> bool:
        """Whether the run is to be cancelled."""
        return self._error is not None or self._cancel()

    @contextmanager
    def raising(self) -> Iterator[None]:
        """Raise what ``follow`` raised, when the block is left, in the place of its result."""
        try:
            yield
        except BaseException:  # as a rule because it was cancelled
            if self._error is None:
                raise
        if self._error is not None:
            try:
                raise self._error
            finally:
                self._error = None  # or the error and this frame would keep each other alive
