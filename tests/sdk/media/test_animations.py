"""Animations as others read them: when each frame is shown, for how long, and in which colours."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

import longtake as lt
from longtake.media.animations import write_animation

SUFFIXES = [".gif", ".webp"]
TICK = {".gif": 10, ".webp": 1}
LEAST = {".gif": 20, ".webp": 11}
"""Milliseconds."""


def grey(count: int, size: tuple[int, int] = (16, 24)) -> Iterator[NDArray[np.uint8]]:
    """Frames of one grey each, which says their number: 6 n."""
    for number in range(count):
        yield np.full((*size, 3), 6 * number % 256, np.uint8)


def photo(number: int, height: int = 48, width: int = 64) -> NDArray[np.uint8]:
    """All hues, moved by ``number`` pixels."""
    y, x = np.mgrid[:height, :width]
    turn = 2 * np.pi * (x + number) / width
    channels = [np.cos(turn + phase) for phase in (0, 2, 4)]
    bright = 40 + 170 * y / height
    return np.stack([bright * (1 + c) / 2 + 20 for c in channels], -1).astype(np.uint8)


def shown(path: Path) -> list[tuple[NDArray[np.uint8], int]]:
    """Every frame, RGB, with its duration in ms."""
    frames = []
    with Image.open(path) as image:
        for number in range(image.n_frames):  # type: ignore[attr-defined]
            image.seek(number)
            frames.append((np.asarray(image.convert("RGB")), int(image.info["duration"])))
    return frames


@pytest.mark.parametrize("suffix", SUFFIXES)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    count=st.integers(2, 40),
    fps=st.one_of(
        st.sampled_from([Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(60)]),
        st.fractions(1, 200, max_denominator=1001),
    ),
)
@example(count=3, fps=Fraction(286, 3))
def test_frames_are_shown_when_they_are_in_the_take(
    tmp_path: Path, suffix: str, count: int, fps: Fraction
) -> None:
    path = tmp_path / f"a{suffix}"
    write_animation(path, grey(count), count=count, fps=fps)
    frames, tick = shown(path), TICK[suffix]
    length = count * 1000 / fps
    if len(frames) == 1:  # a still: no frame begins and ends far enough from its neighbours
        first, last = LEAST[suffix] + tick / 2, length - LEAST[suffix] - tick
        assert not any(first <= number * 1000 / fps <= last for number in range(1, count))
        return
    total = sum(lasts for _, lasts in frames)
    assert abs(total - length) <= tick / 2
    begins = 0
    for pixels, lasts in frames:
        number = round(float(pixels.mean()) / 6)
        assert abs(begins - number * 1000 / fps) <= tick / 2
        assert lasts >= LEAST[suffix]
        begins += lasts
    if 1000 / fps >= LEAST[suffix] + tick:
        assert len(frames) == count  # none is left out at usual rates


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_colours_are_good(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    given = [photo(number) for number in range(6)]
    write_animation(path, given, count=6, fps=Fraction(12))
    for (pixels, _), expected in zip(shown(path), given, strict=True):
        error = pixels.astype(float) - expected
        blocks = error.reshape(6, 8, 8, 8, 3).mean(axis=(1, 3))  # what the eye sees of dithering
        assert np.abs(blocks).max() < 6
        assert np.sqrt((error**2).mean()) < 12


def test_scenes_have_palettes_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("longtake.media.animations._PALETTE_BYTES", 3 * 48 * 64 * 3)
    red, blue = photo(0).copy(), photo(0).copy()
    red[..., 1:] = blue[..., :2] = 0
    given = [red] * 4 + [blue] * 4
    write_animation(tmp_path / "a.gif", given, count=8, fps=Fraction(10))
    for (pixels, _), expected in zip(shown(tmp_path / "a.gif"), given, strict=True):
        assert np.abs(pixels.astype(int) - expected).max() <= 4


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_it_runs_without_end(tmp_path: Path, suffix: str) -> None:
    write_animation(tmp_path / f"a{suffix}", grey(3), count=3, fps=Fraction(5))
    with Image.open(tmp_path / f"a{suffix}") as image:
        assert image.info["loop"] == 0


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_long_ones_take_no_more_memory(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = (128, 256)
    monkeypatch.setattr("longtake.media.animations._PALETTE_BYTES", 4 * 3 * 128 * 256)

    def peak(count: int) -> int:
        tracemalloc.start()
        write_animation(tmp_path / f"a{suffix}", grey(count, size), count=count, fps=Fraction(10))
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(2)  # imports
    assert peak(80) < peak(16) + 2 * 3 * 128 * 256


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_result_is_saved_as_one(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    result = lt.GenerationResult(
        frames=np.stack(list(grey(5))), audio=None, audio_sample_rate=None, fps=Fraction(8)
    )
    result.save(path)
    assert [lasts for _, lasts in shown(path)] in ([120, 130, 130, 120, 120], [125] * 5)


def test_one_frame_is_a_still_that_lasts(tmp_path: Path) -> None:
    write_animation(tmp_path / "a.gif", grey(1), count=1, fps=Fraction(4))
    assert len(shown(tmp_path / "a.gif")) == 1


@pytest.mark.parametrize(
    ("name", "size", "count", "problem"),
    [
        ("a.webp", (2, 16_384), 1, "has at most 16383 pixels a side"),
        ("a.gif", (2, 65_536), 1, "has at most 65535 pixels a side"),
        ("a.gif", (16, 24), 0, "holds pictures, and there are none"),
        ("no/a.gif", (16, 24), 1, "create it first"),
        ("a.mp4", (16, 24), 1, "is no animation; let the name end in .gif or .webp"),
    ],
)
def test_what_cannot_be_is_refused(
    tmp_path: Path, name: str, size: tuple[int, int], count: int, problem: str
) -> None:
    path = tmp_path / name
    with pytest.raises(lt.OutputError, match=problem) as refused:
        write_animation(path, grey(count, size), count=count, fps=Fraction(4))
    assert str(path) in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_stays_when_it_fails(tmp_path: Path) -> None:
    path = tmp_path / "a.gif"
    path.write_bytes(b"mine")

    def broken() -> Iterator[NDArray[np.uint8]]:
        yield from grey(2)
        raise lt.ValidationError("take.mp4", "cannot be played")

    with pytest.raises(lt.ValidationError, match="cannot be played"):
        write_animation(path, broken(), count=4, fps=Fraction(4))
    assert path.read_bytes() == b"mine"
    assert [each.name for each in tmp_path.iterdir()] == ["a.gif"]
