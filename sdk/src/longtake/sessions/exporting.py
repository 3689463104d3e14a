"""A session as one file: its segments, their states, and every blob that they refer to."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from attrs import define, evolve, field

from longtake.blobs.payload import DEFAULT_MIME
from longtake.blobs.powers import SupportsStat
from longtake.blobs.protocol import BlobStore
from longtake.durable import replacement
from longtake.errors import Conflict, OutputError, SessionError, ValidationError
from longtake.files import check_replaceable
from longtake.session_stores.protocol import SessionStore
from longtake.session_stores.records import SessionRecord, SessionSegment
from longtake.sessions.archive import EntryWriter, seal
from longtake.sessions.contents import NamedBlobs
from longtake.sessions.manifest import (
    FORMAT,
    MANIFEST,
    MOST_MANIFEST,
    BlobFacts,
    ExportedSegment,
    ExportedSession,
    Manifest,
    blob_entry,
    blob_name,
    canonical,
    state_entry,
)
from longtake.sessions.steps import state_digest, with_blob_ids
from longtake.states.budget import read_document

__all__ = ["export_session"]


def export_session(
    sessions: SessionStore,
    session_id: str,
    path: str | os.PathLike[str],
    *,
    blobs: BlobStore | None = None,
    overwrite: bool = False,
) -> SessionRecord:
    """Write a session to the file ``path``, from which `import_session` makes it again, anywhere.

    The file is a zip file with a manifest: the segments, the state after each, all their blobs, and
    the digests of all of it. The same session gives the same bytes. ``blobs``: where the segments'
    blobs are; it may be left out when there are none. Returns the session as it was exported; what
    others commit meanwhile is not in it.

    Raises `SessionNotFound`, `BlobNotFound`, `Conflict` when segments are rewound meanwhile,
    `SessionError` for a state that is not the one that was committed, and `OutputError` for a file
    that cannot be written, or is there, unless ``overwrite``, and for a session whose segments say
    more than `import_session` reads; nothing is left behind.
    """
    name = os.fspath(path)
    check_replaceable(name)
    if os.path.lexists(name) and not overwrite:
        raise OutputError(name, "is there already; name another file, or say overwrite")
    record = sessions.read(session_id)
    with _written(name) as temporary, open(temporary, "wb+") as file:
        with EntryWriter(file) as writer:
            _Export(sessions, record, blobs, writer, name).write()
        seal(file)
    return record


@contextmanager
def _written(name: str) -> Iterator[str]:
    try:
        with replacement(os.path.realpath(name)) as temporary:
            yield temporary
    except OSError as error:
        if isinstance(error, SessionError | OutputError) or not error.errno:
            raise  # of a store
        problem = f"cannot be written: {error.strerror or error}"
        raise OutputError(name, problem) from error


@define
class _Export:
    """A session that is being written to ``_path``. ``_names``: of its blobs, by their ids.

    ``_numbers``: how many blobs have the same bytes, by their digest.
    """

    _sessions: SessionStore
    _record: SessionRecord
    _blobs: BlobStore | None
    _writer: EntryWriter
    _path: str
    _names: dict[str, str] = field(factory=dict, init=False)
    _facts: dict[str, BlobFacts] = field(factory=dict, init=False)
    _numbers: dict[str, int] = field(factory=dict, init=False)

    def write(self) -> None:
        segments = self._history()
        without_blobs = [evolve(each, media=(), blob_ids=()) for each in segments]
        self._manifest([self._named(each) for each in without_blobs])  # refuses most of them early
        for segment in segments:
            for blob_id in segment.blob_ids:
                if blob_id not in self._names:
                    self._write_blob(blob_id, segment)
        exported = [self._segment(segment) for segment in segments]
        self._check_unchanged(segments)
        self._writer.write(MANIFEST, self._manifest(exported))

    def _manifest(self, segments: Sequence[ExportedSegment]) -> bytes:
        """The entry. Raises `OutputError` for one that could not be imported."""
        record = self._record
        manifest = Manifest(
            format=FORMAT,
            session=ExportedSession(
                id=record.id,
                family=record.family,
                preset=record.preset,
                labels=dict(sorted(record.labels.items())),
                parent=record.parent,
            ),
            segments=tuple(segments),
            blobs=self._facts,
            entries=dict(self._writer.entries),
        )
        text = manifest.to_json()
        problem = f"has {len(text)} bytes; at most {MOST_MANIFEST} are read"
        try:
            if len(text) <= MOST_MANIFEST:
                read_document(text)
                return text
        except (ValueError, RecursionError) as error:
            problem = f"could not be read again: {error}"
        raise OutputError(
            self._path,
            f"cannot be imported: its {MANIFEST} {problem}; export a fork of the first of its "
            f"{len(segments)} segments",
        )

    def _history(self) -> list[SessionSegment]:
        count = self._record.num_segments
        return self._sessions.history(self._record.id, limit=count) if count else []

    def _check_unchanged(self, segments: list[SessionSegment]) -> None:
        if [each.attempt for each in self._history()] != [each.attempt for each in segments]:
            now = self._sessions.read(self._record.id).revision
            raise Conflict(self._record.id, now, self._record.revision)

    def _write_blob(self, blob_id: str, segment: SessionSegment) -> None:
        if self._blobs is None:
            problem = f"segment {segment.index} refers to blobs; say where they are"
            raise ValidationError("blobs", problem)
        data = self._blobs.get(blob_id)
        sha256 = hashlib.sha256(data).hexdigest()
        mime = self._blobs.stat(blob_id).mime if isinstance(self._blobs, SupportsStat) else ""
        number = self._numbers[sha256] = self._numbers.get(sha256, 0) + 1
        if number == 1:
            self._writer.write(blob_entry(sha256), data)
        name = blob_name(sha256, number)
        self._names[blob_id] = name
        self._facts[name] = BlobFacts(sha256=sha256, mime=mime or DEFAULT_MIME)

    def _segment(self, segment: SessionSegment) -> ExportedSegment:
        """The segment as it is exported, when the state after it is written."""
        names, exported = self._names, self._named(segment)
        state = self._sessions.state(self._record.id, segment.index)
        if state is None and segment.state_digest is None:
            return exported
        if state is None:
            raise self._damaged(segment)
        named = with_blob_ids(state, {each: names[each] for each in segment.blob_ids})
        digest = state_digest(named, exported.blob_ids, NamedBlobs(self._facts))
        if segment.state_digest not in (None, digest):
            raise self._damaged(segment)
        self._writer.write(state_entry(segment.index), canonical(named))
        return evolve(exported, state_digest=digest)

    def _named(self, segment: SessionSegment) -> ExportedSegment:
        """The segment with the names of its blobs."""
        names = self._names
        return ExportedSegment(
            step=segment.step,
            request=segment.request,
            state_digest=segment.state_digest,
            media=tuple(names.get(each, each) for each in segment.media),
            blob_ids=tuple(names[each] for each in segment.blob_ids),
            seconds=segment.seconds,
            made_by=segment.made_by,
            versions=segment.versions,
            committed=segment.committed,
        )

    def _damaged(self, segment: SessionSegment) -> SessionError:
        return SessionError(
            f"session {self._record.id!r}: the state after segment {segment.index} is not the one "
            "that was committed; its store is damaged"
        )
