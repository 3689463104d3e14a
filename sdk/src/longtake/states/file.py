"""The state of a take in a file: read, checked, and replaced as a whole after every segment."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from longtake.blobs.protocol import BlobStore
from longtake.durable import replace_file
from longtake.errors import BlobError, OutputError, ValidationError
from longtake.states.state import ContinuationState

__all__ = ["StateFile", "check_state_target", "read_state"]

logger = logging.getLogger(__name__)


def read_state(path: Path) -> ContinuationState:
    """The state in the file at ``path``. Raises `ValidationError` naming the file."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ValidationError(str(path), f"cannot be read: {error.strerror or error}") from None
    try:
        return ContinuationState.from_json(data)
    except ValidationError as error:
        raise ValidationError(str(path), f"is not a state: {error}") from None


def check_state_target(path: Path) -> None:
    """Raise `OutputError` when no state can be written at ``path``. Changes nothing."""
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise OutputError(str(path), "is a directory; name a file in it")
    if not target.parent.is_dir():
        raise OutputError(str(path), f"there is no folder {target.parent}; create it first")
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise OutputError(str(path), f"the folder {target.parent} is not writable")
    if target.exists() and not os.access(target, os.W_OK):
        raise OutputError(str(path), "there is a read-only file; choose another name")


class StateFile:
    """Where a rolling take keeps its newest state.

    A blob that only a superseded state of this object referred to is dropped once the file no
    longer does; those of ``given``, the state that the take goes on from, are its owner's.
    ``blob_ids``: of the blobs that a state refers to; nothing is dropped without a store.
    """

    def __init__(
        self,
        path: Path,
        blob_ids: Callable[[ContinuationState], Iterable[str]],
        *,
        blobs: BlobStore | None = None,
        given: ContinuationState | None = None,
    ) -> None:
        self.path = path
        self._ids_of = blob_ids
        self._blobs = blobs
        self._given = self._blob_ids(given)
        self._kept: frozenset[str] = frozenset()

    def save(self, state: ContinuationState) -> None:
        """Put ``state`` in the place of the one before. Raises `OutputError`, which keeps that."""
        written = self._blob_ids(state)
        try:
            replace_file(os.path.realpath(self.path), state.to_json().encode())
        except OSError as error:
            self._drop(written - self._kept)
            problem = f"the state cannot be written: {error.strerror or error}"
            raise OutputError(str(self.path), problem) from error
        superseded, self._kept = self._kept - written, written
        self._drop(superseded)

    def discard(self, state: ContinuationState | None) -> None:
        """Drop the blobs of a state that will not be saved."""
        self._drop(self._blob_ids(state) - self._kept)

    def remove(self) -> None:
        """Remove the file and what it alone refers to: the take has ended."""
        self.path.unlink(missing_ok=True)
        superseded, self._kept = self._kept, frozenset()
        self._drop(superseded)

    def _blob_ids(self, state: ContinuationState | None) -> frozenset[str]:
        if state is None or self._blobs is None:
            return frozenset()
        return frozenset(self._ids_of(state))

    def _drop(self, blob_ids: frozenset[str]) -> None:
        for blob_id in blob_ids - self._given:
            assert self._blobs is not None
            try:
                self._blobs.drop(blob_id)
            except BlobError as error:
                logger.warning("a blob that is no longer needed could not be dropped: %s", error)
