"""What an error of the operating system means for a blob store in files."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from longtake.errors import BlobError, BlobStoreFull, BlobStoreUnavailable, BlobTooLarge

__all__ = ["storage_error", "storage_errors"]

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_DENIED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


@contextmanager
def storage_errors(root: str) -> Iterator[None]:
    """Turn each `OSError` raised inside into the `BlobError` that says what to do about it.

    Wrap nothing of the caller's in it: an iterable that put reads may raise an `OSError` of its
    own, which is not the store's.
    """
    try:
        yield
    except BlobError:  # some are OSErrors too
        raise
    except OSError as error:
        raise storage_error(root, error) from error


def storage_error(place: str, error: OSError) -> BlobError:
    """What ``error`` means for blobs in ``place``, which is said first."""
    problem = f"{place}: {error.strerror or type(error).__name__}"
    if error.errno in _FULL:
        return BlobStoreFull(f"{problem}; drop blobs, make room or open a store elsewhere")
    if error.errno == errno.EFBIG:
        return BlobTooLarge(f"{problem}; the file system or the process limits the size of a file")
    if error.errno in _DENIED:
        return BlobStoreUnavailable(
            f"{problem}; this process needs to read and write there: check owner, mode and mount"
        )
    return BlobStoreUnavailable(f"{problem}; it cannot be used now, try again later")
