"""What the numbers of a decoded picture mean as colours, and the RGB that they stand for.

The numbers of matrices, transfer characteristics and primaries are those of ITU-T H.273.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np
from attrs import frozen
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Interpolation
from numpy.typing import NDArray

from longtake.errors import ValidationError
from longtake.media.displaymatrix import side_data
from longtake.media.sdr import Curve, Gamut, bands, to_bt709

T = TypeVar("T")

__all__ = ["Colours"]

_ACCURATE = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT

_UNSPECIFIED = (0, 2, 3)
_LUMA = {
    1: (0.2126, 0.0722),
    4: (0.30, 0.11),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
}
"""The share of red and of blue in the luma of the matrices that FFmpeg's scaler knows."""

_BT709, _BT601, _BT2020 = 1, 6, 9
_SDR_CURVES = (0, 1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 14, 15)
_CURVES = {16: Curve.PQ, 18: Curve.HLG}
_GAMUTS = {9: Gamut.BT2020, 11: Gamut.P3, 12: Gamut.P3}
_BT709_LIKE = (0, 1, 2, 3, 4, 5, 6, 7, 8, 22)
"""Primaries that are taken for BT.709's: those of older television lie close to them."""

_OTHERS = {
    "matrix": {8: "YCgCo", 10: "BT.2020 of constant luminance", 14: "ICtCp", 15: "IPT-PQ-C2"},
    "transfer curve": {8: "linear light", 9: "logarithmic", 10: "logarithmic", 17: "ST 428-1"},
    "primaries": {10: "XYZ"},
}

_HD_WIDTH, _HD_HEIGHT = 1280, 577


@frozen
class Colours:
    """How a picture's numbers are read.

    ``matrix``: the one of Y'CbCr; None where it is RGB. ``curve``: its code values to light.
    ``gamut``: its primaries.
    """

    matrix: int | None
    curve: Curve
    gamut: Gamut

    @classmethod
    def of(cls, frame: VideoFrame) -> Colours:
        """As the frame says. Where it says nothing, as players guess.

        Raises `ValidationError` with the path ``data`` for colours that are not converted here.
        """
        curve = _named("transfer curve", frame.color_trc, _SDR_CURVES, _CURVES, Curve.SDR)
        gamut = _named("primaries", frame.color_primaries, _BT709_LIKE, _GAMUTS, Gamut.BT709)
        if curve is not Curve.SDR and frame.color_primaries in _UNSPECIFIED:
            gamut = Gamut.BT2020
        if curve is Curve.SDR and frame.colorspace in _UNSPECIFIED and _is_dolby_vision(frame):
            raise ValidationError("data", "is Dolby Vision alone, which is not read; convert it")
        return cls(_matrix_of(frame, gamut), curve, gamut)

    def rgb(self, frame: VideoFrame, *, height: int, width: int) -> NDArray[np.uint8]:
        """uint8 R'G'B' of BT.709 ``[height, width, 3]``. Transparency is dropped."""
        size = {"height": height, "width": width, "interpolation": _ACCURATE}
        if self.curve is Curve.SDR and self.gamut is Gamut.BT709:
            shown = frame.reformat(format="rgb24", src_colorspace=self.matrix, **size)
            return shown.to_ndarray().astype(np.uint8, copy=False)
        if self.matrix is None:
            codes = frame.reformat(format="rgb48le", **size).to_ndarray()
        else:
            # Not to RGB: FFmpeg's scaler makes 16-bit RGB of it that is too dark by 0.4 %.
            parts = frame.reformat(format="yuv444p16le", **size).to_ndarray()
            full = frame.color_range == ColorRange.JPEG
            codes = _rgb_of(parts, self.matrix, full=full)
        return to_bt709(codes.astype(np.uint16, copy=False), self.curve, self.gamut)


def _rgb_of(parts: NDArray[Any], matrix: int, *, full: bool) -> NDArray[np.uint16]:
    """uint16 Y'CbCr ``[H, W, 3]`` to R'G'B' of full range: ITU-T H.273 (2021), section 8.3."""
    red, blue = _LUMA[matrix]
    green = 1 - red - blue
    to_rgb = np.array(
        [
            (1, 0, 2 * (1 - red)),
            (1, -2 * (1 - blue) * blue / green, -2 * (1 - red) * red / green),
            (1, 2 * (1 - blue), 0),
        ],
        np.float32,
    )
    # Code values of 16 bits: black, the middle of the colours, and how far white and they reach.
    black, middle = np.float32(0 if full else 16 << 8), np.float32(128 << 8)
    luma, chroma = (65535, 65535) if full else (219 << 8, 224 << 8)
    offset, scale = np.array([black, middle, middle]), np.array([luma, chroma, chroma], np.float32)
    codes = np.empty(parts.shape, np.uint16)
    for rows in bands(parts):
        rgb = ((parts[rows] - offset) / scale) @ to_rgb.T
        codes[rows] = np.rint(np.clip(rgb, 0, 1) * 65535)
    return codes


def _matrix_of(frame: VideoFrame, gamut: Gamut) -> int | None:
    """As named, else as mpv and Chromium guess: by the gamut, then BT.709 for HD, BT.601 below."""
    if frame.format.is_rgb or frame.format.has_palette:
        return None
    if frame.colorspace in _LUMA:
        return frame.colorspace
    if frame.colorspace not in _UNSPECIFIED:
        raise _refused("matrix", frame.colorspace)
    if gamut is Gamut.BT2020:
        return _BT2020
    high = frame.width >= _HD_WIDTH or frame.height >= _HD_HEIGHT
    return _BT709 if high else _BT601


def _is_dolby_vision(frame: VideoFrame) -> bool:
    return side_data(frame, "DOVI_METADATA") is not None


def _named(
    what: str, number: int, usual: tuple[int, ...], special: Mapping[int, T], common: T
) -> T:
    if number in usual:
        return common
    if number not in special:
        raise _refused(what, number)
    return special[number]


def _refused(what: str, number: int) -> ValidationError:
    name = _OTHERS[what].get(number, f"number {number} of H.273")
    return ValidationError(
        "data", f"has colours of the {what} {name}, which is not read; convert it to BT.709"
    )
