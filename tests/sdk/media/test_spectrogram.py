"""The spectrum of a sound: what is loud when, and how high."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from longtake.media.spectrogram import highest_hz, row_of, spectrogram, spectrogram_picture

RATE = 16_000
WIDTH, HEIGHT = 200, 160


def tone(hertz: float, seconds: float = 1.0) -> NDArray[np.float32]:
    turns = hertz * np.arange(round(seconds * RATE)) / RATE
    return np.sin(2 * np.pi * turns).astype(np.float32)[None]


@pytest.mark.parametrize("hertz", [80, 196, 440, 1000, 3000, 7000])
def test_a_tone_is_in_the_row_of_its_frequency(hertz: float) -> None:
    level = spectrogram(tone(hertz), RATE, WIDTH, HEIGHT)
    assert level.shape == (HEIGHT, WIDTH)
    row = int(level[:, WIDTH // 2].argmax())
    assert row == pytest.approx(row_of(hertz, HEIGHT, RATE), abs=6 if hertz < 100 else 2)


def test_an_octave_is_as_high_everywhere() -> None:
    rows = [row_of(hertz, HEIGHT, RATE) for hertz in (100, 200, 400, 800)]
    assert np.diff(rows) == pytest.approx(rows[1] - rows[0])
    assert row_of(highest_hz(RATE), HEIGHT, RATE) == 0


def test_levels_are_decibels_beside_the_loudest() -> None:
    sound = tone(1000, 2.0)
    sound[:, RATE:] *= 0.1
    level = spectrogram(sound, RATE, WIDTH, HEIGHT).max(axis=0)
    assert level[WIDTH // 4] == pytest.approx(0, abs=0.2)
    assert level[3 * WIDTH // 4] == pytest.approx(-20, abs=0.2)


def test_silence_is_background_before_a_sound() -> None:
    sound = np.concatenate([np.zeros((1, RATE), np.float32), tone(500)], axis=1)
    level = spectrogram(sound, RATE, WIDTH, HEIGHT).max(axis=0)
    assert (level[: WIDTH // 2 - 10] == -66).all()
    assert (level[WIDTH // 2 + 10 : -10] > -3).all()


@pytest.mark.parametrize("samples", [0, 1, 100, RATE])
def test_silence_is_all_background(samples: int) -> None:
    picture = spectrogram_picture(np.zeros((2, samples), np.float32), RATE, 7, 5)
    assert picture.shape == (5, 7, 3) and picture.dtype == np.uint8
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) == 1


def test_the_louder_the_darker() -> None:
    sound = np.concatenate([tone(500) * share for share in (0.01, 0.1, 1)], axis=1)
    darkest = spectrogram_picture(sound, RATE, WIDTH, HEIGHT).sum(axis=-1).min(axis=0)
    soft, middle, loud = darkest[30], darkest[100], darkest[170]
    assert soft > middle > loud


@pytest.mark.parametrize("rate", [60, 4000, 48000, 192000])
def test_any_sample_rate_has_a_spectrum(rate: int) -> None:
    sound = np.random.default_rng(1).normal(size=(2, rate)).astype(np.float32)
    level = spectrogram(sound, rate, 50, 40)
    assert np.isfinite(level).all() and level.max() == 0
