"""Notes in media files: players skip them, and they are found again."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longtake.errors import ValidationError
from longtake.media.formats import CONTAINER_FORMATS
from longtake.media.notes import append_note, note_bytes, read_notes
from longtake.media.reader import read_take
from tests.sdk.takes.footage import footage

BEGINNINGS = {
    ".mp4": (8).to_bytes(4, "big") + b"ftyp",
    ".mkv": bytes.fromhex("1a45dfa380") + bytes.fromhex("1853806701ffffffffffffff"),
    ".wav": b"RIFF\xff\xff\xff\xffWAVE",
}
suffixes = pytest.mark.parametrize("suffix", sorted(BEGINNINGS))


@suffixes
@given(notes=st.lists(st.binary(max_size=300), max_size=5))
def test_notes_come_back_in_their_order(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, notes: list[bytes]
) -> None:
    container = CONTAINER_FORMATS[suffix]
    path = tmp_path_factory.mktemp("notes") / f"a{suffix}"
    pieces = [BEGINNINGS[suffix], *(note_bytes(container, note) for note in notes)]
    path.write_bytes(b"".join(pieces))
    found = read_notes(str(path), container)
    assert [note.data for note in found] == notes
    ends = [len(b"".join(pieces[: n + 2])) for n in range(len(notes))]
    assert [note.end for note in found] == ends


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".m4a", ".wav"])
def test_a_note_put_at_the_end_changes_nothing_else(tmp_path: Path, suffix: str) -> None:
    container = CONTAINER_FORMATS[suffix]
    size = (0, 0) if suffix in (".m4a", ".wav") else (32, 48)
    path = footage(size=size).write(tmp_path / f"a{suffix}")
    before = read_take(path)
    append_note(str(path), container, b"more")
    assert read_notes(str(path), container)[-1].data == b"more"
    after = read_take(path)
    assert after.audio is not None
    assert before.audio is not None
    assert (after.frames == before.frames).all()
    assert (after.audio == before.audio).all()
    if suffix == ".wav":
        data = path.read_bytes()
        assert int.from_bytes(data[4:8], "little") == len(data) - 8


@suffixes
def test_a_note_that_promises_too_much_is_refused_unread(tmp_path: Path, suffix: str) -> None:
    container = CONTAINER_FORMATS[suffix]
    path = tmp_path / f"a{suffix}"
    note = bytearray(note_bytes(container, b"x" * 10))
    much = 70 * 2**20
    sizes = {
        ".mp4": (0, much.to_bytes(4, "big")),
        ".mkv": (1, (much | 1 << 56).to_bytes(8, "big")),
        ".wav": (4, much.to_bytes(4, "little")),
    }
    at, size = sizes[suffix]
    note[at : at + len(size)] = size
    with path.open("wb") as file:
        file.write(BEGINNINGS[suffix] + note)
        file.truncate(much + 1_000)  # sparse
    with pytest.raises(ValidationError, match="more than"):
        read_notes(str(path), container)


@suffixes
def test_too_big_a_note_is_not_written(suffix: str) -> None:
    with pytest.raises(ValueError, match="at most"):
        note_bytes(CONTAINER_FORMATS[suffix], bytes(64 * 2**20 + 1))


@suffixes
def test_a_file_of_another_kind_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"\x89PNG\r\n\x1a\n and more")
    with pytest.raises(ValidationError) as caught:
        read_notes(str(path), CONTAINER_FORMATS[suffix])
    assert caught.value.path == str(path)
