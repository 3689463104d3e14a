"""What was recorded once is never edited, and each codec writes what it wrote when it was recorded.

So nobody changes the meaning of a kind of state, of a row of a session store or of an export:
another form is another kind, schema version or format, with fixtures of its own beside these.
"""

from __future__ import annotations

import base64
import hashlib
import json
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import longtake as lt
from longtake_ltx2.plugin import longtake_families as ltx2_families
from longtake_pendulum import longtake_families as pendulum_families
from tests.sdk.testing.families.fog import longtake_families as fog_families

HERE = Path(__file__).parent
SUMS = HERE / "recorded.sha256"
"""A line for each recorded file, as ``sha256sum`` writes and checks them; lines are only added."""
PLACES = (
    "*/states/*",
    "*/testing/families/states/*",
    "*/wire/**/*",
    "*/session_stores/format_*.*",
    "*/sessions/exports/*",
    "*/sessions/releases/**/*",
)
FAMILIES = {
    family.name: family
    for families in (ltx2_families, pendulum_families, fog_families)
    for family in families()
}
STATES = sorted(path for path in HERE.rglob("states/*.json") if path.with_suffix(".facts").exists())


def recorded_files() -> dict[str, str]:
    """The digests of all files that were recorded, by their paths."""
    files = {file for place in PLACES for file in HERE.glob(place) if file.suffix != ".py"}
    return {
        file.relative_to(HERE).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in files
        if file.is_file()
    }


def with_pixels(payload: Any) -> Any:
    """``payload`` with the pixels of its PNG files, for builds of zlib pack the same ones anew."""
    video = payload.get("video")
    if video is None:
        return payload
    pictures = [Image.open(BytesIO(base64.b64decode(each))) for each in video["frames_b64"]]
    pixels = [(each.mode, each.size, each.tobytes()) for each in pictures]
    return {**payload, "video": {**video, "frames_b64": pixels}}


def test_what_was_recorded_is_not_edited() -> None:
    lines = [line.split("  ", 1) for line in SUMS.read_text().splitlines()]
    assert recorded_files() == {path: digest for digest, path in lines}


def test_all_places_of_recorded_files_are_known() -> None:
    found = [*HERE.rglob("*.facts"), *HERE.rglob("format[-_]*.*"), *HERE.rglob("releases/**/*")]
    paths = {path.relative_to(HERE).as_posix() for path in found if path.is_file()}
    assert len(paths) > 50
    assert sorted(paths - recorded_files().keys()) == []


@pytest.mark.parametrize("file", STATES, ids=[path.stem for path in STATES])
def test_a_codec_writes_a_recorded_state_as_it_was_recorded(file: Path) -> None:
    document = file.read_bytes()
    recorded = lt.ContinuationState.from_json(document)
    codec = FAMILIES[recorded.kind.partition(".")[0]].codec(recorded.kind)
    assert codec is not None
    written = json.loads(codec.encode(codec.decode(recorded)).to_json())
    expected = json.loads(document)
    assert written["kind"] == expected["kind"]
    assert with_pixels(written["payload"]) == with_pixels(expected["payload"])


def test_every_kind_of_state_is_recorded() -> None:
    kinds = {codec.kind for family in FAMILIES.values() for codec in family.codecs}
    assert kinds == {lt.ContinuationState.from_json(each.read_bytes()).kind for each in STATES}
