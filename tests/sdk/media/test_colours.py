"""What a clip's numbers mean as colours: matrices, ranges, HDR and wide gamuts."""

from __future__ import annotations

import io
from typing import Any

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame
from numpy.typing import NDArray

import longtake as lt
from tests.sdk.media.refusals import clip_refusal

LUMA = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}
"""Share of red and blue, by the number of the matrix in ITU-T H.273."""

LIMITED, FULL = 1, 2
PQ, HLG, BT709 = 16, 18, 1
TO_2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])
"""Linear BT.709 to BT.2020: ITU-R BT.2087-0, annex 2."""
TO_P3 = np.array([[0.8225, 0.1774, 0], [0.0332, 0.9669, 0], [0.0171, 0.0724, 0.9108]])
"""Linear BT.709 to P3 with a white of D65: SMPTE EG 432-1."""


def codes(rgb: NDArray[np.float64], matrix: int, full: bool, depth: int) -> list[int]:
    """R'G'B' in 0..1 to code values of Y'CbCr."""
    red, blue = LUMA[matrix]
    luma = rgb @ [red, 1 - red - blue, blue]
    chroma = (rgb[2] - luma) / (2 * (1 - blue)), (rgb[0] - luma) / (2 * (1 - red))
    step, most = 2 ** (depth - 8), 2**depth - 1
    if full:
        return [round(luma * most), *(round(each * most + 128 * step) for each in chroma)]
    return [
        round((16 + 219 * luma) * step),
        *(round((128 + 224 * each) * step) for each in chroma),
    ]


