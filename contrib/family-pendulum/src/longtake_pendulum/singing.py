"""The sound of some frames of a take, from how its pendulums and tones were before them."""

from __future__ import annotations

import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray

import longtake as lt
from longtake_pendulum.parameters import Parameters
from longtake_pendulum.physics import Array, Modes, Swing, modes
from longtake_pendulum.sound import SAMPLE_RATE, Tones, phases_until, pitches, rendered
from longtake_pendulum.strikes import (
    Ringing,
    Strike,
    decay_times,
    fade,
    heard,
    strikes_between,
    struck_after,
)

__all__ = ["Voices", "ending", "one_frame"]


@frozen(eq=False)
class Voices:
    """What sings: pendulums with ``parameters``, which swing in ``own`` modes.

    ``times``: the time constants of their tones, in s ``[n]``.
    """

    parameters: Parameters
    own: Modes
    times: Array

    @classmethod
    def of(cls, parameters: Parameters) -> Voices:
        return cls(parameters, modes(parameters), decay_times(parameters, pitches(parameters)))

    def sing(
        self, frame: lt.TakeSpan, swing: Swing, tones: Tones, *, struck: bool, silent: bool = False
    ) -> tuple[NDArray[np.float32], Tones]:
        """The sound of one frame, float32 ``[2, samples]``, and the tones after it.

        ``frame``: a span of one frame. ``swing``: ``[2, n]``, at its moment and the next one's.
        ``struck``: whether there are strikes. ``silent``: no sound is asked for, ``[2, 0]``.
        """
        moments = np.append(frame.sample_times(SAMPLE_RATE), frame.seconds)
        turns, angles = phases_until(self.parameters, self.own, swing.at(0), tones.phases, moments)
        levels, ringing = np.ones_like(turns), tones.ringing
        if self.parameters.phrase:
            found = self._strikes(frame, swing, ringing) if struck else []
            levels = heard(ringing, self.times, found, moments)
            left = struck_after(ringing, self.times, found, frame.seconds)
            ringing = Ringing(left, levels[-1])
        sound = np.zeros((2, 0), np.float32)
        if not silent:
            sound = rendered(self.parameters, turns[:-1], angles[:-1], levels[:-1])
        return sound, Tones(turns[-1] % 1, ringing)

    def _strikes(self, frame: lt.TakeSpan, swing: Swing, ringing: Ringing) -> list[Strike]:
        begin, end = frame.first_frame / frame.fps, frame.end_frame / frame.fps
        return strikes_between(self.parameters, self.own, swing, ringing, self.times, begin, end)


def one_frame(span: lt.TakeSpan, frame: int) -> lt.TakeSpan:
    """The span of one frame of the take alone."""
    return evolve(span, first_frame=frame, end_frame=frame + 1, overlap_frames=0)


def ending(
    voices: Voices, span: lt.TakeSpan, start: Swing, tones: Tones, held: int, run: lt.Run
) -> NDArray[np.float32]:
    """The sound of the last ``held`` frames of a take that ends with ``span``, ``[2, samples]``.

    ``start`` and ``tones``: at the first of them. Nothing is struck any more, and what rings fades.
    """
    swing = voices.own.after(start, np.arange(held + 1) / float(span.fps))
    parts = [np.zeros((2, 0), np.float32)]
    for index in run.steps(held):
        frame = one_frame(span, span.end_frame - held + index)
        part, tones = voices.sing(frame, swing.between(index, index + 2), tones, struck=False)
        parts.append(part)
    sound = np.concatenate(parts, axis=1)
    return (sound * fade(sound.shape[1])).astype(np.float32)
