"""The tutorial's state in its second version: a take now keeps the period that it began with."""

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
    """Version 1 to 2: what was written before did not say, and had the default."""
    return {**fields, "period": 2.0}


CODEC = lt.AttrsCodec("untitled.v1", UntitledState, schema_version=2, upgrades={1: with_period})
