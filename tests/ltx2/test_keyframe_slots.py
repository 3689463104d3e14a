"""Pictures made beside a segment: where they stand, that they come out, what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import longtake as lt
from longtake_ltx2.conditioning.keyframe_slots import slot_frames
from longtake_ltx2.stage_overrides import LTX2PreparationOptions
from tests.ltx2.inputs import asked, prefix
from tests.ltx2.support import Checkpoints, LatentProbe, probed_pipeline
from tests.ltx2.watching import quick

Probed = tuple[lt.Pipeline, LatentProbe]


def beside(**said: Any) -> dict[str, Any]:
    return {**quick(), "prepare": said}


@pytest.fixture(scope="module")
def probed(checkpoints: Checkpoints) -> Iterator[Probed]:
    pipeline, probe = probed_pipeline(checkpoints.path("2.5", "tiny"))
    yield pipeline, probe
    pipeline.close()


@pytest.mark.parametrize(
    ("count", "frames", "repeated", "places"),
    [
        (3, 121, 0, (30, 60, 90)),
        (5, 97, 0, (16, 32, 48, 64, 80)),
        (1, 10, 0, (4,)),  # 4.5, to the even one
        (2, 25, 9, (13, 19)),
        (0, 121, 0, ()),
    ],
)
def test_they_are_spread_evenly(
    count: int, frames: int, repeated: int, places: tuple[int, ...]
) -> None:
    assert slot_frames(LTX2PreparationOptions(keyframe_slots=count), frames, repeated) == places


def test_they_come_out_beside_the_segment(probed: Probed) -> None:
    pipeline, probe = probed
    alone = pipeline.generate(asked())
    result = pipeline.generate(asked(stage_overrides=beside(keyframe_slots=2)))
    assert alone.stills is None
    assert result.stills is not None
    assert result.stills.frames == (8, 16)
    assert result.stills.pixels.shape == (2, 64, 96, 3)
    assert result.stills.pixels.std() > 5
    assert result.frames.shape == alone.frames.shape
    assert not np.array_equal(result.frames, alone.frames)  # it attends to them
    stream = probe.noisy[-1].video
    assert stream.slots == (24, 36)
    assert stream.is_unconditioned
    times = sorted({float(each) for each in stream.coordinates[0, 0, 24:30].flatten()})
    assert times == pytest.approx([8 / 24, 9 / 24])


def test_a_take_goes_on_with_them_behind_what_it_repeats(probed: Probed) -> None:
    pipeline, _ = probed
    request = asked(
        state=prefix(),
        stage_overrides=beside(keyframe_slot_frames=[24, 9]),
        output=lt.Output(return_state=True),
    )
    result = pipeline.generate(request)
    assert result.stills is not None
    assert result.stills.frames == (9, 24)
    assert pipeline.generate(asked(state=result.state)).stills is None


def test_of_two_passes_the_first_makes_them(checkpoints: Checkpoints) -> None:
    request = lt.GenerationRequest(
        "a lighthouse",
        sampling=lt.Sampling(height=128, width=192, num_frames=9, num_inference_steps=2),
        stage_overrides={"prepare": {"keyframe_slots": 1}},
    )
    with lt.load(checkpoints.path("2.5", "tiny"), preset="ltx2_two_stage") as pipeline:
        result = pipeline.generate(request)
    assert result.stills is not None
    assert result.stills.pixels.shape == (1, 64, 96, 3)


PATH = "stage_overrides.prepare"


@pytest.mark.parametrize(
    ("said", "fields", "path"),
    [
        ({"keyframe_slots": 65}, {}, f"{PATH}.keyframe_slots"),
        ({"keyframe_slots": -1}, {}, f"{PATH}.keyframe_slots"),
        ({"keyframe_slots": 24}, {}, f"{PATH}.keyframe_slots"),
        ({"keyframe_slots": 16}, {"state": prefix()}, f"{PATH}.keyframe_slots"),
        ({"keyframe_slot_frames": [25]}, {}, f"{PATH}.keyframe_slot_frames"),
        ({"keyframe_slot_frames": [-1]}, {}, f"{PATH}.keyframe_slot_frames"),
        ({"keyframe_slot_frames": list(range(65))}, {}, f"{PATH}.keyframe_slot_frames"),
        ({"keyframe_slot_frames": [3, 3]}, {}, f"{PATH}.keyframe_slot_frames"),
        ({"keyframe_slot_frames": [8]}, {"state": prefix()}, f"{PATH}.keyframe_slot_frames"),
        ({"keyframe_slots": 1, "keyframe_slot_frames": [8]}, {}, f"{PATH}.keyframe_slot_frames"),
        ({"keyframe_slots": 1}, {"output": lt.Output(video=False)}, f"{PATH}.keyframe_slots"),
    ],
)
def test_what_there_is_no_room_for_is_refused(
    probed: Probed, said: dict[str, Any], fields: dict[str, Any], path: str
) -> None:
    pipeline, _ = probed
    with pytest.raises(lt.ValidationError) as caught:
        pipeline.generate(asked(stage_overrides=beside(**said), **fields))
    assert caught.value.path.startswith(path)


@pytest.mark.parametrize(
    ("generation", "options"), [("2.0", {}), ("2.3", {}), ("2.5", {"numerics": "diffusers"})]
)
def test_networks_that_did_not_learn_it_refuse(
    checkpoints: Checkpoints, generation: Any, options: dict[str, Any]
) -> None:
    path: Path = checkpoints.path(generation, "tiny")
    request = asked(stage_overrides=beside(keyframe_slots=1))
    with (
        lt.load(path, preset="ltx2_tiny", **options) as pipeline,
        pytest.raises(lt.ValidationError, match="keyframe_slots: "),
    ):
        pipeline.generate(request)
