"""The stages: simulate the pendulums, draw them, let them sing, remember how they were."""

from __future__ import annotations

import numpy as np
from attrs import evolve

import longtake as lt
from longtake_pendulum.checks import check_job, check_swing
from longtake_pendulum.drawing import Colours, Painter, colours_of, layout_for, mixed
from longtake_pendulum.options import MotionOptions, ToneOptions, parameters_of_take
from longtake_pendulum.palettes import palette_of
from longtake_pendulum.parameters import Parameters
from longtake_pendulum.physics import Swing, initial_swing, lengths, modes
from longtake_pendulum.singing import Voices, ending, one_frame
from longtake_pendulum.sound import SAMPLE_RATE, Tones, samples_before
from longtake_pendulum.state import PendulumState
from longtake_pendulum.strikes import held_frames, silent

__all__ = ["Simulate", "draw", "remember", "ring_out", "sing"]


class Simulate:
    """The motion of the segment, from the state or, in a new take, from the seed."""

    def check(
        self,
        job: lt.Job,
        span: lt.TakeSpan,
        motion: MotionOptions,
        tones: ToneOptions,
        state: PendulumState | None,
    ) -> None:
        """Raises `longtake.ValidationError` with the path of the field."""
        check_job(job, span)
        if state is not None:
            check_swing(state)
        parameters_of_take(motion, tones, state.parameters if state else None)

    def __call__(
        self,
        span: lt.TakeSpan,
        motion: MotionOptions,
        tones: ToneOptions,
        state: PendulumState | None,
        run: lt.Run,
    ) -> tuple[Parameters, Swing]:
        """The swing is at each frame without sound, each new one, and that after the last."""
        parameters = parameters_of_take(motion, tones, state.parameters if state else None)
        start = state.swing if state else initial_swing(parameters, run.random("swing"))
        frames = span.num_frames + (state.held_frames if state else 0)
        swing = modes(parameters).after(start, np.arange(frames + 1) / float(span.fps))
        # To the bit, so that two segments see the same strikes where they meet.
        swing.angles[0], swing.velocities[0] = start.angles, start.velocities
        return parameters, swing


def draw(
    parameters: Parameters,
    swing: Swing,
    job: lt.Job,
    span: lt.TakeSpan,
    state: PendulumState | None,
    run: lt.Run,
) -> lt.Frames:
    """The new frames, in the colours of the prompt; a continued take glides there."""
    count = span.num_frames if job.output.video else 0
    pixels = np.empty((count, span.height, span.width, 3), np.uint8)
    painter = Painter(layout_for(span.height, span.width, lengths(parameters)))
    wanted = palette_of(job.prompt)
    end = colours_of(wanted)
    begin = end if state is None or state.palette == wanted else colours_of(state.palette)
    first = state.held_frames if state else 0
    for index in run.steps(count):
        colours = _glided(begin, end, (index + 1) / count)
        pixels[index] = painter.frame(swing.angles[first + index], colours)
    return lt.Frames(pixels)


def _glided(begin: Colours, end: Colours, share: float) -> Colours:
    return end if begin is end else mixed(begin, end, share * share * (3 - 2 * share))


def sing(
    parameters: Parameters,
    swing: Swing,
    job: lt.Job,
    span: lt.TakeSpan,
    state: PendulumState | None,
    run: lt.Run,
) -> tuple[lt.Waveform, Tones]:
    """The sound from where there is none yet to where the end of a take would begin.

    Or to the very end, where nobody goes on. ``Tones`` are those where the end would begin.
    """
    voices, held = Voices.of(parameters), held_frames(parameters, span.end_frame, span.fps)
    tones = state.tones if state else Tones(np.zeros(len(swing.angles[0])), silent(parameters))
    first = span.first_frame - (state.held_frames if state else 0)
    parts = [np.zeros((2, 0), np.float32)]
    count = span.end_frame - held - first
    for index in run.steps(count):
        frame, both = one_frame(span, first + index), swing.between(index, index + 2)
        part, tones = voices.sing(frame, both, tones, struck=True, silent=not job.output.audio)
        parts.append(part)
    if job.output.last and job.output.audio:
        parts.append(ending(voices, span, swing.at(count), tones, held, run))
    begins = samples_before(first, span.fps)
    return lt.Waveform(np.concatenate(parts, axis=1), SAMPLE_RATE, begins), tones


def ring_out(state: PendulumState, run: lt.Run) -> lt.Waveform:
    """The end of a take: the sound of its last frames, which dies away."""
    voices, held = Voices.of(state.parameters), state.held_frames
    sound = ending(voices, state.span, state.swing, state.tones, held, run)
    begins = samples_before(state.span.end_frame - held, state.span.fps)
    return lt.Waveform(sound, SAMPLE_RATE, begins)


def remember(
    parameters: Parameters,
    swing: Swing,
    tones: Tones,
    job: lt.Job,
    span: lt.TakeSpan,
    state: PendulumState | None,
) -> PendulumState:
    """The physical state at the moment up to which there is sound."""
    held = held_frames(parameters, span.end_frame, span.fps)
    end = swing.at(-1 - held)
    return PendulumState(
        span=evolve(span, seed=state.span.seed) if state else span,
        parameters=parameters,
        angles=tuple(end.angles.tolist()),
        velocities=tuple(end.velocities.tolist()),
        phases=tuple(tones.phases.tolist()),
        held_frames=held,
        struck=tuple(tones.ringing.struck.tolist()),
        heard=tuple(tones.ringing.heard.tolist()),
        palette=palette_of(job.prompt),
    )
