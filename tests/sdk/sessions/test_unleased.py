"""What is needed is asked for twice, and ids within those of wrappers are needed, too."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import pytest

import longtake as lt
from tests.sdk.sessions.exported import Made
from tests.sdk.sessions.unleased_stores import Listed

DAY = 86400.0
KEYS = lt.KeyRing({"k": bytes(range(32))})


@pytest.fixture
def sessions() -> Any:
    return lt.open_session_store("memory:")


class Forking:
    """Session rows that come to need a blob while what is needed is asked for the first time."""

    def __init__(self, sessions: Any, blob_ids: Sequence[str]) -> None:
        self._sessions, self._blob_ids = sessions, blob_ids

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sessions, name)

    def held(self) -> set[str]:
        answer: set[str] = self._sessions.held()
        if self._blob_ids:
            self._sessions.hold(self._blob_ids, for_seconds=60)
            self._blob_ids = ()
        return answer


def test_what_comes_to_be_needed_while_the_sweep_asks_stays(sessions: Any) -> None:
    records = Listed()
    blobs = lt.RecordBlobStore(records)
    listed, over = blobs.put(b"listed"), blobs.put(b"of a hold that is over")
    records.now = 2 * DAY
    assert lt.sweep_sessions(Forking(sessions, [listed, over]), blobs).blobs == 0
    sessions.hold([over], for_seconds=0.001)
    other = blobs.put(b"another")
    sessions.hold([other], for_seconds=0.001)
    time.sleep(0.01)
    assert lt.sweep_sessions(Forking(sessions, [other]), blobs).blobs == 0
    assert all(each in blobs for each in [listed, over, other])


def test_what_a_wrapping_store_put_is_needed_in_the_store_within(
    sessions: lt.SessionStore,
) -> None:
    records = Listed()
    within = lt.RecordBlobStore(records)
    tenant: Any = lt.TenantBlobStore(within, tenant="ann", keys=KEYS)
    sessions.create("take", family="fog", preset="thin@1")
    kept = Made(sessions, tenant).commit([b"of a segment"])
    lost = tenant.put(b"lost")
    records.now = 2 * DAY
    assert not isinstance(tenant, lt.SupportsListing)
    assert lt.sweep_sessions(sessions, tenant).blobs == 0
    assert lt.sweep_sessions(sessions, within).blobs == 1
    assert lost not in tenant
    assert all(each in tenant for each in kept.blob_ids)


def test_sessions_that_cannot_say_what_they_need_lose_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class WithoutHolds:
        """Only what every session store has."""

    records = Listed()
    blobs = lt.RecordBlobStore(records)
    blob_id = blobs.put(b"x")
    records.now = 2 * DAY
    sessions: Any = WithoutHolds()
    assert lt.sweep_sessions(sessions, blobs).blobs == 0
    assert blob_id in blobs
    assert "which blobs it needs" in caplog.text
