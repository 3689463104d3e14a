"""The options of the stages, which say what the parameters of a new take are."""

from __future__ import annotations

from typing import Any

from attrs import asdict, field, fields_dict, frozen

import longtake as lt
from longtake_pendulum.parameters import Parameters

__all__ = ["MotionOptions", "ToneOptions", "parameters_of_take"]


def _option(name: str, text: str) -> Any:
    """A parameter, or None where the take's own value is meant: the default of a new take."""
    parameter = fields_dict(Parameters)[name]
    text = f"{text} Fixed for a take; {parameter.default:g} in a new one."
    return field(default=None, validator=parameter.validator, metadata={"help": text})


@frozen(kw_only=True)
class MotionOptions:
    """The pendulums. None: as the take has them."""

    num_pendulums: int | None = _option("num_pendulums", "How many.")
    gravity: float | None = _option("gravity", "In m/s^2.")
    length: float | None = _option("length", "Of the longest rod, in m.")
    coupling: float | None = _option("coupling", "Springs' stiffness beside gravity's.")
    damping: float | None = _option("damping", "In 1/s.")
    amplitude: float | None = _option("amplitude", "Largest angle, in rad.")


@frozen(kw_only=True)
class ToneOptions:
    """The tones. None: as the take has them."""

    pitch: float | None = _option("pitch", "Of the lowest tone at rest, in Hz.")
    glide: float | None = _option("glide", "Semitones that a tone rises with its bob.")
    volume: float | None = _option("volume", "Peak of the sound.")
    phrase: float | None = _option("phrase", "Seconds of a phrase; 0: a drone, never struck.")
    decay: float | None = _option("decay", "Seconds in which the lowest tone falls by 60 dB.")


def parameters_of_take(
    motion: MotionOptions, tones: ToneOptions, of_take: Parameters | None
) -> Parameters:
    """The parameters of a take that begins, or of one that goes on and must not change.

    Raises `longtake.ValidationError` naming the option that differs from ``of_take``, as the stage
    calls it: ``motion.<field>`` or ``tones.<field>``.
    """
    asked = {
        f"{parameter}.{name}": (name, value)
        for parameter, options in (("motion", motion), ("tones", tones))
        for name, value in asdict(options).items()
        if value is not None
    }
    if of_take is None:
        return Parameters(**dict(asked.values()))
    fixed = asdict(of_take)
    for path, (name, value) in asked.items():
        if value != fixed[name]:
            raise lt.ValidationError(
                path,
                f"is {value!r}; the take has {fixed[name]!r}: leave it out or begin a new take",
            )
    return of_take
