"""The plans of a pipeline: which recipe is for what, what each must show, and when it is built."""

from __future__ import annotations

import attrs
import pytest

import longtake as lt
from tests.sdk.toy_family import DEFAULTS, FOG, FogCodec, FogState, black

REQUEST = lt.GenerationRequest("fog")
ASKING = lt.GenerationRequest("fog", output=lt.Output(return_state=True, overlap_frames=3))


def show_nothing() -> None:
    pass


def make_state(job: lt.Job) -> FogState:
    return FogState(job.segment_index, 0, 4, 6, 9, 0)


def read_state(state: FogState) -> None:
    pass


def test_load_refuses_a_recipe_that_shows_nothing() -> None:
    blind = lt.ModelFamily("blind", (lt.StageSpec("nothing", show_nothing),), defaults=DEFAULTS)
    with pytest.raises(lt.WiringError, match="neither Frames nor a Waveform"):
        lt.load(family=blind)


def test_load_refuses_a_finish_that_shows_nothing() -> None:
    deaf = lt.ModelFamily(
        "deaf", (black, make_state), finish=(read_state,), codecs=(FogCodec(),), defaults=DEFAULTS
    )
    with pytest.raises(lt.WiringError, match="finish of family 'deaf'"):
        lt.load(family=deaf)


def test_a_finish_has_no_job() -> None:
    jobless = lt.ModelFamily(
        "jobless", (black, make_state), finish=(black,), codecs=(FogCodec(),), defaults=DEFAULTS
    )
    with pytest.raises(lt.WiringError, match="'black' asks for a Job"):
        lt.load(family=jobless)


class Counted:
    """Counts how often it is built."""

    built = 0

    def __init__(self) -> None:
        type(self).built += 1

    def __call__(self) -> None:
        pass


def test_stages_are_built_once_and_not_before_they_are_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Counted, "built", 0)
    pipeline = lt.Pipeline(lt.ModelFamily("toy", (Counted, black), defaults=DEFAULTS))
    pipeline.check(REQUEST)
    assert Counted.built == 0
    for _ in range(2):
        pipeline.prepare()
        pipeline.generate(REQUEST)
    assert Counted.built == 1


def test_stages_of_a_finish_are_built_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Counted, "built", 0)
    pipeline = lt.Pipeline(FOG.evolve(finish=(Counted, *FOG.finish)))
    state = pipeline.generate(ASKING).state
    assert state is not None
    for _ in range(2):
        pipeline.prepare()
        pipeline.finish(state)
    assert Counted.built == 1


def test_a_finish_is_checked_only_where_a_segment_makes_a_state() -> None:
    stateless = lt.ModelFamily(
        "stateless", (black,), finish=(read_state,), codecs=(FogCodec(),), defaults=DEFAULTS
    )
    assert len(lt.load(family=stateless).generate(REQUEST).frames) == 9


@attrs.frozen
class OldState:
    """What an earlier version of the family carried."""


def test_codecs_over_two_typed_states_are_refused_with_both() -> None:
    other = FogCodec(kind="fog.v0", state_type=OldState)  # type: ignore[arg-type]
    pipeline = lt.Pipeline(FOG.evolve(codecs=(FogCodec(), other)))
    for use in (pipeline.prepare, lambda: pipeline.check(REQUEST)):
        with pytest.raises(lt.PluginError) as refused:
            use()
        for word in ("'fog'", "'fog.v1'", "'fog.v0'", "FogState", "OldState"):
            assert word in str(refused.value)


def test_the_first_codec_of_a_state_writes_it() -> None:
    newer = FogCodec(kind="fog.v2")
    pipeline = lt.Pipeline(FOG.evolve(codecs=(newer, FogCodec())))
    state = pipeline.generate(ASKING).state
    assert state is not None
    assert state.kind == "fog.v2"
    older = attrs.evolve(state, kind="fog.v1")
    job = pipeline.generate(attrs.evolve(ASKING, state=older)).job
    assert job is not None
    assert job.segment_index == 1


@pytest.mark.parametrize("kind", ["fog.v2", "fog.v1"])
def test_the_request_says_what_is_written(kind: str) -> None:
    pipeline = lt.Pipeline(FOG.evolve(codecs=(FogCodec(kind="fog.v2"), FogCodec())))
    output = attrs.evolve(ASKING.output, state_kind=kind)
    state = pipeline.generate(attrs.evolve(ASKING, output=output)).state
    assert state is not None
    assert state.kind == kind
    goes_on = pipeline.generate(attrs.evolve(ASKING, state=state)).state
    assert goes_on is not None
    assert goes_on.kind == "fog.v2"


@pytest.mark.parametrize(
    ("pipeline", "known"),
    [
        (lt.Pipeline(FOG.evolve(codecs=(FogCodec("fog.v2"), FogCodec()))), "v2', 'fog.v1'"),
        (lt.Pipeline(lt.ModelFamily("toy", (black,), defaults=DEFAULTS)), "its kinds: none"),
    ],
    ids=["fog", "stateless"],
)
@pytest.mark.parametrize("how", ["resolve", "check", "generate"])
def test_a_kind_that_nobody_writes_is_refused_at_admission(
    pipeline: lt.Pipeline, known: str, how: str
) -> None:
    request = attrs.evolve(REQUEST, output=lt.Output(state_kind="mist.v1"))
    with pytest.raises(lt.ValidationError, match="mist") as refused:
        getattr(pipeline, how)(request)
    assert refused.value.path == "output.state_kind"
    assert known in str(refused.value)


def test_a_take_of_sound_alone_is_a_take() -> None:
    family = FOG.evolve(stages=tuple(s for s in FOG.stages if s.name != "paint"))
    result = lt.load(family=family).generate(REQUEST)
    assert result.frames.shape == (0, 4, 6, 3)
    assert result.audio is not None
