"""A clip that a segment is made of: which of its pictures, what of them, and its sound."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import longtake as lt

PIXELS = np.random.default_rng(0).integers(0, 255, (9, 32, 48, 3), np.uint8)
SOUND = np.random.default_rng(1).uniform(-0.5, 0.5, (2, 3000)).astype(np.float32)
FPS = Fraction(24000, 1001)


def clip(**options: Any) -> lt.SourceInput:
    return lt.SourceInput.from_frames(PIXELS, FPS, SOUND, 8000, **options)


def test_frames_and_sound_come_back_as_they_were() -> None:
    given = clip()
    assert np.array_equal(given.frames(), PIXELS)
    samples = given.samples(8000)
    assert samples is not None
    assert np.array_equal(samples, SOUND)
    assert given.facts() == lt.ClipFacts(num_frames=9, height=32, width=48, fps=FPS)


def test_some_of_the_pictures_are_the_clip_and_its_sound_begins_with_them() -> None:
    given = clip(skip_frames=3, num_frames=4)
    assert np.array_equal(given.frames(), PIXELS[3:7])
    samples = given.samples(8000)
    assert samples is not None
    assert np.array_equal(samples, SOUND[:, round(3 * 8000 / FPS) :])
    assert given.facts().num_frames == 4


def test_a_silent_file_has_no_samples() -> None:
    silent = lt.SourceInput.from_frames(PIXELS, FPS)
    silent.check()
    assert silent.samples(8000) is None
    inputs = lt.DecodedInputs(lt.Inputs(source=silent))
    assert inputs.source_sound(8000) is None
    assert inputs.source_frames().shape == PIXELS.shape


@pytest.mark.parametrize(
    ("path", "make"),
    [
        ("data", lambda: lt.SourceInput(b"")),
        ("frame", lambda: clip(frame=0.5)),
        ("skip_frames", lambda: clip(skip_frames=-1)),
        ("num_frames", lambda: clip(num_frames=0)),
        ("remake_from", lambda: clip(remake_from=-1.0)),
        ("remake_to", lambda: clip(remake_from=1.0, remake_to=1.0)),
        ("remake_to", lambda: clip(remake_to=float("nan"))),
        ("remake_video", lambda: clip(remake_to=1.0, remake_video=False, remake_audio=False)),
        ("remake_video", lambda: clip(remake_video=False)),
        ("remake_audio", lambda: clip(remake_audio=False)),
        ("remake_audio", lambda: clip(remake_from=1.0, remake_audio=1)),
        ("data", lambda: lt.SourceInput(b"no video").check()),
        ("skip_frames", lambda: clip(skip_frames=9).frames()),
        ("num_frames", lambda: clip(skip_frames=3, num_frames=7).facts()),
        ("inputs.source", lambda: lt.Inputs(source=b"")),  # type: ignore[arg-type]
        ("inputs.source", lambda: lt.DecodedInputs(lt.Inputs()).source_frames()),
        ("inputs.source.data", lambda: lt.Inputs(source=lt.SourceInput(b"fog")).check()),
        ("inputs.source.frame", lambda: lt.Inputs(source=clip(frame=9)).check_places(9)),
    ],
)
def test_nonsense_is_refused_by_its_path(path: str, make: Callable[[], object]) -> None:
    with pytest.raises(lt.ValidationError) as caught:
        make()
    assert caught.value.path == path


def test_it_goes_through_json() -> None:
    inputs = lt.Inputs(source=clip(frame=-9, remake_from=0.25))
    request = lt.GenerationRequest("fog", inputs=inputs)
    assert inputs
    assert lt.GenerationRequest.from_dict(request.to_dict()) == request


def test_a_step_is_another_with_another_clip(tmp_path: Path) -> None:
    (tmp_path / "clip.mkv").write_bytes(clip().data)
    given = lt.SourceInput.from_file(tmp_path / "clip.mkv", remake_to=0.25)
    from longtake.sessions.steps import request_document

    plain = request_document(lt.GenerationRequest("fog"))
    assert "source" not in plain["inputs"]  # as steps were told apart before there were any
    told = request_document(lt.GenerationRequest("fog", inputs=lt.Inputs(source=given)))
    assert told["inputs"]["source"]["remake_to"] == 0.25
    assert told["inputs"]["source"]["data"].startswith("sha256:")
