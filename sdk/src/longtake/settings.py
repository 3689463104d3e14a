"""The environment variables that Longtake reads. No other module reads the environment."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Settings"]


@frozen
class Settings:
    """Which plugins may run.

    ``blocked``: names from ``LONGTAKE_BLOCK`` (comma separated); none of their code runs.
    ``allowed``: names from ``LONGTAKE_PLUGINS``; when set, only these run. A name is that of a
    distribution (``longtake-ltx2``) or of one entry point (``longtake-ltx2:ltx2``).
    """

    blocked: frozenset[str] = frozenset()
    allowed: frozenset[str] | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        environment = os.environ if environment is None else environment
        allowed = environment.get("LONGTAKE_PLUGINS", "")
        return cls(
            blocked=_names(environment.get("LONGTAKE_BLOCK", "")),
            allowed=_names(allowed) if allowed.strip() else None,
        )


def _names(text: str) -> frozenset[str]:
    return frozenset(name.strip() for name in text.split(",") if name.strip())
