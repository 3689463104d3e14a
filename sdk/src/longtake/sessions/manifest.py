"""What an exported session's manifest says: format 1, which is read for ever.

An export is a zip file whose entries are stored as they are, in this order:

===================  ==============================================================================
``blobs/SHA256``     bytes of one or more blobs, each only once
``states/N.json``    the state after segment ``N``, as canonical JSON, with the names of blobs in
                     the place of their ids
``manifest.json``    a `Manifest`: the session, its segments, the blobs by their names, and the size
                     and digest of every other entry
===================  ==============================================================================

Ids of blobs are nobody's business but their store's, so they are not in it: a blob is called after
its digest, ``blob-SHA256``; a second one of the same bytes ``blob-SHA256-2``, and so on.
"""

from __future__ import annotations

import json
import re
from typing import Any

from attrs import field, frozen

from longtake.schema.bounds import between, integer_from
from longtake.schema.texts import texts
from longtake.schema.wire import unstructure
from longtake.session_stores.checks import is_session_id
from longtake.session_stores.records import SessionParent
from longtake.states.state import ContinuationState

__all__ = [
    "BLOB_ENTRY",
    "FORMAT",
    "MANIFEST",
    "MOST_MANIFEST",
    "STATE_ENTRY",
    "BlobFacts",
    "EntryFacts",
    "ExportedSegment",
    "ExportedSession",
    "Manifest",
    "blob_entry",
    "blob_name",
    "canonical",
    "state_entry",
]

FORMAT = 1
MANIFEST = "manifest.json"
MOST_MANIFEST = 2**26
"""Bytes of the entry; a larger one is neither written nor read."""
BLOB_ENTRY = re.compile(r"blobs/[0-9a-f]{64}", re.ASCII)
STATE_ENTRY = re.compile(r"states/(?:0|[1-9][0-9]{0,9})\.json", re.ASCII)

_count = integer_from(0)


@frozen(kw_only=True)
class EntryFacts:
    """``size`` in bytes, and ``sha256`` in hexadecimal, of an entry."""

    size: int = field(validator=_count)
    sha256: str


@frozen(kw_only=True)
class BlobFacts:
    """``sha256``: of its bytes, which names the entry that has them. ``mime``: as it was put."""

    sha256: str
    mime: str


@frozen(kw_only=True)
class ExportedSegment:
    """A `SessionSegment`; its ``media`` and ``blob_ids`` are names of blobs, or URLs of media."""

    step: str
    request: dict[str, Any] = field(repr=False, validator=texts)
    state_digest: str | None
    media: tuple[str, ...]
    blob_ids: tuple[str, ...] = field(repr=False)
    seconds: float = field(validator=between(0))
    made_by: str
    versions: dict[str, str] = field(repr=False)
    committed: float = field(validator=between(0))


@frozen(kw_only=True)
class ExportedSession:
    """Which session it was. ``parent``: in the store that it comes from."""

    id: str = field(validator=is_session_id)
    family: str
    preset: str
    labels: dict[str, str]
    parent: SessionParent | None


@frozen(kw_only=True)
class Manifest:
    """All that there is in an export. ``blobs``: by name. ``entries``: by name, the others."""

    format: int
    session: ExportedSession
    segments: tuple[ExportedSegment, ...]
    blobs: dict[str, BlobFacts]
    entries: dict[str, EntryFacts]

    def to_json(self) -> bytes:
        """The entry ``manifest.json``, the same bytes for the same manifest."""
        document = unstructure(self)
        text = json.dumps(document, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
        return f"{text}\n".encode()


def state_entry(index: int) -> str:
    """The name of the entry with the state after the segment ``index``."""
    return f"states/{index}.json"


def blob_entry(sha256: str) -> str:
    """The name of the entry with the bytes of this digest."""
    return f"blobs/{sha256}"


def blob_name(sha256: str, number: int) -> str:
    """What the blob with these bytes is called; ``number``: from 1, of those with the same."""
    return f"blob-{sha256}" if number == 1 else f"blob-{sha256}-{number}"


def canonical(state: ContinuationState) -> bytes:
    """The state as JSON with sorted keys and no spaces, in ASCII: what its digest is made of."""
    document = {"kind": state.kind, "payload": state.payload}
    return json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
