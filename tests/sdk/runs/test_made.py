"""What a stage makes is of the form that it promises and of the size that was asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from attrs import evolve

import longtake as lt
from tests.sdk.toy_family import DEFAULTS, FOG

REQUEST = lt.GenerationRequest("fog", sampling=lt.Sampling(num_frames=9))


def failure(stage: Callable[..., Any], how: str = "generate") -> lt.StageError:
    pipeline = lt.Pipeline(lt.ModelFamily("toy", (lt.StageSpec("s", stage),), defaults=DEFAULTS))
    with pytest.raises(lt.StageError) as failed:
        list(pipeline.stream(REQUEST)) if how == "stream" else pipeline.generate(REQUEST)
    assert failed.value.stage == "s"
    return failed.value


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


RAISED: dict[str, tuple[BaseException, str]] = {
    "StopIteration": (StopIteration("x"), "StopIteration: x"),
    "GeneratorExit": (GeneratorExit(), "GeneratorExit: "),
    "SystemExit": (SystemExit(3), "SystemExit: 3"),
    "mute": (Mute(), "Mute: its message cannot be shown"),
    "long": (ValueError("x" * 10_000), "ValueError: xxxxx"),
}


@pytest.mark.parametrize("how", ["generate", "stream"])
@pytest.mark.parametrize("name", RAISED)
@pytest.mark.parametrize("when", ["call", "check", "construct", "enter", "leave"])
def test_only_longtakes_errors_leave_a_run(name: str, how: str, when: str) -> None:
    error, said = RAISED[name]

    class Failing:
        def __init__(self) -> None:
            self.fail("construct")

        def fail(self, now: str) -> None:
            if now == when:
                raise error

        def check(self, job: lt.Job) -> None:
            self.fail("check")

        def __enter__(self) -> None:
            self.fail("enter")

        def __exit__(self, *raised: object) -> None:
            self.fail("leave")

        def __call__(self, job: lt.Job) -> lt.Frames:
            self.fail("call")
            return lt.Frames(np.zeros((9, 4, 6, 3), np.uint8))

    failed = failure(Failing, how)
    assert said in str(failed) and len(str(failed)) < 300
    assert failed.__cause__ is error


@pytest.mark.parametrize("how", ["generate", "stream"])
def test_ctrl_c_passes(how: str) -> None:
    def interrupted(job: lt.Job) -> lt.Frames:
        raise KeyboardInterrupt

    pipeline = lt.Pipeline(lt.ModelFamily("toy", (interrupted,), defaults=DEFAULTS))
    with pytest.raises(KeyboardInterrupt):
        list(pipeline.stream(REQUEST)) if how == "stream" else pipeline.generate(REQUEST)


FRAMES: dict[str, tuple[Any, str]] = {
    "nothing": (None, "Frames of a NoneType; must be a numpy array, uint8 [T, H, W, 3]"),
    "a list": ([[[[0, 0, 0]]]], "Frames of a list; must be a numpy array"),
    "floats": (np.zeros((9, 4, 6, 3), np.float32), "Frames of float32 [9, 4, 6, 3]; must be uint8"),
    "one frame": (np.zeros((4, 6, 3), np.uint8), "Frames of uint8 [4, 6, 3]; must be uint8 [T, H"),
    "grey": (np.zeros((9, 4, 6, 1), np.uint8), "Frames of uint8 [9, 4, 6, 1]; must be uint8 [T,"),
    "turned": (np.zeros((9, 6, 4, 3), np.uint8), "Frames of 6x4 (height x width); asked for 4x6"),
    "few": (np.zeros((8, 4, 6, 3), np.uint8), "8 new frames; asked for 9"),
    "many": (np.zeros((10, 4, 6, 3), np.uint8), "10 new frames; asked for 9"),
    "none": (np.zeros((0, 4, 6, 3), np.uint8), "0 new frames; asked for 9"),
}


@pytest.mark.parametrize("name", FRAMES)
def test_frames_of_another_form_size_or_count_are_refused(name: str) -> None:
    pixels, said = FRAMES[name]

    def paint(job: lt.Job) -> lt.Frames:
        return lt.Frames(pixels)

    assert f"stage 's' failed: it made {said}" in str(failure(paint))


SOUNDS: dict[str, tuple[Any, Any, str]] = {
    "nothing": (None, 48_000, "a Waveform of a NoneType; must be a numpy array, float32 [channels"),
    "doubles": (np.zeros((2, 5)), 48_000, "a Waveform of float64 [2, 5]; must be float32 [channe"),
    "flat": (np.zeros(5, np.float32), 48_000, "a Waveform of float32 [5]; must be float32"),
    "no channel": (np.zeros((0, 5), np.float32), 48_000, "a Waveform without a channel"),
    "not a number": (np.full((2, 5), np.nan, np.float32), 48_000, "a Waveform with NaN or infin"),
    "no rate": (np.zeros((2, 5), np.float32), None, "a Waveform whose sample_rate is None; must"),
    "half a rate": (np.zeros((2, 5), np.float32), 0.5, "a Waveform whose sample_rate is 0.5; must"),
}


@pytest.mark.parametrize("name", SOUNDS)
def test_sound_of_another_form_is_refused(name: str) -> None:
    samples, rate, said = SOUNDS[name]

    def sing(job: lt.Job) -> lt.Waveform:
        return lt.Waveform(samples, rate)

    assert f"stage 's' failed: it made {said}" in str(failure(sing))


def test_an_earlier_picture_may_have_another_size() -> None:
    def sketch(job: lt.Job) -> lt.Frames:
        return lt.Frames(np.zeros((3, 2, 2, 3), np.uint8))

    def paint(sketch: lt.Frames, job: lt.Job) -> lt.Frames:
        return lt.Frames(np.zeros((9, 4, 6, 3), np.uint8))

    result = lt.Pipeline(lt.ModelFamily("toy", (sketch, paint), defaults=DEFAULTS)).generate("x")
    assert result.frames.shape == (9, 4, 6, 3)


@pytest.mark.parametrize(("made", "refused"), [(0, True), (1, False), (9, False), (10, True)])
def test_a_segment_that_goes_on_adds_no_more_than_was_asked_for(made: int, refused: bool) -> None:
    """The family does not say how many frames it repeats, so fewer are no fault."""

    def paint(job: lt.Job) -> lt.Frames:
        count = made if job.segment_index else 9
        return lt.Frames(np.zeros((count, 4, 6, 3), np.uint8))

    stages = tuple(paint if spec.name == "paint" else spec for spec in FOG.stages)
    session = lt.Session(lt.Pipeline(FOG.evolve(stages=stages)), overlap_frames=0)
    session.extend("fog")
    if refused:
        with pytest.raises(lt.StageError, match=f"stage 'paint' failed: it made {made} new frames"):
            session.extend("fog")
    else:
        assert len(session.extend("fog").frames) == made


class Broken:
    """A codec that fails at its ``when``."""

    kind = "fog.v1"
    state_type = FOG.codecs[0].state_type

    def __init__(self, when: str, error: BaseException) -> None:
        self._when, self._error = when, error

    def encode(self, value: Any, blobs: lt.BlobStore | None = None) -> lt.ContinuationState:
        if self._when == "encode":
            raise self._error
        return FOG.codecs[0].encode(value, blobs)

    def decode(self, state: lt.ContinuationState, blobs: lt.BlobStore | None = None) -> Any:
        if self._when == "decode":
            raise self._error
        return FOG.codecs[0].decode(state, blobs)

    def blob_ids(self, state: lt.ContinuationState) -> tuple[str, ...]:
        return ()


@pytest.mark.parametrize("name", RAISED)
@pytest.mark.parametrize("when", ["encode", "decode", "place"])
def test_only_longtakes_errors_leave_what_is_around_a_run(name: str, when: str) -> None:
    error, said = RAISED[name]

    def place(job: lt.Job, state: Any) -> Broken:
        raise error

    family = FOG.evolve(codecs=(Broken(when, error),), place=place if when == "place" else None)
    state = lt.Session(lt.Pipeline(FOG), overlap_frames=1)
    state.extend("fog")
    request = evolve(REQUEST, state=state.state, output=lt.Output(return_state=True))
    for run in (lt.Pipeline(family).generate, lambda r: list(lt.Pipeline(family).stream(r))):
        with pytest.raises(lt.PluginError) as failed:
            run(request)
        assert said in str(failed.value)
        assert failed.value.__cause__ is error


def _with_stills(*stills: lt.Stills) -> lt.ModelFamily:
    def paint(job: lt.Job) -> tuple[lt.Frames, lt.Stills]:
        size = (job.sampling.num_frames, job.sampling.height, job.sampling.width, 3)
        return lt.Frames(np.zeros(size, np.uint8)), stills[0]

    return lt.ModelFamily("toy", (lt.StageSpec("s", paint),), defaults=DEFAULTS)


def test_stills_beside_a_segment_are_in_its_result() -> None:
    made = lt.Stills(np.ones((2, 8, 8, 3), np.uint8), (3, 5))
    assert lt.Pipeline(_with_stills(made)).generate(REQUEST).stills is made
    none = lt.Stills(np.zeros((0, 8, 8, 3), np.uint8), ())
    assert lt.Pipeline(_with_stills(none)).generate(REQUEST).stills is None


@pytest.mark.parametrize(
    ("stills", "problem"),
    [
        (lt.Stills(np.ones((2, 8, 8, 3), np.uint8), (3,)), "Stills of 2 pictures at 1 frames"),
        (lt.Stills(np.ones((2, 8, 8, 3)), (3, 5)), "Stills of float64"),  # type: ignore[arg-type]
    ],
)
def test_stills_of_another_form_are_the_stages_fault(stills: lt.Stills, problem: str) -> None:
    with pytest.raises(lt.StageError, match=problem):
        lt.Pipeline(_with_stills(stills)).generate(REQUEST)
