"""What is in the state of a take, and where: everything inline, or the big parts in a store."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

import longtake as lt
from docs.drawings.paper import BLUE, GREY, ORANGE, PALE, Sheet
from longtake_ltx2.continuation.codec import LTX2ContinuationCodec
from longtake_ltx2.continuation.state import LTX2ContinuationState

__all__ = ["Blob", "Document", "Entry", "documents_of", "draw_state"]

_WIDTH, _INLINE, _REFERRING = 676.0, 372.0, 484.0
_TOP, _LINE, _PART = 68.0, 15.0, 34.0
_SHOWN = 22  # characters of a value
_PARTS = {"video": BLUE, "audio": ORANGE}


@frozen
class Entry:
    """One field of the payload: its dotted name, its value in short, its size as JSON in bytes."""

    name: str
    value: str
    num_bytes: int
    is_reference: bool = False


@frozen
class Blob:
    """One blob that the state refers to. ``field``: the entry that does."""

    field: str
    num_bytes: int


@frozen
class Document:
    """One way to write a state: ``num_bytes`` are those of its JSON."""

    kind: str
    num_bytes: int
    entries: tuple[Entry, ...]
    blobs: tuple[Blob, ...]


def documents_of(state: LTX2ContinuationState) -> tuple[Document, Document]:
    """``state`` as its codec writes it: without a blob store, and with one for every big part."""
    store = lt.open_blob_store("memory:")
    codec = LTX2ContinuationCodec(inline_threshold_bytes=0)
    return _document(codec.encode(state), None), _document(codec.encode(state, store), store)


def _document(state: lt.ContinuationState, store: lt.BlobStore | None) -> Document:
    entries = tuple(_entries(state.payload))
    blobs = tuple(
        Blob(name, len(store.get(value["blob_id"])))
        for name, value in state.payload.items()
        if store is not None and isinstance(value, Mapping) and "blob_id" in value
    )
    return Document(state.kind, len(state.to_json()), entries, blobs)


def _entries(payload: Mapping[str, Any], prefix: str = "") -> list[Entry]:
    """The metadata field by field, everything else as one entry; plain ones first."""
    entries = []
    for name, value in payload.items():
        if isinstance(value, Mapping) and name in ("metadata", "longtake", "clock"):
            entries += _entries(value, f"{prefix}{name}.")
            continue
        is_reference = isinstance(value, Mapping) and "blob_id" in value
        size = len(json.dumps(value))
        entries.append(Entry(f"{prefix}{name}", _short(value), size, is_reference))
    return entries


def _short(value: object) -> str:
    if isinstance(value, Mapping):
        (name, content), *_ = value.items()
        if isinstance(content, list):
            return f'{name}: {len(content)} x "{str(content[0])[:8]}..."'
        shown = "" if name == "blob_id" else str(content)[:8]  # ids are new each time
        return f'{name}: "{shown}..."'
    text = json.dumps(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def draw_state(state: LTX2ContinuationState, path: Path) -> None:
    """The fields once; their bytes in both documents where they are many, and blobs beside them."""
    inline, referring = documents_of(state)
    pairs = tuple(zip(inline.entries, referring.entries, strict=True))
    plain = [one for one, _ in pairs if one.name not in _PARTS]
    parts = [(one, other) for one, other in pairs if one.name in _PARTS]
    bottom = _TOP + _LINE * len(plain) + _PART * len(parts) + 12
    sheet = Sheet(_WIDTH, bottom + 12)
    sheet.box(12, 12, _REFERRING + 14, bottom, fill="white", edge=PALE)
    title = f'ContinuationState(kind="{inline.kind}", payload={{...}})'
    sheet.text(24, 28, title, size=9.5, bold=True)
    sheet.text(24, 54, "field of the payload", size=8, colour=GREY)
    _draw_totals(sheet, _INLINE, inline, "without a store")
    _draw_totals(sheet, _REFERRING, referring, "with a store")
    for index, entry in enumerate(plain):
        _draw_plain(sheet, _TOP + _LINE * (index + 0.5), entry)
    blobs = {blob.field: blob for blob in referring.blobs}
    for index, (one, other) in enumerate(parts):
        y = _TOP + _LINE * len(plain) + _PART * (index + 0.5)
        _draw_part(sheet, y, one, other)
        _draw_blob(sheet, y, blobs[one.name])
    sheet.save(path)


def _draw_totals(sheet: Sheet, x: float, document: Document, title: str) -> None:
    sheet.text(x, 42, title, size=8, align="right", bold=True)
    sheet.text(x, 54, f"{document.num_bytes:,} B of JSON", size=8, align="right", colour=GREY)


def _draw_plain(sheet: Sheet, y: float, entry: Entry) -> None:
    sheet.bar(24, y - 5, 28, y + 5, fill=PALE)
    sheet.text(36, y, entry.name, size=8)
    sheet.text(_INLINE, y, entry.value, size=7.5, mono=True, align="right")
    sheet.text(_REFERRING, y, entry.value, size=7.5, mono=True, align="right")


def _draw_part(sheet: Sheet, y: float, inline: Entry, referring: Entry) -> None:
    sheet.bar(24, y - 12, 28, y + 12, fill=_PARTS[inline.name])
    sheet.text(36, y, inline.name, size=9, bold=True)
    for x, entry in ((_INLINE, inline), (_REFERRING, referring)):
        sheet.text(x, y - 6, f"{entry.num_bytes:,} B", size=8.5, align="right", bold=True)
        sheet.text(x, y + 7, entry.value, size=6.5, mono=True, colour=GREY, align="right")


def _draw_blob(sheet: Sheet, y: float, blob: Blob) -> None:
    left, colour = _REFERRING + 46, _PARTS[blob.field]
    sheet.line([_REFERRING + 14, left], [y, y], colour=colour, arrow=True)
    sheet.box(left, y - 11, left + 122, y + 11, fill="white", edge=colour)
    sheet.text(left + 9, y, f"blob: {blob.num_bytes:,} bytes", size=8)
