"""A result says what was made and how, and saves itself."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import attrs
import av
import numpy as np
import pytest

import longtake as lt
from longtake.testing import FakeDistributions
from tests.sdk.toy_family import pipeline_of


def result(frames: int = 9, *, sound: bool = True) -> lt.GenerationResult:
    samples = np.zeros((2, frames * 1000), np.float32)
    return lt.GenerationResult(
        frames=np.full((frames, 32, 48, 3), 128, np.uint8),
        audio=samples if sound else None,
        audio_sample_rate=24000 if sound else None,
        fps=Fraction(24),
    )


@pytest.mark.parametrize("sound", [True, False])
def test_a_result_saves_its_picture_and_its_sound(tmp_path: Path, sound: bool) -> None:
    path = tmp_path / "x.mp4"
    result(sound=sound).save(path)
    with av.open(str(path)) as container:
        assert [stream.type for stream in container.streams] == ["video", "audio"][: 1 + sound]
        assert len(list(container.decode(video=0))) == 9


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".m4a"])
def test_a_result_of_sound_alone_saves_it(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x{suffix}"
    attrs.evolve(result(), frames=np.zeros((0, 32, 48, 3), np.uint8)).save(path)
    with av.open(str(path)) as container:
        assert [stream.type for stream in container.streams] == ["audio"]
        assert 9000 <= sum(frame.samples for frame in container.decode(audio=0)) < 9000 + 1024


def test_a_picture_is_not_saved_as_a_file_of_sound(tmp_path: Path) -> None:
    with pytest.raises(lt.OutputError, match="sound alone"):
        result().save(tmp_path / "x.m4a")
    assert list(tmp_path.iterdir()) == []


def test_saving_into_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "x.mp4"
    with pytest.raises(lt.OutputError) as refused:
        result().save(path)
    assert str(path.parent) in str(refused.value)
    assert not path.parent.exists()


def test_a_result_does_not_print_its_pixels() -> None:
    assert "array" not in repr(result())


def test_a_result_is_frozen() -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        result().fps = Fraction(25)  # type: ignore[misc]


def test_events_are_values() -> None:
    assert lt.Progress("denoise", 1, 4) == lt.Progress("denoise", 1, 4)
    assert lt.Progress("denoise", 1, 4) != lt.Progress("denoise", 2, 4)


PIXELS = np.zeros((9, 4, 6, 3), np.uint8)
SAMPLES = np.zeros((2, 100), np.float32)
PICTURE = lt.Frames(PIXELS)
SOUND = lt.Waveform(SAMPLES, 24000)


def give_both() -> tuple[lt.Frames, lt.Waveform]:
    return PICTURE, SOUND


def test_the_arrays_of_the_last_stage_are_those_of_the_result() -> None:
    family = lt.ModelFamily("toy", (give_both,), defaults=pipeline_of().family.defaults)
    result = lt.Pipeline(family).generate(lt.GenerationRequest("fog"))
    assert result.frames is PIXELS
    assert result.audio is SAMPLES
    assert result.audio_sample_rate == 24000


def test_each_is_equal_to_itself_alone() -> None:
    """Comparing contents would be slow, and ambiguous for arrays."""
    assert lt.Frames(PIXELS) != PICTURE
    assert lt.Waveform(SAMPLES, 24000) != SOUND
    assert len({PICTURE, PICTURE, SOUND}) == 2


def test_neither_prints_its_numbers() -> None:
    assert repr(PICTURE) == "Frames()"
    assert repr(SOUND) == "Waveform(sample_rate=24000)"


@pytest.mark.parametrize(("value", "name"), [(PICTURE, "pixels"), (SOUND, "sample_rate")])
def test_they_are_frozen(value: object, name: str) -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(value, name, None)


def test_naming_them_imports_no_numpy(installed: FakeDistributions) -> None:
    code = "import sys, longtake as lt; lt.Frames, lt.Waveform; assert 'numpy' not in sys.modules"
    done = installed.python("-c", code)
    assert done.code == 0, done.err
