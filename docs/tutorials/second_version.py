"""The tutorial's state of a second kind: a take now keeps the period that it began with."""

from __future__ import annotations

from typing import Any

from attrs import field, frozen

import longtake as lt


@frozen(kw_only=True)
class UntitledState(lt.TakeState):
    """What the next segment goes on from. ``period``: of the swing, in seconds."""

    ball: float = field(validator=lt.between(0, 1))
    tone: float = field(validator=lt.between(0, 1))
    period: float = field(validator=lt.between(0.5, 60))


def with_period(fields: dict[str, Any]) -> dict[str, Any]:
    """What was written before did not say the period, and had the default."""
    return {**fields, "period": 2.0}


def without_period(fields: dict[str, Any]) -> dict[str, Any]:
    """What the first kind has. A state of another period cannot be written as it."""
    return {name: value for name, value in fields.items() if name != "period"}


SECOND = lt.AttrsCodec("untitled.v2", UntitledState)
FIRST = SECOND.older("untitled.v1", upgrade=with_period, downgrade=without_period)
CODECS = (SECOND, FIRST)
