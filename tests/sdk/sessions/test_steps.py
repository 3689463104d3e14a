"""Digests of steps and states: of all that changes the bits, and of nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import longtake as lt
from longtake.sessions.steps import made_by, request_document, versions_of
from tests.sdk.sessions.rooms import Plain, fog

REQUEST = lt.GenerationRequest("mist", sampling=lt.Sampling(seed=3))
STEP: dict[str, Any] = {
    "session_id": "s",
    "parent": "sha256:00",
    "request": REQUEST,
    "made_by": {"family": "fog", "preset": "thin@1"},
}


def with_image(data: bytes) -> lt.GenerationRequest:
    return lt.GenerationRequest("mist", inputs=lt.Inputs(images=(lt.ImageInput(data),)))


@pytest.mark.parametrize(
    ("part", "other"),
    [
        ("session_id", "t"),
        ("parent", "sha256:01"),
        ("parent", None),
        ("request", lt.GenerationRequest("rain", sampling=lt.Sampling(seed=3))),
        ("request", lt.GenerationRequest("mist", sampling=lt.Sampling(seed=4))),
        ("request", with_image(b"one picture")),
        ("made_by", {"family": "fog", "preset": "thin@2"}),
        ("made_by", {"family": "fog", "preset": "thin@1", "version of torch": "2"}),
    ],
)
def test_each_part_of_a_step_changes_its_digest(part: str, other: Any) -> None:
    digest = lt.step_digest(**STEP)
    assert digest == lt.step_digest(**STEP)
    assert digest.startswith("sha256:")
    assert lt.step_digest(**STEP | {part: other}) != digest


def test_inputs_are_known_by_the_digest_of_their_bytes() -> None:
    one, other = with_image(b"one picture"), with_image(b"another one")
    assert lt.step_digest(**STEP | {"request": one}) != lt.step_digest(**STEP | {"request": other})
    assert "one picture" not in str(request_document(one))
    assert request_document(one) == request_document(with_image(b"one picture"))


def test_the_state_of_a_request_is_no_part_of_its_document() -> None:
    state = lt.ContinuationState("fog.v1", {"frames": 3})
    document = request_document(lt.GenerationRequest("mist", state=state))
    assert document == request_document(lt.GenerationRequest("mist"))


def test_a_state_has_one_digest_wherever_its_blobs_are(tmp_path: Path) -> None:
    digests = []
    for blobs in (lt.open_blob_store(f"file://{tmp_path}/blobs"), Plain()):
        for _ in range(2):
            blob_id = blobs.put(b"frames")
            state = lt.ContinuationState("fog.v1", {"blob": blob_id, "deep": [{"er": blob_id}]})
            digests.append(lt.state_digest(state, [blob_id], blobs))
    assert len(set(digests)) == 1
    other = lt.open_blob_store("memory:")
    blob_id = other.put(b"other frames")
    state = lt.ContinuationState("fog.v1", {"blob": blob_id, "deep": [{"er": blob_id}]})
    assert lt.state_digest(state, [blob_id], other) not in digests


def test_a_state_without_blobs_has_its_own_digest_and_with_blobs_needs_the_store() -> None:
    state = lt.ContinuationState("fog.v1", {"blob": "b"})
    assert lt.state_digest(state) == state.digest()
    with pytest.raises(lt.ValidationError, match="^blobs"):
        lt.state_digest(state, ["b"])


def test_what_makes_a_segment_is_the_preset_the_model_and_the_distributions() -> None:
    with fog() as pipeline:
        versions = versions_of(pipeline)
        maker = made_by(pipeline, versions)
    assert versions["longtake"] == lt.__version__
    assert maker["version of longtake"] == lt.__version__
    assert (maker["family"], maker["preset"]) == ("fog", "thin@1")
