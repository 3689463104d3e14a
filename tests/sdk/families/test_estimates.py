"""What an estimate adds up to, and what a family is given to make one."""

from __future__ import annotations

from typing import Any

import pytest

import longtake as lt


def stage(name: str, *, peak: int, steps: int = 1, flops: tuple[int, ...] = ()) -> lt.StageEstimate:
    passes = [lt.PassEstimate(f"pass {index}", count) for index, count in enumerate(flops)]
    values = [lt.ValueEstimate("Noise.values", (2, 3), "float32", 24)]
    return lt.StageEstimate(
        name=name, kind="Stage", values=values, steps=steps, passes=passes, peak_bytes=peak
    )


def test_a_stage_runs_every_pass_in_every_step() -> None:
    assert stage("denoise", peak=0, steps=4, flops=(10, 3)).flops == 52
    assert stage("validate", peak=0).flops == 0


def test_a_take_adds_flops_and_never_adds_peaks() -> None:
    first = lt.SegmentEstimate([stage("a", peak=5, flops=(1,)), stage("b", peak=9)], 25)
    second = lt.SegmentEstimate([stage("a", peak=7, flops=(2,))], 16)
    take = lt.RunEstimate([first, second], weight_bytes=4)
    assert (first.flops, first.peak_bytes) == (1, 9)
    assert (take.flops, take.peak_bytes) == (3, 9)
    assert lt.RunEstimate([]).peak_bytes == 0


def test_the_bytes_of_a_stage_are_those_of_its_values() -> None:
    assert stage("a", peak=0).value_bytes == 24


def test_estimates_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        stage("a", peak=0).steps = 2  # type: ignore[misc]


def test_a_family_is_told_of_one_segment_unless_there_are_more() -> None:
    request = lt.EstimateRequest(path=None, recipe=(), job=lt.Job.example())
    assert (request.segments, request.device, request.options) == (1, None, None)


class Paint:
    """A stage that says what it takes."""

    @staticmethod
    def estimate(spec: lt.StageSpec, scene: int) -> lt.StageEstimate:
        if scene > 9:
            raise lt.ValidationError("options.size", "at most 9")
        return lt.StageEstimate(weights={"brush": 3, "pot": scene}, steps=spec.arguments["coats"])

    def __init__(self, coats: int) -> None:
        raise AssertionError("no stage is built for an estimate")

    def __call__(self) -> None: ...


class Frame:
    """One that does not."""

    def __call__(self) -> None: ...


def hang() -> None:
    """Nor does a function."""


@pytest.mark.parametrize("stage", [Paint, f"{__name__}:Paint"])
def test_a_stage_with_the_power_is_asked(stage: type | str) -> None:
    found = lt.estimate_stage(lt.StageSpec("paint", stage, arguments={"coats": 2}), 4)
    assert (found.name, found.kind, found.steps, found.note) == ("paint", "Paint", 2, "")
    assert (found.weights, found.weight_bytes) == ({"brush": 3, "pot": 4}, 7)


@pytest.mark.parametrize(("stage", "kind"), [(Frame, "Frame"), (Frame(), "Frame"), (hang, "hang")])
def test_a_stage_without_the_power_is_said_not_to_be_estimated(stage: Any, kind: str) -> None:
    found = lt.estimate_stage(lt.StageSpec("hang", stage), None)
    assert found == lt.StageEstimate(name="hang", kind=kind, note="not estimated")
    assert (found.flops, found.weight_bytes) == (0, 0)


def test_an_option_that_an_estimate_refuses_is_named_as_users_do() -> None:
    with pytest.raises(lt.ValidationError) as refused:
        lt.estimate_stage(lt.StageSpec("paint", Paint, arguments={"coats": 2}), 10)
    assert refused.value.path == "stage_overrides.paint.size"
