"""``longtake inspect``: what is in a state."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import longtake as lt
from tests.sdk.cli.cli_support import Command
from tests.sdk.cli.toy_family import FogCodec

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
