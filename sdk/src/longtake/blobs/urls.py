"""URLs of blob stores: as they may be shown, and the paths that they name."""

from __future__ import annotations

import os
import re

from longtake.errors import ValidationError

__all__ = ["local_path", "masked_url"]

_LOCAL = r"(?i)[a-z][a-z0-9+.-]*://(?:localhost)?(/(?:[^?#%]|%[0-9a-f]{2})+)"


def local_path(url: str, *, scheme: str | None = None, what: str = "blobs") -> str:
    """The absolute path that ``scheme:///absolute/path`` names, percent-encoded.

    ``scheme``: the only one that is taken; any when None. ``what``: the store is of, ``"sessions"``
    or ``"blobs"``. Raises `ValidationError` for another form, such as one with a host or a query.
    """
    from urllib.parse import unquote_to_bytes  # late: it is half of what a listing would import

    given = url.partition(":")[0]
    wanted = given if scheme is None else scheme
    match = re.fullmatch(_LOCAL, url) if given.lower() == wanted.lower() else None
    path = os.fsdecode(unquote_to_bytes(match[1])) if match else ""
    if not path or "\0" in path:
        form = f"'{wanted}:///absolute/path' on this machine, percent-encoded"
        raise ValidationError(what, f"a {wanted} store is {form}")
    return path


def masked_url(url: str) -> str:
    """``url`` without what may be secret: who logs in, with what, and the query."""
    scheme, separator, rest = url.partition("://")
    if not separator:  # as when the scheme was forgotten
        scheme, rest = "", url
    head = rest.partition("?")[0].partition("#")[0]
    if "@" in rest.removeprefix(head) and (":" in head or "/" not in head):
        return f"{scheme}{separator}***"  # what looks like a query may be half a password
    login, _, place = head.rpartition("@")
    if ":" not in login and separator:  # no password, so an @ in the path is the path's own
        host, slash, path = head.partition("/")
        place = f"{host.rpartition('@')[2]}{slash}{path}"
    return f"{scheme}{separator}{place}"
