"""What a URL says of a pool: which cluster, how many workers, and what each of them takes."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

from attrs import field, frozen

import longtake as lt

__all__ = ["Place", "place_of"]

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9_.\[\]:-]+:[0-9]{1,5}", re.ASCII)


@frozen(kw_only=True)
class Place:
    """Where workers are.

    - ``address``: as of ``ray.init``; None for a cluster of this machine, or one that this process
      is connected to.
    - ``pool``: the name of the workers' pool. ``workers``: how many of it roll at a time.
    - ``spares``: how many more are loaded and wait, to take the place of one that is lost at once.
    - ``ranks``: processes of each worker, which share its work. ``gpus``, ``cpus``: of each rank;
      no GPUs said is one where there is a checkpoint, and none without.
    - ``start``: seconds that opening waits for the first worker.
    """

    address: str | None
    pool: str = "longtake"
    workers: int = 1
    spares: int = 0
    ranks: int = 1
    gpus: float | None = None
    cpus: float = 1.0
    start: float = field(default=60.0)


def place_of(url: str) -> Place:
    """The place at ``ray:``, ``ray:local``, ``ray:HOST:PORT`` or ``ray://HOST:PORT``.

    Options are behind a ``?``. Raises `longtake.ValidationError`.
    """
    where, _, behind = url.partition(":")[2].partition("?")
    return Place(address=_address(where), **_options(behind))


def _address(where: str) -> str | None:
    if where in ("", "local"):
        return where or None
    host = where.removeprefix("//")
    if _HOST.fullmatch(host) is None:
        problem = (
            "write ray: for the cluster of this machine, ray:local for one of this process, "
            "ray:HOST:PORT to join one, or ray://HOST:PORT to reach one from outside"
        )
        raise lt.ValidationError("dispatcher", problem)
    return f"ray://{host}" if where.startswith("//") else host


def _options(behind: str) -> dict[str, Any]:
    try:
        said = parse_qsl(behind, strict_parsing=True) if behind else []
    except ValueError:
        raise lt.ValidationError("dispatcher", f"{behind!r} is not name=value&...") from None
    found: dict[str, Any] = {}
    for name, text in said:
        if name not in _READERS:
            known = ", ".join(_READERS)
            problem = f"there is no option {name[:50]!r}; options: {known}"
            raise lt.ValidationError("dispatcher", problem)
        if name in found:
            raise lt.ValidationError("dispatcher", f"{name} is said twice")
        read, must = _READERS[name]
        value = read(text)
        if value is None:
            raise lt.ValidationError("dispatcher", f"{name} is {text[:50]!r}; must be {must}")
        found[name] = value
    return found


def _count(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[1-9][0-9]{0,3}", text, re.ASCII) else None


def _count_or_none(text: str) -> int | None:
    return 0 if text == "0" else _count(text)


def _amount(text: str) -> float | None:
    return float(text) if re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,4})?", text, re.ASCII) else None


def _name(text: str) -> str | None:
    return text if _NAME.fullmatch(text) else None


_READERS: dict[str, tuple[Callable[[str], Any], str]] = {
    "pool": (_name, "1 to 64 letters, digits, _ and -"),
    "workers": (_count, "a number from 1 to 9999"),
    "spares": (_count_or_none, "a number from 0 to 9999"),
    "ranks": (_count, "a number from 1 to 9999"),
    "gpus": (_amount, "a number such as 1 or 0.5"),
    "cpus": (_amount, "a number such as 1 or 0.5"),
    "start": (_amount, "seconds"),
}
