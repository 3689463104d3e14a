"""Text that is no Unicode is refused where it comes in, with its path, at any depth."""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import longtake as lt
from longtake.families.presets import Preset
from tests.sdk.toy_family import FOG

LONE = st.characters(min_codepoint=0xD800, max_codepoint=0xDFFF, categories=["Cs"])
BROKEN = st.builds(lambda one, lone, other: one + lone + other, st.text(), LONE, st.text())

WHAT = "no Unicode text.*write it in UTF-8"


def refused(document: dict[str, Any]) -> str:
    """The path that is refused; the message can be written anywhere."""
    with pytest.raises(lt.ValidationError, match=WHAT) as caught:
        lt.GenerationRequest.from_dict(document)
    str(caught.value).encode()
    return caught.value.path


@given(BROKEN)
def test_every_text_of_a_request(broken: str) -> None:
    state = {"kind": "fog.v1", "payload": {"a": [1, {"b": broken}]}}
    assert refused({"prompt": broken}) == "prompt"
    assert refused({"prompt": "x", "negative_prompt": broken}) == "negative_prompt"
    overrides = {"denoise": {"names": ["good", broken]}}
    where = "stage_overrides.denoise.names[1]"
    assert refused({"prompt": "x", "stage_overrides": overrides}) == where
    assert refused({"prompt": "x", "stage_overrides": {broken: {}}}) == "stage_overrides"
    assert refused({"prompt": "x", "state": state}) == "state.payload.a[1].b"
    assert refused({"prompt": "x", "state": {"kind": broken, "payload": {}}}) == "state.kind"


@given(st.text())
def test_every_other_text_is_a_prompt(prompt: str) -> None:
    empty = not prompt.strip()
    request = lt.GenerationRequest(prompt, negative_prompt=prompt, allow_empty_prompt=empty)
    assert lt.GenerationRequest.from_dict(request.to_dict()) == request


@pytest.mark.parametrize("prompt", ["caf\udce9", "\ud83d", "\udf00\ud83c", "a" * 10_000 + "\ud800"])
def test_a_prompt_in_memory(prompt: str) -> None:
    with pytest.raises(lt.ValidationError, match=WHAT) as caught:
        lt.GenerationRequest(prompt)
    assert len(str(caught.value)) < 300
    with pytest.raises(lt.ValidationError, match="^negative_prompt: "):
        lt.GenerationRequest("x", negative_prompt=prompt)
    session = lt.Session(lt.Pipeline(FOG), sampling=lt.Sampling(seed=1), overlap_frames=1)
    with pytest.raises(lt.ValidationError, match="prompt"):
        session.extend(prompt)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ('{"kind":"pendulum.v1","payload":{},"\\ud800":1}', ""),
        ('{"kind":"pendulum.v1","payload":{"\\ud800":1}}', "payload"),
        ('{"kind":"pendulum.v1","payload":{"a":[["\\udfff"]]}}', "payload.a[0][0]"),
        ('{"kind":"\\ud800","payload":{}}', "kind"),
    ],
)
def test_a_state_in_json(text: str, path: str) -> None:
    with pytest.raises(lt.ValidationError, match=WHAT) as caught:
        lt.ContinuationState.from_json(text)
    assert caught.value.path == path
    str(caught.value).encode()


def test_a_state_in_memory() -> None:
    state = lt.ContinuationState("fog.v1", {"a": {"b": ["\ud800"]}})
    with pytest.raises(lt.ValidationError, match=WHAT) as caught:
        state.to_json()
    assert caught.value.path == "payload.a.b[0]"
    with pytest.raises(lt.ValidationError, match=WHAT) as caught:
        lt.GenerationRequest("x", state=state)
    assert caught.value.path == "state.payload.a.b[0]"


def test_pairs_of_surrogates_in_json_are_text() -> None:
    state = lt.ContinuationState.from_json('{"kind":"fog.v1","payload":{"a":"\\ud83c\\udf00"}}')
    assert state.payload == {"a": "\N{CYCLONE}"}
    assert json.loads(state.to_json())["payload"] == {"a": "\N{CYCLONE}"}


@attrs.frozen
class Word:
    word: str = ""


def test_an_unknown_key_can_be_told() -> None:
    with pytest.raises(lt.ValidationError, match="unknown field") as caught:
        lt.GenerationRequest.from_dict({"prompt": "x", "\ud800": 1})
    assert str(caught.value).encode().startswith(b"\\ud800: unknown field")


def test_overrides_of_a_preset() -> None:
    preset = Preset("p", stages=lambda refine: (), overrides={"refine": Word})
    for given_, path in (({"word": "\ud800"}, ".word"), ({"\ud800": 1}, "")):
        with pytest.raises(lt.ValidationError, match=WHAT) as caught:
            preset.recipe({"refine": given_})
        assert caught.value.path == f"preset_overrides.refine{path}"


def test_the_url_of_a_blob_store() -> None:
    with pytest.raises(lt.ValidationError, match=WHAT) as caught:
        lt.open_blob_store("file:///tmp/caf\udce9")
    assert caught.value.path == "blobs"
