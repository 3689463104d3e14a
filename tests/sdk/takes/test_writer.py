"""Takes written result by result: what the file is, at every moment and however it came about."""

from __future__ import annotations

import gc
import io
import logging
import os
import signal
import stat
import subprocess
import sys
import tracemalloc
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from attrs import define, evolve

import longtake as lt
from longtake.media.reader import read_take
from longtake.media.writer import ArrayWriter
from longtake.states.live import LiveState
from tests.sdk.takes.footage import Footage, footage, packets_of, state_after

NTSC = Fraction(24000, 1001)
BLOCK = 1024
SUFFIXES = (".mp4", ".mkv")
SOUND_SUFFIXES = (".mp4", ".mkv", ".m4a", ".wav")


def numbers(take: Footage) -> range:
    return range(len(take.results))


def write_in_pieces(take: Footage, path: Path) -> Path:
    """Each result by a writer of its own, which closes the file."""
    for number in numbers(take):
        if number == 0:
            writer = lt.TakeWriter(path)
        else:
            writer = lt.TakeWriter.resume(path, after=state_after(number - 1))
        with writer:
            writer.append(take.results[number], state=state_after(number))
    return path


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("rate", [24_000, 44_100, 48_000])
@pytest.mark.parametrize(
    ("fps", "channels", "frames"),
    [
        (Fraction(24), 2, (24, 16, 25, 9)),
        (NTSC, 1, (9, 1, 1, 2, 1, 17, 8)),
        (Fraction(25), 2, (1, 30, 4)),
    ],
    ids=["24", "NTSC, short", "25"],
)
def test_a_take_gone_on_with_after_each_segment_is_the_one_process_file(
    tmp_path: Path,
    suffix: str,
    rate: int,
    fps: Fraction,
    channels: int,
    frames: tuple[int, ...],
) -> None:
    take = footage(frames=frames, fps=fps, rate=rate, channels=channels)
    whole = take.write(tmp_path / f"whole{suffix}")
    pieces = write_in_pieces(take, tmp_path / f"pieces{suffix}")

    assert pieces.read_bytes() == whole.read_bytes()
    decoded = read_take(whole)
    assert len(decoded.frames) == take.num_frames
    assert decoded.audio is not None
    assert 0 <= take.sound.shape[1] - decoded.audio.shape[1] < BLOCK
    if suffix == ".mkv":
        np.testing.assert_array_equal(decoded.audio, take.sound)


@pytest.mark.parametrize("suffix", [".m4a", ".wav"])
def test_sound_alone_gone_on_with_is_the_one_process_file(tmp_path: Path, suffix: str) -> None:
    take = footage(size=(0, 0))
    whole = take.write(tmp_path / f"whole{suffix}")
    pieces = write_in_pieces(take, tmp_path / f"pieces{suffix}")
    assert pieces.read_bytes() == whole.read_bytes()
    decoded = read_take(whole).audio
    assert decoded is not None
    if suffix == ".wav":
        np.testing.assert_array_equal(decoded, take.sound)


@define
class FailingOnce:
    """The codec of a state that cannot be kept at first."""

    number: int
    fails: bool = True
    kind: str = "toy.v1"
    state_type: type[Any] = str

    def encode(self, value: object, blobs: lt.BlobStore | None = None) -> lt.ContinuationState:
        if self.fails:
            self.fails = False
            raise lt.BlobError("no room")
        return state_after(self.number)

    def decode(self, state: lt.ContinuationState, blobs: lt.BlobStore | None = None) -> object:
        return state

    def blob_ids(self, state: lt.ContinuationState) -> tuple[str, ...]:
        return ()


def test_a_state_that_cannot_be_made_leaves_the_file_and_its_writer_as_they_were(
    tmp_path: Path,
) -> None:
    take, path = footage(), tmp_path / "take.mp4"
    whole = take.write(tmp_path / "whole.mp4")
    with lt.TakeWriter(path) as writer:
        *segments, end = take.results
        for number, segment in enumerate(segments):
            live = LiveState(FailingOnce(number), None, value="after it")
            result = evolve(segment, live_state=live)
            before = path.read_bytes() if path.exists() else b""
            with pytest.raises(lt.BlobError, match="no room"):
                writer.append(result)
            assert (path.read_bytes() if path.exists() else b"") == before
            assert not live.has_document
            writer.append(result)
            assert live.has_document
        writer.append(end)
    assert path.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("fps", [Fraction(24), NTSC], ids=str)
