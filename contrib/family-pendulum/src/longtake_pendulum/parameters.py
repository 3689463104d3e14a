"""What a take fixes: its pendulums and their tones."""

from __future__ import annotations

from attrs import field, frozen

import longtake as lt

__all__ = ["Parameters"]


@frozen(kw_only=True)
class Parameters:
    """What holds for a whole take; part of its state.

    - ``num_pendulums``: on the beam.
    - ``gravity``: m/s^2.
    - ``length``: of the longest rod, m.
    - ``coupling``: stiffness of the springs beside gravity's on the longest pendulum.
    - ``damping``: 1/s, always less than what would stop a swing.
    - ``amplitude``: the largest angle, rad.
    - ``pitch``: of the longest pendulum's tone at rest, Hz.
    - ``glide``: semitones by which a tone rises up to the largest angle.
    - ``volume``: what the sound's peak never exceeds.
    - ``phrase``: seconds from the beginning of one phrase to that of the next; 0 for tones that are
      never struck and never end.
    - ``decay``: seconds in which the longest pendulum's tone falls by 60 dB.

    Raises `longtake.ValidationError` for values out of range.
    """

    num_pendulums: int = field(default=5, validator=lt.between(1, 9))
    gravity: float = field(default=9.81, validator=lt.between(1, 30))
    length: float = field(default=1.0, validator=lt.between(0.2, 4))
    coupling: float = field(default=0.04, validator=lt.between(0, 1))
    damping: float = field(default=0.0, validator=lt.between(0, 0.4))
    amplitude: float = field(default=0.25, validator=lt.between(0.01, 0.5))
    pitch: float = field(default=196.0, validator=lt.between(55, 440))
    glide: float = field(default=0.5, validator=lt.between(0, 12))
    volume: float = field(default=0.9, validator=lt.between(0, 1))
    phrase: float = field(default=3.2, validator=lt.between(0, 60))
    decay: float = field(default=1.8, validator=lt.between(0.2, 20))
