"""Keeping what is finished while the next is made: one thread, behind whoever makes."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from types import TracebackType
from typing import Self

__all__ = ["Behind"]


class Behind:
    """Does one thing at a time in a thread of its own, in the order in which it is given them.

    A context manager: when its block is left, the last thing is done, however the block is left.
    What was raised by a thing that is done is raised by the next `begin` or `settle`, once.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="longtake-keeping")
        self._doing: Future[None] | None = None

    @property
    def failed(self) -> bool:
        """Whether what was given last has raised something that nobody was told yet."""
        doing = self._doing
        return doing is not None and doing.done() and doing.exception() is not None

    @property
    def is_done(self) -> bool:
        """Whether nothing is being done."""
        return self._doing is None or self._doing.done()

    def begin(self, what: Callable[[], None]) -> None:
        """Do ``what`` behind the caller, who waits here until the thing before it is done.

        So there is at most one that is not done. Raises what the thing before it raised.
        """
        self.settle()
        self._doing = self._thread.submit(copy_context().run, what)

    def settle(self) -> None:
        """Wait until all is done. Raises what it raised.

        `KeyboardInterrupt` is raised only then, for half of a thing must not be left to others.
        """
        doing, interrupt = self._doing, None
        while doing is not None and not doing.done():
            try:
                wait([doing])
            except KeyboardInterrupt as error:
                interrupt = error
        self._doing = None
        if interrupt is not None:
            raise interrupt from (None if doing is None else doing.exception())
        if doing is not None:
            doing.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self.settle()
        finally:
            self._thread.shutdown()
