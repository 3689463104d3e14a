"""``longtake sessions export`` and ``import``: from store to store."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from longtake.media.reader import read_take
from tests.sdk.cli.commands.sessions.takes import Takes


def test_a_session_is_continued_elsewhere_with_the_same_bits(
    takes: Takes, monkeypatch: pytest.MonkeyPatch
) -> None:
    takes.flow("tram", "one", "two")
    told = takes.done("export", "tram", "tram.zip")
    assert told.err.startswith("tram.zip: 2 segments, 0.")
    file = os.path.abspath("tram.zip")
    takes.flow("tram", "three")
    here = takes.segments("tram")
    takes.done("film", "tram", "tram.mkv")
    whole = read_take("tram.mkv")
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    assert takes.done("import", file).err == "tram: 2 segments\n"
    takes.flow("tram", "three")
    there = takes.segments("tram")
    assert [each["state_digest"] for each in there] == [each["state_digest"] for each in here]
    takes.done("film", "tram", "tram.mkv")
    assert (read_take("tram.mkv").frames == whole.frames).all()
    assert {segment.blob_ids for segment in takes.store().history("tram")}


def test_under_another_id(takes: Takes) -> None:
    takes.flow("tram", "one")
    takes.done("export", "tram", "tram.zip")
    there = takes.run("import", "tram.zip")
    assert (there.code, "is there already" in there.err) == (2, True)
    takes.done("import", "tram.zip", "--as", "rain")
    assert takes.prompts("rain") == ["one"]


def test_a_damaged_file_is_one_line(takes: Takes) -> None:
    takes.flow("tram", "one")
    takes.done("export", "tram", "tram.zip")
    data = bytearray(Path("tram.zip").read_bytes())
    data[len(data) // 2] ^= 1
    Path("tram.zip").write_bytes(data)
    refused = takes.run("import", "tram.zip", "--as", "rain")
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert refused.err.startswith("error: tram.zip/blobs/")
    assert takes.done("list").out.count("\n") == 2


def test_a_file_is_replaced_only_when_asked(takes: Takes) -> None:
    takes.flow("tram", "one")
    takes.done("export", "tram", "tram.zip")
    assert takes.run("export", "tram", "tram.zip").code == 2
    takes.done("export", "tram", "tram.zip", "--overwrite")