def test_packets_of_a_part_are_those_of_the_whole(tmp_path: Path, fps: Fraction) -> None:
    """From 6,143 samples behind its beginning on, which `splice_sound` encodes again."""
    take = footage(fps=fps)
    whole = take.write(tmp_path / "whole.mp4")
    pictures = [data for _, data in packets_of(whole, "video")]
    sound = {time - BLOCK: data for time, data in packets_of(whole, "audio")}
    for number, result in enumerate(take.results[:-1]):
        part = take.write(tmp_path / f"{number}.mp4", [number])
        first, count = result.first_frame or 0, len(result.frames)
        assert [data for _, data in packets_of(part, "video")] == pictures[first : first + count]
        sample = result.first_sample or 0
        start = sample // BLOCK * BLOCK - BLOCK
        own = {time + start: data for time, data in packets_of(part, "audio")}
        body = -(-sample // BLOCK) * BLOCK + 3 * BLOCK
        assert result.audio is not None
        end = (sample + result.audio.shape[1]) // BLOCK * BLOCK - 2 * BLOCK
        settled = range(body, end, BLOCK)
        assert {at: own[at] for at in settled} == {at: sound[at] for at in settled}


def decoded_from_zero(path: Path) -> tuple[list[float], np.ndarray]:
    """The times of the pictures, and the sound from t = 0 on, both as edit lists have them."""
    with av.open(str(path)) as container:
        times = [float(frame.time or 0) for frame in container.decode(video=0)]
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
    assert frames[0].pts == 0
    return times, np.concatenate([frame.to_ndarray() for frame in frames], axis=1)


@pytest.mark.parametrize("fps", [Fraction(24), NTSC, Fraction(25)], ids=str)
@pytest.mark.parametrize("rate", [24_000, 48_000, 44_100])
@pytest.mark.parametrize("held_back", [4_999, 300, 0])
def test_each_part_is_in_sync_by_itself(
    tmp_path: Path, fps: Fraction, rate: int, held_back: int
) -> None:
    take = footage(fps=fps, rate=rate, held_back=held_back, channels=1)
    for number in (1, 3):
        result = take.results[number]
        times, sound = decoded_from_zero(take.write(tmp_path / f"{number}.mp4", [number]))
        assert times[0] == 0
        at_first_frame = round((result.first_frame or 0) * rate / fps)
        length = min(sound.shape[1], 6_000)
        errors = {}
        for lag in range(-3, 4):
            expected = take.sound[:, at_first_frame + lag :][:, :length]
            errors[lag] = float(np.square(sound[:, : expected.shape[1]] - expected).mean())
        assert min(errors, key=errors.__getitem__) == 0


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_sound_that_begins_after_the_picture_is_silent_until_then(
    tmp_path: Path, suffix: str
) -> None:
    take = footage(held_back=-2_500, channels=1)
    part = take.write(tmp_path / f"part{suffix}", [1])
    with av.open(str(part)) as container:
        first = next(container.decode(audio=0))
        late = float(first.time or 0)
    decoded = read_take(part).audio
    assert decoded is not None
    if suffix == ".mkv":
        assert abs(late - 2_500 / 24_000) <= 0.0005  # Matroska counts milliseconds
    else:
        assert late == 0
        assert np.abs(decoded[:, :1_300]).max() < 1e-3
        assert np.abs(decoded[:, 2_500:3_000]).max() > 0.05


def test_sound_hidden_before_the_first_picture_is_in_the_file(tmp_path: Path) -> None:
    take = footage(held_back=4_000, channels=1)
    part = take.write(tmp_path / "part.mp4", [1])
    hidden = sum(time < 0 for time, _ in packets_of(part, "audio"))
    with av.open(str(part), options={"ignore_editlist": "1"}) as container:
        sound = np.concatenate([f.to_ndarray() for f in container.decode(audio=0)], axis=1)
    first = take.results[1].first_sample or 0
    skipped = first - (first // BLOCK * BLOCK - BLOCK)
    expected = take.sound[:, first + BLOCK : first + 4_000]
    heard = sound[:, skipped + BLOCK : skipped + 4_000]
    assert hidden == 0  # times count from the first packet when edits are ignored
    assert np.square(heard - expected).mean() ** 0.5 < 0.01


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_matroska_shows_pictures_later_when_sound_is_early(tmp_path: Path, suffix: str) -> None:
    take = footage(held_back=4_000)
    part = take.write(tmp_path / f"part{suffix}", [1])
    with av.open(str(part)) as container:
        shown = float(next(container.decode(video=0)).time or 0)
    late = 4_000 / 24_000 if suffix == ".mkv" else 0
    assert abs(shown - late) <= 0.0005


@pytest.mark.parametrize("rate", [24_000, 48_000])
@pytest.mark.parametrize("struck", [True, False], ids=["struck", "steady"])
def test_seams_are_as_good_as_any_other_place(tmp_path: Path, rate: int, struck: bool) -> None:
    take = footage(rate=rate, channels=1, struck_at_seams=struck)
    seams = read_take(take.write(tmp_path / "take.mp4")).audio
    with ArrayWriter(tmp_path / "one.m4a", fps=take.fps) as writer:
        writer.append(np.zeros((0, 0, 0, 3), np.uint8), take.sound, rate)
    one = read_take(tmp_path / "one.m4a").audio
    assert seams is not None
    assert one is not None
    near = np.concatenate(
        [np.arange(-2_000, 2_000) + (r.first_sample or 0) for r in take.results[1:]]
    )
    near = near[near < min(seams.shape[1], one.shape[1])]
    wrong = np.abs(seams - take.sound[:, : seams.shape[1]])[:, near]
    usual = np.abs(one - take.sound[:, : one.shape[1]])[:, near]
    assert np.square(wrong).mean() ** 0.5 < 2.5 * np.square(usual).mean() ** 0.5 + 1e-3
    assert wrong.max() < 3 * usual.max() + 0.01


def test_the_record_says_what_the_file_holds(tmp_path: Path) -> None:
    take, path = footage(), tmp_path / "take.mp4"
    with lt.TakeWriter(
        path,
        family="toy",
        preset="fast@1",
        model="sha256:ab",
        versions={"toy": "1.2"},
        planned=["a", "b"],
        title="A tram",
    ) as writer:
        writer.append(take.results[0], state=state_after(0))
        growing = lt.read_take_record(path)
        assert growing == writer.record
        for number in (1, 2, 3, 4):
            writer.append(take.results[number], state=state_after(number))
        record = writer.record
    assert record.ended
    assert lt.read_take_record(path) == record
    assert (record.family, record.preset, record.model) == ("toy", "fast@1", "sha256:ab")
    assert (record.versions, record.planned, record.seed) == ({"toy": "1.2"}, ("a", "b"), 0)
    assert (record.fps, record.height, record.width) == (Fraction(24), 32, 48)
    assert (record.channels, record.sample_rate) == (2, 24_000)
    assert [segment.prompt for segment in record.segments] == [f"prompt {n}" for n in range(4)]
    assert [segment.state for segment in record.segments] == [
        state_after(n).digest() for n in range(4)
    ]
    assert (record.end_frame, record.end_sample) == (take.num_frames, take.sound.shape[1])
    assert not growing.ended
    with av.open(str(path)) as container:
        tags = {name.lower(): text for name, text in container.metadata.items()}
    assert tags["title"] == "A tram"
    assert tags["comment"] == "prompt 0\nprompt 1\nprompt 2\nprompt 3"
    assert "family toy" in tags["description"]


def test_an_unfinished_take_is_not_ended_and_a_finished_one_is(tmp_path: Path) -> None:
    take = footage()
    one = take.write(tmp_path / "one.mkv", [0])
    assert not lt.read_take_record(one).ended
    with lt.TakeWriter(tmp_path / "two.mkv") as writer:
        writer.append(take.results[0])
        writer.finish()
    assert lt.read_take_record(tmp_path / "two.mkv").ended
    with pytest.raises(lt.OutputError, match="is finished"):
        writer.append(take.results[1])


@pytest.mark.parametrize("suffix", SOUND_SUFFIXES)
def test_players_read_the_finished_file_without_a_word(
    tmp_path: Path, suffix: str, caplog: pytest.LogCaptureFixture
) -> None:
    size = (0, 0) if suffix in (".m4a", ".wav") else (32, 48)
    path = footage(size=size).write(tmp_path / f"take{suffix}")
    av.logging.set_level(av.logging.WARNING)
    try:
        with caplog.at_level(logging.DEBUG), av.open(str(path)) as container:
            for packet in container.demux():
                packet.decode()
    finally:
        av.logging.set_level(None)
    said = [each.getMessage() for each in caplog.records if each.name.startswith("libav")]
    assert [text for text in said if "Guessed Channel Layout" not in text] == []
    if suffix == ".mp4":
        data = path.read_bytes()
        assert b"moof" not in data
        assert data.index(b"moov") < data.index(b"mdat") < data.rindex(b"uuid")


@pytest.mark.parametrize("suffix", SOUND_SUFFIXES)
def test_a_stream_gets_each_segment_as_it_comes(suffix: str) -> None:
    take = footage(size=(0, 0) if suffix in (".m4a", ".wav") else (32, 48))
    stream = OneWay()
    with lt.TakeWriter(stream, format=suffix) as writer:  # type: ignore[arg-type]
        assert writer.path is None
        sizes = []
        for result in take.results:
            writer.append(result)
            sizes.append(len(stream.data))
    assert sizes == sorted(set(sizes))
    with av.open(io.BytesIO(stream.data), "r") as container:
        kinds = {each.type for each in container.streams}
        pictures = sum(1 for _ in container.decode(video=0)) if "video" in kinds else 0
    with av.open(io.BytesIO(stream.data), "r") as container:
        samples = sum(frame.samples for frame in container.decode(audio=0))
    assert pictures == take.num_frames
    assert 0 <= samples - take.sound.shape[1] < 2 * BLOCK


class OneWay:
    """A stream that can be written to and nothing else, a few bytes at a time."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: memoryview) -> int:
        self.data += bytes(data[:1_000])
        return len(data[:1_000])

    def flush(self) -> None:
        pass


@pytest.mark.parametrize("format", [None, "mp4", ".avi"])
def test_a_stream_needs_a_format(format: str | None) -> None:
    with pytest.raises(lt.ValidationError, match="format"):
        lt.TakeWriter(io.BytesIO(), format=format)


def test_results_that_do_not_follow_are_refused_and_change_nothing(tmp_path: Path) -> None:
    take, path = footage(), tmp_path / "take.mkv"
    with lt.TakeWriter(path) as writer:
        writer.append(take.results[0])
        before = path.read_bytes()
        for wrong, field in (
            (take.results[0], "first_frame"),
            (take.results[2], "first_frame"),
            (evolve(take.results[1], first_sample=0), "first_sample"),
            (evolve(take.results[1], fps=NTSC), "fps"),
            (evolve(take.results[1], frames=take.results[1].frames[:, :16]), "frames"),
        ):
            with pytest.raises(lt.ValidationError) as caught:
                writer.append(wrong)
            assert caught.value.path == field
        assert path.read_bytes() == before
        writer.append(evolve(take.results[1], first_sample=None))
    assert len(read_take(path).frames) == 40


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
@pytest.mark.parametrize(("mode", "expected"), [(None, 0o600), (0o640, 0o640)])
def test_a_take_is_its_owners_unless_told_otherwise(
    tmp_path: Path, mode: int | None, expected: int
) -> None:
    path = tmp_path / "take.mkv"
    with lt.TakeWriter(path) if mode is None else lt.TakeWriter(path, mode=mode) as writer:
        writer.append(footage().results[0])
        assert stat.S_IMODE(path.stat().st_mode) == expected
    assert stat.S_IMODE(path.stat().st_mode) == expected


def test_a_file_that_is_there_is_refused_unless_it_may_be_replaced(tmp_path: Path) -> None:
    path = tmp_path / "take.mkv"
    path.write_bytes(b"precious")
    with pytest.raises(lt.OutputError, match="is there already"):
        lt.TakeWriter(path)
    assert path.read_bytes() == b"precious"
    with lt.TakeWriter(path, overwrite=True) as writer:
        writer.append(footage().results[0])
    assert len(read_take(path).frames) == 24


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("how", ["removed", "replaced", "moved"])
def test_output_taken_away_while_rolling_is_kept_beside(
    tmp_path: Path, suffix: str, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    take, path = footage(), tmp_path / f"take{suffix}"
    with lt.TakeWriter(path) as writer:
        for number in (0, 1):
            writer.append(take.results[number], state=state_after(number))
        if how == "moved":
            path.rename(tmp_path / "mine")
        else:
            path.unlink()
        if how == "replaced":
            path.write_bytes(b"precious")
        for number in (2, 3, 4):
            writer.append(take.results[number], state=state_after(number))
        assert writer.path is not None
        rescued = Path(writer.path)
    assert "while the take was rolling" in caplog.text
    assert str(rescued) in caplog.text
    if how == "replaced":
        assert path.read_bytes() == b"precious"
        assert rescued.name == f"take-2{suffix}"
    assert rescued.read_bytes() == take.write(tmp_path / f"whole{suffix}").read_bytes()


def test_a_file_that_comes_before_the_first_segment_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "take.mkv"
    with lt.TakeWriter(path) as writer:
        path.write_bytes(b"precious")
        writer.append(footage().results[0])
        assert writer.path == str(tmp_path / "take-2.mkv")
    assert path.read_bytes() == b"precious"
    assert len(read_take(tmp_path / "take-2.mkv").frames) == 24


KILLED = """
import sys
import tracemalloc
from pathlib import Path
import longtake as lt
from tests.sdk.takes.footage import footage, state_after

path, suffix = Path(sys.argv[1]), sys.argv[2]
take = footage(size=(0, 0) if suffix in (".m4a", ".wav") else (32, 48))
begin = int(sys.argv[3])
if begin:
    writer = lt.TakeWriter.resume(path, after=state_after(begin - 1))
else:
    writer = lt.TakeWriter(path, overwrite=True)
for number in range(begin, len(take.results)):
    writer.append(take.results[number], state=state_after(number))
    print(number, flush=True)
    sys.stdin.readline()
writer.finish()
"""


def killed_after(path: Path, begin: int, last: int) -> None:
    """Write from ``begin`` on in another process, which is killed when ``last`` is stored."""
    command = [sys.executable, "-c", KILLED, str(path), path.suffix, str(begin)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for number in range(begin, last + 1):
            assert process.stdout.readline() == f"{number}\n"
            if number < last:
                process.stdin.write("\n")
                process.stdin.flush()
        process.send_signal(signal.SIGKILL)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
@pytest.mark.parametrize("suffix", SOUND_SUFFIXES)
def test_killed_anywhere_and_gone_on_with_it_is_the_one_process_file(
    tmp_path: Path, suffix: str
) -> None:
    """Killed when so many are stored; once more with a segment whose state was not kept."""
    take = footage(size=(0, 0) if suffix in (".m4a", ".wav") else (32, 48))
    whole = take.write(tmp_path / f"whole{suffix}").read_bytes()
    path, known = tmp_path / f"take{suffix}", 0
    for number in numbers(take):
        killed_after(path, known, number)
        record = lt.read_take_record(path)
        assert len(record.segments) == min(number + 1, 4)
        assert bool(record.end_samples) == (number == 4)
        assert not record.ended  # its last sound is stored when it is finished
        playable = read_take(path)
        assert len(playable.frames) == sum(len(r.frames) for r in take.results[: number + 1])
        known = number if number % 2 else number + 1  # the state after an odd one is lost
    with lt.TakeWriter.resume(path, after=state_after(3)) as writer:
        writer.append(take.results[4])
        writer.finish()
    assert path.read_bytes() == whole
    assert {entry.name for entry in tmp_path.iterdir()} == {path.name, f"whole{suffix}"}


def segment(number: int) -> lt.GenerationResult:
    """One of many that are alike: two pictures and eight blocks of stereo noise."""
    noise = np.random.default_rng(7)
    return lt.GenerationResult(
        frames=noise.integers(0, 256, (2, 32, 32, 3), np.uint8),
        audio=noise.uniform(-0.5, 0.5, (2, 8 * BLOCK)).astype(np.float32),
        audio_sample_rate=24_000,
        fps=Fraction(2 * 24_000, 8 * BLOCK),
        segment_index=number,
    )


class Counted(io.BytesIO):
    """A stream that knows how many bytes each append came to."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []

    def flush(self) -> None:
        self.sizes.append(self.tell() - sum(self.sizes))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_a_segment_writes_does_not_grow_with_the_take(suffix: str) -> None:
    stream = Counted()
    with lt.TakeWriter(stream, format=suffix) as writer:
        for number in range(30):
            writer.append(segment(number), state=state_after(number))
    early, late = stream.sizes[5:8], stream.sizes[27:30]
    assert max(late) < 1.02 * max(early)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_growing_take_keeps_next_to_nothing_of_each_segment(tmp_path: Path, suffix: str) -> None:
    tracemalloc.start()
    try:
        with lt.TakeWriter(tmp_path / f"take{suffix}") as writer:
            for number in range(10):
                writer.append(segment(number), state=state_after(number))
            gc.collect()
            before, objects = tracemalloc.get_traced_memory()[0], len(gc.get_objects())
            for number in range(10, 30):
                writer.append(segment(number), state=state_after(number))
            gc.collect()
            kept = tracemalloc.get_traced_memory()[0] - before
            objects = len(gc.get_objects()) - objects
    finally:
        tracemalloc.stop()
    assert kept < 20 * 4096  # the end of a segment's sound alone is ten times as much
    assert objects < 20 * 6  # its record, and little else
