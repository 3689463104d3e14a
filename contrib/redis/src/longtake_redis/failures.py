"""What redis-py's exceptions mean. Their own texts are not repeated: they may name a user."""

from __future__ import annotations

from redis import exceptions

import longtake as lt

__all__ = ["blob_error", "session_error"]

_LOGIN = (
    exceptions.AuthenticationError,
    exceptions.AuthorizationError,
    exceptions.AuthenticationWrongNumberOfArgsError,
)
_CLUSTER = (exceptions.MovedError, exceptions.AskError, exceptions.ClusterCrossSlotError)


def blob_error(error: Exception, shown: str) -> lt.BlobError | None:
    """The `BlobError` for ``error`` of the server ``shown``; None when it is not redis-py's."""
    if isinstance(error, exceptions.OutOfMemoryError):
        return lt.BlobStoreFull(
            f"{shown}: it has reached its maxmemory; drop blobs, shorten ttl or give it more"
        )
    if isinstance(error, LookupError):
        return lt.BlobStoreUnavailable(
            f"{shown}: it lost a part of the blob while it was put (restarted, evicted?); try again"
        )
    problem = _problem(error)
    return None if problem is None else lt.BlobStoreUnavailable(f"{shown}: {problem}")


def session_error(error: Exception, shown: str) -> lt.SessionError | None:
    """The `SessionError` for ``error`` of the server ``shown``; None when it is not redis-py's."""
    if isinstance(error, exceptions.OutOfMemoryError):
        return lt.SessionStoreFull(
            f"{shown}: it has reached its maxmemory; delete sessions, sweep, or give it more"
        )
    problem = _problem(error)
    return None if problem is None else lt.SessionStoreUnavailable(f"{shown}: {problem}")


def _problem(error: Exception) -> str | None:
    if not isinstance(error, exceptions.RedisError | exceptions.ChildDeadlockedError):
        return None
    if isinstance(error, _LOGIN):
        return "it refuses the login; check user and password in the URL, or password_file"
    if isinstance(error, exceptions.NoPermissionError):
        return "this user may not do that there; the README lists the commands that are needed"
    if isinstance(error, exceptions.ReadOnlyError):
        return "it is a replica that only reads; name the primary"
    if isinstance(error, _CLUSTER):
        return "it is a node of a cluster, which this store cannot use; name a single server"
    if isinstance(error, exceptions.BusyLoadingError):
        return "it is still loading its data; try again later"
    if isinstance(error, exceptions.TimeoutError):
        return "it gave no answer in time; try again later, or raise timeout in the URL"
    if isinstance(error, exceptions.ConnectionError):
        return "it cannot be reached; try again later"
    if str(error).startswith("MISCONF"):
        return "it cannot save its data to its disk and takes nothing new; see its log"
    return f"it refused ({type(error).__name__}); see its log"
