"""What the system's errors mean for who keeps blobs there, and what to do about them."""

from __future__ import annotations

import errno

import pytest

import longtake as lt
from longtake.blobs.failures import storage_error, storage_errors

MEANINGS = [
    (errno.ENOSPC, lt.BlobStoreFull, "make room"),
    (errno.EDQUOT, lt.BlobStoreFull, "make room"),
    (errno.EFBIG, lt.BlobTooLarge, "limits the size"),
    (errno.EACCES, lt.BlobStoreUnavailable, "check owner, mode and mount"),
    (errno.EROFS, lt.BlobStoreUnavailable, "check owner, mode and mount"),
    (errno.EIO, lt.BlobStoreUnavailable, "try again later"),
    (None, lt.BlobStoreUnavailable, "try again later"),
]


@pytest.mark.parametrize(("number", "kind", "advice"), MEANINGS)
def test_each_error_says_where_what_and_what_to_do(
    number: int | None, kind: type[lt.BlobError], advice: str
) -> None:
    error = OSError() if number is None else OSError(number, "as the system says it")
    found = storage_error("/blobs", error)
    assert type(found) is kind
    assert str(found).startswith("/blobs: ")
    assert advice in str(found)


def test_the_systems_error_is_the_cause() -> None:
    with pytest.raises(lt.BlobStoreFull) as raised, storage_errors("/blobs"):
        raise OSError(errno.ENOSPC, "no room")
    assert isinstance(raised.value.__cause__, OSError)


def test_errors_of_a_store_and_of_others_pass() -> None:
    with pytest.raises(lt.BlobTooLarge, match="mine"), storage_errors("/blobs"):
        raise lt.BlobTooLarge("mine")
    with pytest.raises(KeyError), storage_errors("/blobs"):
        raise KeyError("x")
