"""Still images from outside: exact where they can be, upright, and refused in time when hostile."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageOps

import longtake as lt
from longtake.media.png import picture_of

NOISE = np.random.default_rng(0).integers(0, 256, (33, 47, 3), np.uint8)
ROWS, COLUMNS = np.mgrid[:64, :96]
SMOOTH = np.stack([2 * COLUMNS, 3 * ROWS, ROWS + COLUMNS], axis=-1).astype(np.uint8)


def file_of(pixels: NDArray[np.uint8], kind: str, mode: str = "RGB", **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, kind, **options)
    return file.getvalue()


def seen_by_pillow(data: bytes) -> NDArray[np.int64]:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(np.int64)


def refusal(data: bytes) -> str:
    with pytest.raises(lt.ValidationError) as refused:
        lt.ImageInput(data).pixels()
    assert refused.value.path == "data"
    return refused.value.problem


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1"])
def test_png_is_exact(mode: str) -> None:
    data = file_of(NOISE, "PNG", mode)
    pixels = lt.ImageInput(data).pixels()
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, seen_by_pillow(data))


@pytest.mark.parametrize(
    ("kind", "options", "worst", "mean"),
    [
        ("JPEG", {"quality": 95}, 6, 1.0),
        ("JPEG", {"quality": 95, "subsampling": 0}, 3, 0.1),
        ("JPEG", {"quality": 95, "progressive": True}, 6, 1.0),
        ("WEBP", {"quality": 95}, 6, 1.5),
        ("WEBP", {"lossless": True}, 0, 0.0),
    ],
)
def test_other_kinds_are_as_others_see_them(
    kind: str, options: dict[str, Any], worst: int, mean: float
) -> None:
    data = file_of(SMOOTH, kind, **options)
    error = np.abs(lt.ImageInput(data).pixels() - seen_by_pillow(data))
    assert error.max() <= worst
    assert error.mean() <= mean


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_jpeg_of_other_colours(mode: str) -> None:
    data = file_of(SMOOTH, "JPEG", mode)
    assert np.abs(lt.ImageInput(data).pixels() - seen_by_pillow(data)).max() <= 4


@pytest.mark.parametrize(("orientation", "turns"), [(1, 0), (3, 2), (6, -1), (8, 1)])
def test_a_photograph_stands_upright(orientation: int, turns: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    plain = lt.ImageInput(file_of(SMOOTH, "JPEG")).pixels()
    turned = lt.ImageInput(file_of(SMOOTH, "JPEG", exif=exif)).pixels()
    np.testing.assert_array_equal(turned, np.rot90(plain, turns))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_as_others_see_it(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    plain = lt.ImageInput(file_of(SMOOTH, kind)).pixels()
    turned = lt.ImageInput(file_of(SMOOTH, kind, exif=exif)).pixels()
    shown = Image.fromarray(plain)
    shown.getexif()[0x0112] = orientation
    np.testing.assert_array_equal(turned, np.asarray(ImageOps.exif_transpose(shown)))


def test_the_density_that_a_still_is_printed_at_changes_nothing() -> None:
    for kind in ("PNG", "JPEG"):
        data = file_of(SMOOTH, kind, dpi=(300, 150))
        assert lt.ImageInput(data).pixels().shape == SMOOTH.shape


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("share", [0.05, 0.3, 0.5, 0.9, 0.99])
def test_a_file_that_is_cut_off_is_refused(kind: str, share: float) -> None:
    data = file_of(NOISE, kind)
    assert refusal(data[: int(share * len(data))])


@given(st.sampled_from(["PNG", "JPEG", "WEBP"]), st.data())
def test_a_damaged_file_is_a_picture_or_refused(kind: str, draw: st.DataObject) -> None:
    data = bytearray(file_of(NOISE, kind))
    for _ in range(draw.draw(st.integers(1, 4))):
        data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    try:
        assert lt.ImageInput(bytes(data)).pixels().ndim == 3
    except lt.ValidationError as error:
        assert error.path == "data"


@given(st.binary(min_size=1), st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"]))
def test_noise_is_refused(noise: bytes, beginning: bytes) -> None:
    assert refusal(beginning + noise)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, packed: bytes, *more: bytes) -> bytes:
    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = (chunk(b"IHDR", size), *more, chunk(b"IDAT", packed), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize(
    ("curve", "signal", "expected"),
    [
        (16, 0.58069, 255),  # PQ: 203 cd/m2, ITU-R BT.2408-7, table 1
        (16, 0.41651, 128),  # 203 cd/m2 by (128/255) ** 2.4
        (18, 0.75, 255),  # HLG
        (1, 0.5, 128),
    ],
)
def test_a_png_that_is_hdr_becomes_sdr(curve: int, signal: float, expected: int) -> None:
    code = struct.pack(">H", round(signal * 65535))
    size = struct.pack(">IIBBBBB", 4, 4, 16, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        (
            chunk(b"IHDR", size),
            chunk(b"cICP", bytes((9, curve, 0, 1))),
            chunk(b"IDAT", zlib.compress((b"\0" + 12 * code) * 4)),
            chunk(b"IEND", b""),
        )
    )
    pixels = lt.ImageInput(data).pixels()
    assert np.abs(pixels.astype(int) - expected).max() <= 1


SMALL = zlib.compress(bytes(4 * 13))
"""The rows of a black picture of 4 x 4."""


@pytest.fixture(scope="module")
def bomb() -> bytes:
    """128 MiB of zeros in 128 KiB."""
    packer = zlib.compressobj()
    return b"".join(packer.compress(bytes(2**20)) for _ in range(128)) + packer.flush()


@pytest.mark.parametrize(("width", "height"), [(60_000, 60_000), (2**31 - 1, 1), (0, 4)])
def test_an_absurd_size_is_refused_before_it_is_allocated(width: int, height: int) -> None:
    assert f"is {width} x {height}" in refusal(png(width, height, SMALL))


def test_an_absurd_size_of_another_kind_is_refused() -> None:
    data = bytearray(file_of(NOISE, "JPEG"))
    start = data.index(b"\xff\xc0") + 5
    data[start : start + 4] = struct.pack(">HH", 60_000, 60_000)
    assert "no still image" in refusal(bytes(data))


def test_pixels_that_unpack_to_more_than_the_size_are_refused(bomb: bytes) -> None:
    assert "unpacks to more" in refusal(png(4, 4, bomb))


@pytest.mark.parametrize(
    ("kind", "head"), [(b"zTXt", b"a\0\0"), (b"iCCP", b"a\0\0"), (b"iTXt", b"a\0\1\0\0\0")]
)
def test_what_is_no_picture_is_not_unpacked(bomb: bytes, kind: bytes, head: bytes) -> None:
    data = png(4, 4, SMALL, chunk(kind, head + bomb))
    np.testing.assert_array_equal(lt.ImageInput(data).pixels(), np.zeros((4, 4, 3), np.uint8))
    assert picture_of(data, max_pixels=16) == png(4, 4, SMALL)  # all that the decoder is given


def test_an_animation_is_refused() -> None:
    frames = [Image.fromarray(SMOOTH[::-1])]
    assert refusal(file_of(SMOOTH, "WEBP", save_all=True, append_images=frames))


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF"])
def test_other_kinds_are_refused(kind: str) -> None:
    assert "no PNG, JPEG or WebP" in refusal(file_of(SMOOTH, kind))
