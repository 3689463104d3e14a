"""What a URL says: which bucket of which service. Credentials are never part of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from attrs import frozen

import longtake as lt

__all__ = ["Place", "parse_url"]

DEFAULT_TIMEOUT = 10

_OPTIONS = {
    "s3": ("timeout", "endpoint", "region"),
    "gs": ("timeout", "endpoint"),
    "az": ("timeout", "endpoint", "account"),
}
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,221}", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9-]{1,63}", re.ASCII)
_NUMBER = re.compile(r"[1-9][0-9]{0,5}", re.ASCII)


@frozen
class Place:
    """A folder of a bucket. ``timeout``: seconds that the service may be silent."""

    scheme: str
    bucket: str
    prefix: str
    timeout: int
    endpoint: str
    region: str
    account: str

    @property
    def url(self) -> str:
        """What obstore takes."""
        return f"{self.scheme}://{self.bucket}{'/' if self.prefix else ''}{self.prefix}"


def parse_url(url: str) -> Place:
    """What ``url`` says. Raises `ValidationError`, without repeating what may be secret."""
    try:
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True))
    except ValueError:
        raise _refused(
            "no URL of a bucket; write 's3://bucket/folder', 'gs://' or 'az://'"
        ) from None
    _check_form(parts)
    known = _OPTIONS[parts.scheme]
    if not options.keys() <= set(known):
        raise _refused(
            f"an option behind '?' is not known; known: {', '.join(known)}. Keys and tokens come "
            "from the environment, as the README says"
        )
    return Place(
        scheme=parts.scheme,
        bucket=parts.netloc,
        prefix=_prefix(unquote(parts.path)),
        timeout=int(_matching(_NUMBER, options, "timeout", "whole seconds") or DEFAULT_TIMEOUT),
        endpoint=_endpoint(options),
        region=_matching(_NAME, options, "region", "a name such as 'eu-west-1'"),
        account=_matching(_NAME, options, "account", "the name of a storage account"),
    )


def _check_form(parts: SplitResult) -> None:
    if parts.scheme not in _OPTIONS or parts.fragment:
        raise _refused("no URL of a bucket; write 's3://bucket/folder', 'gs://' or 'az://'")
    if "@" in parts.netloc:
        raise _refused("credentials do not belong into it; they come from the environment")
    if not _BUCKET.fullmatch(parts.netloc):
        raise _refused("no bucket is named; write 's3://bucket/folder', 'gs://' or 'az://'")


def _prefix(path: str) -> str:
    names = [name for name in path.split("/") if name]
    if {".", ".."} & set(names) or not path.isprintable():
        raise _refused("its folder has '.', '..' or control characters in it")
    return "/".join(names)


def _endpoint(options: Mapping[str, str]) -> str:
    """Empty for the service's own."""
    text = options.get("endpoint", "")
    if text and not _is_endpoint(text):
        raise _refused("endpoint must look like 'https://host:port'")
    return text.rstrip("/")


def _is_endpoint(text: str) -> bool:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:  # its text may repeat a part of the password
        return False
    is_plain = not (parts.query or parts.fragment or "@" in parts.netloc)
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and is_plain and port != 0


def _matching(
    pattern: re.Pattern[str], options: Mapping[str, str], name: str, expected: str
) -> str:
    """The option, empty when it is not there."""
    text = options.get(name, "")
    if name in options and not pattern.fullmatch(text):
        raise _refused(f"{name} must be {expected}")
    return text


def _refused(problem: str) -> lt.ValidationError:
    return lt.ValidationError("blobs", problem)
