"""The family as a caller meets it: requests, options, states, what it refuses, the command line."""

from __future__ import annotations

import copy
import subprocess
import sys
import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attrs import evolve

import longtake as lt
from longtake.cli import main
from longtake.media.reader import read_take
from longtake_pendulum.palettes import PALETTES, palette_of
from longtake_pendulum.truth import seam_errors
from tests.contrib.pendulum_takes import load, results, roll, typed

SMALL: dict[str, Any] = {"height": 24, "width": 40, "num_frames": 12}


@pytest.fixture
def pipeline() -> Iterator[lt.Pipeline]:
    with load() as loaded:
        yield loaded


def request(prompt: str = "sea", **changes: Any) -> lt.GenerationRequest:
    output = lt.Output(last=False, return_state=True)
    return evolve(
        lt.GenerationRequest(prompt, sampling=lt.Sampling(**SMALL), output=output), **changes
    )


@pytest.fixture
def state(pipeline: lt.Pipeline) -> lt.ContinuationState:
    """After a first segment."""
    made = pipeline.generate(request()).state
    assert made is not None
    return made


def test_a_segment_has_new_frames_and_their_sound_by_default(pipeline: lt.Pipeline) -> None:
    session = lt.Session(pipeline)
    session.extend("the sea")
    result = session.extend("the sea")
    assert result.frames.shape == (60, 288, 512, 3)
    assert len(result.frames) >= 25
    assert result.audio is not None and result.audio.dtype == np.float32
    assert result.audio.shape == (2, 96000)
    assert result.audio_sample_rate == 48000
    assert 0.04 < np.abs(result.audio).max() <= 0.9


