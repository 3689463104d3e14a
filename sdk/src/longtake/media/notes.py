"""Notes in a media file, which players skip: written after each fragment, and found again.

A note is JSON text with its checksum, in an element that each container has for what is unknown:
an MP4 ``uuid`` box, a Matroska ``Void``, a RIFF chunk. A reader walks the outermost elements alone;
what a kill cut off at the end of a file is not there.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from io import SEEK_END
from typing import BinaryIO

from attrs import frozen

from longtake.errors import ValidationError
from longtake.files import open_regular
from longtake.media.formats import ContainerFormat

__all__ = ["PlacedNote", "append_note", "note_bytes", "read_notes"]

_MAGIC = bytes.fromhex("6c6f6e6774616b65a3d14e0b8f527ac1")
"""Sixteen bytes that begin every note: in MP4 the box's UUID."""

_CHUNK = b"ltnt"

MAX_NOTE_BYTES = 64 * 2**20
"""What a note may have at most; nobody makes a reader allocate more."""

_MAX_ELEMENTS = 10**6

_EBML, _SEGMENT, _VOID, _CLUSTER = 0x1A45DFA3, 0x18538067, 0xEC, 0x1F43B675


@frozen
class PlacedNote:
    """A note and where it lies: from ``begin`` to before ``end``, in bytes of the file."""

    begin: int
    end: int
    data: bytes


@frozen
class _Element:
    """An element whose content is ``[content, end)`` of the file, and its header before that."""

    kind: bytes | int
    begin: int
    content: int
    end: int


def note_bytes(container: ContainerFormat, data: bytes) -> bytes:
    """The element that holds ``data``. Raises `ValueError` for more than a reader takes."""
    content = _MAGIC + zlib.crc32(data).to_bytes(4, "big") + data
    if len(data) > MAX_NOTE_BYTES:
        raise ValueError(f"a note of {len(data)} bytes; at most {MAX_NOTE_BYTES} can be read")
    if container.note_kind == "box":
        return (8 + len(content)).to_bytes(4, "big") + b"uuid" + content
    if container.note_kind == "element":
        return b"\xec" + (len(content) | 1 << 56).to_bytes(8, "big") + content
    content += bytes(len(content) % 2)
    return _CHUNK + len(content).to_bytes(4, "little") + content


def append_note(path: str, container: ContainerFormat, data: bytes) -> None:
    """Put a note at the end of the finished file at ``path``, inside of what surrounds it all."""
    note = note_bytes(container, data)
    with open(path, "r+b") as file:
        length = file.seek(0, SEEK_END)
        if container.note_kind == "element":
            _grow_segment(file, length, len(note))
        elif container.note_kind == "chunk":
            _grow_riff(file, length, len(note))
        file.seek(length)
        file.write(note)


def read_notes(path: str, container: ContainerFormat) -> list[PlacedNote]:
    """The whole notes in the file at ``path``, in their order.

    Raises `OSError` when it cannot be read, and `ValidationError` naming it when it is no file of
    this container or one of its notes is damaged.
    """
    with open_regular(path) as file:
        length = os.fstat(file.fileno()).st_size
        notes = []
        for count, element in enumerate(_WALKS[container.note_kind](file, length, path)):
            if count >= _MAX_ELEMENTS:
                raise ValidationError(path, f"has more than {_MAX_ELEMENTS} elements")
            if element.end > length:
                break  # cut off
            if element.kind in (b"uuid", _VOID, _CHUNK):
                note = _read_note(file, element, path)
                if note is not None:
                    notes.append(note)
        return notes


