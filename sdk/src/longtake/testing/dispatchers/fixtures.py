"""What the contract of dispatchers needs of one, and what its tests do with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import ClassVar

import pytest

import longtake as lt
from longtake.testing.dispatchers.family import STEPS, steps_request
from longtake.testing.dispatchers.listening import Heard

__all__ = ["DispatcherFixtures"]


class DispatcherFixtures:
    """The fixtures of the contract. Only ``dispatcher`` must be defined."""

    family: ClassVar[lt.ModelFamily] = STEPS
    """What the dispatcher's workers must be able to roll."""

    patience: ClassVar[float] = 60.0
    """Seconds after which an event that is awaited is missing."""

    @pytest.fixture
    def sessions(self) -> Iterator[lt.SessionStore]:
        """A new store for the dispatcher's sessions; by default one of this process."""
        store = lt.open_session_store("memory:")
        yield store
        if isinstance(store, lt.SupportsClose):
            store.close()

    @pytest.fixture
    def dispatcher(self, sessions: lt.SessionStore) -> lt.Dispatcher:
        """A new dispatcher over ``sessions`` with two workers of `family`. To be defined."""
        raise NotImplementedError("define the fixture `dispatcher`: it gives a new dispatcher")

    @pytest.fixture(autouse=True)
    def _parts(self, dispatcher: lt.Dispatcher, sessions: lt.SessionStore) -> Iterator[None]:
        self._dispatcher, self._sessions = dispatcher, sessions
        yield
        dispatcher.close()

    def _order(
        self, order_id: str, request: lt.GenerationRequest, revision: int | None = None
    ) -> lt.StepOrder:
        """An order named ``a1`` of session ``a``, which is made when it is not there."""
        session = order_id[0]
        with suppress(lt.SessionExists):
            self._sessions.create(session, family=STEPS.name, preset="default@1")
        return lt.StepOrder(
            id=order_id, session_id=session, request=request, expected_revision=revision
        )

    def _submit(
        self, order_id: str, *, prompt: str = "", seconds: float = 0.0, revision: int | None = None
    ) -> Heard:
        """Submit a short order; its prompt is its id when none is given."""
        heard = Heard(self.patience)
        request = steps_request(prompt or order_id, seconds=seconds)
        self._dispatcher.submit(self._order(order_id, request, revision), heard)
        return heard

    def _occupy(self, *order_ids: str) -> list[Heard]:
        """Submit orders that take two minutes, and wait until they are started."""
        heard = [Heard(self.patience) for _ in order_ids]
        for order_id, listener in zip(order_ids, heard, strict=True):
            request = steps_request(order_id, steps=12_000, seconds=0.01)
            self._dispatcher.submit(self._order(order_id, request), listener)
        for listener in heard:
            listener.started()
        return heard
