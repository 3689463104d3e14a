"""Documents from outside: one strict converter, one kind of refusal, the path of the culprit."""

from __future__ import annotations

import copy
from fractions import Fraction
from typing import Any, Literal

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import longtake as lt
from tests.sdk.toy_family import pipeline_of

GOOD: dict[str, Any] = {
    "prompt": "fog",
    "negative_prompt": "sun",
    "inputs": {},
    "sampling": {"seed": 1, "fps": "24000/1001", "guidance_scale": 3.0},
    "stage_overrides": {"denoise": {"stg_scale": 1.0}},
    "output": {"last": False, "return_state": True, "overlap_frames": 9},
    "state": {"kind": "fog.v1", "payload": {"level": 1}},
}

MISSING = object()

# (where to put what; the path that the refusal names)
BAD: list[tuple[tuple[str, ...], Any, str]] = [
    ((), None, ""),
    ((), [], ""),
    ((), "fog", ""),
    ((), 3, ""),
    ((), {}, "prompt"),
    (("prompt",), MISSING, "prompt"),
    (("prompt",), 3, "prompt"),
    (("prompt",), None, "prompt"),
    (("prompt",), ["fog"], "prompt"),
    (("promt",), "fog", "promt"),
    (("negative_prompt",), 3, "negative_prompt"),
    (("inputs",), None, "inputs"),
    (("inputs",), [], "inputs"),
    (("inputs", "pictures"), [], "inputs.pictures"),
    (("inputs", "images"), {}, "inputs.images"),
    (("inputs", "images"), ["fog.png"], "inputs.images[0]"),
    (("inputs", "images"), [{"data": "AAAA"}, {}], "inputs.images[1].data"),
    (("inputs", "images"), [{"data": "fog.png"}], "inputs.images[0].data"),
    (("inputs", "images"), [{"data": ""}], "inputs.images[0].data"),
    (("inputs", "images"), [{"data": None}], "inputs.images[0].data"),
    (("inputs", "images"), [{"data": [1, 2]}], "inputs.images[0].data"),
    (("inputs", "images"), [{"data": "AAA"}], "inputs.images[0].data"),
    (("inputs", "images"), [{"data": "AA==AAAA"}], "inputs.images[0].data"),
    (("inputs", "images"), [{"data": "AA-_"}], "inputs.images[0].data"),
    (("inputs", "images"), [{"data": "AA\nAA"}], "inputs.images[0].data"),
    (("inputs", "images"), [{"data": "AAAA", "path": "a.png"}], "inputs.images[0].path"),
    (("inputs", "images"), [{"data": "AAAA", "frame": 0.5}], "inputs.images[0].frame"),
    (("inputs", "images"), [{"data": "AAAA", "strength": 2}], "inputs.images[0].strength"),
    (("inputs", "images"), [{"data": "AAAA"}] * 65, "inputs.images"),
    (("inputs", "clips"), [{"data": "AAAA", "frame": True}], "inputs.clips[0].frame"),
    (("inputs", "audio"), [], "inputs.audio"),
    (("inputs", "audio"), {"data": "AAAA", "start": -1}, "inputs.audio.start"),
    (("inputs", "audio"), {"data": "AAAA", "start": "0"}, "inputs.audio.start"),
    (("output", "video"), 1, "output.video"),
    (("sampling",), None, "sampling"),
    (("sampling",), [], "sampling"),
    (("sampling",), "24", "sampling"),
    (("sampling", "steps"), 3, "sampling.steps"),
    (("sampling", "seed"), "1", "sampling.seed"),
    (("sampling", "seed"), 1.0, "sampling.seed"),
    (("sampling", "seed"), True, "sampling.seed"),
    (("sampling", "seed"), -1, "sampling.seed"),
    (("sampling", "seed"), 2**64, "sampling.seed"),
    (("sampling", "height"), 0, "sampling.height"),
    (("sampling", "width"), 3.9, "sampling.width"),
    (("sampling", "num_frames"), "9", "sampling.num_frames"),
    (("sampling", "num_frames"), [9], "sampling.num_frames"),
    (("sampling", "num_inference_steps"), 0, "sampling.num_inference_steps"),
    (("sampling", "guidance_scale"), "3", "sampling.guidance_scale"),
    (("sampling", "guidance_scale"), False, "sampling.guidance_scale"),
    (("sampling", "guidance_scale"), float("nan"), "sampling.guidance_scale"),
    (("sampling", "guidance_scale"), 10**400, "sampling.guidance_scale"),
    (("sampling", "fps"), "24/0", "sampling.fps"),
    (("sampling", "fps"), "1e999999999", "sampling.fps"),
    (("sampling", "fps"), " 24", "sampling.fps"),
    (("sampling", "fps"), -24, "sampling.fps"),
    (("sampling", "fps"), True, "sampling.fps"),
    (("sampling", "fps"), {"num": 24}, "sampling.fps"),
    (("stage_overrides",), None, "stage_overrides"),
    (("stage_overrides",), [], "stage_overrides"),
    (("stage_overrides", "denoise"), None, "stage_overrides.denoise"),
    (("stage_overrides", "denoise"), [1], "stage_overrides.denoise"),
    (("output",), None, "output"),
    (("output", "last"), "yes", "output.last"),
    (("output", "last"), 1, "output.last"),
    (("output", "overlap_frames"), -1, "output.overlap_frames"),
    (("output", "overlap_frames"), None, "output.overlap_frames"),
    (("output", "overlap"), 9, "output.overlap"),
    (("state",), "{}", "state"),
    (("state",), {}, "state.kind"),
    (("state", "kind"), MISSING, "state.kind"),
    (("state", "kind"), 3, "state.kind"),
    (("state", "payload"), MISSING, "state.payload"),
    (("state", "payload"), [], "state.payload"),
    (("state", "version"), 1, "state.version"),
]


