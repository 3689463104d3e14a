"""A pendulum's stream while it grows: nothing is lost, whoever rolls what, in whichever process."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from attrs import evolve

import longtake as lt
from longtake_serve.media.ending import end_after
from longtake_serve.media.pieces import piece_of, put_piece, state_of
from longtake_serve.media.playlist import PlaylistEntry, playlist_text
from longtake_serve.media.stream import StreamNotFound, TakeStream, TakeStreams, entries_of
from longtake_serve.media.whole import WholeTake
from tests.contrib.serve.media.takes import Codec, Served, rounded, shown, snippet_request

CODECS: tuple[Codec, ...] = ("aac", "flac")
codecs = pytest.mark.parametrize("codec", CODECS)

ROLL = """
import os, signal, sys
import longtake as lt
from longtake_serve.media.sink import StreamMedia
from tests.contrib.serve.media.takes import snippet_request

class Media(StreamMedia):
    def keep(self, made, blobs):
        kept = super().keep(made, blobs)
        if "killed" in sys.argv:
            print("kept", flush=True)
            sys.stdin.read()
        return kept

sessions, blobs = lt.open_session_store(sys.argv[1]), lt.open_blob_store(sys.argv[2])
lt.roll(sessions, "take", snippet_request(sys.argv[3]), pipeline=lt.load(family="pendulum"),
        blobs=blobs, media=Media(sessions, audio_codec=sys.argv[4]), claim_seconds=1.0)
