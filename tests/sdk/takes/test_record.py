"""Reading what a file says of itself, and refusing what is no take or damaged."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import longtake as lt
from longtake.media.formats import CONTAINER_FORMATS
from longtake.media.notes import note_bytes
from longtake.media.writer import ArrayWriter
from tests.sdk.takes.footage import footage, state_after

SUFFIXES = (".mp4", ".mkv", ".m4a", ".wav")


@cache
def written(suffix: str) -> bytes:
    size = (0, 0) if suffix in (".m4a", ".wav") else (32, 48)
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"take{suffix}"
        return footage(frames=(9, 8), size=size).write(path).read_bytes()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_beginning_of_any_file_is_refused_or_read(tmp_path: Path, suffix: str) -> None:
    """Cut off anywhere it has a record that was true once, or none; it never crashes."""
    path = tmp_path / f"take{suffix}"
    data = written(suffix)
    for length in [*range(0, 60, 7), *range(60, len(data), len(data) // 23)]:
        path.write_bytes(data[:length])
        with pytest.raises(lt.ValidationError) as caught:
            lt.read_take_record(path)
        assert caught.value.path == str(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_damaged_note_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"take{suffix}"
    data = written(suffix)
    path.write_bytes(data.replace(b'"prompt 1"', b'"prompt 2"'))
    with pytest.raises(lt.ValidationError, match="damaged note"):
        lt.read_take_record(path)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(SUFFIXES), st.integers(0, 10**6), st.integers(0, 255))
def test_a_changed_byte_is_refused_with_one_kind_of_error(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, at: int, value: int
) -> None:
    path = tmp_path_factory.mktemp("damaged") / f"take{suffix}"
    data = bytearray(written(suffix))
    data[at % len(data)] = value
    path.write_bytes(data)
    try:
        lt.read_take_record(path)
    except lt.ValidationError as error:
        assert error.path == str(path)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "cannot be read"),
        (b"[]", "version"),
        (b'{"version":2}', "this Longtake reads 1"),
        (b'{"version":1,"segments":7}', "segments"),
        (b"[" * 100_000, "cannot be read"),
        (b'{"version":1,"finished":true}', "has no record"),
    ],
)
def test_a_note_of_something_else_is_refused(tmp_path: Path, data: bytes, problem: str) -> None:
    path = tmp_path / "take.mp4"
    ftyp = (8).to_bytes(4, "big") + b"ftyp"
    path.write_bytes(ftyp + note_bytes(CONTAINER_FORMATS[".mp4"], data))
    with pytest.raises(lt.ValidationError, match=problem):
        lt.read_take_record(path)


def test_a_file_that_no_take_writer_wrote_has_no_record(tmp_path: Path) -> None:
    take, path = footage(), tmp_path / "take.mp4"
    with ArrayWriter(path, fps=take.fps) as writer:
        writer.append(take.results[0].frames, take.results[0].audio, 24_000)
    with pytest.raises(lt.ValidationError, match=r"has no record .*TakeWriter"):
        lt.read_take_record(path)


@pytest.mark.parametrize("name", ["missing.mp4", "notes.txt"])
def test_what_is_no_media_file_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(lt.ValidationError) as caught:
        lt.read_take_record(tmp_path / name)
    assert caught.value.path == str(tmp_path / name)


def test_a_part_says_where_it_begins(tmp_path: Path) -> None:
    take = footage()
    record = lt.read_take_record(take.write(tmp_path / "part.mp4", [2, 3]))
    assert record.first_frame == take.results[2].first_frame
    assert record.first_sample == take.results[2].first_sample
    assert record.begins_after == state_after(1).digest()
    assert [segment.index for segment in record.segments] == [2, 3]
