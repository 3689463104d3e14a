"""Where a take may be gone on with, and what stays as it is until then."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from attrs import evolve

import longtake as lt
from longtake.media.reader import read_take
from tests.sdk.takes.footage import footage, state_after

SUFFIXES = (".mp4", ".mkv")


def grown(path: Path, numbers: range) -> bytes:
    """A file as a kill leaves it behind those results."""
    take = footage()
    writer = lt.TakeWriter(path)
    for number in numbers:
        writer.append(take.results[number], state=state_after(number))
    data = path.read_bytes()
    writer.close()
    path.write_bytes(data)
    return data


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("finished", [True, False])
def test_surplus_stays_until_its_segment_is_stored_again(
    tmp_path: Path, suffix: str, finished: bool
) -> None:
    take, path = footage(), tmp_path / f"take{suffix}"
    before = take.write(path, [0, 1, 2]).read_bytes() if finished else grown(path, range(3))

    with lt.TakeWriter.resume(path, after=state_after(1)) as writer:
        assert len(writer.record.segments) == 2
        assert path.read_bytes() == before
    assert path.read_bytes() == before

    other = evolve(take.results[2], frames=255 - take.results[2].frames)
    with lt.TakeWriter.resume(path, after=state_after(1)) as writer:
        with pytest.raises(lt.ValidationError):
            writer.append(take.results[3])
        assert path.read_bytes() == before
        writer.append(other, state=state_after(2))
        assert len(lt.read_take_record(path).segments) == 3
        assert len(read_take(path).frames) == 65
    frames = read_take(path).frames
    assert np.abs(frames[40:].astype(int) - other.frames).max() <= 8
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("torn", [1, 40, 5_000])
def test_a_torn_fragment_at_the_end_is_as_if_it_were_not_there(
    tmp_path: Path, suffix: str, torn: int
) -> None:
    path = tmp_path / f"take{suffix}"
    two = grown(path, range(2))
    path.unlink()
    three = grown(path, range(3))
    path.write_bytes(three[: len(two) + torn])

    assert len(lt.read_take_record(path).segments) == 2
    take = footage()
    with lt.TakeWriter.resume(path, after=state_after(1)) as writer:
        for number in (2, 3, 4):
            writer.append(take.results[number], state=state_after(number))
        writer.finish()
    whole = take.write(tmp_path / f"whole{suffix}")
    assert path.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_ended_take_goes_on_without_its_end(tmp_path: Path, suffix: str) -> None:
    take, path = footage(), tmp_path / f"take{suffix}"
    end = evolve(take.results[4], first_frame=40, first_sample=take.results[2].first_sample)
    end = evolve(end, audio=np.zeros((2, 4_000), np.float32))
    with lt.TakeWriter(path) as writer:
        for number in (0, 1):
            writer.append(take.results[number], state=state_after(number))
        writer.append(end)
        writer.finish()
    assert lt.read_take_record(path).ended

    with lt.TakeWriter.resume(path, after=state_after(1)) as writer:
        for number in (2, 3, 4):
            writer.append(take.results[number], state=state_after(number))
        writer.finish()
    assert path.read_bytes() == take.write(tmp_path / f"whole{suffix}").read_bytes()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_state_that_follows_nothing_in_the_file_is_refused(tmp_path: Path, suffix: str) -> None:
    path = footage().write(tmp_path / f"take{suffix}", [0, 1])
    before = path.read_bytes()
    with pytest.raises(lt.ValidationError, match="segments 0 to 1") as caught:
        lt.TakeWriter.resume(path, after=state_after(7))
    assert caught.value.path == str(path)
    assert path.read_bytes() == before


def test_only_the_last_two_segments_of_a_finished_aac_file_can_be_rolled_again(
    tmp_path: Path,
) -> None:
    path = footage().write(tmp_path / "take.mp4", [0, 1, 2, 3])
    lt.TakeWriter.resume(path, after=state_after(2)).close()
    with pytest.raises(lt.ValidationError, match="last two segments"):
        lt.TakeWriter.resume(path, after=state_after(0))
    lossless = footage().write(tmp_path / "take.mkv", [0, 1, 2, 3])
    lt.TakeWriter.resume(lossless, after=state_after(0)).close()


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("first", [0, 2])
def test_the_first_segment_of_a_file_can_be_rolled_again(
    tmp_path: Path, suffix: str, first: int
) -> None:
    """A kill between the first segment and its state leaves a file that is all surplus."""
    take, path = footage(), tmp_path / f"take{suffix}"
    before = take.write(path, [first]).read_bytes()
    after = state_after(first - 1) if first else None
    with lt.TakeWriter.resume(path, after=after) as writer:
        assert writer.record.segments == ()
        assert path.read_bytes() == before
        for number in (first, first + 1):
            writer.append(take.results[number], state=state_after(number))
    assert path.read_bytes() == take.write(tmp_path / f"b{suffix}", [first, first + 1]).read_bytes()


def test_what_is_planned_may_change(tmp_path: Path) -> None:
    take, path = footage(), tmp_path / "take.mkv"
    grown(path, range(1))
    writer = lt.TakeWriter.resume(path, after=state_after(0), planned=["x", "y"])
    writer.append(take.results[1], state=state_after(1))
    assert lt.read_take_record(path).planned == ("x", "y")
    writer.close()
    assert lt.read_take_record(path).planned == ("x", "y")


@pytest.mark.parametrize("name", ["missing.mp4", "folder.mp4", "take.avi"])
def test_what_is_no_take_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "take.avi").write_bytes(b"RIFF")
    with pytest.raises(lt.LongtakeError) as caught:
        lt.TakeWriter.resume(tmp_path / name, after=state_after(0))
    assert str(tmp_path / name) in str(caught.value)


@pytest.mark.skipif(os.name != "posix", reason="an open file cannot be removed elsewhere")
@pytest.mark.parametrize("finished", [True, False])
def test_a_file_taken_away_before_it_goes_on_is_kept_beside(
    tmp_path: Path, finished: bool, caplog: pytest.LogCaptureFixture
) -> None:
    take, path = footage(), tmp_path / "take.mp4"
    if finished:
        take.write(path, [0, 1])
    else:
        grown(path, range(2))
    with lt.TakeWriter.resume(path, after=state_after(1)) as writer:
        path.unlink()
        path.write_bytes(b"precious")
        for number in (2, 3, 4):
            writer.append(take.results[number], state=state_after(number))
        writer.finish()
        rescued = writer.path
    assert path.read_bytes() == b"precious"
    assert rescued == str(tmp_path / "take-2.mp4")
    assert Path(rescued).read_bytes() == take.write(tmp_path / "whole.mp4").read_bytes()
    assert rescued in caplog.text