"""


def memory(codec: Codec = "flac") -> Served:
    return Served(lt.open_session_store("memory:"), lt.open_blob_store("memory:"), codec)


def bytes_of(stream: TakeStream) -> bytes:
    return b"".join(WholeTake(stream).read())


@codecs
def test_forty_segments_are_shown_and_heard_as_they_were_made(codec: Codec) -> None:
    served = memory(codec)
    take = served.create()
    served.roll(take, 40)
    file = shown(bytes_of(served.read(finished=True)))
    fps = served.results[0].fps
    frames = sum(len(each.frames) for each in served.results)
    assert frames == 40 * 8 + 9
    assert file.times == [n / fps for n in range(frames)]
    sound = rounded([each.audio for each in served.results])
    if codec == "flac":
        np.testing.assert_array_equal(file.sound[:, : sound.shape[1]], sound)
    rate = served.results[0].audio_sample_rate
    assert rate is not None
    assert abs(file.sound.shape[1] - round(frames * rate / fps)) < 1024


@codecs
@pytest.mark.parametrize("segments", [1, 3])
def test_a_take_that_is_over_has_the_sound_that_its_last_segment_held_back(
    codec: Codec, segments: int
) -> None:
    served = memory(codec)
    take = served.create()
    served.roll(take, segments)
    assert all("end" not in each.name for each in served.read().entries)
    state = served.sessions.read(take).state
    assert state is not None
    end = served.pipeline.finish(state, blobs=served.blobs)
    stream = served.read(finished=True)
    sound = rounded([each.audio for each in (*served.results, end)])
    heard = shown(bytes_of(stream)).sound
    if codec == "flac":
        np.testing.assert_array_equal(heard, sound)
    else:
        assert 0 <= heard.shape[1] - sound.shape[1] < 1024
        assert np.abs(heard[:, : sound.shape[1]] - sound).max() < 0.2
    served.roll(take, 1)  # the end is another one now
    over = shown(bytes_of(served.read(finished=True)))
    assert len(over.times) == 17 + segments * 8


def test_a_take_that_is_cut_ends_with_the_sound_of_its_last_segment() -> None:
    served = memory("flac")
    take = served.create()
    served.roll(take, 3)
    assert isinstance(served.sessions, lt.RowSessionStore)
    served.sessions.rewind(take, 3, 2)
    state = served.sessions.read(take).state
    assert state is not None
    end = served.pipeline.finish(state, blobs=served.blobs)
    sound = rounded([each.audio for each in (*served.results[:2], end)])
    heard = shown(bytes_of(served.read(finished=True))).sound
    np.testing.assert_array_equal(heard, sound)


def test_an_end_that_does_not_follow_is_refused() -> None:
    served = memory()
    take = served.create()
    served.roll(take, 1)
    state = state_of(served.sessions.history(take)[-1].media, served.blobs)
    nothing = lt.GenerationResult(
        frames=np.zeros((0, 1, 1, 3), np.uint8),
        audio=np.zeros((2, 8), np.float32),
        audio_sample_rate=48000,
        fps=Fraction(24),
        first_sample=1,
    )
    with pytest.raises(lt.ValidationError, match="goes on at"):
        end_after(state, nothing)


def test_a_take_without_segments_has_no_end() -> None:
    served = memory()
    served.create()
    assert served.read(finished=True).entries == ()


@codecs
def test_other_processes_go_on_also_after_a_kill(tmp_path: Path, codec: Codec) -> None:
    here = memory(codec)
    here.create()
    for number in range(3):
        lt.roll(
            here.sessions,
            "take",
            snippet_request(f"sea {number}"),
            pipeline=here.pipeline,
            blobs=here.blobs,
            media=here.media,
        )
    urls = f"sqlite:///{tmp_path / 'takes.db'}", f"file://{tmp_path / 'blobs'}"
    there = Served(lt.open_session_store(urls[0]), lt.open_blob_store(urls[1]), codec)
    there.create()
    for number in range(3):
        command = [sys.executable, "-c", ROLL, *urls, f"sea {number}", codec]
        if number == 1:
            killed = subprocess.Popen(
                [*command, "killed"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            with killed:
                assert killed.stdout is not None
                assert killed.stdout.readline() == b"kept\n"
                os.kill(killed.pid, signal.SIGKILL)
            assert len(there.read().entries) == 1
        subprocess.run(command, check=True)
    assert bytes_of(there.read(finished=True)) == bytes_of(here.read(finished=True))


def test_the_list_grows_and_never_changes_what_it_had() -> None:
    served = memory("aac")
    take = served.create()
    lists = []
    with pytest.raises(StreamNotFound, match="no segment yet"):
        served.read().playlist()
    for _ in range(3):
        served.roll(take, 1)
        lists.append(served.read().playlist())
    assert lists[0].startswith("#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:")
    for before, after in pairwise(lists):
        assert after.startswith(before)
    assert "#EXT-X-PLAYLIST-TYPE:EVENT" in lists[2]
    assert "#EXT-X-START:TIME-OFFSET=0" in lists[2]
    assert "ENDLIST" not in lists[2]
    over = served.read(finished=True).playlist()
    assert "#EXT-X-PLAYLIST-TYPE:VOD" in over
    assert over.endswith("#EXT-X-ENDLIST\n")
    names = re.findall(r"^[^#\n]+$", over, re.MULTILINE)
    assert names[:3] == re.findall(r"^[^#\n]+$", lists[2], re.MULTILINE)
    assert all(name.endswith(".m4s") for name in names)
    assert names[-1].startswith("end-")


def test_what_the_list_names_is_there() -> None:
    served = memory("aac")
    take = served.create()
    served.roll(take, 3)
    stream = served.read(finished=True)
    text = stream.playlist()
    (init,) = re.findall(r'#EXT-X-MAP:URI="([^"]+)"', text)
    names = re.findall(r"^[^#\n]+$", text, re.MULTILINE)
    joined = stream.initialization(init) + b"".join(map(stream.fragment, names))
    assert joined == bytes_of(stream)
    for name in ("3-0.m4s", "../0", "", init):
        with pytest.raises(StreamNotFound):
            stream.fragment(name)
    with pytest.raises(StreamNotFound):
        stream.initialization(names[0])


def test_times_in_the_list_add_up_to_the_takes() -> None:
    third = [
        PlaylistEntry(uri=f"{n}.m4s", initialization="i", seconds=Fraction(1, 3)) for n in "abc"
    ]
    text = playlist_text(third, finished=True)
    assert re.findall(r"#EXTINF:([\d.]+)", text) == ["0.333333", "0.333334", "0.333333"]
    assert text.count("#EXT-X-MAP") == 1
    assert "#EXT-X-TARGETDURATION:1\n" in text


def test_a_change_of_initialization_is_told() -> None:
    entries = [PlaylistEntry(uri=f"{n}.m4s", initialization=n, seconds=Fraction(2)) for n in "ab"]
    text = playlist_text(entries, finished=False)
    assert re.findall(r'#EXT-X-MAP:URI="(.)"\n#EXTINF:2.000000,\n(.).m4s', text) == [
        ("a", "a"),
        ("b", "b"),
    ]


def test_no_segment_is_listed_without_sound() -> None:
    """Players drop pictures that come without sound; AAC has none yet of what is very short."""
    served = memory("aac")
    take = served.create()
    served.roll(take, 1)
    rest = served.results[0]
    assert rest.audio is not None
    made = lt.stream_segment(None, evolve(rest, frames=rest.frames[:1], audio=rest.audio[:, :900]))
    assert not made.has_sound
    first = piece_of(put_piece(made, None, None, served.blobs), served.blobs)
    second_made = lt.stream_segment(
        made.state,
        evolve(
            rest,
            frames=rest.frames[1:],
            audio=rest.audio[:, 900:],
            first_frame=1,
            first_sample=900,
        ),
    )
    second = piece_of(put_piece(second_made, made.state, None, served.blobs), served.blobs)
    assert entries_of([(0, first)])[0] == []
    ((entry,), waiting) = entries_of([(0, first), (1, second)])
    assert waiting == []
    assert entry.pieces == (first, second)
    assert entry.seconds == len(rest.frames) / rest.fps


def test_forks_share_what_came_before_and_a_rewound_take_has_new_names() -> None:
    served = memory("aac")
    take = served.create()
    served.roll(take, 3)
    before = [entry.name for entry in served.read().entries]
    lt.fork_session(served.sessions, take, 2, new_id="fork", blobs=served.blobs)
    assert [entry.name for entry in served.read("fork").entries] == before[:2]
    served.roll("fork", 1, new_frames=16)
    fork = served.read("fork", finished=True)
    assert len(shown(bytes_of(fork)).times) == 17 + 8 + 16
    lt.rewind_session(served.sessions, take, 1)
    served.roll(take, 2, new_frames=16)
    after = [entry.name for entry in served.read().entries]
    assert after[0] == before[0]
    assert not {*after[1:]} & {*before}


@pytest.mark.parametrize(("start", "stop"), [(0, None), (0, 1), (5, 5000), (1000, 10**9), (7, 7)])
def test_any_range_of_the_file_is_a_slice_of_it(start: int, stop: int | None) -> None:
    served = memory("aac")
    served.roll(served.create(), 2)
    whole = WholeTake(served.read(finished=True))
    data = b"".join(whole.read())
    assert len(data) == whole.size
    assert b"".join(whole.read(start, stop)) == data[start:stop]
    with whole.open() as file:
        file.seek(start)
        assert file.read(-1 if stop is None else stop - start) == data[start:stop]
    with pytest.raises(lt.ValidationError):
        b"".join(whole.read(5, 4))


def test_nothing_of_an_empty_take_is_a_file() -> None:
    served = memory()
    served.create()
    with pytest.raises(lt.ValidationError, match="0"):
        WholeTake(served.read())


def test_a_stream_that_is_known_reads_only_what_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    served = memory()
    take = served.create()
    served.roll(take, 5)
    first = served.read().entries
    starts: list[int] = []
    history = served.sessions.history

    def counted(name: str, *, start: int = 0, limit: int | None = None) -> list[lt.SessionSegment]:
        starts.append(start)
        return history(name, start=start, limit=limit)

    served.roll(take, 2)
    monkeypatch.setattr(served.sessions, "history", counted)
    more = served.read().entries
    assert starts == [4]
    assert [each.name for each in more[: len(first)]] == [each.name for each in first]
    assert len(more) > len(first)
    monkeypatch.undo()
    fresh = TakeStreams(served.sessions, served.blobs)
    assert [each.name for each in more] == [each.name for each in fresh.read(take).entries]


@pytest.mark.parametrize(("kept", "rolled"), [(0, 0), (2, 0), (2, 1), (2, 2), (2, 4)])
def test_a_stream_that_is_known_notices_a_rewound_take(kept: int, rolled: int) -> None:
    served = memory()
    take = served.create()
    served.roll(take, 4)
    served.read()
    lt.rewind_session(served.sessions, take, kept)
    served.roll(take, rolled, new_frames=16)
    fresh = TakeStreams(served.sessions, served.blobs)
    expected = [each.name for each in fresh.read(take).entries]
    assert [each.name for each in served.read().entries] == expected


def test_a_long_stream_is_read_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    served = memory()
    take = served.create()
    served.roll(take, 7)
    names = [each.name for each in served.read().entries]
    monkeypatch.setattr("longtake_serve.media.stream._AT_ONCE", 3)
    fresh = TakeStreams(served.sessions, served.blobs)
    assert [each.name for each in fresh.read(take).entries] == names
    assert [each.name for each in fresh.read(take).entries] == names
