"""A picture to a sound, and a sound to a picture: both by name, and refused without the other."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import longtake as lt
from tests.ltx2.inputs import clip, image, tone
from tests.ltx2.support import LatentProbe, moving_frames, probed_passes

Probed = tuple[lt.Pipeline, LatentProbe]
RATE = 24_000
"""Of the tiny checkpoints' sound."""


def request(inputs: lt.Inputs, **fields: Any) -> lt.GenerationRequest:
    """Two steps of four passes."""
    return lt.GenerationRequest(
        "a lighthouse",
        inputs=inputs,
        sampling=lt.Sampling(height=128, width=128, num_frames=25, num_inference_steps=2),
        **{"stage_overrides": {"denoise": {"stg_blocks": [1]}}, **fields},
    )


@pytest.fixture(scope="module")
def to_sound(tiny: Path) -> Iterator[Probed]:
    pipeline, probe = probed_passes(tiny, "ltx2_audio_to_video")
    yield pipeline, probe
    pipeline.close()


@pytest.fixture(scope="module")
def to_picture(tiny: Path) -> Iterator[Probed]:
    pipeline, probe = probed_passes(tiny, "ltx2_video_to_audio")
    yield pipeline, probe
    pipeline.close()


def test_the_sound_comes_out_sample_by_sample(to_sound: Probed) -> None:
    pipeline, probe = to_sound
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 2 * RATE)).astype(np.float32)
    given = lt.Inputs(audio=lt.AudioInput.from_samples(samples, RATE), images=(image(),))
    result = pipeline.generate(request(given))
    assert [each.audio.is_frozen for each in probe.noisy] == [True, True]
    assert not any(each.video.is_frozen for each in probe.noisy)
    assert result.audio is not None
    assert np.array_equal(result.audio, samples[:, : result.audio.shape[1]])
    assert result.audio.shape[1] / RATE == pytest.approx(25 / 24, abs=0.02)


def test_a_take_goes_on_to_a_further_sound(to_sound: Probed) -> None:
    pipeline, probe = to_sound
    given = lt.Inputs(audio=tone(2.0))
    onwards = lt.Output(last=False, return_state=True)
    first = pipeline.generate(request(given, output=onwards))
    late = lt.Inputs(audio=tone(2.0, start=0.5))
    with pytest.raises(lt.ValidationError, match=r"begin at 0\.34, where that of the segment b"):
        pipeline.check(request(late, state=first.state))
    further = lt.Inputs(audio=tone(2.0, start=0.34))
    pipeline.generate(request(further, state=first.state))
    assert probe.noisy[-1].audio.is_frozen


def test_a_sound_is_made_to_the_picture(to_picture: Probed) -> None:
    pipeline, probe = to_picture
    result = pipeline.generate(request(lt.Inputs(clips=(clip(count=25),))))
    assert probe.noisy[-1].video.is_frozen
    assert not probe.noisy[-1].audio.is_frozen
    assert result.audio is not None
    assert result.audio.std() > 1e-3


def test_a_source_whose_picture_is_kept_is_a_picture(to_picture: Probed) -> None:
    pipeline, probe = to_picture
    frames = np.stack(moving_frames(25))
    given = lt.SourceInput.from_frames(frames, Fraction(24), remake_to=1.0, remake_video=False)
    pipeline.generate(request(lt.Inputs(source=given)))
    assert probe.noisy[-1].video.is_frozen


@pytest.mark.parametrize(
    ("inputs", "fields", "path"),
    [
        (lt.Inputs(), {}, "inputs.audio"),
        (lt.Inputs(images=(image(),)), {}, "inputs.audio"),
        (lt.Inputs(audio=tone(0.9)), {}, "inputs.audio.data"),
        (lt.Inputs(audio=tone(2.0, start=0.5)), {}, "inputs.audio.start"),
        (lt.Inputs(audio=tone(2.0, strength=0.9)), {}, "inputs.audio.strength"),
        (lt.Inputs(audio=tone(2.0)), {"output": lt.Output(video=False)}, "output.video"),
        (lt.Inputs(audio=tone(2.0)), {"output": lt.Output(audio=False)}, "inputs.audio"),
        (lt.Inputs(), {"output": lt.Output(audio=False)}, "output.audio"),
    ],
)
def test_no_picture_without_a_whole_sound(
    to_sound: Probed, inputs: lt.Inputs, fields: dict[str, Any], path: str
) -> None:
    with pytest.raises(lt.ValidationError) as caught:
        to_sound[0].check(request(inputs, **fields))
    assert caught.value.path == path


WHOLE = lt.Inputs(clips=(clip(count=25),))
NO_SOUND = lt.SourceInput.from_frames(np.stack(moving_frames(25)), Fraction(24), remake_to=0.5)


@pytest.mark.parametrize(
    ("inputs", "fields", "path"),
    [
        (lt.Inputs(), {}, "inputs.clips"),
        (lt.Inputs(audio=tone(2.0)), {}, "inputs.clips"),
        (lt.Inputs(clips=(clip(count=17),)), {}, "inputs.clips[0].data"),
        (lt.Inputs(clips=(clip(frame=8, count=17),)), {}, "inputs.clips[0].data"),
        (lt.Inputs(clips=(clip(count=25, strength=0.9),)), {}, "inputs.clips[0].strength"),
        (lt.Inputs(source=NO_SOUND), {}, "inputs.source"),
        (WHOLE, {"output": lt.Output(audio=False)}, "output.audio"),
        (
            WHOLE,
            {"stage_overrides": {"prepare": {"append_first": True}}},
            "stage_overrides.prepare.append_first",
        ),
    ],
)
def test_no_sound_without_a_whole_picture(
    to_picture: Probed, inputs: lt.Inputs, fields: dict[str, Any], path: str
) -> None:
    with pytest.raises(lt.ValidationError) as caught:
        to_picture[0].check(request(inputs, **fields))
    assert caught.value.path == path


def test_it_is_refused_without_loading_anything(tiny: Path) -> None:
    pipeline = lt.load(tiny, preset="ltx2_3_audio_to_video", prepare=False)
    with pytest.raises(lt.ValidationError, match=r"inputs\.audio: is missing"):
        pipeline.check(request(lt.Inputs()))
