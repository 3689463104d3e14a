"""Trying a blob store: open it, ask it something, close it. Nothing secret is repeated."""

from __future__ import annotations

import re
import secrets
from typing import Any
from urllib.parse import unquote, unquote_plus

from longtake.blobs.powers import SupportsClose
from longtake.blobs.protocol import BlobBackend, BlobStore
from longtake.blobs.urls import masked_url
from longtake.doctor.values import StoreTrial, TrialOutcome
from longtake.errors import BlobCorrupt, BlobError, LongtakeError, MissingDependencyError
from longtake.plugins.loading import reason
from longtake.schema.references import resolve

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
    """Who logs in and with what, what follows the path, and their parts; raw and decoded."""
    login, _, place = url.partition("://")[2].rpartition("@")
    user, _, password = login.partition(":")
    behind = "".join(re.split("(?=[?#])", place, maxsplit=1)[1:])[1:]
    values = [each.rpartition("=")[2] for each in re.split("[?#&]", behind)]
    parts = {user, *re.split("[/?#]", password), *values}  # parsers quote what stands before these
    parts = {form for each in parts for form in (each, unquote(each), unquote_plus(each))}
    whole = {each for each in (behind, password, unquote(password)) if each}
    return whole | {each for each in parts if len(each) > 3}  # "1" is everywhere
