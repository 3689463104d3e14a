"""Takes written segment by segment: lengths, seams, interruption, and what is refused."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from longtake.errors import OutputError, ValidationError
from longtake.media.reader import read_take
from longtake.media.writer import ArrayWriter, check_output

Frames = NDArray[np.uint8]
Audio = NDArray[np.float32]

AAC_LOOKAHEAD = 3 * 1024
NTSC = Fraction(24000, 1001)


def make_frames(count: int, *, height: int = 32, width: int = 48, seed: int = 0) -> Frames:
    """A ramp that moves: every frame differs, and a codec can follow it."""
    rows, columns = np.mgrid[:height, :width]
    tone = 40 + 2 * columns + rows
    shift = np.arange(seed, seed + count)[:, None, None]
    channels = ((tone + 3 * shift) % 200, (tone + 40 + shift) % 200, (tone + 5 * shift) % 200)
    return np.stack(channels, axis=-1).astype(np.uint8)


def noise(count: int, height: int = 32, width: int = 48) -> Frames:
    return np.random.default_rng(7).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def sine(samples: int, rate: int, channels: int = 2) -> Audio:
    wave = 0.5 * np.sin(2 * np.pi * 440 * np.arange(samples) / rate)
    return np.repeat(wave[None], channels, axis=0).astype(np.float32)


def played_samples(path: Path) -> int:
    """How long any FFmpeg-based player plays the sound: decoded, nothing cut off afterwards."""
    with av.open(str(path)) as container:
        return sum(frame.samples for frame in container.decode(audio=0))


def write_split(
    path: Path, frames: Frames, audio: Audio, rate: int, fps: Fraction, *, lag: int
) -> None:
    """Write three segments whose sound ends ``lag`` samples before the picture but at the end."""
    cuts = [0, len(frames) // 3, 2 * len(frames) // 3, len(frames)]
    sound = [0, *(round(cut / fps * rate) - lag for cut in cuts[1:3]), audio.shape[1]]
    with ArrayWriter(path, fps=fps) as writer:
        for n in range(3):
            segment = audio[:, sound[n] : sound[n + 1]]
            writer.append(frames[cuts[n] : cuts[n + 1]], segment, rate)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("rate", [24_000, 48_000])
@pytest.mark.parametrize("fps", [Fraction(24), Fraction(25), Fraction(30), NTSC], ids=str)
@pytest.mark.parametrize("count", [25, 50])
def test_picture_and_sound_are_equally_long(
    tmp_path: Path, suffix: str, rate: int, fps: Fraction, count: int
) -> None:
    path = tmp_path / f"take{suffix}"
    samples = round(count / fps * rate)

    write_split(path, noise(count), sine(samples, rate), rate, fps, lag=rate // 5)

    take = read_take(path)
    assert take.audio is not None
    assert (len(take.frames), take.fps, take.sample_rate) == (count, fps, rate)
    assert abs(Fraction(played_samples(path), rate) - count / fps) < 1 / fps
    # The last AAC frame may be left out when its padding would outlast a picture.
    assert 0 <= samples - take.audio.shape[1] < max(1, 1024 - rate / fps + 1)


@pytest.mark.parametrize("lag", [-999, -500, -15, 0, 8, 500, 999])
def test_padding_of_the_last_aac_frame_never_outlasts_a_picture(tmp_path: Path, lag: int) -> None:
    path, rate, fps = tmp_path / "take.mp4", 24_000, Fraction(24)
    # 42,000 samples are 41 AAC frames and 16 samples: the padding is longer than a picture.
    with ArrayWriter(path, fps=fps) as writer:
        writer.append(make_frames(42), sine(42_000 + lag, rate), rate)

    assert abs(played_samples(path) - 42_000) < 1_000


@pytest.mark.parametrize("fps", [Fraction(24), NTSC], ids=str)
def test_frames_are_exactly_on_the_clock(tmp_path: Path, fps: Fraction) -> None:
    path = tmp_path / "take.mp4"
    write_split(path, make_frames(50), sine(round(50 / fps * 24_000), 24_000), 24_000, fps, lag=99)

    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.time_base is not None
        assert stream.duration is not None
        assert stream.duration * stream.time_base == 50 / fps
        pts = [frame.pts for frame in container.decode(stream)]
        times = [time * stream.time_base for time in pts if time is not None]
    assert times == [n / fps for n in range(50)]


def test_seams_do_not_change_the_sound(tmp_path: Path) -> None:
    rate, fps, count = 24_000, Fraction(24), 48
    audio = sine(2 * rate, rate)
    write_split(tmp_path / "split.mp4", make_frames(count), audio, rate, fps, lag=7_001)
    with ArrayWriter(tmp_path / "whole.mp4", fps=fps) as writer:
        writer.append(make_frames(count), audio, rate)

    split, whole = read_take(tmp_path / "split.mp4").audio, read_take(tmp_path / "whole.mp4").audio
    assert split is not None
    assert whole is not None
    # Each segment has an encoder of its own, so the two differ by what AAC rounds.
    assert np.abs(split - whole).max() < 0.01
    inner = slice(2_048, -2_048)
    assert np.abs(split[:, inner] - audio[:, inner]).max() < 0.01


@pytest.mark.parametrize("size", [(32, 48), (33, 47)])
@pytest.mark.parametrize("channels", [1, 2])
def test_matroska_is_lossless(tmp_path: Path, size: tuple[int, int], channels: int) -> None:
    path, frames = tmp_path / "take.mkv", noise(12, *size)
    audio = np.random.default_rng(1).normal(size=(channels, 12_345)).astype(np.float32)
    write_split(path, frames, audio, 16_000, Fraction(24), lag=100)

    take = read_take(path)
    np.testing.assert_array_equal(take.frames, frames)
    np.testing.assert_array_equal(take.audio, audio)


@pytest.mark.parametrize("size", [(32, 48), (33, 47)])
def test_mp4_keeps_bt709_colours(tmp_path: Path, size: tuple[int, int]) -> None:
    path = tmp_path / "take.mp4"
    colours = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [128, 128, 128]], np.uint8)
    frames = np.broadcast_to(colours[:, None, None], (4, *size, 3)).copy()
    with ArrayWriter(path, fps=Fraction(24)) as writer:
        writer.append(frames, None, None)

    with av.open(str(path)) as container:
        red = next(container.decode(video=0))
    luma = red.to_ndarray(format=red.format.name).reshape(-1)[0]
    assert (red.colorspace, red.color_primaries, red.color_trc, red.color_range) == (1, 1, 1, 1)
    assert abs(int(luma) - 63) <= 2  # 16 + 219 * 0.2126, the luma of red in BT.709
    take = read_take(path)
    assert take.audio is None
    assert np.abs(take.frames.astype(int) - frames).max() <= 4


def test_finished_mp4_is_plain_and_starts_with_its_index(tmp_path: Path) -> None:
    path = tmp_path / "take.mp4"
    write_split(path, make_frames(24), sine(24_000, 24_000), 24_000, Fraction(24), lag=500)

    data = path.read_bytes()
    assert b"moof" not in data
    assert data.index(b"moov") < data.index(b"mdat")
    with av.open(str(path)) as container:
        keys = [n for n, p in enumerate(container.demux(video=0)) if p.size and p.is_keyframe]
        assert [s.codec_context.name for s in container.streams] == ["h264", "aac"]
    assert keys == [0, 8, 16]


def test_tail_of_sound_alone(tmp_path: Path) -> None:
    path, rate = tmp_path / "take.mp4", 24_000
    with ArrayWriter(path, fps=Fraction(24)) as writer:
        writer.append(make_frames(24), sine(rate, rate)[:, :9_000], rate)
        writer.append(make_frames(0), sine(rate, rate)[:, 9_000:], rate)
        writer.append(make_frames(0), sine(0, rate), rate)

    take = read_take(path)
    assert take.audio is not None
    assert (len(take.frames), take.audio.shape) == (24, (2, rate))


def test_file_of_sound_alone(tmp_path: Path) -> None:
    with ArrayWriter(tmp_path / "tail.mp4", fps=Fraction(24)) as writer:
        writer.append(make_frames(0), sine(700, 24_000), 24_000)

    take = read_take(tmp_path / "tail.mp4")
    assert take.audio is not None
    assert (len(take.frames), take.audio.shape) == (0, (2, 700))


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_playable_after_every_segment(tmp_path: Path, suffix: str) -> None:
    path, rate = tmp_path / f"take{suffix}", 24_000
    with ArrayWriter(path, fps=Fraction(24)) as writer:
        for n in range(3):
            writer.append(make_frames(8, seed=8 * n), sine(8_000, rate), rate)
            take = read_take(path)
            assert take.audio is not None
            held_back = AAC_LOOKAHEAD if suffix == ".mp4" else 0
            assert len(take.frames) == 8 * (n + 1)
            assert take.audio.shape[1] >= 8_000 * (n + 1) - held_back


KILLED = """
import sys
from fractions import Fraction
import numpy as np
from longtake.media.writer import ArrayWriter

