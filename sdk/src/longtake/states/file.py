"""The state of a take in a file: read, checked, and replaced as a whole after every segment."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from longtake.blobs.protocol import BlobStore
from longtake.durable import replace_file
from longtake.errors import BlobError, OutputError, ValidationError
from longtake.files import check_replaceable, read_bounded
from longtake.media.names import free_name
from longtake.settings import Settings
from longtake.states.state import ContinuationState

__all__ = ["StateFile", "check_state_target", "read_state"]

logger = logging.getLogger(__name__)


def read_state(path: Path) -> ContinuationState:
    """The state in the file at ``path``. Raises `ValidationError` naming the file.

    Only a regular file is read, of at most twice what `Settings` let a state take.
    """
    data = read_bounded(path, 2 * Settings.from_environment().state_bytes)  # base64 is 4 to 3
    try:
        return ContinuationState.from_json(data)
    except ValidationError as error:
        raise ValidationError(str(path), f"is not a state: {error}") from None


def check_state_target(path: Path) -> None:
    """Raise `OutputError` when no state can be written at ``path``. Changes nothing."""
    check_replaceable(path)


class StateFile:
    """Where a rolling take keeps its newest state.

    A blob that only a superseded state of this object referred to is dropped once the file no
    longer does; those of ``given``, the state that the take goes on from, are its owner's.
    ``kept``: the state that the file has already, of the very take. ``blob_ids``: of the blobs that
    a state refers to; nothing is dropped without a store.
    """

    def __init__(
        self,
        path: Path,
        blob_ids: Callable[[ContinuationState], Iterable[str]],
        *,
        blobs: BlobStore | None = None,
        given: ContinuationState | None = None,
        kept: ContinuationState | None = None,
    ) -> None:
        self.path = path
        self._ids_of = blob_ids
        self._blobs = blobs
        self._given = self._blob_ids(given)
        self._kept = self._blob_ids(kept)
        self._found = _identity(path)

    def move(self, path: Path) -> None:
        """Keep the state at ``path`` from now on; what there is goes there, too."""
        with contextlib.suppress(FileNotFoundError):
            os.replace(self.path, path)
        self.path = path
        self._found = _identity(path)

    def save(self, state: ContinuationState) -> None:
        """Put ``state`` in the place of the one before. Raises `OutputError`, which keeps that."""
        written = self._blob_ids(state)
        self._give_way()
        try:
            replace_file(os.path.realpath(self.path), state.to_json().encode())
        except OSError as error:
            self._drop(written - self._kept)
            problem = f"the state cannot be written: {error.strerror or error}"
            raise OutputError(str(self.path), problem) from error
        self._found = _identity(self.path)
        superseded, self._kept = self._kept - written, written
        self._drop(superseded)

    def _give_way(self) -> None:
        """Go to a free name where somebody has put a file of their own at this one."""
        found = _identity(self.path)
        if found in (None, self._found):
            return
        old, self.path = self.path, Path(free_name(str(self.path)))
        logger.warning(
            "%s was put there by somebody else; the state of the take is in %s", old, self.path
        )

    def discard(self, state: ContinuationState | None) -> None:
        """Drop the blobs of a state that will not be saved."""
        self._drop(self._blob_ids(state) - self._kept)

    def remove(self) -> None:
        """Remove the file and what it alone refers to: the take has ended."""
        if _identity(self.path) == self._found:
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


def _identity(path: Path) -> tuple[int, int, int] | None:
    """What tells the file at ``path`` from another, also from one that got its number later."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns
