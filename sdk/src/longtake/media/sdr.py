"""From high dynamic range and wide gamuts to the SDR of BT.709, by the standards' formulas."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Curve", "Gamut", "bands", "to_bt709"]

_WHITE = 203.0
"""cd/m2 that become SDR's white: the reference white of ITU-R BT.2408-7, table 1."""

_STILL_WHITE = 0.99
"""Of SDR's white: one step of 10 bits below it, to which a coder may have rounded it down."""

_HLG_PEAK = 1000.0
_HLG_SYSTEM_GAMMA = 1.2
"""Of the nominal display: ITU-R BT.2100-2, table 5."""

_SDR_GAMMA = 2.4
"""ITU-R BT.1886 with a black of 0."""

_CODES = 2**16
_BAND_PIXELS = 2**18

_D65 = (0.3127, 0.3290)


class Curve(Enum):
    """How code values stand for light."""

    SDR = "SDR"
    PQ = "PQ"
    HLG = "HLG"


class Gamut(Enum):
    """Chromaticities (x, y) of red, green and blue; white is D65."""

    BT709 = ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060))
    BT2020 = ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046))
    P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))


def to_bt709(codes: NDArray[np.uint16], curve: Curve, gamut: Gamut) -> NDArray[np.uint8]:
    """uint16 R'G'B' ``[H, W, 3]`` of full range to uint8 R'G'B' of BT.709, shown as by BT.1886.

    The reference white of 203 cd/m2 becomes 255. What is brighter or lies outside the gamut is
    clipped, each primary for itself: no tone is moved to make room for it.
    """
    light_of, byte_of = _light_of_code(curve), _byte_of_root(hdr=curve is not Curve.SDR)
    to_709 = (np.linalg.inv(_to_xyz(Gamut.BT709)) @ _to_xyz(gamut)).astype(np.float32)
    pixels = np.empty(codes.shape, np.uint8)
    for rows in bands(codes):
        light = np.clip(light_of[codes[rows]] @ to_709.T, 0, 1)
        # The table is even in the root: it is dense where the inverse of the gamma is steep.
        pixels[rows] = byte_of[np.rint(np.sqrt(light) * (_CODES - 1)).astype(np.intp)]
    return pixels


def bands(pixels: NDArray[Any]) -> Iterator[slice]:
    """The rows of ``[H, W, ...]`` in pieces, so that what is computed from them stays small."""
    height, width = pixels.shape[:2]
    rows = max(1, _BAND_PIXELS // width)
    return (slice(top, top + rows) for top in range(0, height, rows))


@cache
def _light_of_code(curve: Curve) -> NDArray[np.float32]:
    """Of all 16-bit codes, in units of SDR's white."""
    signal = np.arange(_CODES) / (_CODES - 1)
    light = {Curve.SDR: _bt1886, Curve.PQ: _pq, Curve.HLG: _hlg}[curve](signal)
    return light.astype(np.float32)


def _bt1886(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(signal**_SDR_GAMMA)


def _pq(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """SMPTE ST 2084:2014, equation 4.1."""
    m1, m2 = 2610 / 16384, 2523 / 4096 * 128
    c1, c2, c3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
    root = signal ** (1 / m2)
    relative = (np.maximum(root - c1, 0) / (c2 - c3 * root)) ** (1 / m1)
    return np.asarray(relative * 10_000 / _WHITE)


def _hlg(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """ARIB STD-B67 (2015), inverse of the OETF as in ITU-R BT.2100-2, table 5, then the OOTF.

    The system gamma applies to each primary alone, as in zimg (FFmpeg's zscale), not to luminance.
    """
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
    return np.asarray(scene**_HLG_SYSTEM_GAMMA * _HLG_PEAK / _WHITE)


@cache
def _byte_of_root(*, hdr: bool) -> NDArray[np.uint8]:
    """BT.1886's inverse of light, by the root of the light."""
    root = np.arange(_CODES) / (_CODES - 1)
    signal = root ** (2 / _SDR_GAMMA)
    if hdr:
        signal[root**2 >= _STILL_WHITE] = 1
    table: NDArray[np.uint8] = np.rint(255 * signal).astype(np.uint8)
    return table


@cache
def _to_xyz(gamut: Gamut) -> NDArray[np.float64]:
    """Linear RGB to CIE XYZ: SMPTE RP 177-1993, section 3.3."""
    primaries = np.array([(x / y, 1, (1 - x - y) / y) for x, y in gamut.value]).T
    x, y = _D65
    white = np.array([x / y, 1, (1 - x - y) / y])
    return np.asarray(primaries * np.linalg.solve(primaries, white))
