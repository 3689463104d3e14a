"""What part of a run a stage is, by the family's estimate; an estimate cannot hurt a run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

import longtake as lt
from longtake.runs.shares import ExpectedShares
from tests.sdk.toy_family import FOG

REQUEST = lt.GenerationRequest("fog")
CONTINUABLE = attrs.evolve(
    REQUEST, output=lt.Output(return_state=True, last=False, overlap_frames=2)
)
EQUAL = [0.2] * 5


class Counted:
    """An estimate in which the denoising costs all, by its steps; keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[lt.EstimateRequest] = []

    def __call__(self, request: lt.EstimateRequest) -> lt.RunEstimate:
        self.asked.append(request)
        steps = request.stage_options["denoise"].num_inference_steps
        costs = [0, steps, 0, 0, 1]
        stages = [lt.StageEstimate(passes=(lt.PassEstimate("p", cost),)) for cost in costs]
        return lt.RunEstimate((lt.SegmentEstimate(tuple(stages)),) * request.segments)


def weights_of(pipeline: Callable[..., lt.Pipeline], *requests: Any, **options: Any) -> list[Any]:
    told: list[Any] = []
    made = pipeline(observers=(told.append,))
    for request in requests:
        made.generate(request, **options)
    started = [event for event in told if isinstance(event, lt.RunStarted)]
    return [[share.weight for share in event.stages] for event in started]


def estimating(estimate: Any, **declared: Any) -> Callable[..., lt.Pipeline]:
    family = FOG.evolve(estimate=estimate, **declared)
    return lambda **options: lt.Pipeline(family, **options)


def test_the_weights_are_the_shares_of_the_estimate() -> None:
    (weights,) = weights_of(estimating(Counted()), REQUEST)
    assert weights == pytest.approx([0.005, 0.005 + 0.975 * 0.8, 0.005, 0.005, 0.005 + 0.975 * 0.2])


def test_a_family_without_an_estimate_has_equal_weights() -> None:
    assert weights_of(lambda **options: lt.Pipeline(FOG, **options), REQUEST) == [EQUAL]


def test_a_kind_of_segment_is_estimated_once() -> None:
    counted = Counted()
    pipeline = estimating(counted)()
    steps = attrs.evolve(REQUEST, sampling=lt.Sampling(num_inference_steps=9))
    seed = attrs.evolve(REQUEST, sampling=lt.Sampling(seed=77))
    for request in (REQUEST, seed, pipeline.check(REQUEST), steps, REQUEST, steps):
        list(pipeline.stream(request))
    assert len(counted.asked) == 2


def test_nothing_is_estimated_for_nobody() -> None:
    counted = Counted()
    estimating(counted)().generate(REQUEST)
    assert counted.asked == []


def test_a_segment_that_goes_on_is_estimated_behind_another() -> None:
    counted = Counted()
    pipeline = estimating(counted)()
    first = pipeline.generate(CONTINUABLE)
    list(pipeline.stream(REQUEST, after=first.live_state))
    list(pipeline.stream(attrs.evolve(REQUEST, state=first.state)))
    assert {(each.segments, each.job.segment_index) for each in counted.asked} == {(2, 1)}


class Panic(BaseException):
    pass


def raising(error: BaseException) -> Callable[[Any], Any]:
    def estimate(request: lt.EstimateRequest) -> Any:
        raise error

    return estimate


BROKEN = {
    "raises": raising(ValueError("no")),
    "exits": raising(SystemExit(1)),
    "panics": raising(Panic()),
    "refuses": raising(lt.ValidationError("sampling", "no")),
    "nothing": lambda request: None,
    "no segment": lambda request: lt.RunEstimate(()),
    "other stages": lambda request: lt.RunEstimate((lt.SegmentEstimate(()),)),
    "not there": "tests.sdk.runs.nowhere:estimate",
}


@pytest.mark.parametrize("estimate", BROKEN.values(), ids=BROKEN)
def test_an_estimate_that_fails_costs_only_the_weights(estimate: Any) -> None:
    assert weights_of(estimating(estimate), REQUEST, REQUEST) == [EQUAL, EQUAL]


def test_a_keyboard_interrupt_is_the_users() -> None:
    with pytest.raises(KeyboardInterrupt):
        weights_of(estimating(raising(KeyboardInterrupt())), REQUEST)


def load(source: lt.ModelSource) -> lt.LoadedModel:
    return lt.LoadedModel()


def test_a_pipeline_made_by_hand_knows_no_checkpoint(tmp_path: Path) -> None:
    counted = Counted()
    pipeline = estimating(counted, load=load)
    assert weights_of(pipeline, REQUEST) == [EQUAL]
    assert counted.asked == []
    source = lt.ModelSource(path=tmp_path, device="cpu", dtype="float32")
    (weights,) = weights_of(lambda **options: pipeline(source=source, **options), REQUEST)
    assert weights != EQUAL
    asked = counted.asked[0]
    assert (asked.path, asked.device, asked.dtype) == (tmp_path, "cpu", "float32")


def test_a_pipeline_that_is_loaded_knows_its_checkpoint(tmp_path: Path) -> None:
    counted = Counted()
    family = FOG.evolve(estimate=counted, load=load)
    with lt.load(tmp_path, family=family, device="cpu", registry=lt.Registry([])) as pipeline:
        list(pipeline.stream(REQUEST))
    assert [asked.path for asked in counted.asked] == [tmp_path]


def test_a_request_that_is_refused_has_equal_weights() -> None:
    told: list[Any] = []
    pipeline = estimating(Counted())(observers=(told.append,))
    with pytest.raises(lt.ValidationError):
        pipeline.generate(attrs.evolve(REQUEST, stage_overrides={"denoise": {"blur": "much"}}))
    assert [share.weight for share in told[0].stages] == EQUAL


def test_shares_name_the_stages_in_their_order() -> None:
    shares = ExpectedShares(FOG, FOG.stages, None).of(lambda: pytest.fail("it is not asked"))
    names = [(share.stage, share.stage_index) for share in shares]
    assert names == [(spec.name, index) for index, spec in enumerate(FOG.stages)]
