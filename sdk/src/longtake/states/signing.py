"""States that go through strangers' hands: signed, so that only what was given comes back.

A signed state is one line of ASCII text, four parts with dots between them::

    longtake-signed-state-1.<key id>.<HMAC-SHA-256 as 64 hexadecimal digits>.<canonical JSON>

The JSON is ``{"audience": ..., "expires": ..., "issued": ..., "state": {"kind": ..., "payload":
...}}``, times in seconds since 1970. The HMAC (RFC 2104) is of the text without itself. It is
checked over the bytes as they came, before any of them is parsed.
"""

from __future__ import annotations

import hmac
import re
import time
from collections.abc import Callable
from typing import Any, NoReturn

from longtake.errors import SignatureError, ValidationError, shown
from longtake.keys import KeyRing
from longtake.settings import Settings
from longtake.states.budget import read_json
from longtake.states.state import ContinuationState, canonical_json

__all__ = ["StateSigner"]

_MAGIC = "longtake-signed-state-1"
_PARTS = re.compile(rf"{_MAGIC}\.([A-Za-z0-9_-]{{1,64}})\.([0-9a-f]{{64}})\.(\{{.*)", re.ASCII)
_PATH = "signed_state"
_PURPOSE = b"longtake signed state 1"
_LONGEST_AUDIENCE = 255
_LONGEST = 10 * 366 * 24 * 3600
"""Seconds; no key should be in use for so long."""


class StateSigner:
    """Signs states that are handed to browsers and the like, and takes back only its own.

    ``keys``: the current one signs, each of them verifies. ``clock``: seconds since 1970, by which
    a state expires; by default this machine's.

    The signature covers all of the state: of parts that are blobs, their ids. An id names the same
    bytes for ever (blobs are immutable, and stores hold them against their digests), and can
    neither be guessed nor exchanged in a signed state, so the bytes need no digest of their own in
    it. It does not hide anything: who holds a signed state reads its payload and ids.
    """

    def __init__(self, keys: KeyRing, *, clock: Callable[[], float] | None = None) -> None:
        if not isinstance(keys, KeyRing):
            raise ValidationError("keys", f"is a {type(keys).__name__}; must be a longtake.KeyRing")
        self._keys = keys
        self._clock = clock or time.time

    def sign(self, state: ContinuationState, *, audience: str, expires_in: float) -> str:
        """The signed state, one line of ASCII text.

        ``audience``: who may bring it back and for what, such as ``"user:17 take:3"``; `verify` is
        asked for the same. ``expires_in``: seconds from now.

        Raises `ValidationError` for a state that is not plain JSON (NaN, infinity, texts that are
        no Unicode, keys that are no texts), an audience that is no text of 1 to 255 characters, and
        a time that is no positive number of seconds.
        """
        _check_audience(audience)
        number = isinstance(expires_in, int | float) and not isinstance(expires_in, bool)
        if not number or not 0 < expires_in <= _LONGEST:
            problem = f"is {shown(expires_in)}; must be seconds, more than 0, at most ten years"
            raise ValidationError("expires_in", problem)
        now = self._clock()
        document = {
            "audience": audience,
            "expires": now + expires_in,
            "issued": now,
            "state": {"kind": state.kind, "payload": state.payload},
        }
        body = canonical_json(document)
        key_id = self._keys.current
        return f"{_MAGIC}.{key_id}.{self._mac(key_id, body)}.{body}"

    def verify(self, signed: str | bytes, *, audience: str) -> ContinuationState:
        """The state in what `sign` gave for this audience.

        Raises `SignatureError` for anything else: any other byte, a key that is not in the ring,
        another audience, a state that has expired. What the payload holds is checked by its codec.
        """
        _check_audience(audience)
        signed_for, expires, state = _read(self._body(signed))
        if signed_for != audience:
            _refuse("was signed for another audience")
        if not self._clock() < expires:
            _refuse("has expired; it has to be signed anew")
        return state

    def _body(self, signed: str | bytes) -> str:
        """The JSON, if its signature fits."""
        text = _text_of(signed)
        parts = None if text is None else _PARTS.fullmatch(text)
        if parts is None or parts[1] not in self._keys:
            _refuse(_NOT_OURS)
        if not hmac.compare_digest(self._mac(parts[1], parts[3]), parts[2]):
            _refuse(_NOT_OURS)
        return parts[3]

    def _mac(self, key_id: str, body: str) -> str:
        key = self._keys.derived(key_id, _PURPOSE)
        return hmac.digest(key, f"{_MAGIC}.{key_id}.{body}".encode("ascii"), "sha256").hex()

    def __repr__(self) -> str:
        return f"<StateSigner with {self._keys!r}>"


_NOT_OURS = (
    "is not as it was signed, or its key is no longer in use; hand back the text that was given"
)
"""One text for all, so that nobody learns which byte is wrong."""


def _refuse(problem: str) -> NoReturn:
    raise SignatureError(_PATH, problem)


def _read(body: str) -> tuple[str, float, ContinuationState]:
    """Audience, time of expiry and state of a body whose signature fits."""
    from longtake.schema.wire import structure

    try:
        document = read_json(body)
        if canonical_json(document) != body:
            raise ValueError("is not canonical")  # two readers could disagree
        state = structure(document["state"], ContinuationState)
        return str(document["audience"]), float(document["expires"]), state
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise SignatureError(
            _PATH, f"was signed with our key, but cannot be read: {error}"
        ) from error


def _check_audience(audience: Any) -> None:
    if not isinstance(audience, str) or not 0 < len(audience) <= _LONGEST_AUDIENCE:
        problem = f"must be a text of 1 to {_LONGEST_AUDIENCE} characters"
        raise ValidationError("audience", problem)


def _text_of(signed: object) -> str | None:
    """As a text of ASCII and of a size that a state can have; None when it is none."""
    if not isinstance(signed, str | bytes):
        return None
    if len(signed) > 2 * Settings.from_environment().state_bytes:
        return None
    if not signed.isascii():
        return None
    return signed.decode("ascii") if isinstance(signed, bytes) else signed
