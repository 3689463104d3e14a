"""What obstore's exceptions mean. Their own texts are not repeated: they may hold signed URLs."""

from __future__ import annotations

import re

from obstore import exceptions

import longtake as lt

__all__ = ["meaning", "raise_without_bucket"]

_NO_BUCKET = re.compile(r"NoSuchBucket|ContainerNotFound|specified bucket does not exist")
_FULL = re.compile(r"507 Insufficient Storage|QuotaExceeded|StorageFull|AccountBeingFull")
_TOO_LARGE = re.compile(r"EntityTooLarge|RequestBodyTooLarge|413 Payload Too Large")
_NO_CREDENTIALS = re.compile(r"169\.254\.169\.254|metadata\.google|CredentialsError|MissingCred")


def raise_without_bucket(error: FileNotFoundError) -> None:
    """Raise ``error`` again when the object is missing because its bucket is."""
    if _NO_BUCKET.search(str(error)):
        raise error


def meaning(error: Exception, shown: str) -> lt.BlobError | None:
    """The `BlobError` for ``error`` of the bucket ``shown``; None when it is not obstore's."""
    if not isinstance(error, exceptions.BaseError | FileNotFoundError):
        return None
    text = str(error)
    if _FULL.search(text):
        return lt.BlobStoreFull(f"{shown}: it has no room left; drop blobs or make room")
    if _TOO_LARGE.search(text):
        return lt.BlobTooLarge(f"{shown}: it does not take objects of this size")
    return lt.BlobStoreUnavailable(f"{shown}: {_problem(error, text)}")


def _problem(error: Exception, text: str) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such bucket; make it, or check the endpoint"
    if isinstance(error, exceptions.UnauthenticatedError):
        return "it does not take the credentials, or got none; see the README for their places"
    if isinstance(error, exceptions.PermissionDeniedError):
        return "these credentials may not do that there; reading, writing and deleting is needed"
    if _NO_CREDENTIALS.search(text):
        return "no credentials were found; see the README for their places"
    if "builder error" in text:  # what obstore says of a plain http URL that nobody allowed
        return "its endpoint cannot be used; plain http must be in the URL as endpoint=http://..."
    return "it cannot be reached or answers with errors; try again later"
