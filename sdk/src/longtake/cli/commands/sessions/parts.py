"""The picture and sound of a session's segments as files: parts of its take."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from attrs import define, field

from longtake.blobs.protocol import BlobStore
from longtake.errors import BlobNotFound, ValidationError
from longtake.session_stores.records import SessionSegment

__all__ = ["Parts"]


@define
class Parts:
    """Writes what is in ``blobs`` to ``folder``, each blob once, also where branches share it."""

    _blobs: BlobStore
    _folder: Path
    _written: dict[str, Path] = field(factory=dict, init=False)

    def of(self, session_id: str, segments: Sequence[SessionSegment]) -> list[Path]:
        """A file for each segment.

        Raises `ValidationError` for a segment whose picture and sound are not in the store.
        """
        return [self._of_segment(session_id, segment) for segment in segments]

    def _of_segment(self, session_id: str, segment: SessionSegment) -> Path:
        where = f"session {session_id}, segment {segment.index + 1}"
        own = [each for each in segment.media if each in segment.blob_ids]
        if not own:
            elsewhere = f"; they are in {', '.join(segment.media)}" if segment.media else ""
            raise ValidationError(where, f"its picture and sound are in no blob{elsewhere}")
        blob_id = own[0]
        if blob_id not in self._written:
            try:
                data = self._blobs.get(blob_id)
            except BlobNotFound as error:
                problem = f"its picture and sound are not in the blob store: {error}"
                raise ValidationError(where, problem) from error
            path = self._folder / f"part-{len(self._written) + 1}.mkv"
            path.write_bytes(data)
            self._written[blob_id] = path
        return self._written[blob_id]