def clip(
    rgb: Any,
    *,
    matrix: int = 1,
    tagged: int | None = None,
    span: int = LIMITED,
    depth: int = 10,
    curve: int = 2,
    primaries: int = 2,
    size: tuple[int, int] = (32, 48),
) -> bytes:
    """One frame of R'G'B' in 0..1, without loss; ``tagged``: the matrix that the file names."""
    name = "yuv444p" if depth == 8 else f"yuv444p{depth}le"
    frame = VideoFrame(size[1], size[0], name)
    for plane, value in zip(
        frame.planes, codes(np.array(rgb, float), matrix, span == FULL, depth), strict=True
    ):
        width = 1 if depth == 8 else 2
        plane.update(np.full(plane.buffer_size // width, value, f"<u{width}").tobytes())
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as container:
        stream: Any = container.add_stream("ffv1", rate=24)
        stream.height, stream.width, stream.pix_fmt = *size, name
        for each in (frame, stream.codec_context):
            each.colorspace = matrix if tagged is None else tagged
            each.color_range, each.color_trc, each.color_primaries = span, curve, primaries
        frame.pts = 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


def seen(data: bytes) -> NDArray[np.int64]:
    """The one colour of the clip."""
    lt.ClipInput(data).check()
    frames = lt.ClipInput(data).frames()
    assert (frames == frames[0, 0, 0]).all()
    colour: NDArray[np.int64] = frames[0, 0, 0].astype(np.int64)
    return colour


COLOUR = np.array([200, 40, 90])
COLOURS = ([255, 255, 255], [128, 128, 128], [0, 0, 0], [200, 40, 90], [32, 48, 64], [40, 190, 90])


@pytest.mark.parametrize("depth", [8, 10])
@pytest.mark.parametrize("span", [LIMITED, FULL])
@pytest.mark.parametrize("matrix", LUMA)
def test_the_matrix_and_range_that_a_clip_names_are_used(
    matrix: int, span: int, depth: int
) -> None:
    data = clip(COLOUR / 255, matrix=matrix, span=span, depth=depth)
    assert np.abs(seen(data) - COLOUR).max() <= 1


@pytest.mark.parametrize(("size", "matrix"), [((480, 720), 6), ((720, 1280), 1), ((1080, 608), 1)])
def test_an_unnamed_matrix_is_guessed_by_the_size(size: tuple[int, int], matrix: int) -> None:
    data = clip(COLOUR / 255, matrix=matrix, tagged=2, span=0, depth=8, size=size)
    assert np.abs(seen(data) - COLOUR).max() <= 1


def pq(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """cd/m2 to signal: SMPTE ST 2084:2014, equation 5.2."""
    power = (light / 10_000) ** 0.1593017578125
    return np.asarray(((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375)


def hlg(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """cd/m2 on a display of 1000 to signal: ITU-R BT.2100-2, table 5, each primary for itself."""
    scene = (light / 1000) ** (1 / 1.2)
    high = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), high)


@pytest.mark.parametrize("rgb", COLOURS, ids=str)
@pytest.mark.parametrize(("curve", "signal"), [(PQ, pq), (HLG, hlg)])
@pytest.mark.parametrize("depth", [10, 12])
def test_hdr_becomes_sdr(curve: int, signal: Any, depth: int, rgb: list[int]) -> None:
    light = 203 * TO_2020 @ (np.array(rgb) / 255) ** 2.4
    data = clip(signal(light), matrix=9, depth=depth, curve=curve, primaries=9)
    assert np.abs(seen(data) - rgb).max() <= 2


@pytest.mark.parametrize(("curve", "signal"), [(PQ, pq), (HLG, hlg)])
def test_white_is_white_and_red_is_red(curve: int, signal: Any) -> None:
    white, red = (203 * TO_2020 @ np.array(light) for light in ([1, 1, 1], [1, 0, 0]))
    fields: dict[str, Any] = {"matrix": 9, "curve": curve, "primaries": 9}
    np.testing.assert_array_equal(seen(clip(signal(white), **fields)), 255)
    np.testing.assert_array_equal(seen(clip(signal(white), **fields, span=FULL)), 255)
    assert np.abs(seen(clip(signal(red), **fields)) - [255, 0, 0]).max() <= 13
    np.testing.assert_array_equal(seen(clip(signal(4 * white), **fields)), 255)


def test_red_of_hlg_is_red_where_luminance_has_the_gamma_too() -> None:
    """As cameras write it: ITU-R BT.2100-2, table 5."""
    shown = 203 / 1000 * TO_2020 @ np.array([1, 0, 0])
    luminance = shown @ [0.2627, 0.6780, 0.0593]
    scene = shown * luminance ** (1 / 1.2 - 1)
    data = clip(hlg(1000 * scene**1.2), matrix=9, curve=HLG, primaries=9)
    assert np.abs(seen(data) - [255, 0, 0]).max() <= 13


def test_hdr_that_names_its_curve_alone_is_taken_for_bt2020() -> None:
    light = 203 * TO_2020 @ (COLOUR / 255) ** 2.4
    data = clip(pq(light), matrix=9, tagged=2, curve=PQ)
    assert np.abs(seen(data) - COLOUR).max() <= 2


@pytest.mark.parametrize(
    ("primaries", "to_gamut", "matrix", "curve"),
    [(9, TO_2020, 9, 14), (12, TO_P3, 1, 1), (12, TO_P3, 1, 13)],
)
def test_a_wide_gamut_of_sdr_becomes_bt709(
    primaries: int, to_gamut: NDArray[np.float64], matrix: int, curve: int
) -> None:
    wide = (to_gamut @ (COLOUR / 255) ** 2.4) ** (1 / 2.4)
    data = clip(wide, matrix=matrix, curve=curve, primaries=primaries)
    assert np.abs(seen(data) - COLOUR).max() <= 2


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"tagged": 8}, "matrix YCgCo"),
        ({"tagged": 14}, "matrix ICtCp"),
        ({"tagged": 10}, "constant luminance"),
        ({"curve": 8}, "transfer curve linear light"),
        ({"curve": 9}, "transfer curve logarithmic"),
        ({"primaries": 10}, "primaries XYZ"),
    ],
)
def test_colours_that_are_not_converted_are_refused_by_name(
    fields: dict[str, int], reason: str
) -> None:
    given: dict[str, Any] = fields
    assert reason in clip_refusal(clip(COLOUR / 255, **given))
