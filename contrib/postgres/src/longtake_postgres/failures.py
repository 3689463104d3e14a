"""What psycopg's exceptions mean. Their own texts are not repeated: they may name a user."""

from __future__ import annotations

from psycopg import Error, OperationalError, errors
from psycopg_pool import PoolTimeout

import longtake as lt

__all__ = ["UNDONE", "session_error"]

UNDONE = (errors.DeadlockDetected, errors.SerializationFailure, errors.TransactionRollback)
"""What says that the server undid a transaction, since others were in its way."""

_LOGIN = "it refuses the login; check user, password and database, or password_file"


def session_error(error: Exception, shown: str) -> lt.SessionError | None:
    """The `SessionError` for ``error`` of the server ``shown``; None when it is not psycopg's."""
    if not isinstance(error, Error):
        return None
    if isinstance(error, errors.DiskFull):
        return lt.SessionStoreFull(f"{shown}: its disk is full; make room, and try again")
    problem = _passing(error)
    if problem is not None:
        return lt.SessionStoreUnavailable(f"{shown}: {problem}")
    return lt.SessionError(f"{shown}: {_lasting(error)}")


def _passing(error: Error) -> str | None:
    """What may be otherwise later; None for what stays as it is."""
    if isinstance(error, errors.InsufficientPrivilege):
        return "this user may not do that there; the README lists the rights that are needed"
    if isinstance(error, errors.ReadOnlySqlTransaction):
        return "it is a standby that only reads; name the primary"
    if isinstance(error, errors.QueryCanceled | errors.LockNotAvailable):
        return "it did not get to it in time; try again later, or raise timeout in the URL"
    if isinstance(error, UNDONE):
        return "too many others change the same rows; try again later"
    if isinstance(error, PoolTimeout):
        return "no connection was to be had in time; try again later, or raise connections"
    if not isinstance(error, OperationalError):
        return None
    if error.sqlstate is not None:
        return f"it cannot serve for now ({type(error).__name__}); try again later, or see its log"
    connection = error.pgconn
    if connection is not None and (connection.needs_password or connection.used_password):
        return _LOGIN
    if "FATAL" in str(error):  # an answer of the server while connecting
        return f"{_LOGIN}; or see its log"
    if "time" in str(error):
        return "it gave no answer in time; try again later, or raise timeout in the URL"
    return "it cannot be reached, or the connection was cut; try again later"


def _lasting(error: Error) -> str:
    if isinstance(error, errors.InvalidSchemaName):
        return "it has no such schema; create it, or name another one in the URL"
    if isinstance(error, errors.UndefinedTable):
        return "its table of sessions is gone; open the store again to make a new one"
    return f"it refused ({type(error).__name__}); see its log"
