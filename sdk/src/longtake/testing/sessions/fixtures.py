"""What the contract of session stores needs of a store, and what its author may say about it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, TypeAlias

import pytest

from longtake.testing.blobs.fixtures import Outage
from longtake.testing.blobs.samples import opened_again, skip
from longtake.testing.sessions.samples import AnySessions, closed, powerful

__all__ = ["Later", "SessionStoreFixtures"]

Later: TypeAlias = Callable[[float], object]
"""``later(seconds)``: afterwards it is so much later by the store's clock."""


class SessionStoreFixtures:
    """The fixtures and budgets of every contract of session stores. Only `store` must be defined.

    Each other fixture lets tests run that are else skipped, with the fixture's name as the reason.
    """

    secrets: ClassVar[tuple[str, ...]] = ()
    """What the store was opened with and must not show: passwords, keys, tokens."""

    has_own_clock: ClassVar[bool] = False
    """Whether the store's clock is a server's: a worker whose clock is wrong changes nothing."""

    largest_state: ClassVar[int] = 8 * 2**20
    """Bytes of the largest state that the tests commit."""

    rounds: ClassVar[int] = 10
    """Segments that threads, and then processes, race for."""

    kills: ClassVar[int] = 10
    """Processes killed while they commit."""

    moment: ClassVar[float] = 0.5
    """Seconds after which what the tests let run out is over."""

    patience: ClassVar[float] = 30.0
    """Seconds after which a store must have said that what is behind it cannot be reached."""

    @pytest.fixture
    def store(self) -> AnySessions:
        """A new, empty store. To be defined."""
        raise NotImplementedError("define the fixture `store`: it gives a new, empty store")

    @pytest.fixture
    def reopened(self, store: AnySessions) -> Iterator[Callable[[], Any]]:
        """``reopened()`` is another handle of ``store``: by default what its pickle opens."""
        handles: list[AnySessions] = []

        def reopen() -> AnySessions:
            handles.append(opened_again(store))
            return handles[-1]

        yield reopen
        for each in handles:
            closed(each)

    @pytest.fixture
    def outage(self) -> Outage:
        """``with outage(): ...``: meanwhile what is behind ``store`` cannot be reached."""
        skip("nothing takes the server or the disk away: define the fixture `outage`")

    @pytest.fixture
    def later(self) -> Later:
        """Lets time go by for the store; by default for everybody, by waiting."""
        return time.sleep

    @pytest.fixture
    def branching(self, store: AnySessions) -> AnySessions:
        """``store``, when it has branches."""
        return powerful(store, "SupportsBranches")

    @pytest.fixture
    def holding(self, store: AnySessions) -> AnySessions:
        """``store``, when it has holds."""
        return powerful(store, "SupportsHolds")

    @pytest.fixture
    def claiming(self, store: AnySessions) -> AnySessions:
        """``store``, when it has claims."""
        return powerful(store, "SupportsClaims")

    @pytest.fixture
    def expiring(self, store: AnySessions) -> AnySessions:
        """``store``, when its sessions can expire."""
        return powerful(store, "SupportsExpiry")

    @pytest.fixture
    def wrong_clock(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
        """``wrong_clock(seconds)`` sets this process's clock forward, not the store's."""
        if not self.has_own_clock:
            skip("the store's clock is this machine's: `has_own_clock` is False")
        right, right_ns = time.time, time.time_ns

        def set_forward(seconds: float) -> None:
            monkeypatch.setattr(time, "time", lambda: right() + seconds)
            monkeypatch.setattr(time, "time_ns", lambda: right_ns() + int(seconds * 1e9))

        return set_forward
