"""How a plugin declares a kind of session store, and what has which powers."""

from __future__ import annotations

from typing import Any

import pytest

import longtake as lt

POWERS = (lt.SupportsBranches, lt.SupportsClaims, lt.SupportsExpiry, lt.SupportsHolds)


def test_a_store_of_rows_has_all_powers() -> None:
    store = lt.open_session_store("memory:")
    assert isinstance(store, lt.SessionStore)
    assert all(isinstance(store, power) for power in POWERS)
    assert isinstance(store, lt.SupportsClose)


def test_a_power_is_known_by_its_methods() -> None:
    class Forks:
        def fork(self) -> None: ...

        def rewind(self) -> None: ...

    assert [isinstance(Forks(), power) for power in POWERS] == [True, False, False, False]
    assert not isinstance(Forks(), lt.SessionStore)


@pytest.mark.parametrize(
    "fields",
    [
        {"scheme": ""},
        {"scheme": 3},
        {"open": "no target"},
        {"open": None},
        {"example": 3},
    ],
)
def test_a_backend_is_declared_whole(fields: dict[str, Any]) -> None:
    whole: dict[str, Any] = {"scheme": "mine", "open": "mine.sessions:open_store", "example": ""}
    lt.SessionBackend(**whole)
    with pytest.raises(lt.PluginError, match=next(iter(fields))):
        lt.SessionBackend(**{**whole, **fields})


@pytest.mark.parametrize("url", ["takes.db", "", ":", "\ud800:x"])
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(lt.ValidationError, match="sessions"):
        lt.open_session_store(url)


def test_an_unknown_scheme_says_which_there_are() -> None:
    with pytest.raises(lt.UnknownNameError, match="sqlite"):
        lt.open_session_store("nowhere:x")
