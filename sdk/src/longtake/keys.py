"""Secret keys by id: one makes what is new, all read what was made before."""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterator, Mapping

from longtake.errors import ValidationError, shown

__all__ = ["KeyRing"]

_LEAST_BYTES = 32
_LEAST_DIFFERENT = 8
"""Different bytes of a key: 32 random ones have fewer once in 10^34 draws."""

_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_ADVICE = "make one with secrets.token_bytes(32) and keep it where secrets are kept"


class KeyRing:
    """The secret keys of a deployment, each under an id of its own.

    ``keys``: at least 32 random bytes each, by ids of 1 to 64 characters ``A-Z a-z 0-9 _ -``.
    ``current``: the id of the key that signs and encrypts from now on; the others only read what
    was made with them. To retire a key, leave it out: what was made with it is refused from then
    on. May be left out itself when there is one key.

    One ring may serve every purpose: no key is used itself, but one derived from it for each
    purpose (HKDF-Expand of RFC 5869, with SHA-256). Keys are in no text of this class. Pickled, a
    ring carries them, to a process that is to use them.

    Raises `ValidationError` for what is no random key, an id of another form, and a key under two
    ids, which would not be retired with one of them.
    """

    __slots__ = ("_current", "_keys")

    def __init__(self, keys: Mapping[str, bytes], current: str | None = None) -> None:
        self._keys = _checked(keys)
        if current is None and len(self._keys) == 1:
            current = next(iter(self._keys))
        if current not in self._keys:
            problem = f"is {shown(current)}; must be one of {', '.join(self._keys)}"
            raise ValidationError("current", problem)
        self._current = current

    @property
    def current(self) -> str:
        """The id of the key in use."""
        return self._current

    def __iter__(self) -> Iterator[str]:
        """The ids, the current one first."""
        yield self._current
        yield from (key_id for key_id in self._keys if key_id != self._current)

    def __contains__(self, key_id: object) -> bool:
        return key_id in self._keys

    def derived(self, key_id: str, purpose: bytes) -> bytes:
        """32 bytes for one ``purpose``, of the key ``key_id``, which is in the ring."""
        return hmac.digest(self._keys[key_id], purpose + b"\x01", "sha256")

    def __reduce__(self) -> tuple[type[KeyRing], tuple[dict[str, bytes], str]]:
        return type(self), (self._keys, self._current)

    def __repr__(self) -> str:
        return f"<KeyRing of {', '.join(self)}>"


def _checked(keys: Mapping[str, bytes]) -> dict[str, bytes]:
    if not isinstance(keys, Mapping) or not keys:
        raise ValidationError("keys", "must be keys by their ids, one or more")
    for key_id, key in keys.items():
        if not isinstance(key_id, str) or not _KEY_ID.fullmatch(key_id):
            problem = "has an id that is not 1 to 64 characters A-Z a-z 0-9 _ -"
            raise ValidationError("keys", problem)
        path = f"keys[{key_id}]"
        if not isinstance(key, bytes):
            raise ValidationError(path, f"is a {type(key).__name__}, not bytes; {_ADVICE}")
        if len(key) < _LEAST_BYTES:
            problem = f"has {len(key)} bytes; must have at least {_LEAST_BYTES}; {_ADVICE}"
            raise ValidationError(path, problem)
        if len(set(key)) < _LEAST_DIFFERENT:
            raise ValidationError(path, f"is not random; {_ADVICE}")
    if len(set(keys.values())) != len(keys):
        raise ValidationError("keys", "has one key under two ids; give each id its own")
    return dict(keys)
