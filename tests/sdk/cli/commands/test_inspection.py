"""``longtake inspect``: what is in a state."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import longtake as lt
from longtake.plugins.loading import Plugin
from tests.sdk.cli.cli_support import Command
from tests.sdk.cli.toy_family import FogCodec, FogState, Shelf

COMMAND = ("generate", "one", "two", "--save-state", "s.json")


def test_people_see_kind_segment_sizes_and_places(longtake: Command) -> None:
    longtake(*COMMAND)
    assert longtake("inspect", "s.json").out.splitlines() == [
        "kind     fog.v1, schema version 1",
        "segment  1 (the first is 0)",
        "level    inline, 8 bytes, one number",
    ]


def test_programs_get_json(longtake: Command) -> None:
    longtake(*COMMAND, "--blobs", "shelf:")
    shown = longtake("inspect", "s.json", "--blobs", "shelf:", "--json")
    assert shown.code == 0
    assert json.loads(shown.out) == {
        "kind": "fog.v1",
        "schema_version": 1,
        "segment_index": 1,
        "parts": [
            {"name": "level", "where": "blob b2", "num_bytes": 8, "detail": "one number"},
        ],
    }


def test_the_frames_and_a_contact_sheet_are_written_once(longtake: Command) -> None:
    longtake(*COMMAND)
    assert longtake("inspect", "s.json", "--frames", "pictures").code == 0
    names = {path.name for path in Path("pictures").iterdir()}
    assert names == {"frame-000.png", "frame-001.png", "contact-sheet.png"}
    with Image.open("pictures/frame-001.png") as picture:
        assert picture.mode == "RGB"
        assert (np.asarray(picture) == 200).all()
        assert picture.size == (48, 32)
    refused = longtake("inspect", "s.json", "--frames", "pictures")
    assert refused.code == 2
    assert "frame-000.png: is already there" in refused.err


@pytest.mark.parametrize(
    ("document", "arguments", "reason"),
    [
        ("[]", (), "is not a state"),
        ('{"kind": "mud.v1", "payload": {}}', (), "reads 'mud.v1'; known: fog.v1"),
        ('{"kind": "fog.v1", "payload": {}}', (), "state.payload.index: required"),
        (None, ("--frames", "no/where"), "cannot be written"),
    ],
)
def test_wrong_use_is_refused(
    longtake: Command, document: str | None, arguments: tuple[str, ...], reason: str
) -> None:
    longtake(*COMMAND)
    if document is not None:
        Path("s.json").write_text(document)
    refused = longtake("inspect", "s.json", *arguments)
    assert (refused.code, refused.out, refused.err.count("\n")) == (2, "", 1)
    assert reason in refused.err


def test_a_state_that_carries_no_frames_says_so(
    longtake: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    longtake(*COMMAND)
    bare = lt.StateSummary(1, 0, ())
    monkeypatch.setattr(FogCodec, "summarize", lambda *_: bare)
    refused = longtake("inspect", "s.json", "--frames", "pictures")
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert "it carries none, or they are in a blob store" in refused.err


class PlainCodec:
    """Reads the states of the toy family, and cannot show them."""

    kind = "fog.v1"
    state_type = FogState

    def encode(self, value: FogState, blobs: lt.BlobStore | None = None) -> lt.ContinuationState:
        return FogCodec().encode(value, blobs)

    def decode(self, state: lt.ContinuationState, blobs: lt.BlobStore | None = None) -> FogState:
        return FogCodec().decode(state, blobs)

    def blob_ids(self, state: lt.ContinuationState) -> tuple[str, ...]:
        return FogCodec().blob_ids(state)


def test_a_state_whose_codec_cannot_show_it_says_what_is_known(
    longtake: Command, monkeypatch: pytest.MonkeyPatch, shelf: Shelf
) -> None:
    longtake(*COMMAND)
    longtake("generate", "one", "--save-state", "b.json", "--blobs", "shelf:")
    num_bytes = len(Path("s.json").read_bytes())
    plain = lt.ModelFamily("plain", (), codecs=(PlainCodec(),))
    backend = lt.BlobBackend("shelf", lambda url: shelf)
    toys = Plugin("toys", "toys", "1", "loaded", families=(plain,), blob_backends=(backend,))
    monkeypatch.setattr(lt.Registry, "default", lambda: lt.Registry([toys]))
    done = longtake("inspect", "s.json")
    assert done.err == ""
    assert done.out.splitlines() == [
        "kind      fog.v1",
        "segment   1 (the first is 0)",
        f"document  inline, {num_bytes} bytes",
    ]
    num_bytes = len(Path("b.json").read_bytes())
    shown = longtake("inspect", "b.json", "--blobs", "shelf:", "--json")
    (blob_id,) = (json.loads(Path("b.json").read_text())["payload"]["blob"],)
    assert json.loads(shown.out) == {
        "kind": "fog.v1",
        "schema_version": None,
        "segment_index": 0,
        "parts": [
            {"name": "document", "where": "inline", "num_bytes": num_bytes, "detail": ""},
            {"name": "blob 1", "where": f"blob:{blob_id}", "num_bytes": 8, "detail": ""},
        ],
    }
    unread = longtake("inspect", "b.json")
    assert unread.code == 0
    assert "segment   not known: give --blobs" in unread.out
    assert f"blob 1    blob:{blob_id}" in unread.out
    refused = longtake("inspect", "s.json", "--frames", "pictures")
    assert (refused.code, "has no frames at hand" in refused.err) == (2, True)
