"""A segment and the end of a take: states read and written, what is returned, what is refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

import attrs
import numpy as np
import pytest
from attrs import frozen

import longtake as lt
from tests.sdk.toy_family import DEFAULTS, FOG, FogCodec, FogState, black, pipeline_of

REQUEST = lt.GenerationRequest("fog")


def test_a_state_is_given_when_asked_for() -> None:
    pipeline = lt.Pipeline(FOG)
    assert pipeline.generate(REQUEST).state is None
    output = lt.Output(return_state=True, overlap_frames=3)
    state = pipeline.generate(attrs.evolve(REQUEST, output=output)).state
    assert state is not None
    assert FogCodec().decode(state) == FogState(0, 5, 4, 6, 9, 3)


def test_a_family_without_a_state_refuses_to_give_one() -> None:
    request = attrs.evolve(REQUEST, output=lt.Output(return_state=True))
    with pytest.raises(lt.ValidationError, match=r"output\.return_state: family 'toy'"):
        pipeline_of().generate(request)


@pytest.mark.parametrize("pipeline", [lt.Pipeline(FOG), pipeline_of()], ids=["fog.v1", "none"])
def test_a_state_of_another_family_is_refused(pipeline: lt.Pipeline) -> None:
    request = attrs.evolve(REQUEST, state=lt.ContinuationState("ltx2.v1", {}))
    with pytest.raises(lt.ValidationError, match=r"'ltx2\.v1'") as refused:
        pipeline.generate(request)
    assert refused.value.path == "state.kind"
    with pytest.raises(lt.ValidationError):
        pipeline.check(request)


def test_what_the_codec_refuses_is_refused_before_any_stage() -> None:
    told: list[lt.RunEvent] = []
    pipeline = lt.Pipeline(FOG, observers=(told.append,))
    with pytest.raises(lt.ValidationError, match="is no fog"):
        pipeline.generate(attrs.evolve(REQUEST, state=lt.ContinuationState("fog.v1", {})))
    assert not any(isinstance(event, lt.StageStarted) for event in told)


def test_the_finish_of_a_take() -> None:
    pipeline = lt.Pipeline(FOG)
    output = lt.Output(return_state=True, last=False)
    first = pipeline.generate(attrs.evolve(REQUEST, output=output))
    assert first.state is not None
    end = pipeline.finish(first.state)
    assert end.frames.shape == (0, 4, 6, 3)
    assert (end.fps, end.job, end.state) == (Fraction(24), None, None)
    assert first.audio is not None and end.audio is not None
    joined = np.concatenate([first.audio, end.audio], axis=1)
    np.testing.assert_array_equal(joined[0], np.arange(90, dtype=np.float32) / 10000)


@pytest.mark.parametrize(("video", "audio"), [(True, True), (True, False), (False, True)])
def test_what_was_not_asked_for_is_not_returned(video: bool, audio: bool) -> None:
    output = lt.Output(video=video, audio=audio)
    result = lt.Pipeline(FOG).generate(attrs.evolve(REQUEST, output=output))
    assert result.frames.shape == (9 if video else 0, 4, 6, 3)
    assert (result.audio is not None) == audio
    assert (result.audio_sample_rate is not None) == audio


def test_a_family_without_a_finish_says_so() -> None:
    with pytest.raises(lt.ValidationError, match="family 'toy' need no finish"):
        pipeline_of(codecs=(FogCodec(),)).finish(lt.ContinuationState("fog.v1", {}))


@frozen
class TimelessState(FogState):
    @property
    def take_defaults(self) -> dict[str, Any]:
        return {"height": self.height, "width": self.width}


def test_a_take_without_a_clock_has_no_end() -> None:
    codec = lt.AttrsCodec("fog.v1", TimelessState)
    state = codec.encode(TimelessState(0, 5, 4, 6, 9, 3))
    with pytest.raises(lt.ValidationError, match="has no clock"):
        lt.Pipeline(FOG.evolve(codecs=(codec,))).finish(state)


class Weights(Mapping[str, Any]):
    """Components that must not be asked for."""

    def __getitem__(self, name: str) -> Any:
        raise AssertionError(f"{name} was loaded")

    def __contains__(self, name: object) -> bool:
        return name == "network"

    def __iter__(self) -> Iterator[str]:
        return iter(("network",))

    def __len__(self) -> int:
        return 1


class Heavy:
    """A stage that is built of a network."""

    def __init__(self, network: Any) -> None:
        self.network = network

    def check(self, job: lt.Job) -> None:
        raise AssertionError

    def __call__(self) -> None:
        pass


class Strict:
    def check(self, job: lt.Job, state: FogState | None) -> None:
        if state is not None and job.sampling.height != state.height:
            raise lt.ValidationError("sampling.height", f"the take's is {state.height}")

    def __call__(self) -> None:
        pass


def test_stages_without_networks_refuse_a_request_before_any_is_loaded() -> None:
    family = lt.ModelFamily("big", (Heavy, Strict, black), codecs=(FogCodec(),), defaults=DEFAULTS)
    pipeline = lt.Pipeline(family, model=lt.LoadedModel(Weights()))
    state = FogCodec().encode(FogState(0, 5, 4, 6, 9, 3))
    request = attrs.evolve(REQUEST, state=state)
    assert pipeline.check(request).job.segment_index == 1
    other = attrs.evolve(request, sampling=lt.Sampling(height=8))
    with pytest.raises(lt.ValidationError, match=r"sampling\.height: the take's is 4"):
        pipeline.check(other)
    assert pipeline.resolve(other).sampling.height == 8


class Greedy:
    def check(self, frames: lt.Frames) -> None:
        raise AssertionError

    def __call__(self) -> None:
        pass


def test_check_shows_a_check_that_asks_too_much() -> None:
    with pytest.raises(lt.WiringError, match=r"the check of stage 'greedy' asks for a Frames"):
        pipeline_of(Greedy).check(REQUEST)
