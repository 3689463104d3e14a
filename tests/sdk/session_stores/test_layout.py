"""The layout of rows: what this format is, byte for byte, and what is no row of it.

A row that was written stays readable for as long as sessions last. Whoever changes what is written
changes these digests, and must give the format another number and say how it reads this one.
"""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

import longtake as lt
from longtake.session_stores import layout
from longtake.session_stores.layout import ClaimRow, Head, SessionRow, decode, encode

SEGMENT = lt.SessionSegment(
    index=7,
    step="sha256:" + "5" * 64,
    attempt="a" * 32,
    request={"prompt": "Caf\u00e9", "seed": 2**64, "strength": 0.1, "options": {"b": [1, None]}},
    state_digest="sha256:" + "d" * 64,
    media=("m" * 32,),
    blob_ids=("b" * 32, "m" * 32),
    seconds=1.5,
    made_by="worker 7",
    versions={"longtake": "1.0.0"},
    committed=1764389454.25,
)
ROWS: dict[str, tuple[object, str]] = {
    "session": (
        SessionRow(
            family="ltx2",
            preset="swing@1",
            labels={"show": "harbour"},
            parent=lt.SessionParent(id="parent", num_segments=3),
            created=1764389454.25,
            expires=1764389999.5,
            nonce="c" * 32,
        ),
        "1e14b7861da693c2",
    ),
    "segment": (SEGMENT, "1bcc50bd5dab6cf2"),
    "hold": (
        lt.Hold(id="h" * 32, attempt="a" * 32, blob_ids=("b" * 32,), until=1764389454.5),
        "dd0561c571365c7c",
    ),
    "claim": (
        ClaimRow(holder="worker 7", step="sha256:" + "5" * 64, until=1764389454.5),
        "3a697b7bb10a0671",
    ),
}
KEYS = {
    "session/take": layout.session_key("take"),
    "head/take": layout.head_key("take"),
    "segment/take/0000000012": layout.segment_key("take", 12),
    "state/take/0000000012": layout.state_key("take", 12),
    "claim/take": layout.claim_key("take"),
    "hold/abc": layout.hold_key("abc"),
}


@pytest.mark.parametrize("kind", ROWS)
def test_a_row_of_this_format_is_these_bytes(kind: str) -> None:
    value, digest = ROWS[kind]
    assert hashlib.sha256(encode(value)).hexdigest()[:16] == digest


@pytest.mark.parametrize("kind", ROWS)
def test_a_row_is_read_as_it_was_written(kind: str) -> None:
    value, _ = ROWS[kind]
    assert decode(encode(value), type(value), kind) == value


def test_the_keys_of_this_format_are_these() -> None:
    assert {key: key for key in KEYS} == KEYS
    label = layout.label_key("show", "harbour", "take")
    digest = hashlib.sha256(b'["show", "harbour"]').hexdigest()
    assert label == f"label/{digest}/take"


def test_keys_of_segments_are_in_order() -> None:
    indices = [0, 1, 9, 10, 99, 100, 9_999_999_999]
    keys = [layout.segment_key("a", index) for index in indices]
    assert sorted(keys) == keys
    start, stop = layout.range_below("segment/a/")
    assert all(start <= key < stop for key in keys)
    assert not any(start <= layout.segment_key(other, 0) < stop for other in ("a-", "a0", "aa"))


@pytest.mark.parametrize(
    ("head", "row"),
    [(Head(0, 0), b"0 0"), (Head(12, 3), b"12 3"), (Head(1, 1, expires=True), b"1 1 ends")],
)
def test_a_head_is_two_numbers_and_whether_it_ends(head: Head, row: bytes) -> None:
    assert head.encode() == row
    assert Head.decode(row) == head


@pytest.mark.parametrize("row", [b"", b"1", b"a b", b"1 2 3", b"1 2 end", b"\xff\xff"])
def test_a_damaged_head_is_a_session_error(row: bytes) -> None:
    with pytest.raises(lt.SessionError, match="damaged"):
        Head.decode(row)


DAMAGED: dict[str, bytes] = {
    "empty": b"",
    "cut short": encode(SEGMENT)[:-1],
    "no object": b"[1]",
    "a number": b"3",
    "no UTF-8": b"\xff\xfe",
    "no format": b'{"index":0,"step":"s","attempt":"a"}',
    "a field that is no field": b'{"format":1,"index":0,"step":"s","attempt":"a","b":1}',
    "a field that is missing": b'{"format":1,"index":0,"step":"s"}',
    "a field of another type": b'{"format":1,"index":"0","step":"s","attempt":"a"}',
    "nested for ever": b'{"format":' + b"[" * 100_000,
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_damaged_row_is_a_session_error_that_says_what_it_is(kind: str) -> None:
    with pytest.raises(lt.SessionError, match="my segment is damaged"):
        decode(DAMAGED[kind], lt.SessionSegment, "my segment")


@pytest.mark.parametrize("version", [0, 2, 99])
def test_another_format_is_not_taken_for_this_one(version: int) -> None:
    row = encode(SEGMENT).replace(b'"format":1', b'"format":%d' % version)
    with pytest.raises(lt.SessionError, match=f"another release .format {version}.; .* reads 1"):
        decode(row, lt.SessionSegment, "a segment")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, b"a"])
def test_what_json_cannot_say_is_refused(value: Any) -> None:
    with pytest.raises(lt.ValidationError, match="JSON"):
        encode(lt.SessionSegment(index=0, step="s", attempt="a", request={"it": value}))
