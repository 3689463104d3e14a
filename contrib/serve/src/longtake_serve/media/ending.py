"""The end of a take's stream: the sound that its last segment held back, and what was pending."""

from __future__ import annotations

import json
from collections.abc import Sequence
from fractions import Fraction

from attrs import field, frozen

import longtake as lt
from longtake_serve.media.pieces import piece_of, state_of

__all__ = ["StreamEnd", "end_of", "keep_end"]


@frozen(kw_only=True)
class StreamEnd:
    """The last fragment of a finished take.

    ``after``: the digest of the piece that it follows. ``seconds``: how long its sound is, which
    begins before the last picture is over. ``version``: of this form.
    """

    version: int = 1
    after: str
    seconds: Fraction
    fragment: bytes = field(repr=False)


def keep_end(
    sessions: lt.RowSessionStore,
    blobs: lt.BlobStore,
    session_id: str,
    result: lt.GenerationResult,
) -> None:
    """Keep the end of a take, ``result`` of `longtake.Pipeline.finish`, beside its session.

    Where it is not kept, or another segment is the last one by now, `end_of` has silence in its
    place. Raises `longtake.ValidationError` when it does not follow the session's last segment.
    """
    last = sessions.read(session_id).last
    if last is None:
        raise lt.ValidationError("session", f"{session_id} has no segment yet, so no end")
    state = state_of(last.media, blobs)
    if result.first_sample not in (None, state.end_sample):
        problem = f"is {result.first_sample} of the take; the stream goes on at {state.end_sample}"
        raise lt.ValidationError("first_sample", problem)
    end = lt.stream_end(state, result.audio)
    if end is not None:
        made = _end(piece_of(last.media, blobs).digest, state, end)
        data = json.dumps(lt.unstructure(made), separators=(",", ":")).encode()
        sessions.write_rows(lt.RowChange(puts={_key(session_id): data}))


def end_of(
    sessions: lt.SessionStore, blobs: lt.BlobStore, media: Sequence[str], session_id: str
) -> StreamEnd | None:
    """The end behind the last segment, which has ``media``; None when all is there already."""
    piece, state = piece_of(media, blobs), state_of(media, blobs)
    if isinstance(sessions, lt.RowSessionStore):
        (data,) = sessions.read_rows([_key(session_id)])
        if data is not None:
            kept = lt.structure(json.loads(data), StreamEnd)
            if kept.after == piece.digest:
                return kept
    end = lt.stream_end(state)
    return None if end is None else _end(piece.digest, state, end)


def _end(after: str, state: lt.StreamState, end: lt.StreamedSegment) -> StreamEnd:
    begin = state.end_sample if state.tail is None else state.tail.next_packet
    seconds = Fraction(end.state.end_sample - begin, state.sample_rate)
    return StreamEnd(after=after, seconds=seconds, fragment=end.fragment)


def _key(session_id: str) -> str:
    return f"serve/media/{session_id}/end"
