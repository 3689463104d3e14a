"""States with random damage are refused with a path, or harmless."""

from __future__ import annotations

import copy
import json
import zlib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ltx2.documents import (
    END,
    WHOLE,
    DictStore,
    b64,
    changed,
    chunk,
    decodes_or_is_refused,
    header,
    png,
    refusal,
    whole_state,
)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_flipped_byte_in_stored_frames_is_refused(data: st.DataObject) -> None:
    blobs = DictStore()
    document = json.loads(whole_state(blobs).to_json())
    blob_id = document["payload"]["video"]["blob_id"]
    blob = bytearray(blobs.blobs[blob_id])
    blob[data.draw(st.integers(0, len(blob) - 1))] ^= data.draw(st.integers(1, 255))
    blobs.blobs[blob_id] = bytes(blob)
    assert "video" in refusal(document, blobs).path


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_flipped_byte_in_stored_latents_is_refused_or_harmless(data: st.DataObject) -> None:
    blobs = DictStore()
    document = json.loads(whole_state(blobs).to_json())
    blob_id = document["payload"]["audio"]["blob_id"]
    blob = bytearray(blobs.blobs[blob_id])
    blob[data.draw(st.integers(0, min(len(blob), 120) - 1))] ^= data.draw(st.integers(1, 255))
    blobs.blobs[blob_id] = bytes(blob)
    decodes_or_is_refused(document, blobs)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200), st.booleans())
def test_any_pixel_data_with_a_right_checksum_is_refused_or_harmless(
    data: bytes, compressed: bool
) -> None:
    body = zlib.compress(data) if compressed else data
    frame = png(header(7, 5), chunk(b"IDAT", body), END)
    decodes_or_is_refused(changed("payload.video.frames_b64", [b64(frame)]))


junk: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, 0, -1, 2**70, 0.5, -1e300, "", "x", "AAAA", "\ud800", [], [[]], {}, {"": 0}]
) | st.text(max_size=5)


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    keys = list(node) if isinstance(node, dict) else range(len(node))
    found = [path] if path else []
    if isinstance(node, dict | list):
        for key in keys:
            if isinstance(node[key], dict | list):
                found += places(node[key], (*path, key))
            else:
                found.append((*path, key))
    return found


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(places(WHOLE)), junk, st.booleans())
def test_any_value_anywhere_is_refused_or_harmless(
    path: tuple[Any, ...], value: Any, removed: bool
) -> None:
    document = copy.deepcopy(WHOLE)
    place: Any = document
    for parent in path[:-1]:
        place = place[parent]
    if removed and len(path) > 1:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    decodes_or_is_refused(document)
