"""A long take, each segment rolled by a fresh process, joined only by a blob store and a file.

``--segments 300`` rolls the whole of it through Redis; without, there is a short one.
"""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from math import floor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attrs import asdict, frozen
from numpy.typing import NDArray

import longtake as lt
from longtake_pendulum.sound import SAMPLE_RATE, largest_slope
from longtake_pendulum.state import PendulumState
from longtake_pendulum.truth import seam_errors
from tests.contrib.pendulum_takes import typed
from tests.contrib.roll_pendulum_segment import SIZE
from tests.rules.sources import ROOT
from tests.servers import RedisServer

FPS = Fraction(30000, 1001)
NEW_FRAMES = 25
SHORT = 4
"""Segments of the take through files, which is there where no Redis server is."""
TOLERANCE = 1e-6


@frozen(eq=False)
class LongTake:
    """What the processes made: frames and samples joined, states, and what they have as JSON."""

    frames: NDArray[np.uint8]
    sound: NDArray[np.float32]
    states: tuple[PendulumState, ...]
    documents: tuple[lt.ContinuationState, ...]


@frozen
class Plan:
    """A take to be rolled: how many segments, through which store."""

    url: str
    segments: int


@pytest.fixture(scope="module", params=["file", "redis"])
def plan(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Plan:
    if request.param == "file":
        return Plan(tmp_path_factory.mktemp("blobs").as_uri(), SHORT)
    server: RedisServer = request.getfixturevalue("redis_server")
    segments: int = request.config.getoption("segments")
    return Plan(server.url, segments)


@pytest.fixture(scope="module")
def take(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> LongTake:
    folder = tmp_path_factory.mktemp("take")
    blobs, codec = lt.open_blob_store(plan.url), family().codecs[0]
    states, documents = [], []
    for index in range(plan.segments):
        roll_in_fresh_process(plan.url, folder, index)
        text = Path(folder, f"{index}.json").read_bytes()
        documents.append(lt.ContinuationState.from_json(text))
        states.append(typed(documents[-1], blobs))
        if index:  # the new state is kept, so what the old one held can go
            for blob_id in codec.blob_ids(documents[-2]):
                blobs.drop(blob_id)
    parts = [np.load(folder / f"{index}.npz") for index in range(plan.segments)]
    frames = np.concatenate([part["frames"] for part in parts])
    sound = np.concatenate([part["sound"] for part in parts], axis=1)
    return LongTake(frames, sound, tuple(states), tuple(documents))


def family() -> lt.ModelFamily:
    return lt.Registry.default().family("pendulum")


def roll_in_fresh_process(url: str, folder: Path, index: int) -> None:
    program = [sys.executable, "-m", "tests.contrib.roll_pendulum_segment"]
    arguments = [url, str(folder), str(index), str(FPS), str(NEW_FRAMES)]
    done = subprocess.run(
        [*program, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def one_segment(take: LongTake) -> lt.GenerationResult:
    """The same take as one long segment in this process."""
    with lt.load(family="pendulum") as pipeline:
        sampling = lt.Sampling(num_frames=len(take.frames), fps=FPS, **SIZE)
        return lt.Session(pipeline, sampling=sampling).extend("night")


def test_every_seam_is_where_the_truth_is(take: LongTake, record_property: Any) -> None:
    errors = [asdict(seam_errors(state)) for state in take.states]
    for name in ("position", "velocity", "phase", "level"):
        worst = max(each[name] for each in errors)
        record_property(f"worst {name} error of fresh processes", float(worst))
        assert worst < TOLERANCE


def test_the_sound_has_no_click(take: LongTake, record_property: Any) -> None:
    slope = largest_slope(take.states[-1].parameters)
    largest = float(np.abs(np.diff(take.sound)).max())
    record_property("worst jump beside the slope of the tones", float(largest / slope))
    assert largest <= slope


def test_frames_and_samples_are_on_the_take_s_clock(take: LongTake) -> None:
    assert [state.span.end_frame for state in take.states] == [
        NEW_FRAMES * number for number in range(1, len(take.states) + 1)
    ]
    sounding = len(take.frames) - take.states[-1].held_frames
    assert take.sound.shape[1] == floor(sounding * SAMPLE_RATE / FPS)


def test_states_travel_through_the_store(take: LongTake) -> None:
    """What goes from process to process is an id; the numbers are in the store."""
    assert all("state_blob_id" in each.payload for each in take.documents)


def test_the_processes_made_what_one_segment_is(
    take: LongTake, one_segment: lt.GenerationResult
) -> None:
    assert one_segment.audio is not None
    assert np.abs(one_segment.audio - take.sound).max() < TOLERANCE
    difference = np.abs(one_segment.frames.astype(int) - take.frames)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 1e-4