def test_declaring_the_family_imports_nothing_heavy() -> None:
    code = (
        "import sys, longtake_pendulum as p; p.longtake_families();"
        "sys.exit(' '.join({'numpy', 'cattrs', 'av', 'PIL'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_same_seed_same_take_and_another_seed_another(pipeline: lt.Pipeline) -> None:
    one, same = pipeline.generate(request()), pipeline.generate(request())
    assert np.array_equal(one.frames, same.frames)
    assert one.audio is not None and same.audio is not None
    assert np.array_equal(one.audio, same.audio)
    other = pipeline.generate(request(sampling=lt.Sampling(**SMALL, seed=1)))
    assert not np.array_equal(one.frames, other.frames)


def test_the_prompt_is_the_colours_and_nothing_else(pipeline: lt.Pipeline) -> None:
    one = pipeline.generate(request("a calm sea"))
    other = pipeline.generate(request("a forest"))
    assert np.array_equal(one.audio, other.audio)  # type: ignore[arg-type]
    assert not np.array_equal(one.frames, other.frames)
    assert {palette_of(f"take {index}") for index in range(100)} == set(PALETTES)
    assert palette_of("From DAWN, to dusk.") == "dusk"
    assert palette_of("\ud800") in PALETTES


def test_a_new_prompt_changes_the_colours_little_by_little(pipeline: lt.Pipeline) -> None:
    sampling = lt.Sampling(height=24, width=40, num_frames=39)
    session = lt.Session(pipeline, sampling=sampling)
    first, second = session.extend("night"), session.extend("dawn")
    third = session.extend("dawn")
    corner = np.concatenate([each.frames for each in (first, second, third)])[:, -1, -1].astype(int)
    assert np.abs(np.diff(corner, axis=0)).max() <= 15
    assert np.abs(corner[-1] - corner[0]).max() > 60
    assert (np.diff(corner[-29:], axis=0) == 0).all()


@pytest.mark.parametrize("what", ["video", "audio"])
def test_picture_or_sound_may_be_left_out(pipeline: lt.Pipeline, what: str) -> None:
    both = pipeline.generate(request())
    without: dict[str, Any] = {what: False}
    output = evolve(request().output, **without)
    one = pipeline.generate(request(output=output))
    if what == "video":
        assert len(one.frames) == 0
        assert np.array_equal(one.audio, both.audio)  # type: ignore[arg-type]
    else:
        assert one.audio is None
        assert np.array_equal(one.frames, both.frames)
    assert one.state == both.state


def test_a_take_goes_on_from_its_state_alone(
    pipeline: lt.Pipeline, state: lt.ContinuationState
) -> None:
    asked = lt.GenerationRequest("sea", sampling=lt.Sampling(num_frames=10), state=state)
    result = pipeline.generate(asked)
    assert result.frames.shape == (1, 24, 40, 3)
    assert result.fps == Fraction(30)
    assert result.audio is not None and result.audio.shape == (2, 4 * 1600)  # 3 were held back


def test_another_seed_changes_nothing_in_a_take_that_goes_on(
    pipeline: lt.Pipeline, state: lt.ContinuationState
) -> None:
    same, other = (
        pipeline.generate(request(state=state, sampling=lt.Sampling(num_frames=10, seed=seed)))
        for seed in (None, 5)
    )
    assert np.array_equal(same.frames, other.frames)
    assert np.array_equal(same.audio, other.audio)  # type: ignore[arg-type]
    assert same.state == other.state and same.state is not None
    assert seam_errors(typed(same.state)).position < 1e-12


def test_the_state_says_how_many_frames_are_repeated(pipeline: lt.Pipeline) -> None:
    output = lt.Output(last=False, return_state=True, overlap_frames=3)
    made = pipeline.generate(request(output=output)).state
    asked = lt.GenerationRequest("sea", sampling=lt.Sampling(num_frames=10), state=made)
    assert len(pipeline.generate(asked).frames) == 7


def test_the_state_lies_in_a_blob_store_when_there_is_one(pipeline: lt.Pipeline) -> None:
    blobs = lt.open_blob_store("memory:")
    first = pipeline.generate(request(), blobs=blobs).state
    inline = pipeline.generate(request()).state
    assert first is not None and inline is not None
    codec = pipeline.family.codec(first.kind)
    assert codec is not None and len(codec.blob_ids(first)) == 1
    assert typed(first, blobs) == typed(inline)


OPTIONS = [
    ("simulate", "num_pendulums", 3),
    ("simulate", "gravity", 1.62),
    ("simulate", "length", 0.5),
    ("simulate", "coupling", 0.2),
    ("simulate", "damping", 0.1),
    ("simulate", "amplitude", 0.1),
    ("sing", "pitch", 110.0),
    ("sing", "glide", 7.0),
    ("sing", "volume", 0.25),
    ("sing", "phrase", 2.5),
    ("sing", "decay", 3.0),
]


@pytest.mark.parametrize(("stage", "name", "value"), OPTIONS)
def test_options_are_the_take_s(pipeline: lt.Pipeline, stage: str, name: str, value: float) -> None:
    """They change it, travel in its state, may be said again, and cannot be changed."""
    plain = pipeline.generate(request())
    asked = request(stage_overrides={stage: {name: value}})
    made = pipeline.generate(asked)
    assert not np.array_equal(plain.audio, made.audio)  # type: ignore[arg-type]
    assert made.state is not None
    sampling = lt.Sampling(num_frames=11)
    again = evolve(asked, state=made.state, sampling=sampling)
    silent = evolve(again, stage_overrides={})
    assert np.array_equal(
        pipeline.generate(again).audio,  # type: ignore[arg-type]
        pipeline.generate(silent).audio,  # type: ignore[arg-type]
    )
    with pytest.raises(lt.ValidationError) as refused:
        pipeline.generate(evolve(again, state=plain.state))
    assert refused.value.path == f"stage_overrides.{stage}.{name}"


@pytest.mark.parametrize(("stage", "name", "_"), OPTIONS)
@pytest.mark.parametrize("value", [-1, 1000, float("nan"), "3", True, [1]])
def test_options_refuse_nonsense_with_their_path(
    pipeline: lt.Pipeline, stage: str, name: str, _: float, value: object
) -> None:
    with pytest.raises(lt.ValidationError) as refused:
        pipeline.check(request(stage_overrides={stage: {name: value}}))
    assert refused.value.path == f"stage_overrides.{stage}.{name}"


@pytest.mark.parametrize(
    ("path", "changes"),
    [
        ("sampling.height", {"sampling": lt.Sampling(**SMALL | {"height": 5000})}),
        ("sampling.fps", {"sampling": lt.Sampling(**SMALL, fps=Fraction(1, 2))}),
        ("sampling.num_frames", {"sampling": lt.Sampling(**SMALL | {"num_frames": 10**6})}),
        (
            "sampling.num_frames",
            {"sampling": lt.Sampling(height=4096, width=4096, num_frames=1000)},
        ),
        ("sampling.num_inference_steps", {"sampling": lt.Sampling(num_inference_steps=3)}),
        ("negative_prompt", {"negative_prompt": "blurry"}),
    ],
)
def test_requests_are_refused_with_a_path(
    pipeline: lt.Pipeline, path: str, changes: dict[str, Any]
) -> None:
    with pytest.raises(lt.ValidationError) as refused:
        pipeline.check(request(**changes))
    assert refused.value.path == path


@pytest.mark.parametrize(
    ("name", "value"),
    [("height", 32), ("width", 32), ("fps", Fraction(24)), ("num_frames", 9)],
)
def test_a_continued_take_keeps_its_form(
    pipeline: lt.Pipeline, state: lt.ContinuationState, name: str, value: Any
) -> None:
    asked = lt.GenerationRequest("sea", sampling=lt.Sampling(**{name: value}), state=state)
    with pytest.raises(lt.ValidationError) as refused:
        pipeline.check(asked)
    assert refused.value.path == f"sampling.{name}"


DAMAGE: list[tuple[str, Any]] = [
    ("span.end_frame", 0),
    ("span.height", 10**9),
    ("span.overlap_frames", 13),
    ("angles", [0.0]),
    ("angles", [0.0] * 6),
    ("angles[1]", 2.0),
    ("velocities[4]", float("inf")),
    ("phases[0]", -0.5),
    ("held_frames", 0),
    ("held_frames", 2),
    ("held_frames", 10**9),
    ("held_frames", 3.0),
    ("struck[0]", 1.5),
    ("heard", []),
    ("heard[2]", float("nan")),
    ("parameters.phrase", -1),
    ("parameters.decay", 0),
    ("velocities[0]", float("nan")),
    ("phases", "abcde"),
    ("palette", "beige"),
    ("parameters.num_pendulums", 10**6),
    ("parameters.gravity", 0),
    ("parameters.pitch", "high"),
]


@pytest.mark.parametrize(("place", "value"), DAMAGE)
def test_damaged_states_are_refused_with_a_path(
    pipeline: lt.Pipeline, state: lt.ContinuationState, place: str, value: object
) -> None:
    payload = copy.deepcopy(state.payload)
    where: Any = payload["state"]
    *way, last = place.replace("[", ".").replace("]", "").split(".")
    for name in way:
        where = where[name]
    where[int(last) if last.isdigit() else last] = value
    damaged = lt.ContinuationState(state.kind, payload)
    with pytest.raises(lt.ValidationError) as refused:
        pipeline.check(lt.GenerationRequest("sea", state=damaged))
    assert refused.value.path == f"state.payload.state.{place}"


def test_a_swing_beyond_the_amplitude_is_refused(
    pipeline: lt.Pipeline, state: lt.ContinuationState
) -> None:
    payload = copy.deepcopy(state.payload)
    payload["state"]["velocities"][0] = 5.0
    asked = lt.GenerationRequest("sea", state=lt.ContinuationState(state.kind, payload))
    with pytest.raises(lt.ValidationError, match="the take's amplitude is") as refused:
        pipeline.check(asked)
    assert refused.value.path == "state.payload.state.angles"


@pytest.mark.parametrize("stage", ["draw", "sing"])
def test_a_run_stops_within_one_frame(pipeline: lt.Pipeline, stage: str) -> None:
    cancel, steps = threading.Event(), 0
    asked = request(sampling=lt.Sampling(**SMALL | {"num_frames": 40}))
    with pytest.raises(lt.Cancelled):
        for event in pipeline.stream(asked, cancel=cancel.is_set):
            if isinstance(event, lt.Progress) and event.stage == stage and event.step:
                steps += 1
                cancel.set()
    assert 1 <= steps <= 2


def test_prompts_do_not_reach_the_state(pipeline: lt.Pipeline) -> None:
    made = pipeline.generate(request("a secret sea")).state
    assert made is not None and "secret" not in made.to_json()


def test_sound_is_never_beyond_the_volume() -> None:
    loud: dict[str, Any] = {"sing": {"volume": 1.0}, "simulate": {"num_pendulums": 9}}
    drone = loud | {"sing": {"volume": 1.0, "phrase": 0}}
    for asked, least in ((drone, 0.4), (loud, 0.1)):
        with load() as pipeline:
            long = lt.Sampling(height=8, width=8, num_frames=300)
            sound = pipeline.generate(request(sampling=long, stage_overrides=asked)).audio
        assert sound is not None
        assert least < np.abs(sound).max() <= 1.0


def test_lone_frames_and_segments_of_one_new_frame_work() -> None:
    take = roll([10, 1, 1], height=1, width=1, fps=Fraction(24000, 1001))
    assert take.frames.shape == (12, 1, 1, 3)
    assert take.sound.shape == (2, 24024)
    assert [len(each.frames) for each in results([10, 1], height=2, width=2)] == [10, 1]


def test_the_command_line_writes_a_take(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "pendulum.mkv"
    command = ["generate", "--family", "pendulum", "dawn", "--segments", "3", "-o", str(target)]
    assert main([*command, "--height", "64", "--width", "96", "--num-frames", "14"]) == 0
    assert "finish" not in capsys.readouterr().err
    take = read_take(target)
    assert take.frames.shape == (24, 64, 96, 3)
    assert take.audio is not None and take.audio.shape == (2, 38400)
