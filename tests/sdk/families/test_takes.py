"""Where new frames and samples lie in a take, and the stages that ask for it."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from attrs import evolve, frozen
from hypothesis import given

import longtake as lt

RATES = st.sampled_from([8000, 22050, 44100, 48000])
FPS = st.sampled_from(
    [Fraction(24), Fraction(25), Fraction(24000, 1001), Fraction(60), Fraction(1)]
)


@frozen(kw_only=True)
class Mark(lt.TakeState):
    """A state that adds nothing but a number."""

    number: int = 0


def span(job: lt.Job, before: lt.TakeSpan | None = None) -> lt.TakeSpan:
    return lt.TakeSpan.of(job, None if before is None else Mark(span=before))


def job(index: int = 0, *, overlap_frames: int = 9, **sampling: Any) -> lt.Job:
    output = lt.Output(overlap_frames=overlap_frames)
    return evolve(lt.Job.example(**sampling), segment_index=index, output=output)


def test_the_first_segment_adds_all_its_frames() -> None:
    first = span(job(num_frames=25, seed=3))
    assert (first.first_frame, first.end_frame, first.num_frames) == (0, 25, 25)
    assert (first.segment_index, first.overlap_frames, first.seed) == (0, 9, 3)
    assert (first.height, first.width, first.fps) == (64, 96, Fraction(24))


def test_a_segment_repeats_as_many_frames_as_the_one_before_said() -> None:
    first = span(job(num_frames=25, overlap_frames=5))
    second = span(job(1, num_frames=25), first)
    assert (second.first_frame, second.end_frame) == (25, 45)
    assert span(job(2, num_frames=25), second).end_frame == 61


def test_no_more_frames_are_repeated_than_the_take_has() -> None:
    first = span(job(num_frames=4))
    assert first.overlap_frames == 4
    assert span(job(1, num_frames=5), first).num_frames == 1


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("num_frames", 9, "the first 9 repeat the segment before"),
        ("height", 65, "the take has 64"),
        ("width", 97, "the take has 96"),
        ("fps", 25, "the take has 24"),
    ],
)
def test_a_segment_that_does_not_fit_the_take_is_refused(
    field: str, value: Any, problem: str
) -> None:
    with pytest.raises(lt.ValidationError, match=problem) as refused:
        span(job(1, **{field: value}), span(job()))
    assert refused.value.path == f"sampling.{field}"


@pytest.mark.parametrize(
    ("field", "value"), [("height", 10**6), ("fps", "1/2"), ("num_frames", 10**10)]
)
def test_absurd_sizes_are_refused_with_the_field_of_the_request(field: str, value: Any) -> None:
    with pytest.raises(lt.ValidationError) as refused:
        span(job(**{field: value}))
    assert refused.value.path == f"sampling.{field}"


def test_a_later_segment_may_have_another_seed() -> None:
    assert span(job(1, seed=8), span(job(seed=7))).seed == 8


@pytest.mark.parametrize(
    "wrong",
    [
        {"segment_index": -1},
        {"end_frame": 0},
        {"first_frame": 25},
        {"overlap_frames": 26},
        {"overlap_frames": -1},
        {"fps": Fraction(0)},
        {"height": 0},
        {"width": 10**9},
        {"seed": 2**64},
        {"end_frame": 10**12},
    ],
    ids=str,
)
def test_a_span_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(lt.ValidationError):
        evolve(span(job(num_frames=25)), **wrong)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=8), FPS, RATES)
def test_sounds_of_spans_join_to_that_of_one(new: list[int], fps: Fraction, rate: int) -> None:
    parts: list[lt.TakeSpan] = []
    for index, count in enumerate(new):
        before = parts[-1] if parts else None
        repeated = before.overlap_frames if before else 0
        parts.append(span(job(index, num_frames=count + repeated, fps=fps), before))
    whole = span(job(num_frames=sum(new), fps=fps))
    assert sum(part.num_samples(rate) for part in parts) == whole.num_samples(rate)
    assert whole.num_samples(rate) == sum(new) * rate // fps
    starts = [float(part.first_frame / fps) for part in parts]
    for times in ("frame_times", "sample_times"):
        arguments = (rate,) if times == "sample_times" else ()
        pieces = [
            start + getattr(part, times)(*arguments)
            for start, part in zip(starts, parts, strict=True)
        ]
        joined, expected = np.concatenate(pieces), getattr(whole, times)(*arguments)
        np.testing.assert_allclose(joined, expected, rtol=0, atol=1e-9)
    assert starts[-1] + parts[-1].seconds == pytest.approx(whole.seconds)


def test_a_state_has_what_a_codec_asks_for() -> None:
    mark = Mark(span=span(job(4, seed=3, fps=30)), number=2)
    codec = lt.AttrsCodec("mark.v1", Mark)
    assert mark.segment_index == 4
    assert mark.take_defaults == {"seed": 3, "height": 64, "width": 96, "fps": Fraction(30)}
    text = codec.encode(mark).to_json()
    assert codec.decode(lt.ContinuationState.from_json(text)) == mark


class Count:
    """Makes the new frames; its check, too, may ask for the span."""

    def check(self, span: lt.TakeSpan) -> None:
        if span.num_frames == 13:
            raise lt.ValidationError("sampling.num_frames", "13 new frames bring bad luck")

    def __call__(self, span: lt.TakeSpan, state: Mark | None) -> tuple[lt.Frames, Mark]:
        shape = (span.num_frames, span.height, span.width, 3)
        return lt.Frames(np.zeros(shape, np.uint8)), Mark(span=span)


def counting() -> lt.Pipeline:
    sizes = {"seed": 0, "height": 4, "width": 6, "num_frames": 25, "fps": 24}
    codec = lt.AttrsCodec("mark.v1", Mark)
    return lt.Pipeline(lt.ModelFamily("count", (Count,), defaults=sizes, codecs=(codec,)))


def test_stages_that_ask_for_the_span_get_it() -> None:
    session = lt.Session(counting())
    assert [len(session.extend("one").frames) for _ in range(3)] == [25, 16, 16]


def test_a_segment_that_does_not_fit_is_refused_before_any_stage() -> None:
    pipeline = counting()
    output = lt.Output(return_state=True)
    state = pipeline.generate(lt.GenerationRequest("one", output=output)).state
    short = lt.GenerationRequest("two", state=state, sampling=lt.Sampling(num_frames=9))
    with pytest.raises(lt.ValidationError, match=r"sampling\.num_frames: is 9"):
        pipeline.check(short)
    with pytest.raises(lt.ValidationError, match="bad luck"):
        pipeline.check(evolve(short, sampling=lt.Sampling(num_frames=22)))


def test_only_a_family_whose_states_have_a_span_gives_it() -> None:
    def stage(span: lt.TakeSpan) -> lt.Frames:
        raise NotImplementedError

    with pytest.raises(lt.WiringError, match="needs a TakeSpan.* inherit from TakeState"):
        lt.Pipeline(lt.ModelFamily("none", (stage,))).prepare()
