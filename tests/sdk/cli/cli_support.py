"""How the tests see a command that has run."""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen


@frozen
class Outcome:
    """What a command did: its exit code and what it printed."""

    code: int
    out: str
    err: str


Command = Callable[..., Outcome]
