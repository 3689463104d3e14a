"""WAV files made of pieces: one chunk of data, which any player reads."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

import longtake as lt
from longtake.errors import OutputError
from longtake.media.reader import read_take
from longtake.media.wav import join_chunks
from tests.sdk.takes.footage import footage, state_after


def test_a_growing_file_is_playable_and_has_one_chunk_of_data(tmp_path: Path) -> None:
    take, path = footage(size=(0, 0)), tmp_path / "take.wav"
    with lt.TakeWriter(path) as writer:
        for number, result in enumerate(take.results):
            writer.append(result, state=state_after(number))
            data = path.read_bytes()
            assert data.count(b"data") == 1
            assert int.from_bytes(data[4:8], "little") == len(data) - 8
            end = (result.first_sample or 0) + (0 if result.audio is None else len(result.audio[0]))
            np.testing.assert_array_equal(read_take(path).audio, take.sound[:, :end])


class Endless(io.BytesIO):
    """Four GiB of data, as far as a chunk says."""

    def seek(self, offset: int, whence: int = 0) -> int:
        if whence == io.SEEK_END:
            return 2**32 + 100
        return super().seek(offset, whence)


def test_more_than_a_wav_file_can_say_is_refused_before_it_is_written() -> None:
    target = io.BytesIO()
    source = Endless(b"data" + (2**32 - 5).to_bytes(4, "little"))
    with pytest.raises(OutputError, match=r"write a \.mkv"):
        join_chunks([source], target)
    assert target.getvalue() == b""
