"""The environment variables that Longtake reads. No other module reads the environment."""

from __future__ import annotations

import os
import re
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from longtake.errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LEAST", "Settings", "StateLimits"]


class StateLimits(NamedTuple):
    """What a state from outside may have; the rest is refused before anything is allocated.

    - ``state_bytes``: of one state in memory, decoded: arrays, frames, texts. Its document may have
      twice as many characters.
    - ``depth``: of objects and lists within each other in its JSON.
    - ``values``: numbers, texts, lists and objects in its JSON, about; reading takes time for each.
    - ``frames``: that it carries.
    - ``pixels``: of each frame.
    - ``tensor_bytes``: of each tensor or array.

    A family may have lower bounds of its own; it takes no more than this. ``depth`` is at least 16
    and ``values`` at least 30, so that a small state need not be measured.
    """

    state_bytes: int = 2**29
    depth: int = 128
    values: int = 250_000
    frames: int = 1025
    pixels: int = 7680 * 4320
    tensor_bytes: int = 2**26

    @classmethod
    def current(cls) -> StateLimits:
        """Those of this process: ``LONGTAKE_STATE_LIMITS`` and ``LONGTAKE_STATE_BYTES``.

        Raises `longtake.ValidationError` when these are not as they should be.
        """
        environment = os.environ  # these two alone: it is asked for with every state
        return _limits(
            environment.get("LONGTAKE_STATE_LIMITS", ""),
            environment.get("LONGTAKE_STATE_BYTES", ""),
        )


LEAST = {"depth": 16, "values": 30}
"""What limits of states are not set below; the others are not below 1."""