def changed(where: tuple[str, ...], what: Any) -> Any:
    if not where:
        return what
    document = copy.deepcopy(GOOD)
    parent = document
    for name in where[:-1]:
        parent = parent[name]
    if what is MISSING:
        del parent[where[-1]]
    else:
        parent[where[-1]] = what
    return document


def test_the_good_document_is_good() -> None:
    request = lt.GenerationRequest.from_dict(GOOD)
    assert request.sampling.fps == Fraction(24000, 1001)


@pytest.mark.parametrize(("where", "what", "path"), BAD)
def test_a_bad_document_is_refused_with_the_path_of_the_culprit(
    where: tuple[str, ...], what: Any, path: str
) -> None:
    with pytest.raises(lt.ValidationError) as refused:
        lt.GenerationRequest.from_dict(changed(where, what))
    assert refused.value.path == path
    assert refused.value.problem
    assert refused.value.__cause__ is None


def test_an_unknown_field_names_those_there_are() -> None:
    with pytest.raises(lt.ValidationError, match="height, width, num_frames"):
        lt.GenerationRequest.from_dict(changed(("sampling", "size"), 3))


def test_a_refusal_does_not_repeat_a_long_value() -> None:
    with pytest.raises(lt.ValidationError) as refused:
        lt.GenerationRequest.from_dict(changed(("sampling", "seed"), "9" * 10_000))
    assert len(str(refused.value)) < 200


def test_a_refusal_does_not_repeat_long_bytes() -> None:
    with pytest.raises(lt.ValidationError) as refused:
        lt.GenerationRequest.from_dict(changed(("inputs", "images"), [{"data": "?" * 10_000}]))
    assert len(str(refused.value)) < 200


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
LEAVES = [
    ("prompt",),
    ("inputs",),
    ("inputs", "images"),
    ("inputs", "audio"),
    ("sampling",),
    ("sampling", "seed"),
    ("sampling", "fps"),
    ("sampling", "guidance_scale"),
    ("stage_overrides",),
    ("stage_overrides", "denoise"),
    ("output",),
    ("output", "last"),
    ("state",),
    ("state", "payload"),
]


@given(st.sampled_from(LEAVES), json_values)
def test_noise_in_any_field_is_taken_or_refused(where: tuple[str, ...], what: Any) -> None:
    refused = refusal(changed(where, what))
    assert refused is None or refused.path.startswith(where[0])


def refusal(document: Any) -> lt.ValidationError | None:
    try:
        lt.GenerationRequest.from_dict(document)
    except lt.ValidationError as error:
        return error
    return None


@attrs.frozen(kw_only=True)
class Point:
    x: int
    y: int = 0


@attrs.frozen(kw_only=True)
class Options:
    """Every kind of field that a stage's options may have."""

    count: int = attrs.field(default=1, validator=attrs.validators.ge(1))
    scale: float | None = None
    name: str = "a"
    sure: bool = False
    rate: Fraction = Fraction(24)
    mode: Literal["fast", "fine"] = "fast"
    level: Literal[1, 2] = 1
    blocks: tuple[int, ...] = ()
    points: list[Point] = attrs.field(factory=list)
    by_name: dict[str, int] = attrs.field(factory=dict)
    anything: dict[str, Any] = attrs.field(factory=dict)


def stage() -> None:
    pass


def options_from(document: dict[str, Any]) -> Options:
    pipeline = pipeline_of(lt.StageSpec("s", stage, options=Options))
    result = pipeline.generate(lt.GenerationRequest("x", stage_overrides={"s": document}))
    options: Options = result.options["s"]
    return options


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"scale": 3}, Options(scale=3.0)),
        ({"scale": None}, Options()),
        ({"rate": "30000/1001"}, Options(rate=Fraction(30000, 1001))),
        ({"mode": "fine"}, Options(mode="fine")),
        ({"blocks": [1, 2]}, Options(blocks=(1, 2))),
        ({"blocks": (1, 2)}, Options(blocks=(1, 2))),
        ({"points": [{"x": 1}]}, Options(points=[Point(x=1)])),
        ({"by_name": {"a": 1}}, Options(by_name={"a": 1})),
        ({"anything": {"a": [None]}}, Options(anything={"a": [None]})),
    ],
)
def test_options_of_every_kind(document: dict[str, Any], expected: Options) -> None:
    assert options_from(document) == expected


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"count": 0}, "count"),
        ({"count": "1"}, "count"),
        ({"scale": "1"}, "scale"),
        ({"name": 1}, "name"),
        ({"sure": 0}, "sure"),
        ({"rate": "x"}, "rate"),
        ({"mode": "slow"}, "mode"),
        ({"level": True}, "level"),
        ({"level": 2.0}, "level"),
        ({"level": []}, "level"),
        ({"blocks": 3}, "blocks"),
        ({"blocks": "12"}, "blocks"),
        ({"blocks": [1, None]}, "blocks[1]"),
        ({"points": [{"x": 1}, {"y": 1}]}, "points[1].x"),
        ({"points": [{"x": 1, "z": 1}]}, "points[0].z"),
        ({"points": {"x": 1}}, "points"),
        ({"by_name": {"a": "b"}}, "by_name.a"),
        ({"by_name": []}, "by_name"),
        ({"anything": []}, "anything"),
        ({"unknown": 1}, "unknown"),
    ],
)
def test_bad_options_of_every_kind(document: dict[str, Any], path: str) -> None:
    with pytest.raises(lt.ValidationError) as refused:
        options_from(document)
    assert refused.value.path == f"stage_overrides.s.{path}"
