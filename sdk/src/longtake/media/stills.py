"""Still images from outside: PNG, JPEG and WebP to RGB, and RGB to PNG."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from av.codec import CodecContext
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from longtake.errors import ValidationError
from longtake.media import png
from longtake.media.untrusted import MAX_PIXELS, decoder_options, refusing
from longtake.media.upright import Appearance

__all__ = ["decode_still", "encode_still", "is_still"]

_JPEG_START = b"\xff\xd8\xff"
_JPEG_SCAN = b"\xff\xda"
_JPEG_END = b"\xff\xd9"


def is_still(data: bytes) -> bool:
    """Whether a file begins as those do that `decode_still` takes."""
    return data.startswith((png.SIGNATURE, _JPEG_START)) or _is_webp(data)


def _is_webp(data: bytes) -> bool:
    return data.startswith(b"RIFF") and data[8:12] == b"WEBP"


def decode_still(data: bytes) -> NDArray[np.uint8]:
    """The picture of a PNG, JPEG or WebP file: uint8 RGB ``[H, W, 3]``, upright.

    Exact for PNG and lossless WebP of 8 bits. A PNG that says by ``cICP`` that it is PQ, HLG or of
    a wide gamut becomes SDR of BT.709; colour profiles are not read. The density that a picture
    is to be printed at changes nothing. Raises `ValidationError` with the path ``data``.
    """
    codec, data = _decoder_of(data)
    with refusing("still image"):
        context = CodecContext.create(codec, "r")
        assert isinstance(context, VideoCodecContext)
        context.options = decoder_options()
        frames = [*context.decode(Packet(data)), *context.decode(None)]
        if len(frames) != 1:
            raise ValidationError("data", f"has {len(frames)} pictures; must be one")
        return Appearance.of(frames[0]).rgb(frames[0])


def encode_still(pixels: NDArray[np.uint8]) -> bytes:
    """A PNG of uint8 RGB ``[H, W, 3]``. Raises `ValidationError` with the path ``pixels``."""
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        found = f"{pixels.dtype} {list(pixels.shape)}"
        raise ValidationError("pixels", f"expected uint8 [H, W, 3], got {found}")
    context = CodecContext.create("png", "w")
    assert isinstance(context, VideoCodecContext)
    context.height, context.width = pixels.shape[:2]
    context.pix_fmt, context.framerate = "rgb24", Fraction(1)
    frame = VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
    frame.pts = 0
    packets = [*context.encode(frame), *context.encode(None)]
    return b"".join(bytes(packet) for packet in packets)


def _decoder_of(data: bytes) -> tuple[str, bytes]:
    """The decoder for a file that begins like this, and what it is to be given."""
    if data.startswith(png.SIGNATURE):
        return "png", png.picture_of(data, max_pixels=MAX_PIXELS)
    if data.startswith(_JPEG_START):
        # The decoder notices every cut but one through the last few lines.
        if data.rfind(_JPEG_END) < data.rfind(_JPEG_SCAN):
            raise ValidationError("data", "is a JPEG that is cut off")
        return "mjpeg", data
    if _is_webp(data):
        return "webp", data
    raise ValidationError("data", "is no PNG, JPEG or WebP file")