audio = np.linspace(-0.5, 0.5, 3 * 24_000, dtype=np.float32).reshape(1, -1)
with ArrayWriter(sys.argv[1], fps=Fraction(24)) as writer:
    for n in range(3):
        frames = np.full((24, 32, 48, 3), 60 * n + 20, np.uint8)
        writer.append(frames, audio[:, n * 24_000 : (n + 1) * 24_000], 24_000)
        print(n, flush=True)
        sys.stdin.readline()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_killed_process_leaves_the_finished_segments(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"take{suffix}"
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "0\n"
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "1\n"
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL

    take = read_take(path)
    assert take.audio is not None
    assert [round(float(frame.mean()), -1) for frame in take.frames] == [20.0] * 24 + [80.0] * 24
    held_back = AAC_LOOKAHEAD if suffix == ".mp4" else 0
    assert 48_000 - held_back <= take.audio.shape[1] <= 48_000
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_exception_leaves_the_finished_segments(tmp_path: Path, suffix: str) -> None:
    path, rate = tmp_path / f"take{suffix}", 24_000

    def interrupted() -> None:
        with ArrayWriter(path, fps=Fraction(24)) as writer:
            writer.append(make_frames(24), sine(rate, rate), rate)
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        interrupted()

    take = read_take(path)
    assert take.audio is not None
    assert (len(take.frames), take.audio.shape) == (24, (2, rate))
    assert b"moof" not in path.read_bytes()
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_existing_file_stays_until_the_first_segment(tmp_path: Path) -> None:
    path = tmp_path / "take.mp4"
    path.write_bytes(b"precious")
    check_output(path)
    with ArrayWriter(path, fps=Fraction(24)):
        pass
    with pytest.raises(ValidationError), ArrayWriter(path, fps=Fraction(24)) as writer:
        writer.append(np.zeros((1, 32, 48, 4), np.uint8), None, None)
    assert path.read_bytes() == b"precious"

    with ArrayWriter(path, fps=Fraction(24)) as writer:
        assert path.read_bytes() == b"precious"
        writer.append(make_frames(3), None, None)
        assert len(read_take(path).frames) == 3
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_failed_write_keeps_the_segments_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "take.mkv"
    writer = ArrayWriter(path, fps=Fraction(24))
    writer.append(make_frames(5), None, None)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OutputError, match="No space left"):
            writer.append(make_frames(5, seed=5), None, None)
    assert len(read_take(path).frames) == 5
    with pytest.raises(OutputError, match="earlier segment"):
        writer.append(make_frames(5, seed=10), None, None)
    writer.close()

    np.testing.assert_array_equal(read_take(path).frames, make_frames(5))
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_failed_first_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with (
        pytest.raises(OutputError, match="No space left"),
        ArrayWriter(tmp_path / "take.mp4", fps=Fraction(24)) as writer,
    ):
        writer.append(make_frames(5), None, None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("frames", "audio", "rate", "field"),
    [
        (make_frames(2, width=50), sine(10, 24_000), 24_000, "frames"),
        (np.zeros((0, 0, 0, 3), np.uint8), None, None, "frames"),
        (np.zeros((2, 0, 50, 3), np.uint8), sine(10, 24_000), 24_000, "frames"),
        (make_frames(2).astype(np.float32), sine(10, 24_000), 24_000, "frames"),
        (make_frames(2), None, None, "audio"),
        (make_frames(2), sine(10, 24_000, channels=1), 24_000, "audio"),
        (make_frames(2), sine(10, 24_000).astype(np.float64), 24_000, "audio"),
        (make_frames(2), sine(10, 24_000), 48_000, "sample_rate"),
        (make_frames(2), sine(10, 24_000), None, "sample_rate"),
    ],
)
def test_segment_that_does_not_fit_is_refused_and_changes_nothing(
    tmp_path: Path, frames: Frames, audio: Audio | None, rate: int | None, field: str
) -> None:
    path = tmp_path / "take.mkv"
    with ArrayWriter(path, fps=Fraction(24)) as writer:
        writer.append(make_frames(2), sine(2_000, 24_000), 24_000)
        with pytest.raises(ValidationError) as caught:
            writer.append(frames, audio, rate)
        writer.append(make_frames(2, seed=2), sine(2_000, 24_000), 24_000)

    assert caught.value.path == field
    take = read_take(path)
    np.testing.assert_array_equal(take.frames, make_frames(4))


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_sound_alone_makes_a_file_without_pictures(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"tail{suffix}"
    with ArrayWriter(path, fps=Fraction(24)) as writer:
        writer.append(np.zeros((0, 0, 0, 3), np.uint8), sine(5_000, 24_000), 24_000)
        with pytest.raises(ValidationError, match="frames"):
            writer.append(make_frames(2), sine(2_000, 24_000), 24_000)

    take = read_take(path)
    assert take.fps is None
    assert take.audio is not None
    assert take.audio.shape == (2, 5_000)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".m4a"])
