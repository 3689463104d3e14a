"""Where the segments of a served take are kept: as the stream that players get."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import longtake as lt
from longtake_serve.media.ending import end_after
from longtake_serve.media.pieces import put_piece, state_of

__all__ = ["StreamMedia"]


class StreamMedia:
    """The `longtake.MediaSink` that makes each segment the next fragment of its take's stream.

    The state of the stream comes from the session's last segment, so any worker goes on, also after
    a kill, and a segment that is made again has the same bytes. ``audio_codec``: of new takes,
    lossless FLAC or AAC.
    """

    def __init__(
        self, sessions: lt.SessionStore, *, audio_codec: Literal["aac", "flac"] = "flac"
    ) -> None:
        self._sessions = sessions
        self._audio_codec = audio_codec

    def keep(self, made: lt.MadeSegment, blobs: lt.BlobStore | None) -> Sequence[str]:
        """As `longtake.MediaSink.keep`: the ids of the fragment, of its document, and of the end.

        Raises `longtake.ValidationError` without a store, and for a session whose last segment was
        kept in another way; `longtake.Conflict` when another segment is the last one by now.
        """
        if blobs is None:
            raise lt.ValidationError("blobs", "give the store where the stream is to be kept")
        finished = None if made.finish is None else made.finish()  # first: it takes the pipeline
        before = self._before(made, blobs)
        streamed = lt.stream_segment(before, made.result, audio_codec=self._audio_codec)
        end = end_after(streamed.state, finished)
        return put_piece(streamed, before, end, blobs)

    def _before(self, made: lt.MadeSegment, blobs: lt.BlobStore) -> lt.StreamState | None:
        if made.index == 0:
            return None
        found = self._sessions.history(made.session_id, start=made.index - 1, limit=1)
        if not found or found[0].state_digest != made.begins_after:
            session = self._sessions.read(made.session_id)
            raise lt.Conflict(made.session_id, session.revision, session.revision - 1)
        return state_of(found[0].media, blobs)
