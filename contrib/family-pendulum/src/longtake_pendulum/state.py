"""The state of a take: the physical state of its pendulums, and their colours."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import Attribute, field, frozen
from attrs.validators import in_

import longtake as lt
from longtake_pendulum.palettes import PALETTES
from longtake_pendulum.parameters import Parameters
from longtake_pendulum.physics import Swing
from longtake_pendulum.sound import Tones
from longtake_pendulum.strikes import Ringing, held_frames

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


def _of_the_last(state: PendulumState, attribute: Attribute[Any], value: int) -> None:
    wanted = held_frames(state.parameters, state.span.end_frame, state.span.fps)
    if value != wanted:
        raise lt.ValidationError(attribute.name, f"is {value!r}; must be {wanted} in this take")


@frozen(kw_only=True)
class PendulumState(lt.TakeState):
    """Everything about the moment up to which there is sound; ``span.seed`` began the motion.

    - ``held_frames``: how many frames that moment is before the next frame is due: the frames at
      the end of the span whose sound is still to be made.
    - ``angles``: rad from hanging.
    - ``velocities``: rad/s.
    - ``phases``: of the tones, in turns.
    - ``struck``, ``heard``: of the tones, what the strikes left and what is heard of it, 0 to 1.
    - ``palette``: the colours that the last segment ended with.

    Raises `longtake.ValidationError` naming the field that is out of range.
    """

    parameters: Parameters
    angles: tuple[float, ...] = field(validator=_one_each(-1, 1))
    velocities: tuple[float, ...] = field(validator=_one_each(-_FASTEST, _FASTEST))
    phases: tuple[float, ...] = field(validator=_one_each(0, 1))
    held_frames: int = field(validator=_of_the_last)
    struck: tuple[float, ...] = field(validator=_one_each(0, 1))
    heard: tuple[float, ...] = field(validator=_one_each(0, 1))
    palette: str = field(validator=in_(tuple(PALETTES)))

    @property
    def swing(self) -> Swing:
        """The motion at the moment, ``[n]``."""
        return Swing(np.array(self.angles), np.array(self.velocities))

    @property
    def tones(self) -> Tones:
        """The tones at the moment, ``[n]``."""
        return Tones(np.array(self.phases), Ringing(np.array(self.struck), np.array(self.heard)))