class Settings(NamedTuple):
    """Which plugins may run, and which part of a run this process has.

    - ``blocked``: names from ``LONGTAKE_BLOCK`` (comma separated); none of their code runs.
    - ``allowed``: names from ``LONGTAKE_PLUGINS``; when set, only these run. A name is that of a
      distribution (``longtake-ltx2``) or of one entry point (``longtake-ltx2:ltx2``). ``rank``,
    - ``world_size``: from ``RANK`` and ``WORLD_SIZE``, which ``torchrun`` and its like set: this is
      process number ``rank`` of ``world_size`` that share one run.
    - ``dumb_terminal``: ``TERM`` is ``dumb``: what is written to the terminal stays as it is.
    - ``file_mode``: from ``LONGTAKE_FILE_MODE`` (octal): the mode of a new file of a take or state.
    - ``cache_folder``: from ``XDG_CACHE_HOME``, else ``~/.cache``: where is remembered what can be
      found out again.
    - ``observers``: from ``LONGTAKE_OBSERVERS`` (JSON): the options of observers by their names,
      ``{"run-log": {"path": "runs.jsonl"}}``; false leaves one out.
    - ``state_limits``: from ``LONGTAKE_STATE_LIMITS`` (JSON), ``{"frames": 257}``, and
      ``LONGTAKE_STATE_BYTES``: what a state may have.
    """

    blocked: frozenset[str] = frozenset()
    allowed: frozenset[str] | None = None
    rank: int = 0
    world_size: int = 1
    dumb_terminal: bool = False
    file_mode: int = 0o600
    state_limits: StateLimits = StateLimits()
    observers: Mapping[str, Mapping[str, Any] | Literal[False]] = MappingProxyType({})
    cache_folder: str = ""

    @property
    def state_bytes(self) -> int:
        """How many bytes one state may take, decoded."""
        return self.state_limits.state_bytes

    @property
    def own_cache(self) -> str:
        """Longtake's own cache; a relative folder does not count (XDG Base Directory)."""
        folder = self.cache_folder
        if not os.path.isabs(folder):
            folder = os.path.expanduser(os.path.join("~", ".cache"))
        return os.path.join(folder, "longtake")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Raises `longtake.ValidationError` for a rank, mode or size that there is not.

        And for a document of observers that is none.
        """
        environment = os.environ if environment is None else environment
        allowed = environment.get("LONGTAKE_PLUGINS", "")
        rank, world_size = _place(environment.get("RANK", ""), environment.get("WORLD_SIZE", ""))
        return cls(
            blocked=_names(environment.get("LONGTAKE_BLOCK", "")),
            allowed=_names(allowed) if allowed.strip() else None,
            rank=rank,
            world_size=world_size,
            dumb_terminal=environment.get("TERM", "") == "dumb",
            file_mode=_mode(environment.get("LONGTAKE_FILE_MODE", "")),
            state_limits=_limits(
                environment.get("LONGTAKE_STATE_LIMITS", ""),
                environment.get("LONGTAKE_STATE_BYTES", ""),
            ),
            cache_folder=environment.get("XDG_CACHE_HOME", ""),
            observers=_observers(environment.get("LONGTAKE_OBSERVERS", "")),
        )


def _place(rank: str, world_size: str) -> tuple[int, int]:
    """Rank and world size; a process alone is 0 of 1, also when only one of them is set."""
    if not rank.strip() or not world_size.strip():
        return 0, 1
    if not (rank.isdecimal() and world_size.isdecimal() and int(rank) < int(world_size)):
        problem = f"is {rank!r} where WORLD_SIZE is {world_size!r}; ranks count from 0"
        raise ValidationError("RANK", problem)
    return int(rank), int(world_size)


def _mode(text: str) -> int:
    """Octal digits; the owner must be able to read and write what is made."""
    if not text.strip():
        return 0o600
    if not re.fullmatch(r"\s*(0o)?0?[67][0-7]{2}\s*", text):
        problem = f"is {text!r}; must be octal, from 600 (the owner alone) to 777, e.g. 644"
        raise ValidationError("LONGTAKE_FILE_MODE", problem)
    return int(text, 8)


@cache
def _limits(text: str, state_bytes: str) -> StateLimits:
    document = _json_object(text, "LONGTAKE_STATE_LIMITS", '{"frames": 257}')
    for name, value in document.items():
        where = f"LONGTAKE_STATE_LIMITS.{name}"
        if name not in StateLimits._fields:
            raise ValidationError(where, f"is none of {', '.join(StateLimits._fields)}")
        least = LEAST.get(name, 1)
        if type(value) is not int or not least <= value < 2**53:
            raise ValidationError(where, f"must be an integer from {least}")
    if state_bytes.strip():
        document = {**document, "state_bytes": _bytes(state_bytes)}
    return StateLimits(**document)


def _bytes(text: str) -> int:
    match = re.fullmatch(r"\s*(\d{1,15})\s*(KiB|MiB|GiB)?\s*", text, re.ASCII)
    if match is None:
        problem = f"is {text!r}; must be a number of bytes, e.g. 536870912 or 512MiB"
        raise ValidationError("LONGTAKE_STATE_BYTES", problem)
    return int(match[1]) * _UNITS[match[2]]


def _observers(text: str) -> dict[str, Any]:
    """A document of options by the observers' names, whose own fields are checked by `load`."""
    where = "LONGTAKE_OBSERVERS"
    document = _json_object(text, where, '{"run-log": {"path": "runs.jsonl"}}')
    for name, said in document.items():
        if said is not False and not isinstance(said, dict):
            problem = "must be a JSON object of its options, or false to leave the observer out"
            raise ValidationError(f"{where}.{name}", problem)
    return document


def _json_object(text: str, where: str, example: str) -> dict[str, Any]:
    if not text.strip():
        return {}
    import json  # late: seldom needed

    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValidationError(where, f"is no JSON ({error}); must be such as {example}") from None
    if not isinstance(document, dict):
        raise ValidationError(where, f"must be a JSON object, such as {example}")
    return document


_UNITS = {None: 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


def _names(text: str) -> frozenset[str]:
    return frozenset(name.strip() for name in text.split(",") if name.strip())
