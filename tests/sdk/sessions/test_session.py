"""A session keeps the state of its take, and only when a segment is finished."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from typing import Any

import attrs
import numpy as np
import pytest

import longtake as lt
from tests.sdk.toy_family import FOG, FogCodec, FogState

WAIT = 10


def decoded(session: lt.Session) -> FogState:
    assert session.state is not None
    return FogCodec().decode(session.state)


def sound(results: list[lt.GenerationResult]) -> Any:
    return np.concatenate([r.audio for r in results if r.audio is not None], axis=1)[0]


def test_a_take_grows_segment_by_segment() -> None:
    session = lt.Session(lt.Pipeline(FOG), overlap_frames=3)
    assert session.state is None
    results = [session.extend(prompt) for prompt in ("fog", "rain", "sun")]
    assert [len(result.frames) for result in results] == [9, 6, 6]
    assert [r.job.segment_index for r in results if r.job] == [0, 1, 2]
    assert decoded(session) == FogState(2, 5, 4, 6, 21, 3)
    results.append(session.finish())
    np.testing.assert_array_equal(sound(results), np.arange(210, dtype=np.float32) / 10000)
    assert decoded(session).segment_index == 2  # a finished take can still go on


def test_the_segments_differ_and_the_take_repeats() -> None:
    one, other = (lt.Session(lt.Pipeline(FOG), overlap_frames=1) for _ in range(2))
    first, second = one.extend("fog"), one.extend("fog")
    np.testing.assert_array_equal(first.frames, other.extend("fog").frames)
    np.testing.assert_array_equal(second.frames, other.extend("fog").frames)
    assert not np.array_equal(first.frames[:8], second.frames)


def test_stream_extends_too() -> None:
    streamed, extended = (lt.Session(lt.Pipeline(FOG), overlap_frames=3) for _ in range(2))
    for _ in range(2):
        extended.extend("fog")
        *_, final = streamed.stream("fog")
        assert isinstance(final, lt.Final)
        assert final.result.state == streamed.state == extended.state


def test_a_session_goes_on_from_a_state_alone() -> None:
    whole = lt.Session(
        lt.Pipeline(FOG), sampling=lt.Sampling(seed=9, height=8, width=10), overlap_frames=3
    )
    whole.extend("fog")
    assert whole.state is not None
    text = whole.state.to_json()
    resumed = lt.Session(
        lt.Pipeline(FOG), state=lt.ContinuationState.from_json(text), overlap_frames=3
    )
    expected, actual = whole.extend("rain"), resumed.extend("rain")
    assert actual.job == expected.job
    assert actual.fps == Fraction(24)
    np.testing.assert_array_equal(actual.frames, expected.frames)
    assert resumed.state == whole.state


def test_what_a_session_says_goes_for_every_segment_that_says_nothing() -> None:
    session = lt.Session(
        lt.Pipeline(FOG),
        sampling=lt.Sampling(seed=9, num_frames=7, num_inference_steps=2),
        stage_overrides={"denoise": {"blur": 0.1, "guidance_scale": 2.0}},
        overlap_frames=3,
    )
    session.extend("fog")
    own = session.extend(
        "rain",
        sampling=lt.Sampling(num_frames=11),
        stage_overrides={"denoise": {"blur": 0.9}},
        overlap_frames=5,
    )
    back = session.extend("sun")
    assert own.job is not None and back.job is not None
    assert (own.job.sampling.seed, own.job.sampling.num_frames) == (9, 11)
    assert (back.job.sampling.num_frames, len(back.frames)) == (7, 2)
    assert own.job.output == lt.Output(last=False, return_state=True, overlap_frames=5)
    assert back.job.output.overlap_frames == 3
    fields = attrs.asdict(own.options["denoise"])
    assert fields == {"num_inference_steps": 2, "guidance_scale": 2.0, "blur": 0.9}
    assert back.options["denoise"].blur == 0.1


def test_a_negative_prompt_is_the_segments_own() -> None:
    session = lt.Session(lt.Pipeline(FOG), overlap_frames=1)
    one, other = session.extend("fog", negative_prompt="sun"), session.extend("fog")
    assert one.job is not None and other.job is not None
    assert (one.job.negative_prompt, other.job.negative_prompt) == ("sun", "")


FAILURES = [
    ({"sampling": lt.Sampling(num_frames=8)}, lt.ValidationError),  # refused by a check
    ({"stage_overrides": {"no": {}}}, lt.ValidationError),
    ({"sampling": lt.Sampling(num_frames=3)}, lt.StageError),  # no new frames: 0 / 0
]


@pytest.mark.parametrize(("segment", "error"), FAILURES)
@pytest.mark.parametrize("streamed", [False, True])
def test_a_failure_leaves_the_state(
    segment: dict[str, Any], error: type[Exception], streamed: bool
) -> None:
    session = lt.Session(lt.Pipeline(FOG), overlap_frames=3)
    session.extend("fog")
    before = session.state
    with pytest.raises(error):
        list(session.stream("fog", **segment)) if streamed else session.extend("fog", **segment)
    assert session.state is before
    assert len(session.extend("fog").frames) == 6


def test_a_cancelled_segment_leaves_the_state() -> None:
    session = lt.Session(lt.Pipeline(FOG), overlap_frames=3)
    session.extend("fog")
    before, cancel = session.state, threading.Event()
    cancel.set()
    with pytest.raises(lt.Cancelled):
        session.extend("fog", cancel=cancel.is_set)
    assert session.state is before


def test_a_stream_that_is_closed_leaves_the_state() -> None:
    session = lt.Session(lt.Pipeline(FOG), overlap_frames=3)
    session.extend("fog")
    before = session.state
    events = session.stream("fog")
    next(events)
    events.close()
    assert session.state is before
    assert len(session.extend("fog").frames) == 6


def test_a_stream_that_is_closed_at_its_result_keeps_it() -> None:
    session = lt.Session(lt.Pipeline(FOG), overlap_frames=3)
    events = session.stream("fog")
    for event in events:
        if isinstance(event, lt.Final):
            break
    events.close()
    assert decoded(session).segment_index == 0


def test_nothing_can_be_finished_before_the_first_segment() -> None:
    with pytest.raises(lt.ValidationError, match="no segment to finish"):
        lt.Session(lt.Pipeline(FOG)).finish()


def test_a_session_says_what_its_states_are_written_as() -> None:
    pipeline = lt.Pipeline(FOG.evolve(codecs=(FogCodec("fog.v2"), FogCodec())))
    older = lt.Session(pipeline, state_kind="fog.v1", overlap_frames=3)
    older.extend("fog")
    assert older.state is not None and older.state.kind == "fog.v1"
    newest = lt.Session(pipeline, state=older.state, overlap_frames=3)
    newest.extend("fog")
    assert newest.state is not None and newest.state.kind == "fog.v2"
    older.extend("fog")
    assert older.state == attrs.evolve(newest.state, kind="fog.v1")
    with pytest.raises(lt.ValidationError, match=r"output\.state_kind: .*'mist'"):
        lt.Session(pipeline, state_kind="mist").extend("fog")


def test_blobs_hold_the_state() -> None:
    blobs = lt.open_blob_store("memory:")
    session = lt.Session(lt.Pipeline(FOG), overlap_frames=3, blobs=blobs)
    session.extend("fog")
    assert session.state is not None
    assert session.state.payload.keys() == {"blob"}
    assert session.state.payload["blob"] in blobs
    assert len(session.extend("fog").frames) == 6
    assert session.finish().audio is not None


def test_sessions_share_a_pipeline() -> None:
    pipeline = lt.Pipeline(FOG)
    alone = lt.Session(lt.Pipeline(FOG), sampling=lt.Sampling(seed=1), overlap_frames=3)
    expected = [alone.extend("fog"), alone.extend("fog")]
    one, other = (
        lt.Session(pipeline, sampling=lt.Sampling(seed=seed), overlap_frames=3) for seed in (1, 2)
    )
    for result in expected:
        np.testing.assert_array_equal(one.extend("fog").frames, result.frames)
        assert not np.array_equal(other.extend("fog").frames, result.frames)


def test_a_take_without_a_picture_or_without_a_sound() -> None:
    sound = lt.Session(lt.Pipeline(FOG), video=False, overlap_frames=1)
    silent = lt.Session(lt.Pipeline(FOG), audio=False, overlap_frames=1)
    for _ in range(2):
        assert sound.extend("fog").frames.shape == (0, 4, 6, 3)
        assert silent.extend("fog").audio is None
    with pytest.raises(lt.ValidationError, match="^output: video and audio are both false"):
        lt.Session(lt.Pipeline(FOG), video=False, audio=False)


def test_inputs_are_of_the_segment_that_they_are_given_for() -> None:
    session = lt.Session(lt.Pipeline(FOG), overlap_frames=1)
    inputs = lt.Inputs((lt.ImageInput(b"fog"),))
    first, second = session.extend("fog", inputs=inputs), session.extend("fog")
    assert first.job is not None
    assert second.job is not None
    assert (first.job.inputs, second.job.inputs) == (inputs, lt.Inputs())


def test_threads_that_share_a_session_lose_no_segment() -> None:
    session = lt.Session(lt.Pipeline(FOG), overlap_frames=3)
    together = threading.Barrier(4)

    def extend(_: int) -> lt.GenerationResult:
        together.wait(WAIT)
        return session.extend("fog")

    with ThreadPoolExecutor(4) as threads:
        results = list(threads.map(extend, range(4)))
    assert sorted(r.job.segment_index for r in results if r.job) == [0, 1, 2, 3]
    assert decoded(session) == FogState(3, 5, 4, 6, 27, 3)
    results.sort(key=lambda result: result.job.segment_index if result.job else 0)
    whole = sound([*results, session.finish()])
    np.testing.assert_array_equal(whole, np.arange(270, dtype=np.float32) / 10000)


def test_a_thread_waits_for_the_stream_of_another_one() -> None:
    session = lt.Session(lt.Pipeline(FOG), overlap_frames=3)
    events = session.stream("fog")
    next(events)
    with ThreadPoolExecutor(1) as threads:
        second = threads.submit(session.extend, "rain")
        with pytest.raises(TimeoutError):
            second.result(0.2)
        list(events)
        job = second.result(WAIT).job
    assert job is not None
    assert job.segment_index == 1


def test_a_segment_that_waits_for_another_one_can_be_cancelled() -> None:
    session, cancel = lt.Session(lt.Pipeline(FOG), overlap_frames=3), threading.Event()
    events = session.stream("fog")
    next(events)
    with ThreadPoolExecutor(1) as threads:
        second = threads.submit(session.extend, "rain", cancel=cancel.is_set)
        cancel.set()
        assert isinstance(second.exception(WAIT), lt.Cancelled)
    list(events)
    assert decoded(session).segment_index == 0


@pytest.mark.parametrize("ask", ["extend", "stream", "finish"])
def test_a_thread_that_has_a_stream_open_is_refused(ask: str) -> None:
    session = lt.Session(lt.Pipeline(FOG), overlap_frames=3)
    events = session.stream("fog")
    next(events)
    ways: dict[str, Callable[[], object]] = {
        "extend": lambda: session.extend("rain"),
        "stream": lambda: next(session.stream("rain")),
        "finish": session.finish,
    }
    with pytest.raises(lt.SessionBusyError, match="a stream of this session is open"):
        ways[ask]()
    events.close()
    assert session.state is None
    assert len(session.extend("rain").frames) == 9


def test_the_end_of_a_take_can_be_cancelled() -> None:
    pipeline = lt.Pipeline(FOG)
    session = lt.Session(pipeline, overlap_frames=3)
    session.extend("fog")
    with pytest.raises(lt.Cancelled):
        session.finish(cancel=lambda: True)
    assert session.finish().audio is not None