def _read_note(file: BinaryIO, element: _Element, path: str) -> PlacedNote | None:
    size = element.end - element.content
    file.seek(element.content)
    if size < len(_MAGIC) + 4 or file.read(len(_MAGIC)) != _MAGIC:
        return None
    if size > MAX_NOTE_BYTES + len(_MAGIC) + 5:
        raise ValidationError(path, f"has a note of {size} bytes, more than {MAX_NOTE_BYTES}")
    checksum, data = file.read(4), file.read(size - len(_MAGIC) - 4)
    for text in (data, data[:-1]):  # a chunk's length is even
        if zlib.crc32(text).to_bytes(4, "big") == checksum:
            return PlacedNote(element.begin, element.end, text)
    raise ValidationError(path, f"has a damaged note at byte {element.begin}")


def _boxes(file: BinaryIO, length: int, path: str) -> Iterator[_Element]:
    """The outermost boxes of an MP4 file (ISO/IEC 14496-12, 4.2)."""
    at = 0
    while at + 8 <= length:
        file.seek(at)
        head = file.read(16)
        size, kind, content = int.from_bytes(head[:4], "big"), head[4:8], 8
        if at == 0 and kind != b"ftyp":
            raise ValidationError(path, "is no MP4 file")
        if size == 1:
            size, content = int.from_bytes(head[8:16], "big"), 16
        elif size == 0:
            size = length - at
        if size < content:
            raise ValidationError(path, f"is damaged: it has a box of {size} bytes at byte {at}")
        yield _Element(kind, at, at + content, at + size)
        at += size


def _elements(file: BinaryIO, length: int, path: str) -> Iterator[_Element]:
    """The elements in a Matroska file's segment and after it (RFC 8794, RFC 9559)."""
    at = 0
    while at < length:
        element = _element(file, at, length, path)
        if element is None:
            return
        if at == 0 and element.kind != _EBML:
            raise ValidationError(path, "is no Matroska file")
        yield element
        at = element.content if element.kind == _SEGMENT else element.end


def _element(file: BinaryIO, at: int, length: int, path: str) -> _Element | None:
    file.seek(at)
    head = file.read(12)
    id_length = 9 - head[0].bit_length()
    if id_length > 4:
        raise ValidationError(path, f"is damaged: it has no element at byte {at}")
    rest = head[id_length:]
    if not rest:
        return None
    size_length = 9 - rest[0].bit_length()
    if size_length > 8:
        raise ValidationError(path, f"is damaged: its element at byte {at} has no length")
    if len(rest) < size_length:
        return None
    kind = int.from_bytes(head[:id_length], "big")
    content = at + id_length + size_length
    size = int.from_bytes(rest[:size_length], "big") & (1 << 7 * size_length) - 1
    if size == (1 << 7 * size_length) - 1:  # not known when it was written
        if kind != _SEGMENT:
            raise ValidationError(path, f"has an element of unknown length at byte {at}")
        size = length - content
    # A file that was cut off is read as far as it goes, whatever its segment says.
    end = min(content + size, length) if kind == _SEGMENT else content + size
    return _Element(kind, at, content, end)


def _chunks(file: BinaryIO, length: int, path: str) -> Iterator[_Element]:
    """The chunks of a WAV file."""
    file.seek(0)
    if file.read(4) != b"RIFF" or file.read(8)[4:] != b"WAVE":
        raise ValidationError(path, "is no WAV file")
    at = 12
    while at + 8 <= length:
        file.seek(at)
        head = file.read(8)
        size = int.from_bytes(head[4:], "little")
        yield _Element(head[:4], at, at + 8, at + 8 + size)
        at += 8 + size + size % 2


_WALKS = {"box": _boxes, "element": _elements, "chunk": _chunks}


def _grow_segment(file: BinaryIO, length: int, added: int) -> None:
    for element in _elements(file, length, file.name):
        if element.kind == _SEGMENT:
            field = element.content - element.begin - 4
            size = element.end - element.content + added
            file.seek(element.begin + 4)
            file.write((size | 1 << 7 * field).to_bytes(field, "big"))
            return


def _grow_riff(file: BinaryIO, length: int, added: int) -> None:
    file.seek(4)
    file.write((length + added - 8).to_bytes(4, "little"))
