"""Sessions to export, as they lie in a store, made without rolling anything."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from attrs import field, frozen

import longtake as lt
from longtake.plugins.loading import Plugin
from tests.sdk.toy_family import FOG, FogCodec, FogState

REGISTRY = lt.Registry([Plugin("toys", "longtake-toys", "1.2", "loaded", families=(FOG,))])
Entries = list[tuple[ZipInfo, bytes]]


@frozen
class Made:
    """A session ``"take"`` and where it is."""

    sessions: lt.SessionStore = field(factory=lambda: lt.open_session_store("memory:"))
    blobs: lt.BlobStore = field(factory=lambda: lt.open_blob_store("memory:"))

    def commit(
        self, media: Sequence[bytes] = (), *, inline: bool = False, url: str | None = None
    ) -> lt.SessionSegment:
        """One more segment, whose state is a blob unless ``inline``."""
        record = self.sessions.read("take")
        index = record.num_segments
        blobs = None if inline else self.blobs
        state = FogCodec().encode(FogState(index, 5, 4, 6, 9 * (index + 1), 3), blobs)
        state_ids = FogCodec().blob_ids(state)
        ids = tuple(self.blobs.put(data, mime="video/x-matroska") for data in media)
        segment = lt.SessionSegment(
            index=index,
            step=f"step-{index}",
            attempt=f"{index:032x}",
            request={"prompt": f"fog {index}", "sampling": {"seed": 5, "fps": "24000/1001"}},
            state_digest=lt.state_digest(state, state_ids, self.blobs),
            media=ids if url is None else (*ids, url),
            blob_ids=(*state_ids, *ids),
            seconds=0.375,
            made_by="worker-1",
            versions={"longtake": "1.0"},
        )
        return self.sessions.advance("take", record.revision, segment, state)

    def state(self, index: int) -> FogState:
        """The typed state after a segment."""
        state = self.sessions.state("take", index)
        assert state is not None
        return FogCodec().decode(state, self.blobs)

    def media(self) -> list[list[bytes]]:
        """The bytes of each segment's media that are blobs."""
        return [
            [bytes(self.blobs.get(each)) for each in segment.media if each in segment.blob_ids]
            for segment in self.sessions.history("take")
        ]


def made(labels: dict[str, str] | None = None) -> Made:
    """An empty session ``"take"``."""
    found = Made()
    found.sessions.create("take", family="fog", preset="thin@1", labels=labels)
    return found


def exported(folder: Path, one: Made, name: str = "take.zip") -> Path:
    """The file that it is exported to."""
    path = folder / name
    lt.export_session(one.sessions, "take", path, blobs=one.blobs)
    return path


def imported(path: Path, **options: Any) -> Made:
    """Where the session in ``path`` is imported into."""
    found = Made()
    lt.import_session(found.sessions, path, blobs=found.blobs, registry=REGISTRY, **options)
    return found


def forged(path: Path, change: Callable[[Entries], Entries]) -> Path:
    """An export like ``path`` with its entries changed, and a seal as a stranger would make it."""
    with ZipFile(path) as opened:
        entries = change([(info, opened.read(info)) for info in opened.infolist()])
    target = path.with_name("forged.zip")
    with ZipFile(target, "w", ZIP_STORED) as written:
        for info, data in entries:
            written.writestr(info, data, info.compress_type)
    whole = target.read_bytes()
    digest = hashlib.sha256(whole[:-2]).hexdigest()
    comment = f"longtake session export 1 sha256:{digest}".encode()
    target.write_bytes(whole[:-2] + struct.pack("<H", len(comment)) + comment)
    return target


def with_manifest(path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """An export like ``path`` with another manifest."""

    def changed(entries: Entries) -> Entries:
        info, text = entries[-1]
        document = json.loads(text)
        change(document)
        return [*entries[:-1], (info, json.dumps(document).encode())]

    return forged(path, changed)


def replaced_entry(path: Path, name: str, data: bytes) -> Path:
    """An export like ``path`` with other bytes in an entry, and a manifest that says so."""

    def changed(entries: Entries) -> Entries:
        *others, (info, text) = entries
        document = json.loads(text)
        document["entries"][name] = {
            "size": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
        }
        kept = [(each, data if each.filename == name else old) for each, old in others]
        return [*kept, (info, json.dumps(document).encode())]

    return forged(path, changed)
