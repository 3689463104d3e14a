"""One pipeline, many callers: its life and its lock."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import longtake as lt
from tests.sdk.toy_family import DEFAULTS, FOG, black, pipeline_of

REQUEST = lt.GenerationRequest("fog")
WAIT = 10


class Gate:
    """A stage that says when it is inside, and waits until it may go on."""

    def __init__(self) -> None:
        self.inside = threading.Event()
        self.may_go = threading.Event()
        self.at_once = 0
        self.most_at_once = 0

    def __call__(self) -> None:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.inside.set()
        assert self.may_go.wait(WAIT)
        self.at_once -= 1


def test_one_request_runs_at_a_time() -> None:
    gate = Gate()
    pipeline = pipeline_of(gate)
    with ThreadPoolExecutor(4) as threads:
        runs = [threads.submit(pipeline.generate, REQUEST) for _ in range(4)]
        assert gate.inside.wait(WAIT)
        gate.may_go.set()
        assert [len(run.result(WAIT).frames) for run in runs] == [9] * 4
    assert gate.most_at_once == 1


@pytest.mark.parametrize("streamed", [False, True])
def test_a_run_that_waits_for_its_turn_can_be_cancelled(streamed: bool) -> None:
    gate, cancel = Gate(), threading.Event()
    pipeline = pipeline_of(gate)

    def second() -> object:
        if streamed:
            return list(pipeline.stream(REQUEST, cancel=cancel.is_set))
        return pipeline.generate(REQUEST, cancel=cancel.is_set)

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(pipeline.generate, REQUEST)
        assert gate.inside.wait(WAIT)
        waiting = threads.submit(second)
        cancel.set()
        with pytest.raises(lt.Cancelled):
            waiting.result(WAIT)
        assert not first.done()
        gate.may_go.set()
        assert len(first.result(WAIT).frames) == 9


@pytest.mark.parametrize(
    "use",
    [
        lambda pipeline: pipeline.generate(REQUEST),
        lambda pipeline: next(pipeline.stream(REQUEST)),
        lambda pipeline: pipeline.finish(lt.ContinuationState("fog.v1", {})),
        lambda pipeline: pipeline.check(REQUEST),
        lambda pipeline: pipeline.prepare(),
        lambda pipeline: pipeline.components().__enter__(),
    ],
    ids=["generate", "stream", "finish", "check", "prepare", "components"],
)
def test_a_closed_pipeline_refuses_everything(use: Any) -> None:
    with lt.Pipeline(FOG) as pipeline:
        pipeline.generate(REQUEST)
    with pytest.raises(lt.PipelineClosedError, match="closed"):
        use(pipeline)


def test_closing_tells_the_model() -> None:
    closed: list[str] = []
    pipeline = lt.Pipeline(FOG, model=lt.LoadedModel(close=lambda: closed.append("model")))
    pipeline.generate(REQUEST)
    assert not closed
    pipeline.close()
    pipeline.close()
    assert closed == ["model"]


def test_closing_twice_does_nothing() -> None:
    pipeline = pipeline_of()
    pipeline.close()
    pipeline.close()


class Network:
    pass


class Owner:
    def __init__(self, network: Network) -> None:
        self.network = network

    def __call__(self) -> None:
        pass


def test_closing_lets_the_networks_go() -> None:
    network = Network()
    watched = weakref.ref(network)
    family = lt.ModelFamily("owner", (Owner, black), defaults=DEFAULTS)
    pipeline = lt.Pipeline(family, model=lt.LoadedModel({"network": network}))
    del network
    pipeline.generate(REQUEST)
    assert watched() is not None
    pipeline.close()
    gc.collect()
    assert watched() is None


def test_the_model_is_told_when_nobody_uses_it_and_when_it_goes() -> None:
    told: list[str] = []
    model = lt.LoadedModel(
        release=lambda: told.append("release"), close=lambda: told.append("close")
    )

    def fail() -> None:
        raise RuntimeError("on purpose")

    pipeline = lt.Pipeline(lt.ModelFamily("told", (black,), defaults=DEFAULTS), model=model)
    pipeline.generate(REQUEST)
    assert told == ["release"]
    failing = lt.Pipeline(lt.ModelFamily("told", (fail, black), defaults=DEFAULTS), model=model)
    with pytest.raises(lt.StageError):
        failing.generate(REQUEST)
    assert told == ["release", "release"]
    pipeline.close()
    pipeline.close()
    assert told[2:] == ["close"]


def test_components_are_had_alone_and_not_changed() -> None:
    gate, network = Gate(), Network()
    family = lt.ModelFamily("gated", (gate, black), defaults=DEFAULTS)
    pipeline = lt.Pipeline(family, model=lt.LoadedModel({"network": network}))
    with ThreadPoolExecutor(1) as threads:
        with pipeline.components() as components:
            assert components["network"] is network
            with pytest.raises(TypeError):
                components["network"] = Network()  # type: ignore[index]
            run = threads.submit(pipeline.generate, REQUEST)
            assert not gate.inside.wait(0.1)
        gate.may_go.set()
        assert len(run.result(WAIT).frames) == 9


def test_check_returns_the_job_with_nothing_left_out() -> None:
    request = lt.GenerationRequest("fog", sampling=lt.Sampling(num_frames=17))
    job = lt.Pipeline(FOG).check(request).job
    assert (job.prompt, job.sampling.num_frames, job.sampling.fps) == ("fog", 17, Fraction(24))


def test_a_family_may_predict_how_long_a_prompt_is() -> None:
    def predict(components: Any, prompt: str, fps: Fraction) -> int:
        return int(len(prompt) * fps / components["speed"])

    family = lt.ModelFamily("timed", (black,), defaults=DEFAULTS, predict_num_frames=predict)
    pipeline = lt.Pipeline(family, model=lt.LoadedModel({"speed": 2}))
    assert pipeline.predict_num_frames("fog", fps=Fraction(24)) == 36
    with pytest.raises(lt.ValidationError, match="cannot predict") as caught:
        lt.Pipeline(FOG).predict_num_frames("fog", fps=Fraction(24))
    assert caught.value.path == "sampling.num_frames"


def test_closing_waits_for_the_run_that_is_going_on() -> None:
    gate = Gate()
    pipeline = pipeline_of(gate)
    with ThreadPoolExecutor(2) as threads:
        run = threads.submit(pipeline.generate, REQUEST)
        assert gate.inside.wait(WAIT)
        closing = threads.submit(pipeline.close)
        with pytest.raises(TimeoutError):
            closing.result(0.1)
        gate.may_go.set()
        closing.result(WAIT)
        assert len(run.result(WAIT).frames) == 9
    with pytest.raises(lt.PipelineClosedError):
        pipeline.generate(REQUEST)


def test_leaving_with_an_open_stream_cancels_it() -> None:
    with pipeline_of() as pipeline:
        events = pipeline.stream(REQUEST)
        next(events)
    with pytest.raises(lt.Cancelled):
        list(events)


def test_a_run_computes_within_what_the_model_asks_for() -> None:
    entered: list[tuple[str, int]] = []

    @contextmanager
    def computing() -> Iterator[None]:
        entered.append(("in", threading.get_ident()))
        try:
            yield
        finally:
            entered.append(("out", threading.get_ident()))

    def failing() -> None:
        assert entered[-1] == ("in", threading.get_ident())
        raise RuntimeError

    model = lt.LoadedModel(computing=computing)
    family = lt.ModelFamily("bare", (failing, black), defaults=DEFAULTS)
    pipeline = lt.Pipeline(family, model=model)
    with pytest.raises(lt.StageError):
        pipeline.generate(REQUEST)
    with pytest.raises(lt.StageError):
        list(pipeline.stream(REQUEST))
    assert [what for what, _ in entered] == ["in", "out"] * 2
    assert entered[0] == ("in", threading.get_ident()) != entered[2]


def test_a_prompt_alone_is_a_request() -> None:
    with lt.load(family=FOG) as pipeline:
        whole = pipeline.generate(lt.GenerationRequest("dusk"))
        assert np.array_equal(pipeline.generate("dusk").frames, whole.frames)
        assert np.array_equal(pipeline.generate(pipeline.check("dusk")).frames, whole.frames)
        *_, last = pipeline.stream("dusk")
        assert isinstance(last, lt.Final)
        assert np.array_equal(last.result.frames, whole.frames)
        assert pipeline.resolve("dusk").prompt == "dusk"


def test_what_is_neither_a_prompt_nor_a_request_is_refused() -> None:
    with lt.load(family=FOG) as pipeline:
        for ask in (pipeline.generate, pipeline.check, lambda x: next(pipeline.stream(x))):
            with pytest.raises(lt.ValidationError, match="request: is 5; must be a longtake.Gener"):
                ask(5)  # type: ignore[arg-type]
            with pytest.raises(lt.ValidationError, match="prompt: is empty"):
                ask(" ")


def test_what_there_is_can_be_seen() -> None:
    pipeline = lt.load(family=FOG)
    session = lt.Session(pipeline, sampling=lt.Sampling(num_frames=17))
    whose = "<Pipeline of 'fog', preset 'thin@1', on cpu>"
    assert (repr(pipeline), repr(session)) == (whose, f"<Session of {whose}, no segment yet>")
    live = "<LiveState 'fog.v1', after segment 0>"
    assert repr(session.extend("fog")) == (
        "<GenerationResult: 17 frames of 4x6 (height x width) at 24 fps, 0.69 s of sound "
        f"(1 channel, 240 Hz), {live}>"
    )
    assert repr(session) == f"<Session of {whose}, state {live}>"
    assert repr(session.state).startswith("<ContinuationState 'fog.v1': segment_index, seed, hei")
    assert repr(FOG).startswith("<ModelFamily 'fog': presets thin@1, thick@")
    builtin = lt.Registry.of("longtake.builtin")
    assert repr(builtin) == "<Registry: families none; blob stores file, memory>"
    pipeline.close()
    assert repr(pipeline) == "<Pipeline of 'fog', preset 'thin@1', closed>"
