"""The seal: every bit of it, the blob's id and its width are held fast."""

from __future__ import annotations

import hashlib

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from longtake.blobs.powers import BlobStat
from longtake.blobs.records.seal import FOOTER_SIZE, HEADER_SIZE, decode_seal, encode_seal
from longtake.errors import BlobCorrupt, BlobError

BLOB_ID = "0123456789abcdef" * 2
STAT = BlobStat(9000, hashlib.sha256(b"x").digest(), "video/mp4", 1_700_000_000_000_000_000)


@pytest.mark.parametrize("width", [HEADER_SIZE, FOOTER_SIZE])
@settings(max_examples=50)
@given(
    size=st.integers(0, 2**64 - 1),
    sha256=st.binary(min_size=32, max_size=32),
    mime=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=255),
    created_ns=st.integers(0, 2**64 - 1),
)
def test_what_was_sealed_comes_back(
    width: int, size: int, sha256: bytes, mime: str, created_ns: int
) -> None:
    stat = BlobStat(size, sha256, mime, created_ns)
    page = encode_seal(stat, BLOB_ID, width)
    assert len(page) == width
    assert decode_seal(page, BLOB_ID, width) == stat


@pytest.mark.parametrize("width", [HEADER_SIZE, FOOTER_SIZE])
@given(data=st.data())
def test_no_bit_changes_unnoticed(width: int, data: st.DataObject) -> None:
    page = bytearray(encode_seal(STAT, BLOB_ID, width))
    page[data.draw(st.integers(0, width - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(BlobCorrupt):
        decode_seal(bytes(page), BLOB_ID, width)


@pytest.mark.parametrize("length", [0, 1, FOOTER_SIZE - 1, FOOTER_SIZE + 1])
def test_another_width_is_no_seal(length: int) -> None:
    page = encode_seal(STAT, BLOB_ID, FOOTER_SIZE).ljust(length, b"\0")[:length]
    with pytest.raises(BlobCorrupt, match="no blob's seal"):
        decode_seal(page, BLOB_ID, FOOTER_SIZE)


def test_the_seal_is_of_one_blob() -> None:
    page = encode_seal(STAT, BLOB_ID, FOOTER_SIZE)
    with pytest.raises(BlobCorrupt, match="another blob's"):
        decode_seal(page, BLOB_ID[::-1], FOOTER_SIZE)


def test_a_later_format_says_upgrade(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("longtake.blobs.records.seal._VERSION", 2)
        page = encode_seal(STAT, BLOB_ID, FOOTER_SIZE)
    with pytest.raises(BlobError, match="upgrade") as raised:
        decode_seal(page, BLOB_ID, FOOTER_SIZE)
    assert not isinstance(raised.value, BlobCorrupt)


def test_the_layout_of_version_1_stays() -> None:
    page = encode_seal(STAT, BLOB_ID, FOOTER_SIZE)
    assert page[:12] == b"LTBLOB\r\n\x01\0\0\0"
    assert page[12:28] == (9000).to_bytes(8, "little") + STAT.created_ns.to_bytes(8, "little")
    assert page[28:70] == STAT.sha256 + b"\x09video/mp4"
    assert page[70:-32] == bytes(FOOTER_SIZE - 102)
    assert page[-32:] == hashlib.sha256(BLOB_ID.encode() + page[:-32]).digest()
