"""The contract of session stores over those that are broken on purpose."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import time as right_time  # by this name a test sets it to no other time
from typing import Any, ClassVar

import pytest

import longtake as lt
from longtake.session_stores.memory import MemoryRows
from longtake.testing import SessionStoreContract

PASSWORD = "hunter2"


class Whole(lt.RowSessionStore):
    """Nothing is wrong. ``fails``: the tests that fail, of one that is broken."""

    fails: ClassVar[tuple[str, ...]] = ()

    def __init__(self, rows: lt.SessionRows | None = None) -> None:
        super().__init__(ServerRows() if rows is None else rows)


class Away(Exception):
    """What the client raises."""


class ServerRows(MemoryRows):
    """Rows on a server with a clock of its own, which may be away."""

    unavailable = (Away,)

    def __init__(self) -> None:
        super().__init__()
        self.is_away = False
        self.seconds_gone = 0.0

    def now(self) -> float:
        self.reached(None)
        return right_time() + self.seconds_gone

    def read(self, keys: Any) -> Any:
        return self.reached(super().read(keys))

    def scan(self, start: str, stop: str, limit: int) -> Any:
        return self.reached(super().scan(start, stop, limit))

    def write(self, change: lt.RowChange) -> bool:
        self.reached(None)
        return super().write(change)

    def reached(self, answer: Any) -> Any:
        """What was read, unless the server is away."""
        if self.is_away:
            raise Away("the server is away")
        return answer

    def __repr__(self) -> str:
        return "rows on a server"


class BrokenSessions(SessionStoreContract):
    """The contract with little of everything, since each fault shows at once and each time."""

    kind: ClassVar[Any]
    secrets = (PASSWORD,)
    has_own_clock = True
    largest_state = 100_000
    rounds = 3
    moment = 10.0
    patience = 1.0

    @pytest.fixture
    def store(self) -> Any:
        return self.kind()

    @pytest.fixture
    def reopened(self, store: Any) -> Callable[[], Any]:
        return lambda: type(store)(store.rows)

    @pytest.fixture
    def later(self, store: Any) -> Callable[[float], None]:
        def later(seconds: float) -> None:
            store.rows.seconds_gone += seconds

        return later

    @pytest.fixture
    def outage(self, store: Any) -> Any:
        @contextmanager
        def outage() -> Iterator[None]:
            store.rows.is_away = True
            yield
            store.rows.is_away = False

        return outage


def broken(namespace: dict[str, Any]) -> list[type[Whole]]:
    """The stores that are defined in a module, by its variables."""
    return [
        each
        for each in namespace.values()
        if isinstance(each, type)
        and issubclass(each, Whole)
        and each.__module__ == namespace["__name__"]
    ]


def contracts(namespace: dict[str, Any]) -> dict[str, type]:
    """A test class for each of them, whose name is ``Test`` and the store's."""
    return {
        f"Test{kind.__name__}": type(f"Test{kind.__name__}", (BrokenSessions,), {"kind": kind})
        for kind in broken(namespace)
    }
