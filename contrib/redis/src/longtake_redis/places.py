"""What a URL says: which server, who logs in, and how things are kept there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from attrs import field, frozen

import longtake as lt

__all__ = ["BLOBS", "SESSIONS", "Kept", "Place", "parse_url"]

DEFAULT_PORT = 6379
DEFAULT_TTL = 7 * 24 * 3600
DEFAULT_TIMEOUT = 5

_FORMS = (
    "'redis://[user:password@]host[:port][/number]', 'rediss://' with TLS, "
    "or 'redis+unix:///path/of.sock'"
)
_COMMON = ("prefix", "timeout", "password_file")
_OPTIONS = {
    "redis": _COMMON,
    "rediss": (*_COMMON, "ssl_ca_certs", "ssl_certfile", "ssl_keyfile"),
    "redis+unix": (*_COMMON, "db"),
}
_PREFIX = re.compile(r"[!-~]{1,128}", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)


@frozen
class Kept:
    """What is kept: the setting that names the URL, how its keys begin, and whether it expires."""

    path: str
    prefix: str
    expires: bool


BLOBS = Kept("blobs", "longtake:blob:", expires=True)
SESSIONS = Kept("sessions", "longtake:session:", expires=False)


@frozen
class Place:
    """A database of a Redis server, and how things are kept in it.

    - ``host``: empty for the Unix socket ``socket``.
    - ``ttl``: seconds from put until a blob expires; of no use for sessions.
    - ``timeout``: seconds for connecting and for each answer.
    - ``tls``: files for redis-py's ``ssl_...`` options; None without TLS.
    """

    host: str
    port: int
    socket: str
    db: int
    username: str = field(repr=False)
    password: str = field(repr=False)
    prefix: str
    ttl: int
    timeout: int
    tls: Mapping[str, str] | None

    @property
    def shown(self) -> str:
        """The URL without what may be secret."""
        if self.socket:
            return f"redis+unix://{self.socket}?db={self.db}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"redis{'' if self.tls is None else 's'}://{host}:{self.port}/{self.db}"


def parse_url(url: str, kept: Kept) -> Place:
    """What ``url`` says. Raises `ValidationError`, without repeating what may be secret."""
    try:
        return _parsed(url, kept)
    except _Refused as error:
        raise lt.ValidationError(kept.path, str(error)) from None


class _Refused(Exception):
    """What is wrong with a URL."""


def _parsed(url: str, kept: Kept) -> Place:
    try:
        parts = urlsplit(url)
        port = parts.port
        options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True))
    except ValueError:  # its text may repeat a part of the password
        raise _Refused(f"no Redis URL; write {_FORMS}") from None
    known = (*(["ttl"] if kept.expires else []), *_OPTIONS.get(parts.scheme, ()))
    if not options.keys() <= set(known):
        raise _Refused(f"an option behind '?' is not known; known: {', '.join(known)}")
    socket = unquote(parts.path) if parts.scheme == "redis+unix" else ""
    _check_form(parts, socket)
    return Place(
        host=parts.hostname or "",
        port=DEFAULT_PORT if port is None else port,
        socket=socket,
        db=_number(options.get("db", "0") if socket else parts.path[1:] or "0", "the database", 0),
        username=unquote(parts.username or ""),
        password=_password(parts, options),
        prefix=_prefix(options.get("prefix", kept.prefix)),
        ttl=_number(options.get("ttl", str(DEFAULT_TTL)), "ttl, in seconds,", 1),
        timeout=_number(options.get("timeout", str(DEFAULT_TIMEOUT)), "timeout, in seconds,", 1),
        tls=_tls(options) if parts.scheme == "rediss" else None,
    )


def _check_form(parts: SplitResult, socket: str) -> None:
    is_local = parts.scheme == "redis+unix"
    if parts.fragment or parts.scheme not in _OPTIONS:
        raise _Refused(f"no Redis URL; write {_FORMS}, with special characters percent-encoded")
    if is_local != bool(not parts.hostname) or (is_local and not socket.startswith("/")):
        raise _Refused(f"no server is named; write {_FORMS}")


def _number(text: str, what: str, least: int) -> int:
    if not _NUMBER.fullmatch(text) or int(text) < least:
        raise _Refused(f"{what} must be a whole number from {least}")
    return int(text)


def _prefix(text: str) -> str:
    if not _PREFIX.fullmatch(text):
        raise _Refused("prefix must be 1 to 128 printable ASCII characters without spaces")
    return text


def _password(parts: SplitResult, options: Mapping[str, str]) -> str:
    path = options.get("password_file")
    if path is None:
        return unquote(parts.password or "")
    if parts.password:
        raise _Refused("it has a password and a password_file; leave one out")
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:  # no such file, no UTF-8, a zero byte in its name
        raise _Refused(f"password_file cannot be read: {type(error).__name__}") from None


def _tls(options: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in options.items() if name.startswith("ssl_")}
