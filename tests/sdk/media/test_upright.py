"""Clips are shown as their files say: turned, mirrored, with square pixels."""

from __future__ import annotations

import io
import struct
from fractions import Fraction
from typing import Any

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame
from numpy.typing import NDArray
from PIL import Image

import longtake as lt
from tests.sdk.media.refusals import clip_refusal

ROWS, COLUMNS = np.mgrid[:48, :64]
PIXELS = np.stack([3 * COLUMNS, 4 * ROWS, COLUMNS + ROWS], axis=-1).astype(np.uint8)
"""No two corners, and no two sides, are alike."""


def clip(
    pixels: NDArray[np.uint8] = PIXELS, *, kind: str = "mp4", aspect: Fraction | None = None
) -> bytes:
    """Three equal frames, without loss where they may be."""
    codec, stored = ("ffv1", "bgr0") if kind == "matroska" else ("libx264", "yuv444p")
    file = io.BytesIO()
    with av.open(file, "w", format=kind) as container:
        stream: Any = container.add_stream(codec, rate=24, options={"crf": "1"} if aspect else {})
        stream.height, stream.width = pixels.shape[:2]
        stream.pix_fmt = stored
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        for _ in range(3):
            container.mux(stream.encode(VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    return file.getvalue()


def turned(data: bytes, *sides: float) -> bytes:
    """The MP4 with a display matrix of these a, b, c and d (ISO/IEC 14496-12, 8.3.2)."""
    a, b, c, d = (round(side * 2**16) for side in sides)
    at = data.index(b"tkhd") + 44
    matrix = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    return data[:at] + matrix + data[at + 36 :]


PLAIN = clip()
SEEN = lt.ClipInput(PLAIN).frames()
"""``[T, H, W, 3]``: axes 1 and 2 are turned below."""


@pytest.mark.parametrize(
    ("sides", "expected"),
    [
        ((1, 0, 0, 1), SEEN),
        ((-1, 0, 0, 1), SEEN[:, :, ::-1]),
        ((-1, 0, 0, -1), SEEN[:, ::-1, ::-1]),
        ((1, 0, 0, -1), SEEN[:, ::-1]),
        ((0, 1, 1, 0), SEEN.swapaxes(1, 2)),
        ((0, 1, -1, 0), np.rot90(SEEN, -1, (1, 2))),
        ((0, -1, -1, 0), SEEN.swapaxes(1, 2)[:, ::-1, ::-1]),
        ((0, -1, 1, 0), np.rot90(SEEN, 1, (1, 2))),
        ((0.01, 0.9999, -0.9999, 0.01), np.rot90(SEEN, -1, (1, 2))),
        ((0, 0, 0, 0), SEEN),
    ],
)
def test_a_clip_is_turned_and_mirrored_as_its_matrix_says(
    sides: tuple[float, ...], expected: NDArray[np.uint8]
) -> None:
    given = lt.ClipInput(turned(PLAIN, *sides))
    given.check()
    np.testing.assert_array_equal(given.frames(), expected)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_motion_jpeg_is_turned_as_its_photographs_are(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    photograph, file = io.BytesIO(), io.BytesIO()
    Image.fromarray(PIXELS).save(photograph, "JPEG", exif=exif)
    with av.open(file, "w", format="avi") as container:
        stream: Any = container.add_stream("mjpeg", rate=24)
        stream.height, stream.width = PIXELS.shape[:2]
        stream.pix_fmt = "yuvj420p"
        for number in range(2):
            packet: Any = av.Packet(photograph.getvalue())
            packet.stream, packet.pts, packet.dts = stream, number, number
            packet.time_base = Fraction(1, 24)
            container.mux(packet)
    still = lt.ImageInput(photograph.getvalue()).pixels()
    given = lt.ClipInput(file.getvalue())
    given.check()
    np.testing.assert_array_equal(given.frames(), np.stack([still, still]))


@pytest.mark.parametrize(
    "sides", [(0.7071, 0.7071, -0.7071, 0.7071), (1, 0.5, 0, 1), (1, 0, 0.5, 1), (1, 1, 1, 1)]
)
def test_what_stands_askew_is_refused(sides: tuple[float, ...]) -> None:
    assert "no quarter turns, or skewed" in clip_refusal(turned(PLAIN, *sides))


@pytest.mark.parametrize(
    ("aspect", "shape"),
    [
        (Fraction(2), (48, 128)),
        (Fraction(1, 2), (96, 64)),
        (Fraction(4, 3), (48, 86)),  # 85.3
        (Fraction(8, 9), (54, 64)),
        (Fraction(1), (48, 64)),
    ],
)
@pytest.mark.parametrize("kind", ["mp4", "avi", "mpegts"])
def test_pixels_become_square(kind: str, aspect: Fraction, shape: tuple[int, int]) -> None:
    given = lt.ClipInput(clip(kind=kind, aspect=aspect))
    given.check()
    frames = given.frames()
    assert frames.shape == (3, *shape, 3)
    top, middle = frames[0, 0, 0], frames[0, shape[0] // 2, shape[1] // 2]
    assert top.max() < 12
    assert np.abs(middle.astype(int) - PIXELS[24, 32]).max() < 8


def test_a_circle_is_round() -> None:
    rows, columns = np.mgrid[:64, :48]
    disc = np.hypot(2 * (columns - 23.5), rows - 31.5) < 24
    data = clip((disc[..., None] * np.full(3, 255)).astype(np.uint8), aspect=Fraction(2))
    rows, columns = np.nonzero(lt.ClipInput(data).frames()[0, ..., 0] > 128)
    assert np.ptp(rows) + 1 == np.ptp(columns) + 1 == 48


def test_pixels_are_squared_before_the_picture_is_turned() -> None:
    data = turned(clip(aspect=Fraction(2)), 0, 1, -1, 0)
    assert lt.ClipInput(data).frames().shape == (3, 128, 48, 3)


def with_aspect(data: bytes, width: int, height: int) -> bytes:
    """The MP4 with another pixel aspect in its container (ISO/IEC 14496-12, 12.1.4)."""
    at = data.index(b"pasp") + 4
    return data[:at] + struct.pack(">II", width, height) + data[at + 8 :]


def test_the_container_is_believed_before_the_codec() -> None:
    data = with_aspect(clip(aspect=Fraction(2)), 3, 1)
    assert lt.ClipInput(data).frames().shape == (3, 48, 192, 3)


@pytest.mark.parametrize(("width", "height"), [(17, 1), (1, 17), (2**31 - 1, 1), (1, 2**31 - 1)])
def test_an_absurd_aspect_is_refused(width: int, height: int) -> None:
    assert "16:1" in clip_refusal(with_aspect(clip(aspect=Fraction(2)), width, height))


def test_a_picture_that_only_its_aspect_makes_too_large_is_refused() -> None:
    large = np.zeros((2048, 2048, 3), np.uint8)
    assert "32768 x 2048" in clip_refusal(clip(large, aspect=Fraction(16)))
