"""Video clips from outside: every frame, upright; damaged and hostile ones are refused in time."""

from __future__ import annotations

import io
import struct
import zlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

import longtake as lt
from longtake.media.writer import ArrayWriter
from tests.sdk.media.refusals import clip_refusal

ROWS, COLUMNS = np.mgrid[:48, :64]
RAMP = np.stack([(ROWS + COLUMNS + 8 * n) % 200 for n in range(12)])[..., None].repeat(3, axis=-1)
FRAMES = RAMP.astype(np.uint8)


def encoded(
    path: Path, frames: NDArray[np.uint8], codec: str = "libx264", pixel_format: str = "yuv420p"
) -> bytes:
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=24)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = pixel_format
        for pixels in frames:
            container.mux(stream.encode(VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    return path.read_bytes()


def test_an_animation_is_the_clip_and_not_its_cover() -> None:
    """The first stream of an animated AVIF is its cover, one picture."""
    first, *more = [Image.new("RGB", (64, 48), colour) for colour in ("red", "lime", "blue")]
    file = io.BytesIO()
    first.save(file, "AVIF", save_all=True, append_images=more, duration=[100, 300, 200])
    frames = lt.ClipInput(file.getvalue()).frames()
    assert frames.shape == (3, 48, 64, 3)
    middle = frames[:, 24, 32].astype(int)
    assert np.abs(middle - [(255, 0, 0), (0, 255, 0), (0, 0, 255)]).max() <= 8


@pytest.mark.parametrize("size", [(48, 64), (33, 47), (2, 2)])
def test_what_was_made_of_frames_is_lossless(size: tuple[int, int]) -> None:
    frames = np.random.default_rng(1).integers(0, 256, (9, *size, 3), np.uint8)
    clip = lt.ClipInput.from_frames(frames)
    clip.check()
    np.testing.assert_array_equal(clip.frames(), frames)


@pytest.mark.parametrize(
    ("suffix", "codec", "pixel_format"),
    [
        (".mp4", "libx264", "yuv420p"),
        (".mov", "mpeg4", "yuv420p"),
        (".avi", "mjpeg", "yuvj420p"),
        (".webm", "libvpx-vp9", "yuv420p"),
        (".ts", "mpeg2video", "yuv420p"),
    ],
)
def test_the_usual_files_are_read(
    tmp_path: Path, suffix: str, codec: str, pixel_format: str
) -> None:
    data = encoded(tmp_path / f"clip{suffix}", FRAMES, codec, pixel_format)
    frames = lt.ClipInput(data).frames()
    assert frames.shape == FRAMES.shape
    assert np.abs(frames.astype(int) - FRAMES).mean() < 6


def test_a_take_is_a_clip_and_its_sound_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "take.mp4"
    with ArrayWriter(path, fps=Fraction(24)) as writer:
        writer.append(FRAMES, np.zeros((2, 12_000), np.float32), 24_000)
    frames = lt.ClipInput.from_file(path).frames()
    assert np.abs(frames.astype(int) - FRAMES).max() < 12


@pytest.mark.parametrize("suffix", [".mp4", ".avi"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
def test_a_file_that_is_cut_off_is_refused(tmp_path: Path, suffix: str, share: float) -> None:
    data = encoded(tmp_path / f"clip{suffix}", FRAMES, "mpeg4")
    assert clip_refusal(data[: int(share * len(data))])


SMALL_CLIP = lt.ClipInput.from_frames(FRAMES[:3, :16, :16]).data


@settings(max_examples=40)
@given(draw=st.data())
def test_a_damaged_file_is_a_clip_or_refused(draw: st.DataObject) -> None:
    data = bytearray(SMALL_CLIP)
    for _ in range(draw.draw(st.integers(1, 4))):
        data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    try:
        assert lt.ClipInput(bytes(data)).frames().ndim == 4
    except lt.ValidationError as error:
        assert error.path == "data"


def test_too_many_frames_are_refused(tmp_path: Path) -> None:
    frames = np.zeros((2049, 16, 16, 3), np.uint8)
    assert "at most 2048 frames" in clip_refusal(encoded(tmp_path / "long.mp4", frames))


def test_too_large_a_picture_is_refused(tmp_path: Path) -> None:
    frames = np.zeros((1, 5792, 5808, 3), np.uint8)
    data = encoded(tmp_path / "large.avi", frames, "ffv1", "gray")
    assert len(data) < 2**20
    assert clip_refusal(data)


def test_sound_is_no_clip() -> None:
    data = lt.AudioInput.from_samples(np.zeros((1, 4800), np.float32), 48_000).data
    assert clip_refusal(data) == "is damaged, or has no video"


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile://{path}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile {path}\n",
        "{path}\n",
    ],
)
def test_a_file_that_names_another_one_is_refused(tmp_path: Path, text: str) -> None:
    secret = tmp_path / "secret.avi"
    encoded(secret, FRAMES, "mpeg4")
    assert clip_refusal(text.format(path=secret).encode())


def box(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data) + 8) + kind + data


def test_a_header_that_unpacks_to_any_size_is_refused_as_it_is() -> None:
    packed = struct.pack(">I", 2**30) + zlib.compress(bytes(2**20))
    header = box(b"cmov", box(b"dcom", b"zlib") + box(b"cmvd", packed))
    data = box(b"ftyp", b"qt  \0\0\0\0qt  ") + box(b"moov", header)
    assert "compressed header" in clip_refusal(data)
