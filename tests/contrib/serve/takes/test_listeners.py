"""Which event of a take is its last, as those who listen know it."""

from __future__ import annotations

import time

import pytest

from longtake_serve.takes.listeners import Listeners


def test_the_last_event_is_known_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    listeners = Listeners()
    forget = listeners.listen("sea", lambda event: None)
    assert listeners.last("sea") is None
    listeners.know("sea", 7)
    assert listeners.last("sea") == 7
    now += 1  # another server may have kept one meanwhile
    assert listeners.last("sea") is None
    listeners.know("sea", 8)
    forget()
    assert listeners.last("sea") is None


def test_nothing_is_remembered_of_a_take_that_nobody_listens_to() -> None:
    listeners = Listeners()
    listeners.know("sea", 7)
    assert listeners.last("sea") is None
    listeners.listen("sea", lambda event: None)
    assert listeners.last("sea") is None
