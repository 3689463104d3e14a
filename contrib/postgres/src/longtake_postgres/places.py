"""What a URL says: which server, who logs in, and in which table sessions are kept."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from attrs import field, frozen

import longtake as lt

__all__ = ["Place", "parse_url"]

DEFAULT_SCHEMA = "public"
DEFAULT_TABLE = "longtake_sessions"
DEFAULT_TIMEOUT = 5
DEFAULT_CONNECTIONS = 8

_FORM = "'postgresql://[user:password@]host[:port]/database', special characters percent-encoded"
_TLS = ("sslmode", "sslrootcert", "sslcert", "sslkey")
_OPTIONS = ("schema", "table", "timeout", "connections", "password_file", "host", *_TLS)
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,49}", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,6}", re.ASCII)


@frozen
class Place:
    """A table of a PostgreSQL server.

    - ``login``: libpq's parameters: who and where. What is not in it, libpq finds in its own ways.
    - ``shown``: the URL without what may be secret.
    - ``timeout``: seconds for connecting and for each answer.
    - ``connections``: how many a process has at most.
    """

    login: Mapping[str, str] = field(repr=False)
    shown: str
    schema: str
    table: str
    timeout: int
    connections: int


def parse_url(url: str) -> Place:
    """What ``url`` says. Raises `ValidationError`, without repeating what may be secret."""
    try:
        parts = urlsplit(url)
        port = parts.port
        options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True))
    except ValueError:  # its text may repeat a part of the password
        raise _refused(f"no PostgreSQL URL; write {_FORM}") from None
    if not options.keys() <= set(_OPTIONS):
        raise _refused(f"an option behind '?' is not known; known: {', '.join(_OPTIONS)}")
    database = unquote(parts.path[1:])
    if parts.fragment or "\0" in unquote(url) or "/" in database:
        raise _refused(f"no PostgreSQL URL; write {_FORM}")
    if parts.hostname and "host" in options:
        raise _refused("it names two hosts; leave one out")
    host = options.get("host", parts.hostname or "")
    login = {
        "host": host,
        "port": "" if port is None else str(port),
        "user": unquote(parts.username or ""),
        "password": _password(parts, options),
        "dbname": database,
        **{name: value for name, value in options.items() if name in _TLS},
    }
    return Place(
        login={name: value for name, value in login.items() if value},
        shown=_shown(host, port, database),
        schema=_name(options.get("schema", DEFAULT_SCHEMA), "schema"),
        table=_name(options.get("table", DEFAULT_TABLE), "table"),
        timeout=_number(options.get("timeout", str(DEFAULT_TIMEOUT)), "timeout, in seconds,"),
        connections=_number(options.get("connections", str(DEFAULT_CONNECTIONS)), "connections"),
    )


def _shown(host: str, port: int | None, database: str) -> str:
    if host.startswith("/"):
        return f"postgresql:///{database}?host={host}"
    host = f"[{host}]" if ":" in host else host
    return f"postgresql://{host}{'' if port is None else f':{port}'}/{database}"


def _number(text: str, what: str) -> int:
    if not _NUMBER.fullmatch(text) or int(text) < 1:
        raise _refused(f"{what} must be a whole number from 1")
    return int(text)


def _name(text: str, what: str) -> str:
    if not _NAME.fullmatch(text):
        raise _refused(f"{what} must be 1 to 50 of a-z, 0-9 and _, and begin with no digit")
    return text


def _password(parts: SplitResult, options: Mapping[str, str]) -> str:
    path = options.get("password_file")
    if path is None:
        return unquote(parts.password or "")
    if parts.password:
        raise _refused("it has a password and a password_file; leave one out")
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:  # no such file, no UTF-8, a zero byte in its name
        raise _refused(f"password_file cannot be read: {type(error).__name__}") from None


def _refused(problem: str) -> lt.ValidationError:
    return lt.ValidationError("sessions", problem)
