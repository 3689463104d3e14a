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
from longtake_pendulum.sound import SAMPLE_RATE, Tones, phases_until, rendered
from longtake_pendulum.state import PendulumState

__all__ = ["Simulate", "draw", "remember", "sing"]


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
        """The swing is at each new frame and, last, at the first one of the next segment."""
        parameters = parameters_of_take(motion, tones, state.parameters if state else None)
        if state is None:
            start = initial_swing(parameters, run.random("swing"))
        else:
            start = Swing(np.array(state.angles), np.array(state.velocities))
        moments = np.append(span.frame_times(), span.seconds)
        return parameters, modes(parameters).after(start, moments)


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
    for index in run.steps(count):
        colours = _glided(begin, end, (index + 1) / count)
        pixels[index] = painter.frame(swing.angles[index], colours)
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
    """The sound of the new frames, from their first sample to the one before the next frame's.

    Nothing of it depends on what comes later, so nothing is held back.
    """
    own = modes(parameters)
    phases = np.array(state.phases) if state else np.zeros(parameters.num_pendulums)
    parts = [np.zeros((2, 0), np.float32)]
    for index in run.steps(span.num_frames):
        frame = span.first_frame + index
        alone = evolve(span, first_frame=frame, end_frame=frame + 1, overlap_frames=0)
        moments = np.append(alone.sample_times(SAMPLE_RATE), alone.seconds)
        turns, angles = phases_until(parameters, own, swing.at(index), phases, moments)
        if job.output.audio:
            parts.append(rendered(parameters, turns[:-1], angles[:-1]))
        phases = turns[-1] % 1
    return lt.Waveform(np.concatenate(parts, axis=1), SAMPLE_RATE), Tones(phases)


def remember(
    parameters: Parameters,
    swing: Swing,
    tones: Tones,
    job: lt.Job,
    span: lt.TakeSpan,
    state: PendulumState | None,
) -> PendulumState:
    """The physical state at the moment of the next frame."""
    end = swing.at(-1)
    return PendulumState(
        span=evolve(span, seed=state.span.seed) if state else span,
        parameters=parameters,
        angles=tuple(end.angles.tolist()),
        velocities=tuple(end.velocities.tolist()),
        phases=tuple(tones.phases.tolist()),
        palette=palette_of(job.prompt),
    )
