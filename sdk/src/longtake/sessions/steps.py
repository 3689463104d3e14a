"""By what a step of a session, and the state after it, are known: digests that anyone can check."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from attrs import evolve

from longtake.blobs.powers import SupportsStat
from longtake.blobs.protocol import BlobStore
from longtake.errors import ValidationError
from longtake.pipeline import Pipeline
from longtake.plugins.registry import Registry
from longtake.requests.inputs import Inputs
from longtake.requests.references import ReferenceInput
from longtake.requests.request import GenerationRequest
from longtake.requests.sources import SourceInput
from longtake.schema.wire import unstructure
from longtake.states.state import ContinuationState

__all__ = [
    "made_by",
    "preset_of",
    "request_document",
    "state_digest",
    "step_digest",
    "versions_of",
    "with_blob_ids",
]

_LIBRARIES = ("diffusers", "numpy", "safetensors", "torch", "transformers")
"""Distributions beside the plugins' own whose versions may change what comes out."""

_PLACEHOLDER = b"\0"


def step_digest(
    session_id: str,
    parent: str | None,
    request: GenerationRequest,
    made_by: Mapping[str, str],
) -> str:
    """``sha256:`` and the hash by which a step of a session is known: equal steps, equal segments.

    ``parent``: the digest of the state that the step goes on from; None for the first.
    ``request``: without its state. ``made_by``: what changes the bits that come out, by names:
    versions of distributions, the family, its preset, the model's fingerprint.
    """
    step = {
        "session": session_id,
        "parent": parent,
        "request": request_document(request),
        "made_by": dict(made_by),
    }
    return _digest(json.dumps(step, sort_keys=True, separators=(",", ":"), allow_nan=False))


def state_digest(
    state: ContinuationState, blob_ids: Iterable[str] = (), blobs: BlobStore | None = None
) -> str:
    """``sha256:`` and the hash of what the state says, wherever its blobs are.

    In its canonical JSON each of ``blob_ids``, where it is a whole text, is replaced by the hash of
    the blob's bytes in ``blobs``, so that equal takes in different stores have equal digests.
    Without blobs it is `ContinuationState.digest`. Raises `ValidationError` for blobs without a
    store, and what ``blobs`` raises.
    """
    hashes = {}
    for blob_id in blob_ids:
        if blobs is None:
            raise ValidationError("blobs", "the state has blobs; give the store where they are")
        hashes[blob_id] = f"sha256:{_hash_of(blobs, blob_id)}"
    return with_blob_ids(state, hashes).digest()


def with_blob_ids(state: ContinuationState, new: Mapping[str, str]) -> ContinuationState:
    """``state`` with other ids of its blobs: ``new`` has them by the old ones.

    Every text of the payload that is one of the old ids is replaced; they are unguessable, so no
    other text is one by chance.
    """
    return evolve(state, payload=_replaced(state.payload, new)) if new else state


def request_document(request: GenerationRequest) -> dict[str, Any]:
    """The request as a plain document, without its state; its inputs' bytes by their digests."""
    document: dict[str, Any] = unstructure(evolve(request, inputs=Inputs(), state=None))
    del document["state"]
    if request.sampling.enhance_prompt is None:  # left out where it is not said, as are inputs
        del document["sampling"]["enhance_prompt"]
    inputs = request.inputs
    document["inputs"] = {
        "images": [_input_document(each) for each in inputs.images],
        "clips": [_input_document(each) for each in inputs.clips],
        "audio": None if inputs.audio is None else _input_document(inputs.audio),
    }
    if inputs.references:  # left out where there are none, as by earlier releases
        document["inputs"]["references"] = [_reference_document(r) for r in inputs.references]
    if inputs.source is not None:
        document["inputs"]["source"] = _source_document(inputs.source)
    if inputs.voice is not None:
        document["inputs"]["voice"] = _input_document(inputs.voice)
    return document


def _reference_document(given: ReferenceInput) -> dict[str, Any]:
    document = _input_document(evolve(given, mask=None))
    if given.mask is not None:
        document["mask"] = f"sha256:{hashlib.sha256(given.mask).hexdigest()}"
    return document


def _source_document(given: SourceInput) -> dict[str, Any]:
    if given.mask is None:
        return _input_document(given)
    document = _input_document(evolve(given, mask=evolve(given.mask, data=_PLACEHOLDER)))
    return {**document, "mask": _input_document(given.mask)}


def preset_of(pipeline: Pipeline) -> str:
    """The pipeline's preset as sessions record it: its name with its version."""
    return f"{pipeline.preset.name}@{pipeline.preset.version}"


def versions_of(pipeline: Pipeline) -> dict[str, str]:
    """The distributions that make the pipeline's segments, with their versions."""
    found = Registry.default().versions_of(pipeline.family, preset_of(pipeline))
    return {**_libraries(), **found}


def made_by(pipeline: Pipeline, versions: Mapping[str, str]) -> dict[str, str]:
    """What of the pipeline changes the bits of its segments, by names."""
    maker = {
        "family": pipeline.family.name,
        "preset": preset_of(pipeline),
        "model": pipeline.model_fingerprint or "",
    }
    if pipeline.preset_overrides:
        maker["preset_overrides"] = json.dumps(
            unstructure(pipeline.preset_overrides), sort_keys=True, default=str
        )
    return {**{f"version of {name}": each for name, each in versions.items()}, **maker}


@lru_cache(maxsize=1)
def _libraries() -> dict[str, str]:
    from importlib import metadata  # late: it reads folders

    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _input_document(given: Any) -> dict[str, Any]:
    """Of a picture, a clip or a sound."""
    document: dict[str, Any] = unstructure(evolve(given, data=_PLACEHOLDER))
    document["data"] = f"sha256:{hashlib.sha256(given.data).hexdigest()}"
    return document


def _hash_of(blobs: BlobStore, blob_id: str) -> str:
    if isinstance(blobs, SupportsStat):
        return blobs.stat(blob_id).sha256.hex()
    return hashlib.sha256(blobs.get(blob_id)).hexdigest()


def _replaced(value: Any, hashes: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return hashes.get(value, value)
    if isinstance(value, dict):
        return {hashes.get(key, key): _replaced(each, hashes) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_replaced(each, hashes) for each in value]
    return value


def _digest(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
