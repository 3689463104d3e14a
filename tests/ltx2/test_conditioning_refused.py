"""Inputs that a segment cannot have are refused by their path, before any network runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import longtake as lt
from tests.ltx2.inputs import asked, clip, image, prefix, tone
from tests.ltx2.watching import Watched


@pytest.fixture(scope="module")
def watched(tiny: Path) -> Iterator[Watched]:
    watched = Watched(tiny)
    yield watched
    watched.pipeline.close()


REFUSED: dict[str, tuple[str, dict[str, Any]]] = {
    "an image after the end": (
        "inputs.images[0].frame",
        {"inputs": lt.Inputs(images=(image(25),))},
    ),
    "an image before the start": (
        "inputs.images[1].frame",
        {"inputs": lt.Inputs(images=(image(), image(-26)))},
    ),
    "a clip that ends after the end": (
        "inputs.clips[0].frame",
        {"inputs": lt.Inputs(clips=(clip(20),))},
    ),
    "two images in one place": (
        "inputs.images[1].frame",
        {"inputs": lt.Inputs(images=(image(24), image(-1)))},
    ),
    "a clip where an image is": (
        "inputs.clips[0].frame",
        {"inputs": lt.Inputs(images=(image(8),), clips=(clip(8),))},
    ),
    "an image within a clip": (
        "inputs.clips[0].frame",
        {"inputs": lt.Inputs(images=(image(12),), clips=(clip(8),))},
    ),
    "an image in the frames of before": (
        "inputs.images[0].frame",
        {"inputs": lt.Inputs(images=(image(8),)), "state": prefix()},
    ),
    "a clip of another length": (
        "inputs.clips[0].data",
        {"inputs": lt.Inputs(clips=(clip(0, count=8),))},
    ),
    "a sound after the end": (
        "inputs.audio.start",
        {"inputs": lt.Inputs(audio=tone(start=1.04))},
    ),
    "a picture without a picture": (
        "inputs.images",
        {"inputs": lt.Inputs(images=(image(),)), "output": lt.Output(video=False)},
    ),
    "a sound without a sound": (
        "inputs.audio",
        {"inputs": lt.Inputs(audio=tone()), "output": lt.Output(audio=False)},
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_is_refused_before_anything_runs(watched: Watched, name: str) -> None:
    path, fields = REFUSED[name]
    with watched.counted() as ran, pytest.raises(lt.ValidationError) as refused:
        watched.pipeline.generate(asked(**fields))
    assert refused.value.path == path
    assert not ran


def test_a_sound_in_that_of_before_is_refused(watched: Watched) -> None:
    output = lt.Output(last=False, return_state=True)
    state = watched.pipeline.generate(asked(output=output)).state
    with watched.counted() as ran, pytest.raises(lt.ValidationError) as refused:
        watched.pipeline.generate(asked(state=state, inputs=lt.Inputs(audio=tone(start=0.1))))
    assert refused.value.path == "inputs.audio.start"
    assert not ran
    later = watched.pipeline.generate(asked(state=state, inputs=lt.Inputs(audio=tone(start=0.5))))
    assert len(later.frames) == 25 - 9
