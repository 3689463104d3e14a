"""Sound from outside: two channels at the rate that is asked for; hostile files are refused."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.audio.frame import AudioFrame
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import longtake as lt
from longtake.media.writer import ArrayWriter
from tests.sdk.media.refusals import sound_refusal

NOISE = np.random.default_rng(2).normal(size=(2, 30_001)).astype(np.float32)


def sine(seconds: float, rate: int, channels: int = 2) -> NDArray[np.float32]:
    wave = 0.5 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)
    return np.repeat(wave[None], channels, axis=0).astype(np.float32)


def encoded(samples: NDArray[np.float32], rate: int, kind: str, codec: str, layout: str) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format=kind) as container:
        stream: Any = container.add_stream(codec, rate=rate, layout=layout)
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples), "fltp", layout)
        frame.sample_rate = rate
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


@pytest.mark.parametrize("channels", [1, 2])
def test_samples_of_the_same_rate_are_exact_and_one_channel_is_doubled(channels: int) -> None:
    audio = lt.AudioInput.from_samples(NOISE[:channels], 24_000)
    audio.check()
    samples = audio.samples(24_000)
    assert samples.dtype == np.float32
    np.testing.assert_array_equal(samples, NOISE if channels == 2 else NOISE[[0, 0]])


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
def test_another_rate_is_the_same_sound(rate: int, channels: int) -> None:
    samples = lt.AudioInput.from_samples(sine(1, 24_000, channels), 24_000).samples(rate)
    assert samples.shape == (2, rate)
    inner = slice(200, -200)
    assert np.abs(samples - sine(1, rate))[:, inner].max() < 1e-3


@pytest.mark.parametrize(
    ("kind", "codec", "error"),
    [
        ("wav", "pcm_s16le", 1e-4),
        ("flac", "flac", 1e-4),
        ("mp3", "libmp3lame", 0.05),
        ("ogg", "libopus", 0.05),
        ("matroska", "aac", 0.05),
    ],
)
def test_the_usual_files_are_read(kind: str, codec: str, error: float) -> None:
    data = encoded(sine(1, 48_000), 48_000, kind, codec, "stereo")
    samples = lt.AudioInput(data).samples(48_000)
    assert abs(samples.shape[1] - 48_000) <= 3_000
    assert np.abs(samples[:, 4_000:40_000] - sine(1, 48_000)[:, 4_000:40_000]).max() < error


def test_more_channels_are_mixed_to_two() -> None:
    data = encoded(sine(1, 48_000, 6), 48_000, "flac", "flac", "5.1")
    samples = lt.AudioInput(data).samples(48_000)
    assert samples.shape == (2, 48_000)
    assert np.abs(samples).max() > 0.1


LAYOUTS = ("3.0", "quad", "5.0", "5.1", "6.1", "7.0")


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("kind", "codec"), [("wav", "pcm_s16le"), ("wav", "pcm_f32le")])
def test_many_channels_at_full_scale_stay_within_it(layout: str, kind: str, codec: str) -> None:
    """By the shares of FFmpeg's matrix (ITU-R BS.775-3, annex 4), which are made to add up to 1."""
    channels = av.AudioLayout(layout).nb_channels
    wave = np.repeat(2 * sine(1, 48_000, 1), channels, axis=0)
    samples = lt.AudioInput(encoded(wave, 48_000, kind, codec, layout)).samples(48_000)
    assert samples.shape == (2, 48_000)
    assert np.abs(samples - wave[:2]).max() < 1e-3


def test_each_channel_has_its_share_of_the_two() -> None:
    half = float(np.sqrt(0.5))
    expected = {
        "FL": (1, 0),
        "FR": (0, 1),
        "FC": (half, half),
        "LFE": (0, 0),
        "BL": (half, 0),
        "BR": (0, half),
    }
    for index, shares in enumerate(expected.values()):
        alone = np.zeros((6, 48_000), np.float32)
        alone[index] = 1
        samples = lt.AudioInput(encoded(alone, 48_000, "wav", "pcm_f32le", "5.1")).samples(48_000)
        assert np.abs(samples[:, 9] - np.array(shares) / (1 + 2 * half)).max() < 1e-3


@pytest.mark.parametrize("channels", [3, 4, 6, 8, 10, 16])
def test_channels_without_names_are_mixed_too(channels: int) -> None:
    samples = np.full((4_800, channels), 32_000, "<i2").tobytes()
    head = struct.pack("<HHIIHH", 1, channels, 48_000, 96_000 * channels, 2 * channels, 16)
    data = b"WAVEfmt " + struct.pack("<I", len(head)) + head
    data += b"data" + struct.pack("<I", len(samples)) + samples
    mixed = lt.AudioInput(b"RIFF" + struct.pack("<I", len(data)) + data).samples(48_000)
    assert mixed.shape == (2, 4_800)
    assert 0.2 < np.abs(mixed).max() <= 1


