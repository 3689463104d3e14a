"""The state of a take: the physical state of its pendulums, and their colours."""

from __future__ import annotations

from typing import Any

from attrs import Attribute, field, frozen
from attrs.validators import in_

import longtake as lt
from longtake_pendulum.palettes import PALETTES
from longtake_pendulum.parameters import Parameters

__all__ = ["PendulumState"]

_FASTEST = 100.0
"""rad/s; no pendulum that the parameters allow comes near it."""


def _one_each(low: float, high: float) -> Any:
    """A number for each pendulum, from ``low`` to ``high``."""

    def check(state: PendulumState, attribute: Attribute[Any], values: tuple[float, ...]) -> None:
        wanted = state.parameters.num_pendulums
        if len(values) != wanted:
            problem = f"has {len(values)} values; must have one for each of {wanted} pendulums"
            raise lt.ValidationError(attribute.name, problem)
        for index, value in enumerate(values):
            if not low <= value <= high:
                problem = f"is {value!r}; must be from {low:g} to {high:g}"
                raise lt.ValidationError(f"{attribute.name}[{index}]", problem)

    return check


@frozen(kw_only=True)
class PendulumState(lt.TakeState):
    """Everything about the moment at which the next frame is due; ``span.seed`` began the motion.

    - ``angles``: rad from hanging.
    - ``velocities``: rad/s.
    - ``phases``: of the tones, in turns.
    - ``palette``: the colours that the last segment ended with.

    Raises `longtake.ValidationError` naming the field that is out of range.
    """

    parameters: Parameters
    angles: tuple[float, ...] = field(validator=_one_each(-1, 1))
    velocities: tuple[float, ...] = field(validator=_one_each(-_FASTEST, _FASTEST))
    phases: tuple[float, ...] = field(validator=_one_each(0, 1))
    palette: str = field(validator=in_(tuple(PALETTES)))
