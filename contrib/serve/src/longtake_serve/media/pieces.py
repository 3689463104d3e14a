"""What is kept of each segment's stream: its fragment, a document from which the next goes on, and
the end of the take that it would be the last one of.

All are blobs that the segment's record names, in this order. So they are there before the
segment is committed, belong to it as long as anybody needs it, go with it into forks, exports and
other stores, and whoever rolls the next segment finds them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from attrs import field, frozen

import longtake as lt
from longtake_serve.media.ending import StreamEnd

__all__ = ["StreamPiece", "end_of", "piece_of", "put_piece", "state_of"]

_MIME = "application/vnd.longtake.stream+json"


@frozen(kw_only=True)
class StreamPiece:
    """A fragment of a stream, without the bytes.

    - ``blob_id``: of the fragment; ``size``: its bytes.
    - ``seconds``: how long its pictures are shown, or its sound lasts where it has none.
    - ``has_sound``: whether any sound is in it. ``expects_sound``: whether the take has any.
    - ``initialization``: the bytes that come before it.
    """

    blob_id: str = field(repr=False)
    size: int
    seconds: Fraction
    has_sound: bool
    expects_sound: bool
    initialization: bytes = field(repr=False)

    @property
    def digest(self) -> str:
        """A name that no other fragment has, and that does not tell the blob's id."""
        return hashlib.sha256(self.blob_id.encode()).hexdigest()[:16]


def put_piece(
    made: lt.StreamedSegment,
    before: lt.StreamState | None,
    end: StreamEnd | None,
    blobs: lt.BlobStore,
) -> tuple[str, ...]:
    """Store a segment's stream, and say what its record has of it.

    ``before``: the state that ``made`` goes on from. ``end``: what comes behind it in the end.
    """
    document = _document_of(made, before, end)
    ids = blobs.put(made.fragment, mime="video/mp4"), blobs.put(document, mime=_MIME)
    return ids if end is None else (*ids, blobs.put(end.fragment, mime="video/mp4"))


def piece_of(media: Sequence[str], blobs: lt.BlobStore) -> StreamPiece:
    """The piece of the segment whose record has ``media``.

    Raises `longtake.ValidationError` for what no stream was kept as, and what the store raises.
    """
    document = _document(media, blobs)
    state = lt.structure(document["state"], lt.StreamState)
    return StreamPiece(
        blob_id=media[0],
        size=int(document["size"]),
        seconds=Fraction(document["seconds"]),
        has_sound=bool(document["has_sound"]),
        expects_sound=bool(state.channels),
        initialization=state.initialization,
    )


def state_of(media: Sequence[str], blobs: lt.BlobStore) -> lt.StreamState:
    """The state from which the stream goes on. Raises as `piece_of` does."""
    return lt.structure(_document(media, blobs)["state"], lt.StreamState)


def end_of(media: Sequence[str], blobs: lt.BlobStore) -> StreamEnd | None:
    """The end of a take with this last segment; None when all is there. Raises as `piece_of`."""
    seconds = _document(media, blobs)["end_seconds"]
    if seconds is None:
        return None
    return StreamEnd(seconds=Fraction(seconds), fragment=bytes(blobs.get(media[2])))


def _document_of(
    made: lt.StreamedSegment, before: lt.StreamState | None, end: StreamEnd | None
) -> bytes:
    state = made.state
    if state.height:
        seconds = made.frames / state.fps
    else:
        samples = state.samples - (0 if before is None else before.samples)
        seconds = Fraction(samples, max(1, state.sample_rate))
    document = {
        "version": 1,
        "size": len(made.fragment),
        "seconds": str(seconds),
        "has_sound": made.has_sound,
        "end_seconds": None if end is None else str(end.seconds),
        "state": lt.unstructure(state),
    }
    return json.dumps(document, separators=(",", ":"), sort_keys=True).encode()


def _document(media: Sequence[str], blobs: lt.BlobStore) -> dict[str, Any]:
    problem = "is of no segment that was kept as a stream; roll the take with StreamMedia"
    if len(media) not in (2, 3):
        raise lt.ValidationError("media", problem)
    try:
        document = json.loads(bytes(blobs.get(media[1])))
    except (ValueError, RecursionError):
        raise lt.ValidationError("media", problem) from None
    if not isinstance(document, dict) or document.get("version") != 1:
        raise lt.ValidationError("media", problem)
    if (document.get("end_seconds") is None) != (len(media) == 2):
        raise lt.ValidationError("media", problem)
    return document
