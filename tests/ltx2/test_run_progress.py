"""A run of LTX-2 is weighed by what its stages compute, and its fraction never falls."""

from __future__ import annotations

from typing import Any

import pytest

import longtake as lt
from longtake_ltx2.loading.model import load as load_networks
from tests.ltx2.support import Checkpoints, family
from tests.ltx2.watching import quick


@pytest.fixture(scope="module")
def told(checkpoints: Checkpoints) -> list[Any]:
    """The events of a segment, of a cancelled one and of the end of the take."""
    told: list[Any] = []
    source = lt.ModelSource(path=checkpoints.path("2.0"))
    with lt.Pipeline(
        family(),
        preset=family().preset("ltx2_tiny"),
        model=load_networks(source),
        source=source,
        observers=(told.append,),
    ) as pipeline:
        output = lt.Output(return_state=True, last=False)
        request = lt.GenerationRequest("a lighthouse", stage_overrides=quick(), output=output)
        state = pipeline.generate(request).state
        assert state is not None
        with pytest.raises(lt.Cancelled):
            pipeline.generate(request, cancel=lambda: len(told) % 7 == 0)
        pipeline.finish(state)
    return told


def test_the_fraction_of_every_run(told: list[Any]) -> None:
    runs: dict[str, list[Any]] = {}
    for event in told:
        runs.setdefault(event.run_id, []).append(event)
    assert [events[-1].outcome for events in runs.values()] == ["done", "cancelled", "done"]
    for first, *events in runs.values():
        seen = [event.fraction for event in events]
        assert seen == sorted(seen)
        assert (seen[-1] == 1) == (events[-1].outcome == "done")
        assert sum(share.weight for share in first.stages) == pytest.approx(1)


def test_the_weights_are_those_of_the_estimate(told: list[Any]) -> None:
    weights = {share.stage: share.weight for share in told[0].stages}
    assert list(weights) == [
        "validate",
        "enhance",
        "encode_text",
        "prepare",
        "denoise",
        "decode_audio",
        "decode_video",
        "remember",
    ]
    assert weights["validate"] == weights["remember"] == 0.005
    assert weights["decode_audio"] > weights["decode_video"] > 0.005
