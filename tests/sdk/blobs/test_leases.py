"""What a lease, an owner and a limit may be, and putting through a lease."""

from __future__ import annotations

from typing import Any

import pytest

import longtake as lt
from longtake.blobs.leases import check_lease, check_limit, check_owner
from longtake.blobs.memory import MemoryBlobStore


@pytest.mark.parametrize("seconds", [None, 1, 0.5, 3600.0, 10 * 366 * 24 * 3600])
def test_a_lease_is_seconds_or_none(seconds: float | None) -> None:
    check_lease(seconds)


@pytest.mark.parametrize("seconds", [0, -1, True, "60", float("inf"), float("nan"), 1e12])
def test_no_other_lease_is_taken(seconds: Any) -> None:
    with pytest.raises(lt.ValidationError) as refused:
        check_lease(seconds)
    assert refused.value.path == "lease_seconds"


@pytest.mark.parametrize("limit", [0, -1, True, 1.0, "1"])
def test_a_limit_is_an_integer_from_1_or_none(limit: object) -> None:
    check_limit(None)
    check_limit(1)
    with pytest.raises(lt.ValidationError, match=r"^limit: "):
        check_limit(limit)


@pytest.mark.parametrize("owner", ["", "x" * 256, None, b"take"])
def test_an_owner_is_a_text_of_up_to_255_characters(owner: object) -> None:
    assert check_owner("x" * 255) == "x" * 255
    with pytest.raises(lt.ValidationError, match=r"^owner: "):
        check_owner(owner)


def test_what_is_put_through_a_lease_is_the_stores() -> None:
    store = MemoryBlobStore()
    through = lt.leasing(store, 3600)
    blob_id = through.put(b"fog", mime="text/plain")
    assert blob_id in store
    assert blob_id in through
    assert bytes(through.get(blob_id)) == b"fog"
    through.drop(blob_id)
    assert blob_id not in store


def test_the_lease_is_checked_before_anything_is_put() -> None:
    with pytest.raises(lt.ValidationError, match="lease_seconds"):
        lt.leasing(MemoryBlobStore(), 0)