@pytest.mark.parametrize("rate", [4_000, 48_000, 192_000])
@pytest.mark.parametrize("wanted", [4_000, 16_000, 24_000, 48_000])
def test_the_shortest_sound_is_resampled_whole(rate: int, wanted: int) -> None:
    given = lt.AudioInput.from_samples(np.full((1, max(4, rate // 1000)), 0.5, np.float32), rate)
    given.check()
    assert given.samples(wanted).shape == (2, max(4, wanted // 1000))


@pytest.mark.parametrize("count", [1, 40])
def test_less_than_a_millisecond_is_refused(count: int) -> None:
    problem = sound_refusal(
        lt.AudioInput.from_samples(np.ones((2, count), np.float32), 48_000).data
    )
    assert problem.endswith("ms of sound; at least 1 ms is needed: give a longer one")


def test_the_sound_of_a_take_is_a_sound(tmp_path: Path) -> None:
    path = tmp_path / "take.mkv"
    with ArrayWriter(path, fps=Fraction(24)) as writer:
        writer.append(np.zeros((4, 16, 16, 3), np.uint8), NOISE[:, :4_000], 24_000)
    np.testing.assert_array_equal(lt.AudioInput.from_file(path).samples(24_000), NOISE[:, :4_000])


def test_too_long_a_sound_is_refused() -> None:
    data = lt.AudioInput.from_samples(np.zeros((1, 4_000 * 601), np.float32), 4_000).data
    assert "at most 600 seconds" in sound_refusal(data)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_samples_that_are_no_numbers_are_refused(value: float) -> None:
    samples = NOISE.copy()
    samples[1, 7] = value
    assert "not numbers" in sound_refusal(lt.AudioInput.from_samples(samples, 24_000).data)


@pytest.mark.parametrize("rate", [1, 2**31 - 1])
def test_an_absurd_rate_is_refused(rate: int) -> None:
    data = bytearray(lt.AudioInput.from_samples(NOISE, 24_000).data)
    assert data[24:28] == (24_000).to_bytes(4, "little")
    data[24:28] = rate.to_bytes(4, "little")
    assert sound_refusal(bytes(data))


def test_a_picture_is_no_sound() -> None:
    data = lt.ClipInput.from_frames(np.zeros((2, 16, 16, 3), np.uint8)).data
    assert sound_refusal(data) == "is damaged, or has no audio"


@pytest.mark.parametrize("size", [1, 10, 60])
def test_a_file_that_is_cut_off_in_its_head_is_refused(size: int) -> None:
    assert sound_refusal(lt.AudioInput.from_samples(NOISE, 24_000).data[:size])


FLAC = encoded(sine(0.1, 48_000), 48_000, "flac", "flac", "stereo")


@settings(max_examples=40)
@given(draw=st.data())
def test_a_damaged_file_is_a_sound_or_refused(draw: st.DataObject) -> None:
    data = bytearray(FLAC)
    for _ in range(draw.draw(st.integers(1, 4))):
        data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    try:
        assert lt.AudioInput(bytes(data)).samples(24_000).shape[0] == 2
    except lt.ValidationError as error:
        assert error.path == "data"


def tag(packed: bytes) -> bytes:
    """An ID3 tag of one packed text."""

    def size(count: int) -> bytes:
        return bytes(count >> shift & 127 for shift in (21, 14, 7, 0))

    text = b"TXXX" + size(len(packed) + 4) + b"\0\x09" + size(2**27) + packed
    return b"ID3\x04\0\0" + size(len(text)) + text


MEASURED = """
import pathlib, re, sys
import longtake as lt

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", pathlib.Path("/proc/self/status").read_text())[1])

lt.AudioInput.from_file(sys.argv[1]).samples(48_000)
before = peak()
lt.AudioInput.from_file(sys.argv[2]).samples(48_000)
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads how Linux counts memory")
@pytest.mark.parametrize("kind", ["mp3", "aiff"])
def test_the_tags_of_a_file_are_not_unpacked(tmp_path: Path, kind: str) -> None:
    codec = {"mp3": "libmp3lame", "aiff": "pcm_s16be"}[kind]
    plain = encoded(sine(0.5, 48_000), 48_000, kind, codec, "stereo")
    tagged = (added := tag(zlib.compress(bytes(2**27)))) + plain
    if kind == "aiff":
        chunk = b"ID3 " + struct.pack(">I", len(added)) + added + b"\0" * (len(added) % 2)
        size = struct.pack(">I", len(plain) - 8 + len(chunk))
        tagged = plain[:4] + size + plain[8:12] + chunk + plain[12:]
    np.testing.assert_array_equal(
        lt.AudioInput(tagged).samples(48_000), lt.AudioInput(plain).samples(48_000)
    )
    (tmp_path / "plain").write_bytes(plain)
    (tmp_path / "tagged").write_bytes(tagged)
    files = (str(tmp_path / "plain"), str(tmp_path / "tagged"))
    command = [sys.executable, "-c", MEASURED, *files]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 2**15
