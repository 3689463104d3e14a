"""A session from a file that a stranger may have made: checked as a whole, then made at once."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence

from attrs import frozen

from longtake.blobs.payload import check_mime
from longtake.blobs.protocol import BlobStore
from longtake.errors import (
    Blaming,
    SessionExists,
    SessionNotFound,
    ValidationError,
    shown,
)
from longtake.families.family import ModelFamily
from longtake.plugins.registry import Registry
from longtake.schema.wire import structure
from longtake.session_stores.checks import check_labels, check_session_id
from longtake.session_stores.protocol import SessionStore
from longtake.session_stores.records import (
    SessionRecord,
    SessionSegment,
    new_attempt,
)
from longtake.sessions.archive import Archive, opened_archive
from longtake.sessions.attempts import Attempt, OwnBlobs, Patience
from longtake.sessions.contents import NamedBlobs
from longtake.sessions.manifest import (
    FORMAT,
    MANIFEST,
    MOST_MANIFEST,
    ExportedSegment,
    Manifest,
    blob_entry,
    state_entry,
)
from longtake.sessions.steps import state_digest, with_blob_ids
from longtake.settings import Settings
from longtake.states.budget import read_document
from longtake.states.state import ContinuationState

__all__ = ["import_session"]

_HOLD_SECONDS = 86400.0
"""Seconds that a session store which is away is waited for."""
_BLOB_NAME = re.compile(r"blob-([0-9a-f]{64})(?:-(?:[2-9]|[1-9][0-9]{1,8}))?", re.ASCII)
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:.+", re.ASCII | re.DOTALL)


def import_session(
    sessions: SessionStore,
    path: str | os.PathLike[str],
    *,
    session_id: str | None = None,
    blobs: BlobStore | None = None,
    registry: Registry | None = None,
    labels: Mapping[str, str] | None = None,
) -> SessionRecord:
    """Make the session that `export_session` wrote to the file ``path``.

    The file may come from anybody. All of it is checked before anything is written: names, sizes
    and digests of its entries, ids, and what each state refers to, as its family says. Then the
    blobs are put under new ids, and the session is created in one step; its states have the same
    digests as where it comes from. When anything is refused, nothing is left behind.

    ``session_id``: by default the one that it had. ``blobs``: for its blobs; may be left out when
    it has none. ``registry``: has its family; by default what is installed. ``labels``: beside
    those that it had, in the place of those of the same names. The session is nobody's fork, for
    its parent is in another store.

    Raises `ValidationError` with the path of what is wrong in the file, `UnknownNameError` for a
    family that is not installed, and `SessionExists`.
    """
    more_labels = check_labels(labels or {})
    with opened_archive(path) as archive:
        export = _read(archive, registry or Registry.default())
        wanted = check_session_id(export.manifest.session.id if session_id is None else session_id)
        _check_absent(sessions, wanted)
        if export.manifest.blobs and blobs is None:
            raise ValidationError("blobs", "the session has blobs; say where they are to be kept")
        return _create(sessions, wanted, export, blobs, more_labels)


@frozen
class _Export:
    """An export that has been checked. ``states``: after its segments, with names of blobs."""

    archive: Archive
    manifest: Manifest
    family: ModelFamily
    states: Sequence[ContinuationState | None]


def _read(archive: Archive, registry: Registry) -> _Export:
    manifest = _manifest(archive)
    _check_names(archive, manifest)
    for entry, facts in manifest.entries.items():
        for _ in archive.pieces(entry, facts):
            pass  # raises for a damaged one
    archive.check_seal()
    family = registry.family(manifest.session.family)
    states = [_state(archive, manifest, family, index) for index in range(len(manifest.segments))]
    return _Export(archive, manifest, family, states)


def _manifest(archive: Archive) -> Manifest:
    """The manifest, whose fields have the right types and forms."""
    where = archive.at(MANIFEST)
    text = archive.read(MANIFEST, MOST_MANIFEST)
    try:
        document = read_document(text)
    except (ValueError, RecursionError) as error:
        raise ValidationError(where, f"is no JSON document: {error}") from None
    written = document.get("format") if isinstance(document, dict) else None
    if type(written) is not int or written != FORMAT:
        problem = f"is of format {shown(written)}; this release reads format {FORMAT}"
        raise ValidationError(where, problem)
    manifest = structure(document, Manifest, path=where)
    check_labels(manifest.session.labels, f"{where}.session.labels")
    for name, facts in manifest.blobs.items():
        found = _BLOB_NAME.fullmatch(name)
        if found is None or found[1] != facts.sha256:
            raise ValidationError(f"{where}.blobs", f"has a blob {shown(name)} of another digest")
        check_mime(facts.mime)
    for index, segment in enumerate(manifest.segments):
        _check_segment(segment, manifest, f"{where}.segments[{index}]")
    return manifest


def _check_segment(segment: ExportedSegment, manifest: Manifest, where: str) -> None:
    for name in segment.blob_ids:
        if name not in manifest.blobs:
            raise ValidationError(f"{where}.blob_ids", f"has {shown(name)}, which is not exported")
    for media in segment.media:
        if media not in segment.blob_ids and not _URL.fullmatch(media):
            problem = f"has {shown(media)}, which is neither one of its blobs nor a URL"
            raise ValidationError(f"{where}.media", problem)


def _check_names(archive: Archive, manifest: Manifest) -> None:
    """Refuse entries that the manifest does not know, or that are not there."""
    sizes = archive.sizes
    del sizes[MANIFEST]
    blobs = {blob_entry(facts.sha256) for facts in manifest.blobs.values()}
    states = {
        state_entry(index)
        for index, segment in enumerate(manifest.segments)
        if segment.state_digest is not None
    }
    for name in sorted(sizes.keys() | manifest.entries.keys() | blobs | states):
        facts = manifest.entries.get(name)
        if name not in sizes:
            raise ValidationError(archive.at(name), "is missing")
        if facts is None or name not in blobs | states:
            raise ValidationError(archive.at(name), f"is not what {MANIFEST} knows")
        if facts.size != sizes[name]:
            problem = f"has {sizes[name]} bytes; {facts.size} were exported"
            raise ValidationError(archive.at(name), problem)
        if name in blobs and name != blob_entry(facts.sha256):
            raise ValidationError(archive.at(name), "has another digest than its name")
    held = {name for segment in manifest.segments for name in segment.blob_ids}
    if held != manifest.blobs.keys():
        problem = "has blobs that no segment refers to"
        raise ValidationError(f"{archive.at(MANIFEST)}.blobs", problem)


def _state(
    archive: Archive, manifest: Manifest, family: ModelFamily, index: int
) -> ContinuationState | None:
    """The state after a segment, when it is the one that its digest says."""
    segment, entry = manifest.segments[index], state_entry(index)
    if segment.state_digest is None:
        return None
    where = archive.at(entry)
    text = archive.read(entry, 2 * Settings.from_environment().state_bytes)  # base64 is 4 to 3
    try:
        state = ContinuationState.from_json(text)
    except ValidationError as error:
        raise ValidationError(where, f"is no state: {error}") from None
    names = _names_in(state, family, where)
    if not segment.state_digest or names - set(segment.blob_ids):
        raise ValidationError(where, "refers to blobs that its segment does not name")
    if (
        state_digest(state, tuple(sorted(names)), NamedBlobs(manifest.blobs))
        != segment.state_digest
    ):
        raise ValidationError(where, "is not the state whose digest the manifest has")
    _moved(state, family, {name: new_attempt() for name in names}, where)  # refuses it early
    return state


def _moved(
    state: ContinuationState, family: ModelFamily, ids: Mapping[str, str], where: str
) -> ContinuationState:
    """``state`` with other ``ids`` for the names of its blobs; with nothing else changed."""
    names = _names_in(state, family, where)
    moved = with_blob_ids(state, {name: ids[name] for name in names})
    if _names_in(moved, family, where) != {ids[name] for name in names}:
        raise ValidationError(where, "refers to a blob in more than one way")
    return moved


def _names_in(state: ContinuationState, family: ModelFamily, where: str) -> set[str]:
    """What ``state`` refers to, as its codec says."""
    if family.codec(state.kind) is None:
        known = ", ".join(repr(codec.kind) for codec in family.codecs) or "none"
        problem = f"is of kind {shown(state.kind)}; the installed {family.name!r} reads {known}"
        raise ValidationError(where, problem)
    try:
        with Blaming(f"the codec of {state.kind!r}"):
            return set(family.blob_ids(state))
    except ValidationError as error:
        raise ValidationError(where, f"is no state of its family: {error}") from None


def _check_absent(sessions: SessionStore, session_id: str) -> None:
    """Refuse early what would be refused at last."""
    try:
        sessions.read(session_id)
    except SessionNotFound:
        return
    raise SessionExists(f"session {session_id!r} is there already; take another id")


def _create(
    sessions: SessionStore,
    session_id: str,
    export: _Export,
    blobs: BlobStore | None,
    labels: Mapping[str, str],
) -> SessionRecord:
    own = None if blobs is None else OwnBlobs(blobs, _HOLD_SECONDS)
    attempt = Attempt(sessions, own, hold_seconds=_HOLD_SECONDS, patience=Patience())
    try:
        ids = {} if own is None else _put(export, own)
        attempt.take(tuple(ids.values()))
        count = len(export.manifest.segments)
        segments = [_committed(export, index, ids, attempt.id) for index in range(count)]
    except BaseException:
        attempt.abandon()
        raise
    session = export.manifest.session
    return attempt.commit(
        lambda: sessions.create(
            session_id,
            family=session.family,
            preset=session.preset,
            labels={**session.labels, **labels},
            segments=segments,
            attempt=attempt.id,
            hold=attempt.hold,
        )
    )


def _put(export: _Export, own: OwnBlobs) -> dict[str, str]:
    """The ids of the export's blobs, by their names."""
    ids = {}
    for name, facts in export.manifest.blobs.items():
        entry = blob_entry(facts.sha256)
        pieces = export.archive.pieces(entry, export.manifest.entries[entry])
        ids[name] = own.put(pieces, mime=facts.mime)
    return ids


def _committed(
    export: _Export, index: int, ids: Mapping[str, str], attempt: str
) -> tuple[SessionSegment, ContinuationState | None]:
    """The segment and its state, with the new ids of their blobs."""
    exported, state = export.manifest.segments[index], export.states[index]
    segment = SessionSegment(
        index=index,
        step=exported.step,
        attempt=attempt,
        request=exported.request,
        state_digest=exported.state_digest,
        media=tuple(ids.get(each, each) for each in exported.media),
        blob_ids=tuple(ids[each] for each in exported.blob_ids),
        seconds=exported.seconds,
        made_by=exported.made_by,
        versions=exported.versions,
        committed=exported.committed,
    )
    if state is None:
        return segment, None
    where = export.archive.at(state_entry(index))
    return segment, _moved(state, export.family, ids, where)
