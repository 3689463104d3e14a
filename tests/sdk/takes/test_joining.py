"""Parts of a take joined are the one file that one process would have made."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import longtake as lt
from longtake.media.reader import read_take
from longtake.takes.locks import locked
from tests.sdk.takes.footage import Footage, footage, packets_of, state_after

SHORT = footage(frames=(9,) * 12, held_back=1_501)


def parts_of(shots: Footage, cuts: Sequence[int], folder: Path, suffix: str) -> list[Path]:
    """The take in files that begin at those results; the end is a result of its own."""
    edges = [0, *cuts, len(shots.results)]
    return [
        write(shots, folder / f"{begin}{suffix}", range(begin, end))
        for begin, end in pairwise(edges)
    ]


def write(shots: Footage, path: Path, numbers: Sequence[int]) -> Path:
    after = None if numbers[0] == 0 else state_after(numbers[0] - 1)
    last = len(shots.results) - 1
    with lt.TakeWriter(path, begins_after=after, overwrite=True) as writer:
        for number in numbers:
            state = None if number == last else state_after(number)
            writer.append(shots.results[number], state=state)
        if last in numbers:
            writer.finish()
    return path


@pytest.fixture(scope="module")
def part_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, int, int], Path]:
    """The file with that suffix that has those results of `SHORT`; each is written once."""
    folder = tmp_path_factory.mktemp("short")

    @cache
    def written(suffix: str, begin: int, end: int) -> Path:
        return write(SHORT, folder / f"{begin}-{end}{suffix}", range(begin, end))

    return written


@pytest.fixture(scope="module")
def whole_of(part_of: Callable[[str, int, int], Path]) -> Callable[[str], Path]:
    """The file with that suffix that one process made of `SHORT`."""
    return lambda suffix: part_of(suffix, 0, len(SHORT.results))


def assert_same(one: Path, other: Path) -> None:
    first, second = read_take(one), read_take(other)
    np.testing.assert_array_equal(first.frames, second.frames)
    if first.audio is None or second.audio is None:
        assert first.audio is second.audio
    else:
        np.testing.assert_array_equal(first.audio, second.audio)
    for kind in ("video", "audio"):
        assert packets_of(one, kind) == packets_of(other, kind)


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
@given(cuts=st.sets(st.integers(1, 12)))
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_parts_of_twelve_segments_join_to_the_file_of_one_process(
    tmp_path: Path,
    whole_of: Callable[[str], Path],
    part_of: Callable[[str, int, int], Path],
    suffix: str,
    cuts: set[int],
) -> None:
    whole = whole_of(suffix)
    edges = [0, *sorted(cuts), len(SHORT.results)]
    parts = [part_of(suffix, begin, end) for begin, end in pairwise(edges)]
    record = lt.join_takes(parts, tmp_path / f"joined{suffix}", overwrite=True)
    assert_same(tmp_path / f"joined{suffix}", whole)
    assert record == lt.read_take_record(tmp_path / f"joined{suffix}")
    assert record == lt.read_take_record(whole)


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
@pytest.mark.parametrize(
    "shots",
    [
        footage(rate=48_000, channels=1, fps=Fraction(24000, 1001)),
        footage(rate=44_100, fps=Fraction(25), held_back=0),
        footage(frames=(24, 2, 1, 1, 30), held_back=700),
        footage(frames=(24, 16), held_back=-2_000),
    ],
)
def test_takes_of_every_kind_join(tmp_path: Path, suffix: str, shots: Footage) -> None:
    count = len(shots.results)
    whole = write(shots, tmp_path / f"whole{suffix}", range(count))
    parts = parts_of(shots, range(1, count), tmp_path, suffix)
    lt.join_takes(parts, tmp_path / f"joined{suffix}")
    assert_same(tmp_path / f"joined{suffix}", whole)


def test_sound_alone_joins(tmp_path: Path) -> None:
    shots = footage(size=(0, 0))
    for suffix in (".m4a", ".wav", ".mkv"):
        count = len(shots.results)
        whole = write(shots, tmp_path / f"whole{suffix}", range(count))
        parts = parts_of(shots, [1, 2], tmp_path, suffix)
        lt.join_takes(parts, tmp_path / f"joined{suffix}")
        assert_same(tmp_path / f"joined{suffix}", whole)


def test_a_joined_take_that_is_not_ended_goes_on(
    tmp_path: Path, whole_of: Callable[[str], Path]
) -> None:
    for suffix in (".mkv", ".mp4"):
        whole = whole_of(suffix)
        parts = parts_of(SHORT, [3, 7, 10], tmp_path, suffix)[:3]
        joined = tmp_path / f"joined{suffix}"
        assert not lt.join_takes(parts, joined).ended
        with lt.TakeWriter.resume(joined, after=state_after(9)) as writer:
            for number in range(10, 13):
                state = None if number == 12 else state_after(number)
                writer.append(SHORT.results[number], state=state)
            writer.finish()
        assert_same(joined, whole)
        parts = [*parts[:2], write(SHORT, tmp_path / f"7{suffix}", range(7, 13))]
        lt.join_takes([lt_join(tmp_path, suffix, parts[:2]), parts[2]], joined, overwrite=True)
        assert_same(joined, whole)


def lt_join(folder: Path, suffix: str, parts: Sequence[Path]) -> Path:
    lt.join_takes(parts, folder / f"two{suffix}", overwrite=True)
    return folder / f"two{suffix}"


def test_what_a_kill_left_joins(tmp_path: Path, whole_of: Callable[[str], Path]) -> None:
    for suffix in (".mkv", ".mp4"):
        whole = whole_of(suffix)
        parts = parts_of(SHORT, [5], tmp_path, suffix)
        killed = lt.TakeWriter(parts[0], overwrite=True)
        for number in range(5):
            killed.append(SHORT.results[number], state=state_after(number))
        lt.join_takes(parts, tmp_path / f"joined{suffix}")
        killed.close()
        assert_same(tmp_path / f"joined{suffix}", whole)


def test_the_sound_of_a_take_with_pictures_becomes_a_wav(tmp_path: Path) -> None:
    parts = parts_of(SHORT, [4, 9], tmp_path, ".mkv")
    lt.join_takes(parts, tmp_path / "joined.wav")
    found = read_take(tmp_path / "joined.wav")
    assert found.audio is not None
    np.testing.assert_array_equal(found.audio, SHORT.sound)


@pytest.mark.parametrize(("source", "target"), [(".mkv", ".mp4")])
def test_another_kind_of_file_has_the_same_frames_and_samples(
    tmp_path: Path, whole_of: Callable[[str], Path], source: str, target: str
) -> None:
    whole = whole_of(target)
    parts = parts_of(SHORT, [4, 9], tmp_path, source)
    lt.join_takes(parts, tmp_path / f"joined{target}")
    assert_same(tmp_path / f"joined{target}", whole)


def test_mp4_to_lossless_has_every_frame_and_sample(tmp_path: Path) -> None:
    parts = parts_of(SHORT, [4, 9], tmp_path, ".mp4")
    lt.join_takes(parts, tmp_path / "joined.mkv")
    found = read_take(tmp_path / "joined.mkv")
    assert len(found.frames) == SHORT.num_frames
    assert found.audio is not None
    assert found.audio.shape == SHORT.sound.shape
    assert np.abs(found.audio - SHORT.sound).max() < 0.2


def test_parts_that_do_not_follow_each_other_are_refused(tmp_path: Path) -> None:
    one, two, three = parts_of(SHORT, [4, 9], tmp_path, ".mkv")
    other = write(evolve(SHORT), tmp_path / "other.mkv", range(4, 9))
    with lt.TakeWriter(other, begins_after=state_after(99), overwrite=True) as writer:
        for number in range(4, 9):
            writer.append(SHORT.results[number], state=state_after(number))
    small = footage(frames=(9,) * 12, held_back=1_501, size=(16, 16))
    sized = write(small, tmp_path / "sized.mkv", range(4, 9))
    foreign = tmp_path / "foreign.mkv"
    foreign.write_bytes(b"no take")
    for parts, blamed, problem in (
        ((two, one), one, "begins with segment 1 of the take, and 10 comes next"),
        ((one, three), three, "begins with segment 10 of the take, and 5 comes next"),
        ((one, one), one, "begins with segment 1 of the take, and 5 comes next"),
        ((one, other), other, "it was made from another state"),
        ((one, sized), sized, "its pictures are 16x16, not 32x48"),
        ((three, one), one, "the take is finished there"),
        ((one, foreign), foreign, ""),
    ):
        with pytest.raises(lt.ValidationError) as refused:
            lt.join_takes(parts, tmp_path / "joined.mkv")
        assert str(refused.value).startswith(str(blamed))
        assert problem in str(refused.value)
        assert not (tmp_path / "joined.mkv").exists()
    with pytest.raises(lt.OutputError, match="is there already"):
        lt.join_takes([one, two], three)
    with pytest.raises(lt.ValidationError, match="there are none"):
        lt.join_takes([], tmp_path / "joined.mkv")


def test_what_a_kill_leaves_of_joining_is_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = footage(frames=(5, 5))
    parts = [film.write(tmp_path / f"{n}.mkv", [n]) for n in (0, 1)]
    seen: set[str] = set()

    def unlink(path: str) -> None:  # as if the process ended before
        seen.add(os.path.basename(path))

    with monkeypatch.context() as patch:
        patch.setattr("longtake.durable.os.unlink", unlink)
        lt.join_takes(parts, tmp_path / "take.mkv")
    left = {path.name for path in tmp_path.iterdir()} - {"0.mkv", "1.mkv", "take.mkv"}
    assert left
    assert left <= seen
    with locked(tmp_path / "take.mkv"):
        pass
    assert {path.name for path in tmp_path.iterdir()} == {"0.mkv", "1.mkv", "take.mkv"}
