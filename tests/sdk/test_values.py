"""A picture and a sound are handed on as they are: never copied, compared or printed by content."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

import longtake as lt
from longtake.testing import FakeDistributions
from tests.sdk.toy_family import pipeline_of

PIXELS = np.zeros((9, 4, 6, 3), np.uint8)
SAMPLES = np.zeros((2, 100), np.float32)
FRAMES = lt.Frames(PIXELS)
SOUND = lt.Waveform(SAMPLES, 24000)


def give_both() -> tuple[lt.Frames, lt.Waveform]:
    return FRAMES, SOUND


def test_the_arrays_of_the_last_stage_are_those_of_the_result() -> None:
    family = lt.ModelFamily("toy", (give_both,), defaults=pipeline_of().family.defaults)
    result = lt.Pipeline(family).generate(lt.GenerationRequest("fog"))
    assert result.frames is PIXELS
    assert result.audio is SAMPLES
    assert result.audio_sample_rate == 24000


def test_each_is_equal_to_itself_alone() -> None:
    """Comparing contents would be slow, and ambiguous for arrays."""
    assert lt.Frames(PIXELS) != FRAMES
    assert lt.Waveform(SAMPLES, 24000) != SOUND
    assert len({FRAMES, FRAMES, SOUND}) == 2


def test_neither_prints_its_numbers() -> None:
    assert repr(FRAMES) == "Frames()"
    assert repr(SOUND) == "Waveform(sample_rate=24000)"


@pytest.mark.parametrize(("value", "name"), [(FRAMES, "pixels"), (SOUND, "sample_rate")])
def test_they_are_frozen(value: object, name: str) -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(value, name, None)


def test_naming_them_imports_no_numpy(installed: FakeDistributions) -> None:
    code = "import sys, longtake as lt; lt.Frames, lt.Waveform; assert 'numpy' not in sys.modules"
    done = installed.python("-c", code)
    assert done.code == 0, done.err
