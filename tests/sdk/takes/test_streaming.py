"""Takes as streams: fragments that any process makes, exactly on the take's clock."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import signal
import subprocess
import sys
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import av
import numpy as np
import pytest
from attrs import evolve
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import longtake as lt
from tests.sdk.takes.footage import Footage, footage

NTSC = Fraction(24000, 1001)
Codec = Literal["aac", "flac"]
CODECS: tuple[Codec, ...] = ("aac", "flac")
codecs = pytest.mark.parametrize("codec", CODECS)

STEP = """
import pickle, sys, longtake as lt
before, result, after = sys.argv[1:4]
state = lt.StreamState.from_json(open(before).read()) if before else None
made = lt.stream_segment(state, pickle.load(open(result, "rb")), audio_codec=sys.argv[4])
print("made", flush=True)
if len(sys.argv) > 5:
    sys.stdin.read()  # until it is killed
open(after + ".m4s", "wb").write(made.fragment)
open(after, "w").write(made.state.to_json())
"""


def streamed(take: Footage, codec: Codec) -> list[lt.StreamedSegment]:
    """Every segment and the end, each from the JSON text of the state before it."""
    made: list[lt.StreamedSegment] = []
    for result in take.results[:-1]:
        before = lt.StreamState.from_json(made[-1].state.to_json()) if made else None
        made.append(lt.stream_segment(before, result, audio_codec=codec))
    end = lt.stream_end(made[-1].state, take.results[-1].audio)
    return [*made, end] if end is not None else made


def file_of(made: list[lt.StreamedSegment]) -> bytes:
    return made[-1].state.initialization + b"".join(each.fragment for each in made)


def time_of(frame: VideoFrame | AudioFrame) -> Fraction:
    assert frame.pts is not None
    assert frame.time_base is not None
    return frame.pts * frame.time_base


def decoded(data: bytes) -> tuple[list[Fraction], NDArray[np.float64] | None, Fraction]:
    """When each picture is shown, all samples, and when the first one is heard; in seconds."""
    with av.open(io.BytesIO(data), "r") as file:
        pictures = [time_of(f) for f in file.decode(video=0)] if file.streams.video else []
    with av.open(io.BytesIO(data), "r") as file:
        if not file.streams.audio:
            return pictures, None, Fraction(0)
        frames = list(file.decode(audio=0))
        begin = time_of(frames[0])
        scale = 2.0**31 if frames[0].format.name.startswith("s32") else 1.0
        channels = frames[0].layout.nb_channels
        arrays = [
            f.to_ndarray().astype(np.float64).reshape(-1, channels).T
            if f.format.is_packed
            else f.to_ndarray().astype(np.float64)
            for f in frames
        ]
        return pictures, np.concatenate(arrays, axis=1) / scale, begin


def packet_times(data: bytes) -> dict[str, list[tuple[int, int]]]:
    """Beginnings and durations of the packets of each stream, in its own unit."""
    found: dict[str, list[tuple[int, int]]] = {"video": [], "audio": []}
    with av.open(io.BytesIO(data), "r", options={"ignore_editlist": "1"}) as file:
        for packet in file.demux():
            if packet.pts is not None and packet.duration is not None:
                found[packet.stream.type].append((packet.pts, packet.duration))
    return found


def rounded(sound: NDArray[np.float32]) -> NDArray[np.float64]:
    steps = np.round(sound.astype(np.float64) * 2**23)
    return np.clip(steps, -(2**23), 2**23 - 1) / 2**23


@codecs
@pytest.mark.parametrize(
    ("fps", "rate", "channels", "frames"),
    [
        (Fraction(24), 48_000, 2, (24, 16, 25, 9)),
        (NTSC, 44_100, 1, (9, 1, 1, 2, 1, 17, 8)),
        (Fraction(25), 24_000, 2, (1, 30, 4)),
    ],
    ids=["24", "NTSC, short", "25"],
)
def test_every_picture_is_shown_when_the_take_says(
    fps: Fraction, rate: int, channels: int, frames: tuple[int, ...], codec: Codec
) -> None:
    take = footage(frames=frames, fps=fps, rate=rate, channels=channels)
    shown, sound, begin = decoded(file_of(streamed(take, codec)))
    assert len(shown) == take.num_frames
    assert shown == [n / fps for n in range(take.num_frames)]
    assert sound is not None
    assert begin == 0
    # AAC fills its last packet up.
    assert 0 <= sound.shape[1] - take.sound.shape[1] < (1024 if codec == "aac" else 1)


@codecs
@pytest.mark.parametrize(
    ("fps", "rate", "is_one"), [(Fraction(24), 48_000, True), (Fraction(24), 44_100, False)]
)
def test_pictures_are_on_the_clock_of_the_sound_where_it_has_a_tick_for_each(
    fps: Fraction, rate: int, is_one: bool, codec: Codec
) -> None:
    """Players put a fragment of sound alone in its place only where there is one clock."""
    take = footage(frames=(9, 8), fps=fps, rate=rate, channels=2)
    with av.open(io.BytesIO(file_of(streamed(take, codec))), "r") as file:
        video, audio = file.streams.video[0].time_base, file.streams.audio[0].time_base
    assert audio == Fraction(1, rate)
    assert (video == audio) is is_one


@pytest.mark.parametrize("held_back", [0, 3001, -500])
@pytest.mark.parametrize("channels", [1, 2])
def test_flac_keeps_every_sample(channels: int, held_back: int) -> None:
    take = footage(frames=(24, 16, 1, 25, 9), channels=channels, held_back=held_back)
    _, sound, _ = decoded(file_of(streamed(take, "flac")))
    assert sound is not None
    np.testing.assert_array_equal(sound, rounded(take.sound))


def test_flac_keeps_full_scale() -> None:
    loud = np.array([[1.0, -1.0, 0.5, 2**-23, 1.5, -1.5] * 200], np.float32)
    result = evolve(footage(channels=1).results[0], audio=loud)
    made = lt.stream_segment(None, result, audio_codec="flac")
    _, sound, _ = decoded(file_of([made]))
    assert sound is not None
    np.testing.assert_array_equal(sound, rounded(loud))


@codecs
def test_packets_of_sound_follow_each_other_over_all_seams(codec: Codec) -> None:
    take = footage(frames=(24, 16, 1, 25, 9), rate=48_000)
    for times in packet_times(file_of(streamed(take, codec))).values():
        assert len(times) > 2
        assert [b + d for b, d in times[:-1]] == [b for b, _ in times[1:]]


def test_aac_sounds_as_the_takes_own_file_does(tmp_path: Path) -> None:
    """The packets are the same, whose seams other tests listen to."""
    take = footage(rate=48_000)
    path = take.write(tmp_path / "take.mp4")
    _, sound, _ = decoded(file_of(streamed(take, "aac")))
    _, expected, _ = decoded(path.read_bytes())
    assert sound is not None
    assert expected is not None
    length = min(sound.shape[1], expected.shape[1])
    assert length > 40_000
    np.testing.assert_array_equal(sound[:, :length], expected[:, :length])


@codecs
def test_a_fragment_begins_with_a_picture_that_needs_no_other(codec: Codec) -> None:
    take = footage(frames=(24, 16, 25, 9))
    made = streamed(take, codec)
    for each in made:
        if each.frames:
            with av.open(io.BytesIO(each.state.initialization + each.fragment), "r") as file:
                packets = [p for p in file.demux(video=0) if p.pts is not None]
            assert len(packets) == each.frames
            assert packets[0].is_keyframe
    assert [each.frames for each in made] == [24, 16, 25, 9, 0]


def test_the_brand_is_that_of_cmaf() -> None:
    made = streamed(footage(), "aac")
    assert b"cmfc" in made[0].state.initialization[:64]
    assert all(each.state.initialization == made[0].state.initialization for each in made)
    assert all(each.fragment[4:8] == b"moof" for each in made)


@codecs
def test_a_process_of_its_own_makes_each_segment_also_after_a_kill(
    tmp_path: Path, codec: Codec
) -> None:
    take = footage(frames=(24, 16, 25))
    expected = streamed(take, codec)
    before = ""
    for number, result in enumerate(take.results[:-1]):
        pickled, after = tmp_path / f"{number}.pickle", tmp_path / f"{number}.json"
        pickled.write_bytes(pickle.dumps(evolve(result, job=None)))
        command = [sys.executable, "-c", STEP, before, str(pickled), str(after), codec]
        if number == 1:
            killed = subprocess.Popen(
                [*command, "wait"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            with killed:
                assert killed.stdout is not None
                assert killed.stdout.readline() == b"made\n"
                os.kill(killed.pid, signal.SIGKILL)
            assert not after.exists()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        assert Path(f"{after}.m4s").read_bytes() == expected[number].fragment
        assert lt.StreamState.from_json(after.read_text()) == expected[number].state
        before = str(after)


@codecs
@settings(max_examples=12, deadline=None)
@given(st.lists(st.integers(1, 12), min_size=1, max_size=6), st.integers(-300, 4000))
def test_any_segments_give_all_pictures_and_all_sound(
    codec: Codec, frames: list[int], held_back: int
) -> None:
    take = footage(frames=frames, fps=NTSC, rate=22_050, held_back=held_back, channels=1)
    made = streamed(take, codec)
    shown, sound, _ = decoded(file_of(made))
    assert shown == [n / NTSC for n in range(take.num_frames)]
    assert made[-1].state.samples == take.sound.shape[1]
    if codec == "flac":
        assert sound is not None
        np.testing.assert_array_equal(sound, rounded(take.sound))
    ends = [0, *(each.state.frames for each in made)]
    assert [b - a for a, b in pairwise(ends)] == [each.frames for each in made]


@codecs
def test_without_the_end_of_the_sound_silence_goes_on_to_the_last_picture(codec: Codec) -> None:
    take = footage(frames=(24, 24), rate=48_000, held_back=3001)
    made = streamed(take, codec)[:2]
    end = lt.stream_end(made[-1].state)
    assert end is not None
    assert end.frames == 0
    assert end.has_sound
    assert end.state.samples == 2 * 48_000
    _, sound, _ = decoded(file_of([*made, end]))
    assert sound is not None
    assert sound.shape[1] >= 2 * 48_000 - (1024 if codec == "aac" else 0)
    if codec == "flac":
        assert not sound[:, -3001:].any()


def test_nothing_is_left_of_a_stream_whose_sound_is_complete() -> None:
    take = footage(frames=(24,), held_back=0)
    made = lt.stream_segment(None, take.results[0], audio_codec="flac")
    assert lt.stream_end(made.state) is None
    silent = lt.stream_segment(None, evolve(take.results[0], audio=None, audio_sample_rate=None))
    assert lt.stream_end(silent.state) is None
    shown, sound, _ = decoded(file_of([silent]))
    assert (len(shown), sound) == (24, None)


@codecs
def test_sound_alone_is_streamed(codec: Codec) -> None:
    take = footage(size=(0, 0), rate=48_000, held_back=0)
    shown, sound, begin = decoded(file_of(streamed(take, codec)))
    assert shown == []
    assert begin == 0
    assert sound is not None
    assert 0 <= sound.shape[1] - take.sound.shape[1] < 1024


@pytest.mark.parametrize("processors", ["1", "4"])
def test_the_bytes_do_not_depend_on_the_number_of_processors(processors: str) -> None:
    """The encoder would have a thread for each that the process may use."""
    code = (
        "import os, hashlib, sys; os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))"
        "[:int(sys.argv[1])]); import longtake as lt; "
        "from tests.sdk.takes.footage import footage; "
        "made = lt.stream_segment(None, footage(size=(96, 160)).results[0]); "
        "print(hashlib.sha256(made.state.initialization + made.fragment).hexdigest())"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, processors], check=True, stdout=subprocess.PIPE
    )
    here = lt.stream_segment(None, footage(size=(96, 160)).results[0])
    data = here.state.initialization + here.fragment
    assert run.stdout.decode().strip() == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("first_frame", {"first_frame": 23}),
        ("first_sample", {"first_sample": 1}),
        ("fps", {"fps": Fraction(25)}),
        ("audio", {"audio": np.zeros((1, 400), np.float32)}),
        ("frames", {"frames": np.zeros((8, 32, 32, 3), np.uint8)}),
    ],
)
def test_what_does_not_follow_is_refused(field: str, changes: dict[str, Any]) -> None:
    take = footage()
    state = lt.stream_segment(None, take.results[0]).state
    with pytest.raises(lt.ValidationError) as caught:
        lt.stream_segment(state, evolve(take.results[1], **changes))
    assert caught.value.path == field


def test_an_unknown_codec_is_refused() -> None:
    with pytest.raises(lt.ValidationError, match=r"'opus'.*aac, flac"):
        lt.stream_segment(None, footage().results[0], audio_codec="opus")  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 2}', '{"version": 1}', "{" * 9999])
def test_what_is_no_state_is_refused(text: str) -> None:
    with pytest.raises(lt.ValidationError):
        lt.StreamState.from_json(text)
