"""A request is admitted without the device: checked and read once, while others run."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import attrs
import pytest

import longtake as lt
from tests.sdk.marked_family import KEPT, Networks, state_of
from tests.sdk.marked_family import pipeline_of as marked_pipeline
from tests.sdk.test_pipeline import WAIT, Gate, Network
from tests.sdk.toy_family import DEFAULTS, FOG, FogCodec, FogState, black, pipeline_of

REQUEST = lt.GenerationRequest("fog")
CONTINUABLE = attrs.evolve(
    REQUEST, output=lt.Output(return_state=True, last=False, overlap_frames=3)
)


class Even:
    def check(self, job: lt.Job) -> None:
        if job.sampling.num_frames % 2 == 0:
            raise lt.ValidationError("sampling.num_frames", "must be odd")

    def __call__(self) -> None:
        pass


def test_check_answers_while_a_run_is_held_in_the_middle() -> None:
    gate = Gate()
    pipeline = pipeline_of(Even, gate, codecs=(FogCodec(),))
    state = FogCodec().encode(FogState(0, 5, 4, 6, 9, 3))
    with ThreadPoolExecutor(2) as threads:
        run = threads.submit(pipeline.generate, REQUEST)
        assert gate.inside.wait(WAIT)
        even = attrs.evolve(REQUEST, sampling=lt.Sampling(num_frames=8))
        with pytest.raises(lt.ValidationError, match="must be odd"):
            threads.submit(pipeline.check, even).result(WAIT)
        prepared = threads.submit(pipeline.check, attrs.evolve(REQUEST, state=state)).result(WAIT)
        assert prepared.job.segment_index == 1
        assert threads.submit(pipeline.resolve, REQUEST).result(WAIT).prompt == "fog"
        assert not run.done()
        gate.may_go.set()
        assert len(run.result(WAIT).frames) == 9


def test_check_loads_nothing() -> None:
    class Components(dict[str, Any]):
        def __missing__(self, name: str) -> Any:
            raise AssertionError(f"{name} was loaded")

    def needs(network: Network) -> None:
        raise AssertionError

    class Needing:
        def __init__(self, network: Network) -> None:
            raise AssertionError

        def __call__(self) -> None: ...

    family = lt.ModelFamily("big", (Even, Needing, black), defaults=DEFAULTS)
    lt.Pipeline(family, model=lt.LoadedModel(Components())).check(REQUEST)


@pytest.mark.parametrize("streamed", [False, True])
def test_a_prepared_request_runs_as_the_request_does(streamed: bool) -> None:
    pipeline = lt.Pipeline(FOG)
    first = pipeline.generate(CONTINUABLE)
    request = attrs.evolve(CONTINUABLE, state=first.state)
    expected = pipeline.generate(request)
    prepared = pipeline.check(request)
    if streamed:
        *_, final = pipeline.stream(prepared)
        assert isinstance(final, lt.Final)
        result = final.result
    else:
        result = pipeline.generate(prepared)
    assert (result.frames == expected.frames).all()
    assert (result.state, result.job) == (expected.state, expected.job)


def test_a_prepared_request_runs_as_often_as_one_likes() -> None:
    pipeline = lt.Pipeline(FOG)
    prepared = pipeline.check(CONTINUABLE)
    assert pipeline.generate(prepared).state == pipeline.generate(prepared).state


def test_a_prepared_request_says_what_it_was_prepared_with() -> None:
    pipeline, state = lt.Pipeline(FOG), FogCodec().encode(FogState(0, 5, 4, 6, 9, 3))
    prepared = pipeline.check(attrs.evolve(REQUEST, state=state))
    assert prepared.request.state is state
    assert prepared.state is not None
    assert prepared.state.document() is state
    assert prepared.options["denoise"].num_inference_steps == 4
    assert (prepared.place, prepared.blobs) == (None, None)


def test_a_request_that_another_pipeline_prepared_is_refused() -> None:
    prepared = lt.Pipeline(FOG).check(REQUEST)
    with pytest.raises(lt.ValidationError, match="was prepared by another pipeline"):
        lt.Pipeline(FOG).generate(prepared)


def test_a_prepared_request_has_a_state_and_a_store_of_its_own() -> None:
    pipeline = lt.Pipeline(FOG)
    prepared, live = pipeline.check(REQUEST), pipeline.generate(CONTINUABLE).live_state
    with pytest.raises(lt.ValidationError, match="is prepared"):
        pipeline.generate(prepared, after=live)
    with pytest.raises(lt.ValidationError, match="is prepared"):
        pipeline.stream(prepared, blobs=lt.open_blob_store("memory:"))


def test_a_family_without_states_refuses_to_make_one_when_it_is_asked() -> None:
    with pytest.raises(lt.ValidationError, match="family 'toy' makes no state") as refused:
        pipeline_of().check(CONTINUABLE)
    assert refused.value.path == "output.return_state"


GOING_ON = lt.GenerationRequest("rain", output=KEPT)


def after(state: lt.ContinuationState) -> lt.GenerationRequest:
    return attrs.evolve(GOING_ON, state=state)


WAYS: list[Any] = [
    lambda pipeline, state: pipeline.restore(state),
    lambda pipeline, state: pipeline.check(after(state)),
    lambda pipeline, state: pipeline.resolve(after(state)),
    lambda pipeline, state: pipeline.num_frames_for(3, after(state)),
    lambda pipeline, state: pipeline.generate(after(state)),
    lambda pipeline, state: list(pipeline.stream(after(state))),
    lambda pipeline, state: pipeline.finish(state),
    lambda pipeline, state: pipeline.generate(
        GOING_ON, after=marked_pipeline("red").restore(state)
    ),
    lambda pipeline, state: pipeline.finish(marked_pipeline("red").restore(state)),
    lambda pipeline, state: lt.Session(pipeline, state=state).extend("rain"),
    lambda pipeline, state: lt.Session(pipeline, state=state).finish(),
]


@pytest.mark.parametrize("way", WAYS)
def test_a_take_goes_on_only_with_its_own_model(way: Any) -> None:
    red, networks = state_of("red"), Networks()
    way(marked_pipeline("red"), red)
    with pytest.raises(lt.ValidationError) as caught:
        way(marked_pipeline("blue", networks), red)
    assert caught.value.path == "state"
    for part in ("the model red", "this one is blue", "allow_other_model", "--allow-other-model"):
        assert part in str(caught.value)
    assert networks.loaded == 0


@pytest.mark.parametrize("way", WAYS[:7])
@pytest.mark.parametrize(("taken", "own"), [(None, "blue"), ("red", None), (None, None)])
def test_what_is_not_known_is_not_refused(way: Any, taken: str | None, own: str | None) -> None:
    way(marked_pipeline(own), state_of(taken))


def test_another_model_goes_on_where_it_is_allowed() -> None:
    blue, red = marked_pipeline("blue"), state_of("red")
    allowed = blue.restore(red, allow_other_model=True)
    second = blue.generate(blue.check(GOING_ON, after=allowed))
    assert blue.generate(GOING_ON, after=allowed).state == second.state
    assert second.live_state is not None
    assert second.live_state.value().model_fingerprint == "blue"
    assert blue.finish(allowed).audio is not None
    session = lt.Session(blue, state=red, allow_other_model=True, overlap_frames=1)
    session.extend("rain")
    assert session.state == second.state
    with pytest.raises(lt.ValidationError, match="the model blue"):
        marked_pipeline("red").restore(blue.generate(GOING_ON, after=allowed).state)  # type: ignore[arg-type]


def test_a_state_without_a_model_is_what_it_was_before_there_were_any() -> None:
    state = state_of("red")
    fields = state.payload["state"]
    del fields["model_fingerprint"]
    old = lt.ContinuationState(state.kind, {**state.payload, "state": fields})
    restored = marked_pipeline("blue").restore(old)
    assert restored.value().model_fingerprint is None


@pytest.mark.parametrize("fingerprint", [7, "", "a" * 129, "two\nlines"])
def test_a_fingerprint_is_a_short_text(fingerprint: Any) -> None:
    for told in (fingerprint, lambda: fingerprint):
        with pytest.raises(lt.PluginError, match="fingerprint .*is.* a text"):
            assert marked_pipeline(told).model_fingerprint
