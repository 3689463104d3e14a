"""How a state refers to a blob: by an id of one form, whoever's store it is in."""

from __future__ import annotations

import re

from longtake.errors import ValidationError, shown

__all__ = ["check_blob_id"]

_FORM = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)


def check_blob_id(value: object, path: str) -> str:
    """``value`` itself: 1 to 128 of the characters ``A-Z a-z 0-9 _ -``, as every store's ids are.

    For codecs: an id in a state comes from outside and is handed on, to stores and to whoever asks
    `ContinuationCodec.blob_ids`, so it is checked also when there is no store. Raises
    `ValidationError` with ``path``, without the id: who knows a whole one may read the blob.
    """
    if not isinstance(value, str):
        raise ValidationError(path, f"is {shown(value)}; must be the id of a blob")
    if not _FORM.fullmatch(value):
        problem = f"has {len(value)} characters, and is not 1 to 128 of A-Z a-z 0-9 _ -"
        raise ValidationError(path, f"must be the id of a blob; {problem}")
    return value
