"""A sound that voices are like: its document, its places, and what is refused of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import longtake as lt
from longtake.sessions.steps import request_document

SAMPLES = np.sin(np.arange(4800, dtype=np.float32) / 20)[None]


def test_it_survives_its_document(tmp_path: Path) -> None:
    voice = lt.VoiceInput.from_samples(SAMPLES, 24_000, place="alongside")
    request = lt.GenerationRequest("fog", inputs=lt.Inputs(voice=voice))
    assert lt.GenerationRequest.from_dict(json.loads(json.dumps(request.to_dict()))) == request
    (tmp_path / "a.wav").write_bytes(voice.data)
    assert lt.VoiceInput.from_file(tmp_path / "a.wav", place="alongside") == voice
    assert request.inputs.count == 1


def test_it_is_decoded_once() -> None:
    decoded = lt.DecodedInputs(lt.Inputs(voice=lt.VoiceInput.from_samples(SAMPLES, 24_000)))
    heard = decoded.voice(24_000)
    assert heard is decoded.voice(24_000)
    assert heard.shape == (2, 4800)
    assert np.allclose(heard[0], SAMPLES[0], atol=1e-6)
    with pytest.raises(lt.ValidationError, match=r"inputs\.voice: is left out"):
        lt.DecodedInputs(lt.Inputs()).voice(24_000)


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"data": b""}, "data"),
        ({"data": "text"}, "data"),
        ({"data": b"abcd", "place": "behind"}, "place"),
        ({"data": b"abcd", "place": None}, "place"),
    ],
)
def test_nonsense_is_refused(given: dict[str, Any], path: str) -> None:
    with pytest.raises(lt.ValidationError) as caught:
        lt.VoiceInput(given.pop("data"), **given)
    assert caught.value.path == path


def test_what_is_no_sound_is_refused_with_the_whole_path() -> None:
    inputs = lt.Inputs(voice=lt.VoiceInput(b"no sound at all"))
    for refuse in (inputs.check, lambda: lt.DecodedInputs(inputs).voice(16_000)):
        with pytest.raises(lt.ValidationError) as caught:
            refuse()
        assert caught.value.path == "inputs.voice.data"


def test_its_schema() -> None:
    schema = lt.json_schema(lt.VoiceInput)
    assert schema["properties"]["place"]["enum"] == ["before", "alongside"]


def test_a_step_of_a_session_is_another_with_it() -> None:
    plain = request_document(lt.GenerationRequest("fog"))
    assert "voice" not in plain["inputs"]
    assert "enhance_prompt" not in plain["sampling"], "as earlier releases have it"
    voice = lt.VoiceInput.from_samples(SAMPLES, 24_000)
    spoken = request_document(lt.GenerationRequest("fog", inputs=lt.Inputs(voice=voice)))
    assert spoken["inputs"]["voice"]["data"].startswith("sha256:")
    longer = lt.GenerationRequest("fog", sampling=lt.Sampling(enhance_prompt=True))
    assert request_document(longer)["sampling"]["enhance_prompt"] is True
