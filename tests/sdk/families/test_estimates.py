"""What an estimate adds up to, and what a family is given to make one."""

from __future__ import annotations

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
