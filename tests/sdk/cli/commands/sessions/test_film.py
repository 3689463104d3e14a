"""``longtake sessions film``: a session's take as a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from longtake.media.reader import read_take
from tests.sdk.cli.commands.sessions.takes import RATE, Takes


def test_the_segments_are_joined_to_the_take_of_one_process(takes: Takes) -> None:
    takes.flow("tram", "one")
    takes.flow("tram", "two", "three")
    told = takes.done("film", "tram", "tram.mkv")
    assert told.err == "tram.mkv: 3 segments, 21 frames, 0.88 s\n"
    take = read_take("tram.mkv")
    assert (take.frames[:, 0, 0, 0] == np.arange(21)).all()
    assert take.audio is not None
    assert (take.audio[0] == np.arange(21 * RATE // 24, dtype=np.float32) / 2**20).all()


@pytest.mark.parametrize("name", ["tram.mp4", "tram.gif", "tram.wav"])
def test_by_its_suffix_it_is_another_kind_of_file(takes: Takes, name: str) -> None:
    takes.flow("tram", "one", "two")
    takes.done("film", "tram", name)
    assert Path(name).stat().st_size > 500


def test_a_file_is_replaced_only_when_asked(takes: Takes) -> None:
    takes.flow("tram", "one")
    Path("tram.mkv").write_bytes(b"mine")
    refused = takes.run("film", "tram", "tram.mkv")
    assert refused.code == 2
    assert Path("tram.mkv").read_bytes() == b"mine"
    takes.done("film", "tram", "tram.mkv", "--overwrite")


def test_what_has_no_film_says_why(takes: Takes) -> None:
    takes.store().create("empty", family="river")
    empty = takes.run("film", "empty", "a.mkv")
    assert empty.err == "error: session empty: has no segment yet; roll one\n"
    takes.flow("tram", "one")
    blobs = takes.blobs()
    for blob_id in takes.store().history("tram")[0].blob_ids:
        blobs.drop(blob_id)
    gone = takes.run("film", "tram", "a.mkv")
    assert gone.code == 2
    assert gone.err.startswith(
        "error: session tram, segment 1: its picture and sound are not in the blob store"
    )
    assert takes.run("film", "nothing", "a.mkv").code == 2
    assert not Path("a.mkv").exists()
