"""Which places of a clip are remade: stills and videos, and both words for what is white."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import longtake as lt

STILL = np.random.default_rng(0).random((32, 48)) > 0.5
MOVING = np.random.default_rng(1).random((9, 32, 48)) > 0.5
CLIP = np.zeros((9, 32, 48, 3), np.uint8)


def clip(**options: Any) -> lt.SourceInput:
    return lt.SourceInput.from_frames(CLIP, Fraction(24), **options)


def test_a_still_counts_for_all_pictures_and_a_video_for_each() -> None:
    still, moving = lt.MaskInput.from_places(STILL), lt.MaskInput.from_places(MOVING)
    assert np.array_equal(still.places(), STILL[None])
    assert np.array_equal(moving.places(), MOVING)
    assert still.shape() == (1, 32, 48)
    assert moving.shape() == (9, 32, 48)


def test_what_is_white_is_remade_or_kept(tmp_path: Path) -> None:
    (tmp_path / "mask.png").write_bytes(lt.MaskInput.from_places(STILL).data)
    kept = lt.MaskInput.from_file(tmp_path / "mask.png", white="kept")
    assert np.array_equal(kept.places(), ~STILL[None])


@pytest.mark.parametrize(("grey", "white"), [(127, False), (128, True)])
def test_half_grey_is_white(grey: int, white: bool) -> None:
    pixels = np.full((8, 8, 3), grey, np.uint8)
    assert lt.MaskInput(lt.ImageInput.from_pixels(pixels).data).places().all() == white


def test_it_is_padded_as_the_clip_is_and_has_as_many_pictures() -> None:
    given = clip(mask=lt.MaskInput.from_places(MOVING), pad_left=16, pad_top=8, skip_frames=2)
    frames = given.frames()
    assert frames.shape == (7, 40, 64, 3)
    places = lt.DecodedInputs(lt.Inputs(source=given)).source_places()
    assert places is not None
    assert np.array_equal(places[:, 8:, 16:], MOVING[2:])
    assert not places[:, :8].any()
    assert not places[:, :, :16].any()
    facts = given.facts()
    assert (facts.height, facts.width) == (40, 64)
    assert lt.DecodedInputs(lt.Inputs(source=clip())).source_places() is None


def test_the_padding_is_the_clips_own_edges() -> None:
    pixels = np.random.default_rng(2).integers(0, 255, (1, 32, 48, 3), np.uint8)
    given = lt.SourceInput.from_frames(pixels, Fraction(24), pad_right=2, pad_bottom=1)
    found = given.frames()
    assert np.array_equal(found[:, :32, :48], pixels)
    assert np.array_equal(found[:, :32, 49], pixels[:, :, -1])
    assert np.array_equal(found[:, 32, :48], pixels[:, -1])


def _checked(**options: Any) -> Callable[[], object]:
    return lambda: lt.Inputs(source=clip(**options)).check()


def _decoded(**options: Any) -> Callable[[], object]:
    return lambda: lt.DecodedInputs(lt.Inputs(source=clip(**options))).source_places()


TEXT = lt.MaskInput(b"no picture at all")
SMALL = lt.MaskInput.from_places(STILL[:16])
SHORT = lt.MaskInput.from_places(MOVING[:8])
WHITE = "inputs.source.mask.data"


@pytest.mark.parametrize(
    ("path", "make"),
    [
        ("data", lambda: lt.MaskInput(b"")),
        ("white", lambda: lt.MaskInput(b"x", white="grey")),  # type: ignore[arg-type]
        ("mask", lambda: clip(mask=b"x")),
        ("mask", lambda: clip(mask=SMALL, remake_video=False, remake_to=1.0)),
        ("pad_top", lambda: clip(pad_top=-1)),
        ("pad_left", lambda: clip(pad_left=8193)),
        ("strength", lambda: clip(strength=1.5)),
        (WHITE, _checked(mask=TEXT)),
        (WHITE, _checked(mask=SMALL)),
        (WHITE, _checked(mask=SHORT)),
        (WHITE, _decoded(mask=TEXT)),
        (WHITE, _decoded(mask=SMALL)),
        (WHITE, _decoded(mask=SHORT)),
        ("inputs.source.pad_bottom", _checked(pad_right=8000, pad_bottom=8192)),
    ],
)
def test_nonsense_is_refused_by_its_path(path: str, make: Callable[[], object]) -> None:
    with pytest.raises(lt.ValidationError) as caught:
        make()
    assert caught.value.path == path


def test_it_goes_through_json_and_tells_steps_apart() -> None:
    from longtake.sessions.steps import request_document

    given = clip(mask=lt.MaskInput.from_places(STILL), remake_audio=False)
    request = lt.GenerationRequest("fog", inputs=lt.Inputs(source=given))
    assert lt.GenerationRequest.from_dict(request.to_dict()) == request
    told = request_document(request)["inputs"]["source"]
    assert told["mask"]["white"] == "remade"
    assert told["mask"]["data"].startswith("sha256:")


def test_how_much_each_place_is_remade_is_the_mean_of_its_colours() -> None:
    pixels = np.random.default_rng(4).integers(0, 256, (32, 48, 3), np.uint8)
    mask = lt.MaskInput(lt.ImageInput.from_pixels(pixels).data)
    mean = pixels.astype(int).sum(-1) // 3
    assert np.array_equal(mask.shares(), mean[None])
    kept = lt.MaskInput(mask.data, white="kept")
    assert np.array_equal(kept.shares(), 255 - mean[None])
    for each in (mask, kept):
        assert np.array_equal(each.places(), each.shares() >= 128)
    padded = clip(mask=mask, pad_left=16, num_frames=3)
    shares = lt.DecodedInputs(lt.Inputs(source=padded)).source_shares()
    assert shares is not None
    assert np.array_equal(shares, np.pad(mean[None], ((0, 0), (0, 0), (16, 0))))
    assert not shares.flags.writeable
    assert lt.DecodedInputs(lt.Inputs(source=clip())).source_shares() is None
