"""The fraction of a run never falls, and it is 1 when the run has ended well and only then."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import longtake as lt
from longtake.runs.progress import RunProgress, stage_shares
from tests.sdk.toy_family import DEFAULTS, FOG, black, pipeline_of

REQUEST = lt.GenerationRequest("fog")
CONTINUABLE = attrs.evolve(REQUEST, output=lt.Output(return_state=True, last=False))


@attrs.frozen(kw_only=True)
class Refinement:
    enabled: bool = True


def thrice(run: lt.Run) -> None:
    for _ in run.steps(3):
        pass


def two_stage(*, refine: Refinement) -> tuple[lt.StageSpec, ...]:
    plain = lt.StageSpec("black", black)
    return (lt.StageSpec("refine", thrice), plain) if refine.enabled else (plain,)


def fractions(told: list[Any]) -> list[float]:
    return [event.fraction for event in told if not isinstance(event, lt.RunStarted)]


def assert_holds(told: list[Any]) -> None:
    """``told``: the events of one run, from its start to its end."""
    first, *_, last = told
    seen = fractions(told)
    assert isinstance(first, lt.RunStarted) and isinstance(last, lt.RunEnded)
    assert seen == sorted(seen) and min(seen) >= 0 and max(seen[:-1], default=0.0) <= 0.99
    assert (last.fraction == 1) == (last.outcome == "done")
    assert sum(share.weight for share in first.stages) == pytest.approx(1)
    begun = [e for e in told if isinstance(e, lt.StageStarted)]
    planned = [(share.stage, share.stage_index) for share in first.stages]
    assert [(e.stage, e.stage_index) for e in begun] == planned[: len(begun)]


counting = st.lists(
    st.one_of(
        st.tuples(st.integers(-2, 6), st.integers(-1, 5)), st.sampled_from(["fail", "cancel"])
    ),
    max_size=6,
)
"""What a stage does: it tells ``(step, total)``, or fails, or the run is cancelled."""


@settings(max_examples=200)
@given(
    stages=st.lists(counting, max_size=4),
    costs=st.one_of(
        st.none(),
        st.lists(st.sampled_from([0, 1, 10**6, 10**400, -1, float("nan")]), max_size=6),
    ),
    how=st.sampled_from(["generate", "stream", "left early", "refused"]),
    read=st.integers(0, 8),
)
def test_a_random_run(stages: list[Any], costs: Any, how: str, read: int) -> None:
    cancel, told, heard = threading.Event(), list[Any](), list[Any]()

    def stage(acts: list[Any]) -> Callable[..., None]:
        def act(run: lt.Run) -> None:
            for each in acts:
                if each == "fail":
                    raise OSError("no")
                if each == "cancel":
                    cancel.set()
                    run.check_cancelled()
                else:
                    run.emit(lt.Progress(run.stage, *each))

        return act

    def estimate(request: lt.EstimateRequest) -> Any:
        passes = [lt.StageEstimate(passes=(lt.PassEstimate("pass", cost),)) for cost in costs]
        return lt.RunEstimate((lt.SegmentEstimate(tuple(passes)),))

    declared = {} if costs is None else {"estimate": estimate}
    specs = [lt.StageSpec(f"stage{at % 2}", stage(acts)) for at, acts in enumerate(stages)]
    pipeline = pipeline_of(*specs, observers=(told.append,), **declared)
    sampling = lt.Sampling(num_inference_steps=3) if how == "refused" else lt.Sampling()
    request = attrs.evolve(REQUEST, sampling=sampling)
    with suppress(lt.LongtakeError):
        if how == "generate" or how == "refused":
            pipeline.generate(request, cancel=cancel.is_set)
        else:
            events = pipeline.stream(request, cancel=cancel.is_set)
            for event in events:
                heard.append(event)
                if how == "left early" and len(heard) > read:
                    break
            events.close()
    assert_holds(told)
    steps = [event.fraction for event in heard if isinstance(event, lt.Progress)]
    assert steps == sorted(steps)


@pytest.mark.parametrize("refined", [True, False])
def test_two_stages_with_and_without_refinement(refined: bool) -> None:
    told: list[Any] = []
    preset = lt.Preset("two", stages=two_stage, overrides={"refine": Refinement})
    family = lt.ModelFamily("toy", (black,), presets=(preset,), defaults=DEFAULTS)
    overrides = {"refine": {"enabled": refined}}
    pipeline = lt.Pipeline(family, preset_overrides=overrides, observers=(told.append,))
    pipeline.generate(REQUEST)
    assert_holds(told)
    names = ["refine", "black"] if refined else ["black"]
    assert [share.stage for share in told[0].stages] == names
    assert fractions(told)[-3:] == [0.99, 0.99, 1.0]


def test_the_finish_of_a_take_has_stages_of_its_own() -> None:
    told: list[Any] = []
    pipeline = lt.Pipeline(FOG, observers=(told.append,))
    state = pipeline.generate(CONTINUABLE).state
    assert state is not None
    told.clear()
    pipeline.finish(state)
    assert_holds(told)
    assert told[0].stages == (lt.StageShare("settle", 0, 1.0),)
    assert fractions(told) == [0.0, 0.99, 1.0]


def test_a_state_that_cannot_be_written_leaves_the_run_short_of_its_end() -> None:
    class Full(type(lt.open_blob_store("memory:"))):  # type: ignore[misc]
        def put(self, data: Any, **options: Any) -> str:
            raise lt.BlobStoreUnavailable("full", "no space")

    told: list[Any] = []
    pipeline = lt.Pipeline(FOG, observers=(told.append,))
    with pytest.raises(lt.LongtakeError):
        pipeline.generate(CONTINUABLE, blobs=Full())
    assert_holds(told)
    assert (told[-1].outcome, told[-1].fraction) == ("failed", 0.99)


def test_the_reader_of_a_stream_is_told_without_any_observer() -> None:
    sampling = lt.Sampling(num_inference_steps=2)
    events = list(lt.Pipeline(FOG).stream(attrs.evolve(REQUEST, sampling=sampling)))
    steps = [(e.stage, e.fraction) for e in events if isinstance(e, lt.Progress)]
    assert steps == [
        ("prepare", 0.0),
        ("prepare", pytest.approx(0.198)),
        ("denoise", pytest.approx(0.198)),
        ("denoise", pytest.approx(0.297)),
        ("denoise", pytest.approx(0.396)),
        ("paint", pytest.approx(0.396)),
        ("paint", pytest.approx(0.594)),
        ("sing", pytest.approx(0.594)),
        ("sing", pytest.approx(0.792)),
        ("remember", pytest.approx(0.792)),
        ("remember", 0.99),
    ]


@given(
    costs=st.lists(st.floats(0, 1e300), min_size=1, max_size=300),
    steps=st.lists(st.tuples(st.integers(0, 310), st.integers(-3, 9), st.integers(-3, 9))),
)
def test_the_arithmetic(costs: list[float], steps: list[tuple[int, int, int]]) -> None:
    recipe = tuple(lt.StageSpec(f"stage{at}", black) for at in range(len(costs)))
    shares = stage_shares(recipe, costs)
    assert sum(share.weight for share in shares) == pytest.approx(1)
    assert min(share.weight for share in shares) >= min(0.005, 0.5 / len(costs)) * 0.999
    progress = RunProgress(shares)
    seen = [progress.step(*step) for step in steps]
    assert seen == sorted(seen)
    assert all(0 <= each <= 0.99 for each in seen)
    assert progress.end() == 1


def test_a_stage_that_costs_more_has_a_greater_share() -> None:
    recipe = tuple(lt.StageSpec(name, black) for name in "abc")
    weights = [share.weight for share in stage_shares(recipe, [0.0, 10.0, 30.0])]
    assert weights == pytest.approx([0.005, 0.005 + 0.985 * 0.25, 0.005 + 0.985 * 0.75])
