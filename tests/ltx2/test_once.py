"""Inside one process nothing is read or written twice, and no PNG is made that nobody asks for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

import longtake as lt
from longtake.cli import main
from longtake_ltx2.continuation.v1 import frames as png_frames
from tests.ltx2.support import Checkpoints, moving_frames
from tests.sdk.decoding import counted_decodes

FEW_STEPS = lt.Sampling(num_inference_steps=2, num_frames=25)


@contextmanager
def counted_pngs() -> Iterator[Counter[str]]:
    """How many frames of states are written as PNG and read meanwhile."""
    counts: Counter[str] = Counter()

    def counting(name: str) -> Any:
        original = getattr(png_frames, name)

        def counted(*arguments: Any) -> Any:
            counts[name] += 1
            return original(*arguments)

        return counted

    with (
        patch.object(png_frames, "_encode", counting("_encode")),
        patch.object(png_frames, "read_pixels", counting("read_pixels")),
    ):
        yield counts


def test_a_session_makes_no_png_unless_its_state_is_read(tiny: Path) -> None:
    with lt.load(tiny) as pipeline, counted_pngs() as pngs:
        session = lt.Session(pipeline, sampling=FEW_STEPS)
        for _ in range(3):
            session.extend("a tram")
        session.finish()
        assert pngs == {}
        assert session.state is not None
        assert session.state.to_json() == session.state.to_json()
        assert pngs == {"_encode": 9}
        lt.Session(pipeline, state=session.state, sampling=FEW_STEPS).extend("it stops")
        assert pngs == {"_encode": 9, "read_pixels": 9}


def test_a_live_state_gives_the_bits_that_its_document_gives(tiny: Path) -> None:
    with lt.load(tiny) as pipeline:
        live, read = (lt.Session(pipeline, sampling=FEW_STEPS) for _ in range(2))
        live.extend("a tram")
        read.extend("a tram")
        assert read.state is not None
        text = read.state.to_json()
        read = lt.Session(pipeline, state=lt.ContinuationState.from_json(text), sampling=FEW_STEPS)
        one, other = live.extend("it stops"), read.extend("it stops")
    np.testing.assert_array_equal(one.frames, other.frames)
    np.testing.assert_array_equal(one.audio, other.audio)
    assert one.state == other.state


@pytest.fixture
def conditions(tmp_path: Path) -> Path:
    pixels = np.stack(moving_frames(9))
    (tmp_path / "a.png").write_bytes(lt.ImageInput.from_pixels(pixels[0]).data)
    (tmp_path / "b.mkv").write_bytes(lt.ClipInput.from_frames(pixels).data)
    sound = np.linspace(-0.5, 0.5, 16_000, dtype=np.float32)[None]
    (tmp_path / "c.wav").write_bytes(lt.AudioInput.from_samples(sound, 16_000).data)
    return tmp_path


def test_a_command_decodes_each_input_once(tiny: Path, conditions: Path) -> None:
    out = conditions / "take.mkv"
    with counted_decodes() as decodes, counted_pngs() as pngs:
        code = main(
            [
                *("generate", "a tram", "it stops", "--model", str(tiny), "--steps", "2"),
                *("--num-frames", "25", "-o", str(out), "--preset", "ltx2_tiny"),
                *("--first-frame", str(conditions / "a.png")),
                *("--clip", f"{conditions / 'b.mkv'}@8", "--audio", str(conditions / "c.wav")),
            ]
        )
    assert code == 0
    assert decodes == {"decode_still": 1, "decode_clip": 1, "decode_sound": 1}
    assert pngs == {"_encode": 18}  # each segment's state is kept beside the file


def test_a_command_reads_a_state_once(tiny: Path, tmp_path: Path) -> None:
    state, common = tmp_path / "s.json", ("--model", str(tiny), "--steps", "2")
    frames = ("--num-frames", "25")
    first = ["generate", "a", *common, *frames, "-o", str(tmp_path / "1.mkv")]
    assert main([*first, "--save-state", str(state)]) == 0
    with counted_pngs() as pngs:
        onwards = ["generate", "b", "c", *common, *frames, "-o", str(tmp_path / "2.mkv")]
        assert main([*onwards, "--state", str(state)]) == 0
    assert pngs == {"_encode": 18, "read_pixels": 9}


@pytest.mark.parametrize("overlap", [9, 17, 33])
def test_a_predicted_length_counts_the_frames_that_the_state_carries(
    checkpoints: Checkpoints, overlap: int
) -> None:
    with lt.load(checkpoints.path("2.0")) as pipeline:
        session = lt.Session(
            pipeline,
            sampling=lt.Sampling(num_inference_steps=2, num_frames=41),
            overlap_frames=overlap,
        )
        request = lt.GenerationRequest("fog")
        assert pipeline.num_frames_for(113, request) == 113
        state = session.extend("fog").live_state
        frames = pipeline.num_frames_for(113, request, after=state)
        assert frames - overlap == 112
        prepared = pipeline.check(
            lt.GenerationRequest("fog", sampling=lt.Sampling(num_frames=frames)), after=state
        )
        assert prepared.place.new_frames == 112


@pytest.mark.parametrize(("wanted", "frames"), [(1, 17), (8, 17), (16, 25), (15, 17), (17, 25)])
def test_a_predicted_length_is_one_that_can_be_made(tiny: Path, wanted: int, frames: int) -> None:
    with lt.load(tiny) as pipeline:
        state = lt.Session(pipeline, sampling=FEW_STEPS).extend("fog").live_state
        assert pipeline.num_frames_for(wanted, lt.GenerationRequest("fog"), after=state) == frames


def test_whole_frame_counts_without_a_state(tiny: Path) -> None:
    with lt.load(tiny) as pipeline:
        counts = [pipeline.num_frames_for(n, lt.GenerationRequest("fog")) for n in (1, 8, 9, 120)]
    assert counts == [1, 1, 9, 113]
