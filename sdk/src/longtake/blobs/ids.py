"""The ids of the built-in blob stores: 128 random bits, checked before they become a path."""

from __future__ import annotations

import re
import secrets

from longtake.errors import InvalidBlobId

__all__ = ["abbreviated", "check_id", "is_id", "new_id"]

_GRAMMAR = re.compile(r"[0-9a-f]{32}", re.ASCII)


def new_id() -> str:
    """A new unguessable id: 32 lower-case hexadecimal characters."""
    return secrets.token_hex(16)


def is_id(name: str) -> bool:
    """Whether ``name`` has the form of an id."""
    return _GRAMMAR.fullmatch(name) is not None


def check_id(blob_id: object) -> str:
    """``blob_id`` itself. Raises `InvalidBlobId` when it is not an id, without repeating it."""
    if not isinstance(blob_id, str):
        raise InvalidBlobId(f"blob id: it is a {type(blob_id).__name__}, not a string")
    if not is_id(blob_id):
        raise InvalidBlobId(
            f"blob id: a string of {len(blob_id)} characters that is not an id; "
            "ids are 32 lower-case hexadecimal characters, as put returned them"
        )
    return blob_id


def abbreviated(blob_id: str) -> str:
    """The start of a checked id, for messages: who knows a whole id may read the blob."""
    return f"{blob_id[:6]}..."
