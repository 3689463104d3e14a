"""A family says where a segment lies; checks and stages are handed that very value."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pytest
from attrs import frozen

import longtake as lt
from tests.sdk.toy_family import DEFAULTS, FogCodec, FogState, black

REQUEST = lt.GenerationRequest("fog")


@frozen
class Bar:
    """A place in music: segments are whole bars of four frames."""

    first: int
    repeated_frames: int

    @property
    def first_new_frame(self) -> int:
        return self.first + self.repeated_frames

    def num_frames_for(self, new_frames: int) -> int:
        return max(4, (self.repeated_frames + new_frames) // 4 * 4)


PLACED: list[tuple[lt.Job, FogState | None]] = []


def place(job: lt.Job, state: FogState | None) -> Bar:
    PLACED.append((job, state))
    return Bar(0, 0) if state is None else Bar(state.frames - state.overlap, state.overlap)


class Reader:
    """Asks for the place in its check and in its call."""

    seen: list[Bar]

    def __init__(self) -> None:
        self.seen = []

    def check(self, bar: Bar) -> None:
        self.seen.append(bar)

    def __call__(self, bar: Bar) -> None:
        self.seen.append(bar)


def new_ones(bar: Bar, job: lt.Job) -> lt.Frames:
    size = job.sampling
    count = size.num_frames - bar.repeated_frames
    return lt.Frames(np.zeros((count, size.height, size.width, 3), np.uint8))


def family(*stages: Any, ends: tuple[Any, ...] = (black,), **changes: Any) -> lt.ModelFamily:
    settings: dict[str, Any] = {
        "place": place,
        "defaults": DEFAULTS,
        "codecs": (FogCodec(),),
    } | changes
    return lt.ModelFamily("music", (*stages, *ends), **settings)


def test_checks_and_stages_get_one_place_that_was_made_once() -> None:
    reader = Reader()
    PLACED.clear()
    state = FogCodec().encode(FogState(0, 5, 4, 6, 12, 4))
    lt.Pipeline(family(reader, new_ones, ends=())).generate(attrs.evolve(REQUEST, state=state))
    assert len(PLACED) == 1
    assert reader.seen[0] == Bar(8, 4)
    assert {id(each) for each in reader.seen} == {id(reader.seen[0])}


def test_a_place_may_be_named() -> None:
    reader = Reader()
    named = family(reader, place="tests.sdk.families.test_places:place")
    assert lt.Pipeline(named).check(REQUEST).place == Bar(0, 0)


@pytest.mark.parametrize(("overlap", "frames"), [(4, 16), (8, 20), (6, 16)])
def test_a_length_counts_what_the_state_repeats(overlap: int, frames: int) -> None:
    pipeline = lt.Pipeline(family())
    state = FogCodec().encode(FogState(0, 5, 4, 6, 12, overlap))
    assert pipeline.num_frames_for(13, attrs.evolve(REQUEST, state=state)) == frames
    assert pipeline.num_frames_for(13, REQUEST) == 12


@frozen
class Mark(lt.TakeState):
    """A state that is nothing but its span."""


def mark(span: lt.TakeSpan) -> Mark:
    return Mark(span=span)


def test_a_span_repeats_what_the_segment_before_said() -> None:
    marked = family(mark, place=None, codecs=(lt.AttrsCodec("mark.v1", Mark),))
    pipeline = lt.Pipeline(marked)
    output = lt.Output(return_state=True, last=False, overlap_frames=3)
    first = pipeline.generate(attrs.evolve(REQUEST, output=output))
    after = attrs.evolve(REQUEST, state=first.state)
    assert pipeline.num_frames_for(20, REQUEST) == 20
    assert pipeline.num_frames_for(20, after) == 23
    assert pipeline.check(after).place.repeated_frames == 3
    assert isinstance(pipeline.check(after).place, lt.SegmentPlace)


def test_a_family_that_places_nothing_does_not_tell_lengths() -> None:
    with pytest.raises(lt.ValidationError, match="does not tell how long") as refused:
        lt.Pipeline(family(place=None)).num_frames_for(9, REQUEST)
    assert refused.value.path == "sampling.num_frames"


def unannotated(job, state):  # type: ignore[no-untyped-def]
    return Bar(0, 0)


def elsewhere(job: lt.Job, state: FogState | None) -> Bar:
    return None  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [(unannotated, "must name a class"), (elsewhere, "returned a NoneType .* says Bar")],
)
def test_a_place_that_cannot_be_wired_is_the_familys_fault(wrong: Any, reason: str) -> None:
    with pytest.raises(lt.PluginError, match=f"family 'music': .*{reason}"):
        lt.Pipeline(family(place=wrong)).check(REQUEST)


def test_a_stage_that_asks_for_a_place_which_is_not_there_is_refused() -> None:
    with pytest.raises(lt.WiringError, match="asks for a Bar"):
        lt.Pipeline(family(Reader, place=None)).prepare()
