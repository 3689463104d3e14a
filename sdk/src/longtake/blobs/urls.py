"""URLs of blob stores: as they may be shown, and the paths that they name."""

from __future__ import annotations

import os
import re
from urllib.parse import unquote_to_bytes

from longtake.errors import ValidationError

__all__ = ["local_path", "masked_url"]

_LOCAL = re.compile(r"[a-z][a-z0-9+.-]*://(?:localhost)?(/(?:[^?#%]|%[0-9a-f]{2})+)", re.IGNORECASE)


def local_path(url: str, *, scheme: str | None = None) -> str:
    """The absolute path that ``scheme:///absolute/path`` names, percent-encoded.

    ``scheme``: the only one that is taken; any when None. Raises `ValidationError` for another
    form, such as one with a host or a query.
    """
    given = url.partition(":")[0]
    wanted = given if scheme is None else scheme
    match = _LOCAL.fullmatch(url) if given.lower() == wanted.lower() else None
    path = os.fsdecode(unquote_to_bytes(match[1])) if match else ""
    if not path or "\0" in path:
        form = f"'{wanted}:///absolute/path' on this machine, percent-encoded"
        raise ValidationError("blobs", f"a {wanted} store is {form}")
    return path


def masked_url(url: str) -> str:
    """``url`` without what may be secret: who logs in, with what, and the query."""
    scheme, separator, rest = url.partition("://")
    if not separator:  # as when the scheme was forgotten
        return _without_query(url).rpartition("@")[2]
    place, slash, path = rest.partition("/")
    if ":" in place and "@" in _without_query(path):  # a password with a slash, or a port
        return f"{scheme}://{_without_query(path.rpartition('@')[2])}"
    if "@" in place.removeprefix(_without_query(place)):  # in a password or in the query
        return f"{scheme}://***"
    place = _without_query(place.rpartition("@")[2])
    return f"{scheme}://{place}{slash}{_without_query(path)}"


def _without_query(text: str) -> str:
    return text.partition("?")[0].partition("#")[0]