@pytest.mark.parametrize("size", [(0, 0), (32, 48)])
def test_take_of_sound_alone_is_playable_after_every_segment(
    tmp_path: Path, suffix: str, size: tuple[int, int]
) -> None:
    path, rate, none = tmp_path / f"take{suffix}", 24_000, np.zeros((0, *size, 3), np.uint8)
    audio = sine(2 * rate, rate)
    with ArrayWriter(path, fps=Fraction(24)) as writer:
        for n in range(2):
            writer.append(none, audio[:, n * rate : (n + 1) * rate], rate)
            take = read_take(path)
            assert take.fps is None
            assert take.audio is not None
            assert take.audio.shape[1] >= (n + 1) * rate - AAC_LOOKAHEAD

    take = read_take(path)
    assert take.fps is None
    assert take.audio is not None
    assert take.audio.shape == (2, 2 * rate)
    assert np.abs(take.audio - audio)[:, 2_048:-2_048].max() < 0.01


def test_file_of_sound_takes_no_pictures(tmp_path: Path) -> None:
    path = tmp_path / "take.m4a"
    check_output(path)
    with pytest.raises(OutputError, match=r"sound alone; write a \.mp4 or \.mkv"):
        check_output(path, pictures=True)
    with ArrayWriter(path, fps=Fraction(24)) as writer:
        with pytest.raises(OutputError, match="sound alone"):
            writer.append(make_frames(2), sine(2_000, 24_000), 24_000)
        writer.append(make_frames(0), sine(2_000, 24_000), 24_000)
    assert read_take(path).fps is None


