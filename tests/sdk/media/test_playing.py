"""A take that is played frame by frame: the same as the whole of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import longtake as lt
from longtake.media.playing import frames_of, sound_of, title_of
from tests.sdk.takes.footage import footage


def test_frames_and_sound_of_a_lossless_take_are_exact(tmp_path: Path) -> None:
    film = footage()
    path = film.write(tmp_path / "a.mkv")
    frames = np.stack(list(frames_of(path)))
    np.testing.assert_array_equal(frames, np.concatenate([r.frames for r in film.results]))
    np.testing.assert_array_equal(np.concatenate(list(sound_of(path)), axis=1), film.sound)
    assert title_of(path) == "prompt 0"


def test_sound_alone_has_no_frames(tmp_path: Path) -> None:
    path = footage(size=(0, 0)).write(tmp_path / "a.m4a")
    assert list(frames_of(path)) == []


def test_what_is_no_take_is_said_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"nothing")
    for played in (frames_of, sound_of):
        with pytest.raises(lt.ValidationError, match=r"a\.mp4: cannot be played"):
            list(played(path))
