"""From a pipeline's events to what is told: numbers of the take, places in the file, time left."""

from __future__ import annotations

from pathlib import Path

import pytest
from attrs import field, frozen

import longtake as lt
from longtake.cli.terminal import remaining
from longtake.cli.terminal.events import SegmentRolled, Started, StepProgress, TakeEvent
from longtake.cli.terminal.narration import Narration, seconds_of
from longtake.cli.terminal.remaining import Costs
from longtake.runs.prepared import PreparedRequest
from tests.sdk.cli.toy_family import DUST, FOG


@frozen
class Notes:
    """A voice that notes what it is told."""

    is_followed: bool = True
    told: list[TakeEvent] = field(factory=list)

    def tell(self, event: TakeEvent) -> None:
        self.told.append(event)

    def busy(self, what: str) -> None:
        """Nothing to note."""

    def close(self) -> None:
        """Nothing to close."""


def roll(narration: Narration, prompts: int, after: lt.GenerationResult | None = None) -> None:
    state = None if after is None else after.live_state
    with lt.Pipeline(FOG, model=lt.LoadedModel()) as pipeline:
        request = lt.GenerationRequest("a", output=lt.Output(return_state=True))
        for number in range(1, prompts + 1):
            prepared = pipeline.check(request, after=state)
            if number == 1:
                narration.started(
                    pipeline,
                    prepared,
                    segments=prompts,
                    output=Path("take.mkv"),
                    frames_before=0 if after is None else 4,
                    samples_before=0 if after is None else 3500,
                )
            with narration.segment(number) as follow:
                for event in pipeline.stream(prepared):
                    follow(event)
            assert isinstance(event, lt.Final)
            narration.rolled(number, event.result, Path("s.json"))
            state = event.result.live_state


def first_segment() -> lt.GenerationResult:
    request = lt.GenerationRequest("a", output=lt.Output(return_state=True))
    with lt.Pipeline(FOG, model=lt.LoadedModel()) as pipeline:
        return pipeline.generate(request)


def test_segments_count_in_the_take_and_places_in_the_file() -> None:
    notes = Notes()
    roll(Narration(notes), 2, after=first_segment())
    started = notes.told[0]
    assert isinstance(started, Started)
    assert (started.first_segment, started.segments) == (2, 3)
    rolled = [event for event in notes.told if isinstance(event, SegmentRolled)]
    assert [event.segment for event in rolled] == [2, 3]
    assert [event.first_frame for event in rolled] == [4, 8]
    assert [event.first_sample for event in rolled] == [3500, 3500 + rolled[0].samples]
    steps = [event for event in notes.told if isinstance(event, StepProgress)]
    assert [(event.segment, event.segments) for event in steps[:1]] == [(2, 3)]


def test_the_time_left_is_known_once_a_segment_is_over() -> None:
    notes = Notes()
    roll(Narration(notes), 2)
    steps = [event for event in notes.told if isinstance(event, StepProgress)]
    first, second = ([each for each in steps if each.segment == number] for number in (1, 2))
    assert first[0].take_seconds_left is None
    assert all(each.take_seconds_left is not None for each in second)


@pytest.mark.parametrize("fails", [True, False])
def test_costs_are_asked_for_once_and_cost_nothing_when_they_fail(
    monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    asked: list[int] = []

    def costs(first: PreparedRequest) -> Costs:
        asked.append(first.job.segment_index)
        if fails:
            raise RuntimeError("no idea")
        return [[5.0], [10.0]]

    monkeypatch.setattr(remaining, "_PATIENCE", 0.0)
    notes = Notes()
    narration = Narration(notes)
    narration.opened(Path("model"), costs)
    roll(narration, 2)
    assert asked == [0]
    assert sum(isinstance(event, SegmentRolled) for event in notes.told) == 2
    assert isinstance(notes.told[0], Started)
    assert notes.told[0].model == "model"


def test_where_nobody_follows_nothing_is_measured() -> None:
    notes = Notes(is_followed=False)
    roll(Narration(notes), 1)
    assert [type(event) for event in notes.told] == [Started, SegmentRolled]


def test_seconds_are_those_of_the_picture_or_of_the_sound_alone() -> None:
    assert seconds_of(first_segment()) == pytest.approx(4 / 24)
    with lt.Pipeline(FOG, model=lt.LoadedModel()) as pipeline:
        request = lt.GenerationRequest("a", output=lt.Output(video=False))
        assert seconds_of(pipeline.generate(request)) == pytest.approx(4000 / 24000)
    with lt.Pipeline(DUST) as pipeline:
        assert seconds_of(pipeline.generate(lt.GenerationRequest("a"))) == pytest.approx(4 / 24)
