"""The tones are struck where the bobs come by, in phrases, and a take's sound ends."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import longtake as lt
from longtake_pendulum.parameters import Parameters
from longtake_pendulum.sound import SAMPLE_RATE, fading_slope, largest_slope
from longtake_pendulum.truth import seam_errors, true_swing
from tests.contrib.pendulum_takes import load, results, roll, typed

SIZE: dict[str, Any] = {"height": 8, "width": 8, "seed": 4}

Sound = NDArray[np.float32]


def sound_of(frames: int, *, last: bool = True, **options: float) -> Sound:
    output = lt.Output(video=False, last=last)
    sampling = lt.Sampling(num_frames=frames, **SIZE)
    simulate = {name: options.pop(name) for name in ("num_pendulums", "coupling") & options.keys()}
    overrides: dict[str, Any] = {"sing": options, "simulate": simulate}
    asked = lt.GenerationRequest("sea", sampling=sampling, output=output, stage_overrides=overrides)
    with load() as pipeline:
        made = pipeline.generate(asked).audio
    assert made is not None
    return made


def loudness(sound: Sound, seconds: float = 0.05) -> NDArray[np.float64]:
    """The root of the mean square of pieces of ``seconds`` each."""
    size = round(seconds * SAMPLE_RATE)
    pieces = sound[:, : sound.shape[1] // size * size].reshape(2, -1, size).astype(float)
    level: NDArray[np.float64] = np.sqrt((pieces**2).mean(axis=(0, 2)))
    return level


def passing(parameters: Parameters) -> float:
    """When a lone pendulum first comes by from the left, by steps of a tenth of a sample."""
    angles = [
        float(true_swing(parameters, SIZE["seed"], Fraction(step, 1000)).angles[0])
        for step in range(2500)
    ]
    first = next(k for k in range(2499) if angles[k] < 0 <= angles[k + 1])
    share = -angles[first] / (angles[first + 1] - angles[first])
    return (first + share) / 1000


def test_a_tone_begins_where_the_bob_comes_by() -> None:
    moment = passing(Parameters(num_pendulums=1))
    sound = sound_of(120, num_pendulums=1, phrase=20.0)
    heard = np.flatnonzero(np.abs(sound).max(axis=0))
    assert heard[0] / SAMPLE_RATE == pytest.approx(moment, abs=2.5 / SAMPLE_RATE)
    before = sound[:, : math.floor(moment * SAMPLE_RATE)]
    assert not before.any()


def test_between_phrases_the_tones_die_away() -> None:
    length = 2.0
    level = loudness(sound_of(240, last=False, phrase=length))
    per_phrase = round(length / 0.05)
    for phrase in range(3):
        start = phrase * per_phrase
        struck, pause = level[start : start + 30], level[start + 31 : start + per_phrase]
        assert struck.max() > 3 * pause.max()
        assert (np.diff(pause[::3]) < 0).all(), "nothing begins in a pause"


def test_without_phrases_the_tones_never_end() -> None:
    level = loudness(sound_of(240, phrase=0.0))
    assert level.min() > 0.3 * level.max()


def test_a_longer_decay_is_heard_longer() -> None:
    short, long = (loudness(sound_of(150, last=False, decay=decay)) for decay in (0.4, 8.0))
    assert long[-20:].mean() > 3 * short[-20:].mean()


@pytest.mark.parametrize("frames", [1, 3, 13, 69, 200])
def test_a_take_ends_in_silence_with_its_picture(frames: int) -> None:
    take = roll([frames], **SIZE)
    assert take.sound.shape[1] == frames * SAMPLE_RATE // 30
    assert take.states[-1].held_frames == min(15, frames // 4)
    if take.held:
        assert np.abs(take.sound[:, -1]).max() < 1e-12
        slope = largest_slope(Parameters()) + fading_slope(Parameters(), take.held)
        assert np.abs(np.diff(take.sound)).max() <= slope


def test_the_end_fades_what_rang_and_strikes_nothing() -> None:
    take = roll([60], **SIZE)
    on = np.concatenate([each.audio for each in results([60, 60], **SIZE)], axis=1)
    begin = take.sound.shape[1] - take.held
    assert np.array_equal(take.sound[:, :begin], on[:, :begin]), "what was given stays"
    level = loudness(take.sound[:, begin - 2400 :])
    assert (np.diff(level) <= 0).all()
    assert level[-1] < 0.02 * level[0]


def test_what_nobody_continues_ends_like_what_is_finished() -> None:
    state = next(results([20], **SIZE)).state
    again: dict[str, Any] = {"sampling": lt.Sampling(num_frames=60), "state": state}
    with load() as pipeline:
        last = pipeline.generate(lt.GenerationRequest("sea", **again)).audio
        output = lt.Output(last=False, return_state=True)
        more = pipeline.generate(lt.GenerationRequest("sea", **again, output=output))
        assert more.state is not None
        end = pipeline.finish(more.state)
    assert last is not None and more.audio is not None and end.audio is not None
    assert np.array_equal(last, np.concatenate([more.audio, end.audio], axis=1))


def test_a_take_of_the_first_kind_goes_on_as_it_was() -> None:
    """A drone, from states written as ``pendulum.v1``, beside one long segment of it."""
    options: dict[str, Any] = {"sing": {"phrase": 0, "glide": 4.0}}
    sampling = lt.Sampling(num_frames=39, **SIZE)
    sounds: list[Sound | None] = []
    state: lt.ContinuationState | None = None
    with load() as pipeline:
        for _ in range(3):
            session = lt.Session(
                pipeline,
                state=state,
                state_kind="pendulum.v1",
                sampling=sampling,
                stage_overrides=options if state is None else {},
            )
            sounds.append(session.extend("sea").audio)
            assert session.state is not None and session.state.kind == "pendulum.v1"
            state = lt.ContinuationState.from_json(session.state.to_json())
        assert state is not None
        assert set(state.payload["state"]) == {
            *("span", "parameters", "angles", "velocities", "phases", "palette")
        }
        end = pipeline.finish(state).audio
    assert end is not None and end.shape == (2, 0), "a drone holds nothing back"
    joined = np.concatenate([each for each in sounds if each is not None], axis=1)
    long = sound_of(39 + 30 + 30, phrase=0.0, glide=4.0)
    assert np.abs(joined - long).max() < 1e-6


def test_the_first_kind_cannot_say_a_struck_take() -> None:
    with load() as pipeline:
        session = lt.Session(
            pipeline, state_kind="pendulum.v1", sampling=lt.Sampling(num_frames=12, **SIZE)
        )
        session.extend("sea")
        with pytest.raises(lt.ValidationError, match=r"cannot be written as kind 'pendulum.v1'"):
            _ = session.state


def test_levels_are_within_their_bounds_in_a_wild_take() -> None:
    wild = {"gravity": 30.0, "length": 0.2, "coupling": 1.0, "num_pendulums": 9}
    overrides: dict[str, Any] = {"simulate": wild, "sing": {"decay": 20.0, "phrase": 0.5}}
    with load() as pipeline:
        session = lt.Session(
            pipeline,
            sampling=lt.Sampling(num_frames=30, fps=Fraction(2), **SIZE),
            stage_overrides=overrides,
        )
        sound = session.extend("sea").audio
        assert session.state is not None and sound is not None
        state = typed(session.state)
    parameters = state.parameters
    assert np.abs(np.diff(sound)).max() <= largest_slope(parameters)
    assert 0 < max(state.struck) <= 1 and 0 < max(state.heard) <= 1
    assert seam_errors(state).level < 1e-9
