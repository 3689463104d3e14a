"""The environment variables that Longtake reads. No other module reads the environment."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from attrs import frozen

from longtake.errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Settings"]


@frozen
class Settings:
    """Which plugins may run, and which part of a run this process has.

    - ``blocked``: names from ``LONGTAKE_BLOCK`` (comma separated); none of their code runs.
    - ``allowed``: names from ``LONGTAKE_PLUGINS``; when set, only these run. A name is that of a
      distribution (``longtake-ltx2``) or of one entry point (``longtake-ltx2:ltx2``). ``rank``,
    - ``world_size``: from ``RANK`` and ``WORLD_SIZE``, which ``torchrun`` and its like set: this is
      process number ``rank`` of ``world_size`` that share one run.
    """

    blocked: frozenset[str] = frozenset()
    allowed: frozenset[str] | None = None
    rank: int = 0
    world_size: int = 1

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Raises `longtake.ValidationError` for a rank that there is not."""
        environment = os.environ if environment is None else environment
        allowed = environment.get("LONGTAKE_PLUGINS", "")
        rank, world_size = _place(environment.get("RANK", ""), environment.get("WORLD_SIZE", ""))
        return cls(
            blocked=_names(environment.get("LONGTAKE_BLOCK", "")),
            allowed=_names(allowed) if allowed.strip() else None,
            rank=rank,
            world_size=world_size,
        )


def _place(rank: str, world_size: str) -> tuple[int, int]:
    """Rank and world size; a process alone is 0 of 1, also when only one of them is set."""
    if not rank.strip() or not world_size.strip():
        return 0, 1
    if not (rank.isdecimal() and world_size.isdecimal() and int(rank) < int(world_size)):
        problem = f"is {rank!r} where WORLD_SIZE is {world_size!r}; ranks count from 0"
        raise ValidationError("RANK", problem)
    return int(rank), int(world_size)


def _names(text: str) -> frozenset[str]:
    return frozenset(name.strip() for name in text.split(",") if name.strip())
