"""A stage whose own loop grows with what a request says counts its steps."""

from __future__ import annotations

import inspect
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any

import attrs
import pytest
from attrs import evolve, frozen

import longtake as lt
from longtake.testing.families import observer_plugin
from longtake.testing.families.fixtures import FamilyFixtures
from longtake.testing.families.trying import TriedFamily, resolved

__all__ = ["LoopContract"]

_MORE = 3
"""Turns that a loop has more of, when an option says so."""
_MORE_FRAMES = 8


@frozen
class _Seen:
    """Of one run, by stage: how often each of its lines ran, and how many steps it counted."""

    lines: dict[str, Counter[int]]
    steps: Counter[str]


class LoopContract(FamilyFixtures):
    """Loops that are statements of a stage's own call; what it calls is its own business."""

    @pytest.mark.longtake_slow
    def test_a_loop_that_a_request_makes_longer_counts_its_steps(
        self, plugin: str, tried: TriedFamily
    ) -> None:
        registry = lt.Registry.of(plugin, observer_plugin.__name__)
        with tried.loaded(registry=registry) as pipeline:
            start = pipeline.check(tried.opening())
            try:
                before = _watched(pipeline, start)
            except lt.LongtakeError:
                pytest.skip("the segment is not rolled, which has tests of its own")
            for what, more, longer in _longer(tried, pipeline, start):
                try:
                    after = _watched(pipeline, longer)
                except lt.LongtakeError:
                    continue  # likewise
                uncounted = _uncounted(before, after, more)
                assert not uncounted, (
                    f"stage {uncounted!r} has {more} or more turns of a loop more where {what} is "
                    f"{more} more, and does not count them: loop over Run.steps, so that the run "
                    "can be stopped and tells its progress"
                )


def _longer(
    tried: TriedFamily, pipeline: lt.Pipeline, start: lt.PreparedRequest
) -> Iterator[tuple[str, int, lt.PreparedRequest]]:
    """What of the request is more, by how much, and the request, where that is allowed."""
    request = start.request
    frames = start.job.sampling.num_frames + _MORE_FRAMES
    sampling = evolve(request.sampling, num_frames=frames)
    tries = [("sampling.num_frames", _MORE_FRAMES, evolve(request, sampling=sampling))]
    for stage, options in start.options.items():
        for field in attrs.fields(type(options)):
            value = getattr(options, field.name)
            if type(value) is int and field.init:
                own = {**request.stage_overrides.get(stage, {}), field.name: value + _MORE}
                overrides = {**request.stage_overrides, stage: own}
                path = f"stage_overrides.{stage}.{field.name}"
                tries.append((path, _MORE, evolve(request, stage_overrides=overrides)))
    for what, more, longer in tries:
        try:
            yield what, more, pipeline.check(longer)
        except lt.ValidationError:
            continue  # a length or value that the family does not make


def _watched(pipeline: lt.Pipeline, prepared: lt.PreparedRequest) -> _Seen:
    owners: dict[CodeType, str] = {}
    for spec in pipeline.recipe:
        code = _code_of(resolved(spec.stage))
        if code is not None:
            owners[code] = spec.name
    lines: dict[str, Counter[int]] = {name: Counter() for name in owners.values()}
    with observer_plugin.watched_runs() as events, _tracing(owners, lines):
        pipeline.generate(prepared)
    steps = Counter(event.stage for event in events if isinstance(event, lt.Progress))
    return _Seen(lines, steps)


def _code_of(stage: Any) -> CodeType | None:
    """The code of the call, also below decorators; None of what is not written in Python."""
    if inspect.isroutine(stage):
        call: Any = stage
    else:
        call = (stage if inspect.isclass(stage) else type(stage)).__call__
    call = inspect.unwrap(call)
    return call.__code__ if inspect.isfunction(call) else None


@contextmanager
def _tracing(owners: dict[CodeType, str], lines: dict[str, Counter[int]]) -> Iterator[None]:
    """Count the lines of ``owners`` that run in this thread."""

    def called(frame: FrameType, event: str, argument: object) -> Any:
        return None if (owner := owners.get(frame.f_code)) is None else counting(lines[owner])

    def counting(counter: Counter[int]) -> Any:
        def local(frame: FrameType, event: str, argument: object) -> Any:
            if event == "line":
                counter[frame.f_lineno] += 1
            return local

        return local

    before = sys.gettrace()
    sys.settrace(called)
    try:
        yield
    finally:
        sys.settrace(before)


def _uncounted(before: _Seen, after: _Seen, more: int) -> str:
    """The stage that has a longer loop and does not count longer; empty when there is none."""
    for stage, lines in after.lines.items():
        turns = max((count - before.lines[stage][line] for line, count in lines.items()), default=0)
        if turns >= more and after.steps[stage] - before.steps[stage] < more:
            return stage
    return ""
