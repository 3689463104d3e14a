"""What a request refuses when it is made, and what it says of itself as a document."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import longtake as lt
from tests.sdk.strategies import json_values, states

REFUSED: list[tuple[str, Callable[[], object]]] = [
    ("prompt", lambda: lt.GenerationRequest(3)),  # type: ignore[arg-type]
    ("prompt", lambda: lt.GenerationRequest(None)),  # type: ignore[arg-type]
    ("negative_prompt", lambda: lt.GenerationRequest("", negative_prompt=b"")),  # type: ignore[arg-type]
    ("inputs", lambda: lt.GenerationRequest("", inputs={})),  # type: ignore[arg-type]
    ("sampling", lambda: lt.GenerationRequest("", sampling=None)),  # type: ignore[arg-type]
    ("output", lambda: lt.GenerationRequest("", output=True)),  # type: ignore[arg-type]
    ("state", lambda: lt.GenerationRequest("", state="{}")),  # type: ignore[arg-type]
    ("stage_overrides", lambda: lt.GenerationRequest("", stage_overrides=[])),  # type: ignore[arg-type]
    ("stage_overrides.a", lambda: lt.GenerationRequest("", stage_overrides={"a": 1})),  # type: ignore[dict-item]
    ("stage_overrides.1", lambda: lt.GenerationRequest("", stage_overrides={1: {}})),  # type: ignore[dict-item]
    ("sampling.seed", lambda: lt.Sampling(seed=-1)),
    ("sampling.seed", lambda: lt.Sampling(seed=2**64)),
    ("sampling.seed", lambda: lt.Sampling(seed=1.0)),  # type: ignore[arg-type]
    ("sampling.seed", lambda: lt.Sampling(seed=True)),
    ("sampling.height", lambda: lt.Sampling(height=0)),
    ("sampling.width", lambda: lt.Sampling(width="64")),  # type: ignore[arg-type]
    ("sampling.num_frames", lambda: lt.Sampling(num_frames=-8)),
    ("sampling.num_inference_steps", lambda: lt.Sampling(num_inference_steps=0)),
    ("sampling.guidance_scale", lambda: lt.Sampling(guidance_scale="3")),  # type: ignore[arg-type]
    ("sampling.guidance_scale", lambda: lt.Sampling(guidance_scale=float("nan"))),
    ("sampling.guidance_scale", lambda: lt.Sampling(guidance_scale=float("inf"))),
    ("sampling.fps", lambda: lt.Sampling(fps=0)),
    ("sampling.fps", lambda: lt.Sampling(fps=-24)),
    ("sampling.fps", lambda: lt.Sampling(fps=1001)),
    ("sampling.fps", lambda: lt.Sampling(fps="24/0")),
    ("sampling.fps", lambda: lt.Sampling(fps="fast")),
    ("sampling.fps", lambda: lt.Sampling(fps="1e999999999")),
    ("sampling.fps", lambda: lt.Sampling(fps="9" * 5000)),
    ("sampling.fps", lambda: lt.Sampling(fps=float("nan"))),
    ("sampling.fps", lambda: lt.Sampling(fps=True)),
    ("sampling.fps", lambda: lt.Sampling(fps=[24])),
    ("output.last", lambda: lt.Output(last=1)),  # type: ignore[arg-type]
    ("output.return_state", lambda: lt.Output(return_state=None)),  # type: ignore[arg-type]
    ("output.video", lambda: lt.Output(video=0)),  # type: ignore[arg-type]
    ("output.audio", lambda: lt.Output(audio=None)),  # type: ignore[arg-type]
    ("output", lambda: lt.Output(video=False, audio=False)),
    ("output.state_kind", lambda: lt.Output(state_kind=2)),  # type: ignore[arg-type]
    ("output.overlap_frames", lambda: lt.Output(overlap_frames=-1)),
    ("output.overlap_frames", lambda: lt.Output(overlap_frames=9.0)),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("path", "make"), REFUSED)
def test_bad_values_are_refused_with_their_path(path: str, make: Callable[[], object]) -> None:
    with pytest.raises(lt.ValidationError) as refused:
        make()
    assert refused.value.path == path
    assert str(refused.value).startswith(f"{path}: ")


def test_an_example_job_is_resolved() -> None:
    job = lt.Job.example("fog", num_frames=9, fps="24000/1001", seed=3)
    assert job.prompt == "fog"
    assert job.sampling == lt.ResolvedSampling(
        seed=3, height=64, width=96, num_frames=9, fps=Fraction(24000, 1001)
    )
    assert (job.segment_index, job.segment_seed) == (0, 3)


def test_an_example_job_refuses_what_a_request_refuses() -> None:
    with pytest.raises(lt.ValidationError, match=r"sampling\.height"):
        lt.Job.example(height=0)


def test_a_request_as_a_document() -> None:
    request = lt.GenerationRequest(
        "fog",
        sampling=lt.Sampling(seed=1, fps="24000/1001", guidance_scale=3),
        stage_overrides={"denoise": {"stg_blocks": [1]}},
        inputs=lt.Inputs(
            images=(lt.ImageInput(b"fog", frame=-1, strength=0.5),),
            audio=lt.AudioInput(b"song", start=0.25),
        ),
        output=lt.Output(last=False, audio=False),
        state=lt.ContinuationState("fog.v1", {"level": 3}),
    )
    assert request.to_dict() == {
        "prompt": "fog",
        "negative_prompt": None,
        "inputs": {
            "images": [{"data": "Zm9n", "frame": -1, "strength": 0.5}],
            "clips": [],
            "audio": {"data": "c29uZw==", "start": 0.25, "strength": 1.0},
            "references": [],
            "source": None,
            "voice": None,
        },
        "sampling": {
            "seed": 1,
            "height": None,
            "width": None,
            "num_frames": None,
            "fps": "24000/1001",
            "num_inference_steps": None,
            "guidance_scale": 3,
            "enhance_prompt": None,
        },
        "stage_overrides": {"denoise": {"stg_blocks": [1]}},
        "output": {
            "last": False,
            "return_state": False,
            "state_kind": None,
            "overlap_frames": 9,
            "video": True,
            "audio": False,
        },
        "state": {"kind": "fog.v1", "payload": {"level": 3}},
        "allow_empty_prompt": False,
    }


def test_a_prompt_is_a_whole_request() -> None:
    assert lt.GenerationRequest.from_dict({"prompt": "fog"}) == lt.GenerationRequest("fog")


sizes = st.none() | st.integers(1, 10_000)
samplings = st.builds(
    lt.Sampling,
    seed=st.none() | st.integers(0, 2**64 - 1),
    height=sizes,
    width=sizes,
    num_frames=sizes,
    fps=st.none()
    | st.integers(1, 1000)
    | st.fractions(Fraction(1, 100), 1000, max_denominator=10**6),
    num_inference_steps=sizes,
    guidance_scale=st.none() | st.floats(-100, 100) | st.integers(-100, 100),
    enhance_prompt=st.none() | st.booleans(),
)
data = st.binary(min_size=1, max_size=20)
places = {"frame": st.integers(-(2**31), 2**31), "strength": st.floats(0, 1)}
inputs = st.builds(
    lt.Inputs,
    images=st.lists(st.builds(lt.ImageInput, data, **places), max_size=3),
    clips=st.lists(st.builds(lt.ClipInput, data, **places), max_size=3),
    audio=st.none()
    | st.builds(lt.AudioInput, data, start=st.floats(0, 1e6), strength=st.floats(0, 1)),
)
requests = st.builds(
    lt.GenerationRequest,
    st.text(),
    allow_empty_prompt=st.just(True),
    negative_prompt=st.none() | st.text(),
    inputs=inputs,
    sampling=samplings,
    stage_overrides=st.dictionaries(st.text(), st.dictionaries(st.text(), json_values), max_size=3),
    output=st.builds(
        lt.Output,
        last=st.booleans(),
        return_state=st.booleans(),
        overlap_frames=st.integers(0, 1000),
        video=st.just(True) | st.booleans(),
    ),
    state=st.none() | states,
)


@given(requests)
def test_every_request_survives_its_document(request: lt.GenerationRequest) -> None:
    document = json.loads(json.dumps(request.to_dict()))
    assert lt.GenerationRequest.from_dict(document) == request


def test_requests_are_frozen() -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        lt.GenerationRequest("fog").prompt = "sun"  # type: ignore[misc]


@pytest.mark.parametrize("prompt", ["", "  ", "\n\t"])
def test_an_empty_prompt_is_taken_on_purpose_alone(prompt: str) -> None:
    with pytest.raises(lt.ValidationError, match="prompt: is empty; say what is to be seen"):
        lt.GenerationRequest(prompt)
    with pytest.raises(lt.ValidationError, match="prompt: is empty"):
        lt.GenerationRequest.from_dict({"prompt": prompt})
    request = lt.GenerationRequest(prompt, allow_empty_prompt=True)
    assert lt.GenerationRequest.from_dict(request.to_dict()) == request
    assert lt.GenerationRequest("x", negative_prompt=prompt).negative_prompt == prompt
