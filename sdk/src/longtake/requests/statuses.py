"""Which HTTP status an error is, for those who answer requests: one table."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from longtake.errors import (
    AuthenticatorUnavailable,
    BlobStoreFull,
    BlobStoreUnavailable,
    BlobTooLarge,
    Cancelled,
    Conflict,
    DispatcherClosed,
    HoldRevoked,
    InvalidSessionId,
    LongtakeError,
    PipelineClosedError,
    SessionExists,
    SessionNotFound,
    SessionStoreFull,
    SessionStoreUnavailable,
    ValidationError,
)

__all__ = ["HTTP_STATUSES", "http_status"]

HTTP_STATUSES: Mapping[type[LongtakeError], int] = MappingProxyType(
    {
        InvalidSessionId: 400,
        SessionNotFound: 404,
        Cancelled: 408,
        Conflict: 409,
        SessionExists: 409,
        BlobTooLarge: 413,
        ValidationError: 422,
        AuthenticatorUnavailable: 503,
        BlobStoreUnavailable: 503,
        DispatcherClosed: 503,
        HoldRevoked: 503,
        PipelineClosedError: 503,
        SessionStoreUnavailable: 503,
        BlobStoreFull: 507,
        SessionStoreFull: 507,
    }
)


def http_status(error: BaseException) -> int:
    """The HTTP status of an answer that says ``error``.

    It is that of the error's class, or of the next class above it. 500, the fault of whoever runs
    the program, is all else: do not send the text of such an error, which may quote a plugin.
    """
    return next((HTTP_STATUSES[each] for each in type(error).__mro__ if each in HTTP_STATUSES), 500)
