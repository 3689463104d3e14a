"""The sound of a file with pictures begins with the first of them."""

from __future__ import annotations

import io
import struct
from fractions import Fraction
from typing import Any

import av
import numpy as np
import pytest
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame
from numpy.typing import NDArray

import longtake as lt

RATE = 48_000
CLICK = RATE // 2


def clicking() -> NDArray[np.float32]:
    """Two seconds with a click at half of the first."""
    samples = np.zeros((1, 2 * RATE), np.float32)
    samples[:, CLICK : CLICK + 100] = 0.9
    return samples


def heard_at(samples: NDArray[np.float32], rate: int = RATE) -> float:
    """Seconds until the click."""
    return int(np.argmax(np.abs(samples[0]) > 0.3)) / rate


def sound_packets(stream: Any, samples: NDArray[np.float32], first: int) -> list[Any]:
    packets: list[Any] = []
    planar = stream.codec_context.format.is_planar
    for start in range(0, samples.shape[1], 960):
        block = samples[:, start : start + 960]
        frame = AudioFrame.from_ndarray(
            np.ascontiguousarray(block if planar else block.T.reshape(1, -1)),
            stream.codec_context.format.name,
            "mono",
        )
        frame.sample_rate, frame.pts, frame.time_base = RATE, first + start, Fraction(1, RATE)
        packets += stream.encode(frame)
    return [*packets, *stream.encode(None)]


def seconds(packet: Any) -> float:
    return float(packet.dts * packet.time_base)


def film(
    kind: str, codec: str, *, sound: Fraction = Fraction(0), pictures: int = 0, count: int = 72
) -> bytes:
    """24 pictures a second, the first with the number ``pictures``; the click's sound goes with it
    from ``sound`` seconds on."""
    file = io.BytesIO()
    with av.open(file, "w", format=kind) as container:
        video: Any = container.add_stream("libx264", rate=24)
        video.height = video.width = 64
        video.pix_fmt = "yuv420p"
        audio = container.add_stream(codec, rate=RATE, layout="mono")
        packets: list[Any] = sound_packets(audio, clicking(), round(sound * RATE))
        for number in range(pictures, pictures + count):
            frame = VideoFrame.from_ndarray(np.full((64, 64, 3), 99, np.uint8))
            frame.pts, frame.time_base = number, Fraction(1, 24)
            packets += video.encode(frame)
        packets += video.encode(None)
        container.mux(sorted(packets, key=seconds))
    return file.getvalue()


CONTAINERS = [("mov", "pcm_f32le", 48), ("mp4", "aac", 60), ("mpegts", "aac", 2)]
"""The samples by which each may err: MP4 keeps the start of a late track in milliseconds."""


@pytest.mark.parametrize(("kind", "codec", "error"), CONTAINERS)
@pytest.mark.parametrize("late", [Fraction(0), Fraction(1, 4), Fraction(1), Fraction(12_345, RATE)])
def test_silence_stands_before_a_sound_that_begins_late(
    kind: str, codec: str, error: int, late: Fraction
) -> None:
    given = lt.AudioInput(film(kind, codec, sound=late))
    given.check()
    samples = given.samples(RATE)
    assert abs(heard_at(samples) - float(Fraction(CLICK, RATE) + late)) <= error / RATE
    silent = round(late * RATE)
    assert np.abs(samples[:, : max(0, silent - error)]).max(initial=0) < 0.01
    assert abs(heard_at(given.samples(16_000), 16_000) - heard_at(samples)) <= 2 / 16_000


def test_a_late_sound_is_itself_to_the_sample() -> None:
    samples = lt.AudioInput(film("mov", "pcm_f32le", sound=Fraction(1, 4))).samples(RATE)
    expected = np.pad(clicking(), ((0, 0), (RATE // 4, 0)))
    np.testing.assert_array_equal(samples, np.repeat(expected, 2, axis=0))


@pytest.mark.parametrize(("kind", "codec", "error"), CONTAINERS[1:])
def test_sound_from_before_the_first_picture_is_left_out(kind: str, codec: str, error: int) -> None:
    samples = lt.AudioInput(film(kind, codec, pictures=6)).samples(RATE)
    assert abs(heard_at(samples) - 0.25) <= error / RATE


def test_sound_that_is_over_before_the_first_picture_is_refused() -> None:
    given = lt.AudioInput(film("mpegts", "aac", pictures=72))
    for decode in (given.check, lambda: given.samples(RATE)):
        with pytest.raises(lt.ValidationError, match=r"^data: has sound that is over 0\.9") as no:
            decode()
        assert "1 ms is needed" in no.value.problem


def absurd(data: bytes) -> bytes:
    """The MP4 with its sound 10^6 s after the pictures (edit list, ISO/IEC 14496-12, 8.6.6)."""
    at = data.index(b"elst", data.index(b"trak", data.index(b"trak") + 4)) + 4
    count, seconds = struct.unpack_from(">xxxxII", data, at)
    assert (count, seconds) == (2, 1000)
    return data[: at + 8] + struct.pack(">I", 10**9) + data[at + 12 :]


def test_an_absurd_silence_is_refused_before_it_is_allocated() -> None:
    given = lt.AudioInput(absurd(film("mov", "pcm_f32le", sound=Fraction(1))))
    for decode in (given.check, lambda: given.samples(RATE)):
        with pytest.raises(lt.ValidationError, match="after its first picture; at most 600") as no:
            decode()
        assert no.value.path == "data"


@pytest.mark.parametrize(
    ("kind", "codec"),
    [("mp4", "aac"), ("mp3", "libmp3lame"), ("ogg", "libopus"), ("wav", "pcm_s16le")],
)
def test_a_file_of_sound_alone_begins_with_its_sound(kind: str, codec: str) -> None:
    file = io.BytesIO()
    with av.open(file, "w", format=kind) as container:
        stream: Any = container.add_stream(codec, rate=RATE, layout="mono")
        if stream.codec_context.format.name.startswith("flt"):
            container.mux(sound_packets(stream, clicking(), 0))
        else:
            frame = AudioFrame.from_ndarray(clicking(), "fltp", "mono")
            frame.sample_rate = RATE
            container.mux([*stream.encode(frame), *stream.encode(None)])
    samples = lt.AudioInput(file.getvalue()).samples(RATE)
    assert abs(heard_at(samples) - 0.5) <= 2 / RATE


def test_the_picture_on_a_cover_shifts_nothing() -> None:
    file = io.BytesIO()
    with av.open(file, "w", format="mp3") as container:
        sound = container.add_stream("libmp3lame", rate=RATE, layout="mono")
        cover: Any = container.add_stream("mjpeg", rate=1)
        cover.height = cover.width = 64
        cover.pix_fmt = "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        frame = AudioFrame.from_ndarray(clicking(), "fltp", "mono")
        frame.sample_rate = RATE
        packets: list[Any] = [*sound.encode(frame), *sound.encode(None)]
        picture = VideoFrame.from_ndarray(np.full((64, 64, 3), 99, np.uint8))
        container.mux([*cover.encode(picture), *cover.encode(None), *packets])
    assert abs(heard_at(lt.AudioInput(file.getvalue()).samples(RATE)) - 0.5) <= 2 / RATE
