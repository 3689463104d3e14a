"""Every input is decoded once, however many checks and stages look at it."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import longtake as lt
from tests.sdk.decoding import counted_decodes
from tests.sdk.toy_family import pipeline_of

PIXELS = np.arange(9 * 8 * 8 * 3, dtype=np.uint8).reshape(9, 8, 8, 3)
SOUND = np.linspace(-1, 1, 48_000, dtype=np.float32)[None].repeat(2, axis=0)
INPUTS = lt.Inputs(
    images=(lt.ImageInput.from_pixels(PIXELS[0]), lt.ImageInput.from_pixels(PIXELS[1], frame=1)),
    clips=(lt.ClipInput.from_frames(PIXELS, frame=2),),
    audio=lt.AudioInput.from_samples(SOUND, 48_000),
)
ONCE = Counter({"decode_still": 2, "decode_clip": 1, "decode_sound": 1})


class Looking:
    """A stage that looks at everything, when it checks and when it runs."""

    def check(self, job: lt.Job, inputs: lt.DecodedInputs) -> None:
        job.inputs.check_places(job.sampling.num_frames, job.sampling.fps)
        self(inputs)

    def __call__(self, inputs: lt.DecodedInputs) -> None:
        for index, pixels in enumerate(PIXELS[: len(inputs.inputs.images)]):
            np.testing.assert_array_equal(inputs.image(index), pixels)
        np.testing.assert_array_equal(inputs.clip(0), PIXELS)
        np.testing.assert_array_equal(inputs.audio(48_000), SOUND)


REQUEST = lt.GenerationRequest("fog", inputs=INPUTS, sampling=lt.Sampling(num_frames=11))


def test_all_checks_and_stages_of_a_run_share_what_is_decoded() -> None:
    pipeline = pipeline_of(Looking, Looking)
    with counted_decodes() as decodes:
        pipeline.generate(REQUEST)
    assert decodes == ONCE


@pytest.mark.parametrize("streamed", [False, True])
def test_a_prepared_request_is_decoded_when_it_is_checked(streamed: bool) -> None:
    pipeline = pipeline_of(Looking, Looking)
    with counted_decodes() as decodes:
        prepared = pipeline.check(REQUEST)
        assert decodes == ONCE
        list(pipeline.stream(prepared)) if streamed else pipeline.generate(prepared)
    assert decodes == ONCE


def test_threads_decode_once_between_them() -> None:
    decoded, together = lt.DecodedInputs(INPUTS), threading.Barrier(4)

    def look(_: int) -> int:
        together.wait(10)
        return id(decoded.clip(0))

    with counted_decodes() as decodes, ThreadPoolExecutor(4) as threads:
        assert len(set(threads.map(look, range(4)))) == 1
    assert decodes == {"decode_clip": 1}


def test_what_is_shared_cannot_be_written_to() -> None:
    decoded = lt.DecodedInputs(INPUTS)
    for array in (decoded.image(0), decoded.clip(0), decoded.audio(48_000)):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_each_rate_is_a_sound_of_its_own() -> None:
    decoded = lt.DecodedInputs(INPUTS)
    with counted_decodes() as decodes:
        assert decoded.audio(48_000).shape == (2, 48_000)
        assert decoded.audio(16_000).shape == (2, 16_000)
        assert decoded.audio(16_000) is decoded.audio(16_000)
    assert decodes == {"decode_sound": 2}


@pytest.mark.parametrize(
    ("inputs", "look", "path"),
    [
        (
            lt.Inputs(images=(INPUTS.images[0], lt.ImageInput(b"no picture"))),
            lambda decoded: decoded.image(1),
            "inputs.images[1].data",
        ),
        (
            lt.Inputs(clips=(lt.ClipInput(b"no clip"),)),
            lambda decoded: decoded.clip(0),
            "inputs.clips[0].data",
        ),
        (
            lt.Inputs(audio=lt.AudioInput(b"no sound")),
            lambda decoded: decoded.audio(48_000),
            "inputs.audio.data",
        ),
        (lt.Inputs(), lambda decoded: decoded.audio(48_000), "inputs.audio"),
    ],
)
def test_what_cannot_be_decoded_is_refused_with_its_path(
    inputs: lt.Inputs, look: object, path: str
) -> None:
    assert callable(look)
    with pytest.raises(lt.ValidationError) as refused:
        look(lt.DecodedInputs(inputs))
    assert refused.value.path == path
