"""The two big parts of a continuation state: where their bytes are, and getting or putting them.

In the payload, ``video`` is ``{"frames_b64": [PNG, ...]}`` or
``{"blob_id": ..., "frame_count": n}``, and ``audio`` is ``{"safetensors_b64": ...}`` or
``{"blob_id": ...}``.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from functools import partial
from typing import Any

from attrs import field, frozen

import longtake as lt
from longtake_ltx2.continuation.checks import (
    base64_bytes,
    base64_size,
    blob_id,
    integer,
    object_,
    refuse,
    shown,
)
from longtake_ltx2.continuation.tensors import MAX_TENSOR_BYTES
from longtake_ltx2.continuation.v1.frames import (
    MAX_ENCODED_BYTES,
    MAX_FRAMES,
    EncodedFile,
    unpack_frames,
)

__all__ = ["Part", "read_tensors", "read_video", "write_tensors", "write_video"]

FRAMES_MIME = "application/x-fastvideo-frames+png"
TENSOR_MIME = "application/x-fastvideo-tensor+safetensors"

_MAX_FRAMES_BLOB_BYTES = MAX_ENCODED_BYTES + 4 * (1 + MAX_FRAMES)


@frozen
class Part:
    """One part as it was read.

    - ``path``: of its bytes in the document.
    - ``blob_id``: None when it is inline or absent.
    - ``files``: make the PNG files, or the safetensors file; empty when it is absent or not
      fetched.
    - ``num_bytes``: how large it is encoded; None when that is not known.
    - ``frame_count``: as the document says it.
    """

    path: str
    blob_id: str | None = None
    files: tuple[EncodedFile, ...] = field(default=(), repr=False)
    num_bytes: int | None = None
    frame_count: int | None = None

    @property
    def where(self) -> str:
        """``"inline"``, ``"blob:<id>"`` or ``"absent"``."""
        if self.blob_id is not None:
            return f"blob:{self.blob_id}"
        return "inline" if self.files else "absent"

    @property
    def unfetched_id(self) -> str | None:
        """The id of a blob that was not fetched."""
        return None if self.files else self.blob_id


def read_video(payload: Mapping[str, Any], blobs: lt.BlobStore | None) -> Part:
    """The PNG files of a payload; raises `longtake.ValidationError`."""
    path = "state.payload.video"
    if "video" not in payload:
        return Part(path, num_bytes=0)
    video = object_(payload["video"], path)
    part = _read_video(video, path, blobs)
    if "frame_count" not in video:
        return part
    count_path = f"{path}.frame_count"
    count = integer(video["frame_count"], count_path, low=1, high=MAX_FRAMES)
    if part.files and count != len(part.files):
        refuse(count_path, f"is {count}, but there are {len(part.files)} frames")
    return Part(part.path, part.blob_id, part.files, part.num_bytes, count)


def read_tensors(payload: Mapping[str, Any], name: str, blobs: lt.BlobStore | None) -> Part:
    """A safetensors file of a payload, by its field; raises `longtake.ValidationError`."""
    path = f"state.payload.{name}"
    if name not in payload:
        return Part(path, num_bytes=0)
    part = object_(payload[name], path)
    stored = _blob_id(part, "safetensors_b64", path)
    if stored is None:
        path = f"{path}.safetensors_b64"
        file = base64_bytes(part["safetensors_b64"], path, limit=MAX_TENSOR_BYTES)
        return Part(path, files=(_at_hand(file),), num_bytes=len(file))
    path = f"{path}.blob_id"
    if blobs is None:
        return Part(path, stored)
    blob = _fetch(blobs, stored, path, limit=MAX_TENSOR_BYTES)
    return Part(path, stored, (_at_hand(blob),), len(blob))


def write_video(blob: bytes, blobs: lt.BlobStore | None, threshold: int) -> dict[str, Any]:
    """The payload's ``video``; to ``blobs``, when given, above ``threshold`` bytes of PNG files.

    ``blob``: as `encode_frames` makes it.
    """
    pngs = unpack_frames(memoryview(blob), "state.video_frames")
    num_bytes = sum(map(len, pngs))
    if num_bytes > MAX_ENCODED_BYTES:
        refuse("state.video_frames", f"are more than {MAX_ENCODED_BYTES} bytes as PNG files")
    if blobs is not None and num_bytes > threshold:
        return {"blob_id": blobs.put(blob, mime=FRAMES_MIME), "frame_count": len(pngs)}
    return {"frames_b64": [base64.b64encode(png).decode("ascii") for png in pngs]}


def write_tensors(file: bytes, blobs: lt.BlobStore | None, threshold: int) -> dict[str, Any]:
    """The field of a safetensors file; to ``blobs``, when given, above ``threshold`` bytes."""
    if blobs is not None and len(file) > threshold:
        return {"blob_id": blobs.put(file, mime=TENSOR_MIME)}
    return {"safetensors_b64": base64.b64encode(file).decode("ascii")}


def _read_video(video: dict[str, Any], path: str, blobs: lt.BlobStore | None) -> Part:
    stored = _blob_id(video, "frames_b64", path)
    if stored is None:
        path = f"{path}.frames_b64"
        files, num_bytes = _inline_pngs(video["frames_b64"], path)
        return Part(path, files=files, num_bytes=num_bytes)
    path = f"{path}.blob_id"
    if blobs is None:
        return Part(path, stored)
    blob = _fetch(blobs, stored, path, limit=_MAX_FRAMES_BLOB_BYTES)
    pngs = tuple(_at_hand(png) for png in unpack_frames(blob, path))
    return Part(path, stored, pngs, len(blob))


def _inline_pngs(value: object, path: str) -> tuple[tuple[EncodedFile, ...], int]:
    """The files, and how many bytes they are together."""
    if not isinstance(value, list | tuple):
        refuse(path, f"is {shown(value)}; must be a list of base64 PNG files")
    most = min(MAX_FRAMES, lt.StateLimits.current().frames)
    if not 1 <= len(value) <= most:
        refuse(path, f"holds {len(value)} frames; must be from 1 to {most}")
    files: list[EncodedFile] = []
    left = MAX_ENCODED_BYTES
    for index, text in enumerate(value):
        where = f"{path}[{index}]"
        left -= base64_size(text, where, limit=left)
        files.append(partial(base64_bytes, text, where, limit=MAX_ENCODED_BYTES))
    return tuple(files), MAX_ENCODED_BYTES - left


def _at_hand(file: bytes | memoryview) -> EncodedFile:
    return lambda: file


def _blob_id(part: dict[str, Any], inline: str, path: str) -> str | None:
    """The id in a part that is stored; None for one that is inline."""
    if (inline in part) == ("blob_id" in part):
        refuse(path, f"must have either {inline!r} or 'blob_id'")
    return blob_id(part["blob_id"], f"{path}.blob_id") if "blob_id" in part else None


def _fetch(blobs: lt.BlobStore, stored: str, path: str, *, limit: int) -> memoryview:
    try:
        blob = memoryview(blobs.get(stored)).cast("B")
    except KeyError:  # BlobNotFound, or what a store outside Longtake raises
        refuse(path, f"blob {stored[:6]!r}... is not in the blob store; was it dropped?")
    if len(blob) > limit:
        refuse(path, f"the blob is {len(blob)} bytes; at most {limit} are read")
    return blob
