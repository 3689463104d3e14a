"""Videos that a segment follows: read from files, refused with their path, decoded once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import longtake as lt
from longtake.media.clips import encode_clip

FRAMES = np.random.default_rng(3).integers(0, 255, (3, 16, 24, 3), dtype=np.uint8)
GREY = np.repeat(FRAMES[..., :1], 3, axis=-1)


def test_frames_and_mask_come_back_as_they_are() -> None:
    reference = lt.ReferenceInput.from_frames(FRAMES, mask=GREY, strength=0.5, attention=0.25)
    assert np.array_equal(reference.frames(), FRAMES)
    assert np.array_equal(reference.mask_frames(), GREY)  # type: ignore[arg-type]
    assert (reference.strength, reference.attention) == (0.5, 0.25)
    assert repr(reference.mask) not in repr(reference)
    assert lt.ReferenceInput.from_frames(FRAMES).mask_frames() is None


def test_from_files_and_through_json(tmp_path: Path) -> None:
    for name, frames in (("depth.mkv", FRAMES), ("mask.mkv", GREY)):
        (tmp_path / name).write_bytes(encode_clip(frames))
    reference = lt.ReferenceInput.from_file(tmp_path / "depth.mkv", mask=tmp_path / "mask.mkv")
    request = lt.GenerationRequest("fog", inputs=lt.Inputs(references=(reference,)))
    assert lt.GenerationRequest.from_dict(request.to_dict()) == request
    assert request.inputs
    decoded = lt.DecodedInputs(request.inputs)
    assert decoded.reference(0) is decoded.reference(0)
    assert decoded.reference_mask(0) is decoded.reference_mask(0)
    assert not decoded.reference(0).flags.writeable


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("strength", {"strength": 1.5}),
        ("attention", {"attention": -0.1}),
        ("mask", {"mask": b""}),
        ("mask", {"mask": "grey.mp4"}),
        ("data", {"data": b""}),
    ],
)
def test_nonsense_is_refused(path: str, said: dict[str, Any]) -> None:
    with pytest.raises(lt.ValidationError) as caught:
        lt.ReferenceInput(**{"data": b"film", **said})
    assert caught.value.path == path


def test_what_is_no_video_is_refused_with_its_path() -> None:
    good = encode_clip(FRAMES)
    for given, path in (
        (lt.ReferenceInput(b"no video at all"), "inputs.references[0].data"),
        (lt.ReferenceInput(good, mask=b"no video at all"), "inputs.references[0].mask"),
    ):
        inputs = lt.Inputs(references=(given,))
        with pytest.raises(lt.ValidationError) as caught:
            inputs.check()
        assert caught.value.path == path
        decoded = lt.DecodedInputs(inputs)
        with pytest.raises(lt.ValidationError) as caught:
            decoded.reference(0)
            decoded.reference_mask(0)
        assert caught.value.path == path