def test_sound_alone_can_end_a_take_of_pictures(tmp_path: Path) -> None:
    path = tmp_path / "take.mkv"
    with ArrayWriter(path, fps=Fraction(24)) as writer:
        writer.append(make_frames(4), sine(3_000, 24_000), 24_000)
        writer.append(np.zeros((0, 0, 0, 3), np.uint8), sine(1_000, 24_000), 24_000)

    take = read_take(path)
    np.testing.assert_array_equal(take.frames, make_frames(4))
    assert take.audio is not None
    assert take.audio.shape == (2, 4_000)


def test_rate_that_aac_cannot_hold_is_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(ValidationError, match=r"sample_rate: .*12345"),
        ArrayWriter(tmp_path / "take.mp4", fps=Fraction(24)) as writer,
    ):
        writer.append(make_frames(2), sine(100, 12_345), 12_345)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("missing/take.mp4", "there is no folder"),
        ("file/take.mp4", "there is no folder"),
        ("take.avi", r"\.mp4 or \.mkv"),
        ("take", r"\.mp4 or \.mkv"),
        ("folder.mp4", "is a directory"),
    ],
)
def test_path_that_cannot_be_written_is_refused(tmp_path: Path, name: str, problem: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.mp4").mkdir()
    before = sorted(tmp_path.rglob("*"))

    for refuse in (check_output, lambda path: ArrayWriter(path, fps=Fraction(24))):
        with pytest.raises(OutputError, match=problem) as caught:
            refuse(tmp_path / name)
        assert caught.value.path == str(tmp_path / name)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() == 0, reason="nothing is read-only to this user"
)
def test_read_only_places_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir(mode=0o555)
    with pytest.raises(OutputError, match="not writable"):
        check_output(folder / "take.mp4")
    file = tmp_path / "take.mp4"
    file.touch(mode=0o444)
    with pytest.raises(OutputError, match="read-only"):
        check_output(file)


def test_link_is_written_through(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "take.mp4"
    link.symlink_to(tmp_path / "real" / "take.mp4")
    with ArrayWriter(link, fps=Fraction(24)) as writer:
        writer.append(make_frames(3), None, None)

    assert link.is_symlink()
    assert len(read_take(tmp_path / "real" / "take.mp4").frames) == 3


def test_closed_writer_refuses_more(tmp_path: Path) -> None:
    writer = ArrayWriter(tmp_path / "take.mp4", fps=Fraction(24))
    writer.append(make_frames(3), None, None)
    writer.close()
    writer.close()
    with pytest.raises(OutputError, match="is finished"):
        writer.append(make_frames(3), None, None)
