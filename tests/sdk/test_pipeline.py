"""One pipeline, many callers: its life, its lock, its observers, and the states it reads."""

from __future__ import annotations

import gc
import logging
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest

import longtake as lt
from tests.sdk.toy_family import DEFAULTS, FOG, FogCodec, FogState, black, pipeline_of

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
            return list(pipeline.stream(REQUEST, cancel=cancel))
        return pipeline.generate(REQUEST, cancel=cancel)

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
    ],
    ids=["generate", "stream", "finish", "check", "prepare"],
)
def test_a_closed_pipeline_refuses_everything(use: Any) -> None:
    with lt.Pipeline(FOG) as pipeline:
        pipeline.generate(REQUEST)
    with pytest.raises(lt.PipelineClosedError, match="closed"):
        use(pipeline)


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


def test_observers_see_every_event_of_generate_stream_and_finish() -> None:
    told: list[lt.Event] = []
    pipeline = lt.Pipeline(FOG, observers=(told.append,))
    asked = attrs.evolve(REQUEST, output=lt.Output(return_state=True, last=False))
    state = pipeline.generate(asked).state
    assert isinstance(told[-1], lt.Final)
    told.clear()
    assert list(pipeline.stream(REQUEST)) == told
    told.clear()
    assert state is not None
    result = pipeline.finish(state)
    assert [type(event) for event in told] == [lt.Progress, lt.Progress, lt.Partial, lt.Final]
    assert told[-1] == lt.Final(result)


class Faulty:
    def __init__(self, error: BaseException) -> None:
        self.error = error
        self.calls = 0

    def __call__(self, event: lt.Event) -> None:
        self.calls += 1
        raise self.error


@pytest.mark.parametrize("error", [ValueError("bad"), lt.Cancelled("no"), SystemExit(1)])
def test_an_observer_that_raises_is_reported_once_and_left_out(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    faulty = Faulty(error)
    told: list[lt.Event] = []
    pipeline = pipeline_of(observers=(faulty, told.append))
    with caplog.at_level(logging.ERROR, "longtake"):
        assert len(pipeline.generate(REQUEST).frames) == 9
        assert len(pipeline.generate(REQUEST).frames) == 9
    assert faulty.calls == 1
    assert len(caplog.records) == 1
    assert "Faulty" in caplog.text
    assert len(told) == 2 * 4


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
    told: list[lt.Event] = []
    pipeline = lt.Pipeline(FOG, observers=(told.append,))
    with pytest.raises(lt.ValidationError, match="is no fog"):
        pipeline.generate(attrs.evolve(REQUEST, state=lt.ContinuationState("fog.v1", {})))
    assert told == []


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


def test_a_family_without_a_finish_says_so() -> None:
    with pytest.raises(lt.ValidationError, match="family 'toy' need no finish"):
        pipeline_of(codecs=(FogCodec(),)).finish(lt.ContinuationState("fog.v1", {}))


def test_a_family_without_weights_has_none_to_load(tmp_path: Path) -> None:
    with pytest.raises(lt.ValidationError, match=r"path: family 'fog' has no weights"):
        lt.load(tmp_path, family=FOG)


@attrs.frozen(kw_only=True)
class LoadOptions:
    numerics: str = "official"


def loaded(source: lt.ModelSource) -> lt.LoadedModel:
    return lt.LoadedModel({"source": source}, device=source.device or "cpu")


class KeepSource:
    def __init__(self, source: lt.ModelSource) -> None:
        self.source = source

    def __call__(self, run: lt.Run) -> None:
        SOURCES.append((self.source, run.device))


SOURCES: list[tuple[lt.ModelSource, str]] = []


def recognise(path: Path) -> lt.Recognition | None:
    return lt.Recognition("small") if path.name == "small" else None


FAMILY = lt.ModelFamily(
    "owner",
    (KeepSource, black),
    presets=(lt.Preset("large"), lt.Preset("small", defaults={"height": 2})),
    defaults=DEFAULTS,
    load=loaded,
    recognise=recognise,
    options=LoadOptions,
)


def test_load_hands_the_family_what_it_was_given(tmp_path: Path) -> None:
    SOURCES.clear()
    pipeline = lt.load(
        tmp_path, family=FAMILY, device="cuda:1", dtype="torch.bfloat16", numerics="diffusers"
    )
    assert pipeline.preset.name == "large"
    pipeline.generate(REQUEST)
    source = lt.ModelSource(
        path=tmp_path,
        device="cuda:1",
        dtype="bfloat16",
        options=LoadOptions(numerics="diffusers"),
    )
    (seen,) = SOURCES
    assert seen == (source, "cuda:1")


@pytest.mark.parametrize(("asked", "got"), [(None, "small"), ("large", "large")])
def test_a_checkpoint_has_a_preset_of_its_own(tmp_path: Path, asked: str | None, got: str) -> None:
    assert lt.load(tmp_path / "small", family=FAMILY, preset=asked).preset.name == got


@pytest.mark.parametrize(
    ("options", "path"), [({"numeric": 1}, "numeric"), ({"numerics": 1}, "numerics")]
)
def test_load_refuses_options_that_the_family_does_not_have(
    tmp_path: Path, options: dict[str, Any], path: str
) -> None:
    with pytest.raises(lt.ValidationError) as refused:
        lt.load(tmp_path, family=FAMILY, **options)
    assert refused.value.path == path


def test_load_refuses_options_of_a_family_without_any() -> None:
    with pytest.raises(lt.ValidationError, match="numerics: family 'fog' has no such option"):
        lt.load(family=FOG, numerics="diffusers")


def test_load_needs_a_path_or_a_family() -> None:
    with pytest.raises(lt.ValidationError, match="name a family"):
        lt.load(registry=lt.Registry([]))


def test_load_knows_no_unknown_preset(tmp_path: Path) -> None:
    with pytest.raises(lt.UnknownNameError, match=r"'medium'.*large@1, small@1"):
        lt.load(tmp_path, family=FAMILY, preset="medium")


def test_components_are_looked_up_when_the_pipeline_is_prepared(tmp_path: Path) -> None:
    SOURCES.clear()
    broken = attrs.evolve(FAMILY, load=lambda source: lt.LoadedModel())
    pipeline = lt.load(tmp_path, family=broken, prepare=False)
    pipeline.check(REQUEST)
    with pytest.raises(lt.WiringError, match="'source'"):
        pipeline.prepare()
