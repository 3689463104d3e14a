"""Trying a blob store: open it, ask it something, close it. Nothing secret is repeated."""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from longtake.blobs.powers import SupportsClose
from longtake.blobs.protocol import BlobBackend, BlobStore
from longtake.blobs.urls import masked_url
from longtake.doctor.values import StoreTrial, TrialOutcome
from longtake.errors import BlobCorrupt, BlobError, LongtakeError, MissingDependencyError
from longtake.plugins import reason
from longtake.references import resolve

__all__ = ["try_store", "without_secrets"]

_NO_ID = "0" * 32


def try_store(backend: BlobBackend, url: str, *, write: bool) -> StoreTrial:
    """Open the store at ``url`` and ask for a blob; with ``write``, put one, get it and drop it."""
    try:
        opener: Any = resolve(backend.open)
        store: BlobStore = opener(url)
        try:
            _ask(store, write=write)
        finally:
            if isinstance(store, SupportsClose):
                store.close()
    except KeyboardInterrupt:  # the user's
        raise
    except BaseException as error:  # isolation: whatever it raises is what is reported
        return _trial(backend, url, _outcome(error), without_secrets(_text(error), url))
    return _trial(backend, url, "ok", None)


def _trial(backend: BlobBackend, url: str, outcome: TrialOutcome, why: str | None) -> StoreTrial:
    return StoreTrial(backend.scheme, masked_url(url), outcome, why)


def _outcome(error: BaseException) -> TrialOutcome:
    absent = isinstance(error, BlobError | MissingDependencyError)
    return "unavailable" if absent else "failed"


def _text(error: BaseException) -> str:
    own = isinstance(error, LongtakeError) and str(error)
    return " ".join(str(error).split()) if own else reason(error)


def _ask(store: BlobStore, *, write: bool) -> None:
    bool(_NO_ID in store)
    if not write:
        return
    data = secrets.token_bytes(64)
    blob_id = store.put(data)
    try:
        if bytes(store.get(blob_id)) != data:
            raise BlobCorrupt("the store gave back other bytes than it was given")
    finally:
        store.drop(blob_id)
    if blob_id in store:
        raise BlobCorrupt("the store still has a blob that was dropped")


def without_secrets(text: str, url: str) -> str:
    """``text`` without what `masked_url` leaves out of ``url``, should an error repeat it."""
    text = text.replace(url, masked_url(url))
    for secret in sorted(_secrets_of(url), key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def _secrets_of(url: str) -> set[str]:
    """Who logs in and with what, and the query's values; as they stand there and decoded."""
    try:
        parts = urlsplit(url)
    except ValueError:  # not a URL, and nobody can log in with it
        return set()
    user, _, password = parts.netloc.rpartition("@")[0].partition(":")
    values = [value for _, value in parse_qsl(parts.query)]
    names = {each for each in (user, unquote(user), *values) if len(each) > 3}  # "1" is everywhere
    return {each for each in (parts.query, password, unquote(password)) if each} | names
