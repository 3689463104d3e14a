"""What a segment is conditioned on: places, checks of everything at once, and paths of refusals."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import longtake as lt

PIXELS = np.random.default_rng(3).integers(0, 256, (5, 16, 24, 3), np.uint8)
SOUND = np.random.default_rng(4).normal(size=(2, 4800)).astype(np.float32)
STILL = lt.ImageInput.from_pixels(PIXELS[0])
CLIP = lt.ClipInput.from_frames(PIXELS)
AUDIO = lt.AudioInput.from_samples(SOUND, 48_000)

REFUSED: list[tuple[str, Callable[[], object]]] = [
    ("data", lambda: lt.ImageInput("fog.png")),  # type: ignore[arg-type]
    ("data", lambda: lt.ImageInput(None)),  # type: ignore[arg-type]
    ("data", lambda: lt.ClipInput(b"")),
    ("data", lambda: lt.AudioInput(bytearray(b"fog"))),  # type: ignore[arg-type]
    ("data", lambda: lt.ImageInput(bytes(2**26 + 1))),
    ("frame", lambda: lt.ImageInput(b"fog", frame=True)),
    ("frame", lambda: lt.ImageInput(b"fog", frame=0.0)),  # type: ignore[arg-type]
    ("frame", lambda: lt.ClipInput(b"fog", frame=None)),  # type: ignore[arg-type]
    ("frame", lambda: lt.ClipInput(b"fog", frame=2**40)),
    ("strength", lambda: lt.ClipInput(b"fog", strength=1.5)),
    ("strength", lambda: lt.AudioInput(b"fog", strength=-0.5)),
    ("start", lambda: lt.AudioInput(b"fog", start=-1)),
    ("start", lambda: lt.AudioInput(b"fog", start=float("inf"))),
    ("start", lambda: lt.AudioInput(b"fog", start=float("nan"))),
    ("start", lambda: lt.AudioInput(b"fog", start=False)),
    ("inputs.images", lambda: lt.Inputs(images=STILL)),  # type: ignore[arg-type]
    ("inputs.images", lambda: lt.Inputs(images=(STILL,) * 65)),
    ("inputs.images[0]", lambda: lt.Inputs(images=(CLIP,))),  # type: ignore[arg-type]
    ("inputs.clips[1]", lambda: lt.Inputs(clips=(CLIP, b"fog"))),  # type: ignore[arg-type]
    ("inputs.audio", lambda: lt.Inputs(audio=b"fog")),  # type: ignore[arg-type]
    ("pixels", lambda: lt.ImageInput.from_pixels(PIXELS)),
    ("pixels", lambda: lt.ImageInput.from_pixels(PIXELS[0].astype(np.float32))),
    ("frames", lambda: lt.ClipInput.from_frames(PIXELS[0])),
    ("frames", lambda: lt.ClipInput.from_frames(PIXELS[:0])),
    ("frames", lambda: lt.ClipInput.from_frames(PIXELS[:, :1, :1])),
    ("samples", lambda: lt.AudioInput.from_samples(SOUND[0], 48_000)),
    ("samples", lambda: lt.AudioInput.from_samples(SOUND[:, :0], 48_000)),
    ("sample_rate", lambda: lt.AudioInput.from_samples(SOUND, 0)),
    ("sample_rate", lambda: AUDIO.samples(0)),
    ("nowhere.png", lambda: lt.ImageInput.from_file("nowhere.png")),
]


@pytest.mark.parametrize(("path", "make"), REFUSED)
def test_bad_values_are_refused_with_their_path(path: str, make: Callable[[], object]) -> None:
    with pytest.raises(lt.ValidationError) as refused:
        make()
    assert refused.value.path == path
    assert len(str(refused.value)) < 300


def test_what_goes_in_comes_out() -> None:
    np.testing.assert_array_equal(STILL.pixels(), PIXELS[0])
    np.testing.assert_array_equal(CLIP.frames(), PIXELS)
    np.testing.assert_array_equal(AUDIO.samples(48_000), SOUND)


def test_files_are_read_whole(tmp_path: Path) -> None:
    for given in (STILL, CLIP, AUDIO):
        path = tmp_path / type(given).__name__
        path.write_bytes(given.data)
        assert type(given).from_file(path, strength=0.5).data == given.data


def test_inputs_do_not_print_their_bytes() -> None:
    assert repr(lt.ImageInput(b"fog", frame=2)) == (
        "ImageInput(frame=2, strength=1.0, data=<3 bytes>)"
    )


def test_there_are_inputs_or_none() -> None:
    assert not lt.Inputs()
    assert lt.Inputs(clips=[CLIP]) == lt.Inputs(clips=(CLIP,))
    assert all([lt.Inputs((STILL,)), lt.Inputs(clips=(CLIP,)), lt.Inputs(audio=AUDIO)])


@pytest.mark.parametrize(("frame", "expected"), [(0, 0), (8, 8), (-1, 8), (-9, 0)])
def test_a_negative_frame_counts_from_the_end(frame: int, expected: int) -> None:
    assert lt.ImageInput(b"fog", frame=frame).frame_in(9) == expected
    assert lt.ClipInput(b"fog", frame=frame).frame_in(9) == expected


@pytest.mark.parametrize("frame", [9, -10, 2**31])
def test_a_frame_that_the_segment_lacks_is_refused(frame: int) -> None:
    with pytest.raises(lt.ValidationError, match=r"^frame: .*must be from -9 to 8"):
        lt.ClipInput(b"fog", frame=frame).frame_in(9)


def test_good_inputs_pass() -> None:
    inputs = lt.Inputs((STILL,), (CLIP,), AUDIO)
    inputs.check()
    inputs.check(num_frames=1, fps=Fraction(24))
    lt.Inputs().check()


@pytest.mark.parametrize(
    ("inputs", "path"),
    [
        (lt.Inputs((STILL, lt.ImageInput(b"fog"))), "inputs.images[1].data"),
        (lt.Inputs((lt.ImageInput(CLIP.data),)), "inputs.images[0].data"),
        (lt.Inputs((), (lt.ClipInput(b"fog"),)), "inputs.clips[0].data"),
        (lt.Inputs((), (CLIP, lt.ClipInput(AUDIO.data))), "inputs.clips[1].data"),
        (lt.Inputs((), (), lt.AudioInput(CLIP.data)), "inputs.audio.data"),
        (lt.Inputs((lt.ImageInput(STILL.data, frame=9),)), "inputs.images[0].frame"),
        (lt.Inputs((), (lt.ClipInput(CLIP.data, frame=-10),)), "inputs.clips[0].frame"),
        (lt.Inputs((), (), lt.AudioInput(AUDIO.data, start=0.375)), "inputs.audio.start"),
    ],
)
def test_everything_is_checked_and_named_by_its_whole_path(inputs: lt.Inputs, path: str) -> None:
    with pytest.raises(lt.ValidationError) as refused:
        inputs.check(num_frames=9, fps=Fraction(24))
    assert refused.value.path == path
