"""Trying a store: open it, ask it something, close it. Nothing secret is repeated."""

from __future__ import annotations

import re
import secrets
from contextlib import suppress
from typing import Any
from urllib.parse import unquote, unquote_plus

from longtake.blobs.powers import SupportsClose
from longtake.blobs.protocol import BlobBackend, BlobStore
from longtake.blobs.urls import masked_url
from longtake.doctor.values import StoreKind, StoreTrial, TrialOutcome
from longtake.errors import (
    BlobCorrupt,
    BlobError,
    LongtakeError,
    MissingDependencyError,
    SessionError,
    SessionNotFound,
)
from longtake.plugins.loading import reason
from longtake.schema.references import resolve
from longtake.session_stores.backend import SessionBackend
from longtake.session_stores.protocol import SessionStore
from longtake.session_stores.records import SessionSegment

__all__ = ["Backend", "kind_of", "try_store", "without_secrets"]

Backend = BlobBackend | SessionBackend

_NO_ID = "0" * 32
_SECONDS = 600.0
"""After which a session is gone that the doctor was kept from removing."""


def kind_of(backend: Backend) -> StoreKind:
    """What the backend's stores keep."""
    return "blobs" if isinstance(backend, BlobBackend) else "sessions"


def try_store(backend: Backend, url: str, *, write: bool) -> StoreTrial:
    """Open the store at ``url`` and ask for something that is not there.

    With ``write``, also put something small, get it and remove it.
    """
    try:
        opener: Any = resolve(backend.open)
        store: Any = opener(url)
        try:
            if kind_of(backend) == "blobs":
                _ask(store, write=write)
            else:
                _ask_for_session(store, write=write)
        finally:
            if isinstance(store, SupportsClose):
                store.close()
    except KeyboardInterrupt:  # the user's
        raise
    except BaseException as error:  # isolation: whatever it raises is what is reported
        return _trial(backend, url, _outcome(error), without_secrets(_text(error), url))
    return _trial(backend, url, "ok", None)


def _trial(backend: Backend, url: str, outcome: TrialOutcome, why: str | None) -> StoreTrial:
    return StoreTrial(backend.scheme, masked_url(url), outcome, why, kind_of(backend))


def _outcome(error: BaseException) -> TrialOutcome:
    absent = isinstance(error, BlobError | SessionError | MissingDependencyError)
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


def _ask_for_session(store: SessionStore, *, write: bool) -> None:
    session_id = f"doctor-{secrets.token_hex(8)}"
    with suppress(SessionNotFound):
        store.read(session_id)
    if not write:
        return
    store.create(session_id, family="doctor", expires_in=_SECONDS)
    try:
        segment = SessionSegment(index=0, step="doctor", attempt=secrets.token_hex(16))
        store.advance(session_id, 0, segment, None)
        if [each.attempt for each in store.history(session_id)] != [segment.attempt]:
            raise SessionError("the store gave back another segment than it was given")
    finally:
        store.delete(session_id)


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
