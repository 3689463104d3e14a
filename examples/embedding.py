"""A worker inside a platform, without the platform's HTTP: many takes, one pipeline, some threads.

Requests come as JSON documents and wait for their turn. Each can be cancelled, has a time limit
and is held against the platform's own limits. One worker at a time rolls a take, and its state is
replaced only by whoever read the newest one, so any number of workers may serve the same folder. A
segment's file is there before the state says so, and a request that comes again gets that file.

    python examples/embedding.py FOLDER --model DIR
"""

from __future__ import annotations

import argparse
import fcntl
import json
import logging
import os
import re
import secrets
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from attrs import define, evolve, field, frozen

import longtake as lt

MOST_PIXELS = 1920 * 1088
MOST_FRAMES = 257
LEASE_SECONDS = 600.0
"""How long a blob that no state refers to is kept; more than rolling a segment takes."""

log = logging.getLogger(__name__)

_TAKE_ID = re.compile(r"[a-z0-9-]{1,64}")


class TakeMovedOn(RuntimeError):
    """Somebody else went on with the take meanwhile; read its state again, or give up."""


class TakeBusy(RuntimeError):
    """A segment of the take is on its way; ask again when it is there."""


@frozen
class SavedTake:
    """``version``: how often the state was replaced; 0 and no state for a take not begun.

    ``request_ids``: of the requests that made its segments, one for each version.
    """

    version: int = 0
    state: lt.ContinuationState | None = None
    request_ids: tuple[str, ...] = ()


@frozen
class TakeFolder:
    """The states of takes: one file each, replaced as a whole by compare-and-set.

    Beside it lie the take's segments, ``TAKE-0001.mkv`` and so on, each whole before the state that
    follows it is.
    """

    folder: Path

    def read(self, take_id: str) -> SavedTake:
        """The newest state. Raises `longtake.ValidationError` for a bad id or a damaged file."""
        path = self._path(take_id)
        try:
            document = json.loads(path.read_bytes())
        except FileNotFoundError:
            return SavedTake()
        except ValueError as error:
            raise lt.ValidationError("take", f"its file is not JSON: {error}") from None
        saved = lt.structure(document, SavedTake, path="take")
        if saved.state is None:
            raise lt.ValidationError("take", "its file has no state")
        return saved

    def segment(self, take_id: str, version: int) -> Path:
        """The file of the segment that made the state of this version. Raises like `read`."""
        path = self._path(take_id)
        return path.with_name(f"{path.stem}-{version:04}.mkv")

    def replace(
        self,
        take_id: str,
        known: SavedTake,
        state: lt.ContinuationState,
        *,
        request_id: str = "",
        media: Path | None = None,
    ) -> None:
        """Put ``state`` in the place of ``known``, and ``media`` beside it as its segment.

        Raises `TakeMovedOn` when ``known`` is no longer there; nothing has then changed.
        """
        path = self._path(take_id)
        with self._locked(path):
            if self.read(take_id).version != known.version:
                raise TakeMovedOn(f"take {take_id}: version {known.version} is not the newest")
            saved = SavedTake(known.version + 1, state, (*known.request_ids, request_id))
            document = lt.unstructure(saved)
            if media is not None:  # before the state, which says that it is there
                media.replace(self.segment(take_id, saved.version))
            part = path.with_suffix(".part")
            with part.open("w") as file:
                json.dump(document, file)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)

    def _path(self, take_id: str) -> Path:
        if not _TAKE_ID.fullmatch(take_id):  # before it becomes a path
            raise lt.ValidationError("take", "must be 1 to 64 of a-z, 0-9 and '-'")
        return self.folder / f"{take_id}.json"

    @contextmanager
    def rolling(self, take_id: str) -> Iterator[None]:
        """Have the take's next segment to yourself. Raises `TakeBusy` when somebody else has it.

        Of all workers one rolls, so that no device makes a segment that is thrown away.
        """
        with self._path(take_id).with_suffix(".rolling").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise TakeBusy(f"take {take_id}: a segment is on its way") from None
            yield

    @contextmanager
    def _locked(self, path: Path) -> Iterator[None]:
        """One writer at a time, of all processes; the lock ends with whoever has it."""
        with path.with_suffix(".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


@define(eq=False)
class Ticket:
    """A request on its way. ``result`` raises what the run raised; ``progress`` is the latest.

    The result is the file of the segment.
    """

    result: Future[Path] = field(factory=Future)
    progress: lt.Progress | None = None
    cancelled: threading.Event = field(factory=threading.Event)

    def cancel(self) -> None:
        """Stop within one step, or before the run has its turn; ``result`` is then `Cancelled`."""
        self.cancelled.set()


class Worker:
    """Rolls segments of the takes in a folder. Requests wait in threads for the one pipeline."""

    def __init__(
        self,
        pipeline: lt.Pipeline,
        takes: TakeFolder,
        *,
        blobs: lt.BlobStore | None = None,
        threads: int = 4,
    ) -> None:
        self._pipeline = pipeline
        self._takes = takes
        self._leases = blobs if isinstance(blobs, lt.SupportsLeases) else None
        self._blobs = lt.leasing(blobs, LEASE_SECONDS) if blobs and self._leases else blobs
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="take")

    def submit(
        self, take_id: str, document: dict[str, Any], *, seconds: float, request_id: str = ""
    ) -> Ticket:
        """Roll the next segment of a take. ``seconds``: from now on; then it is cancelled.

        ``request_id``: the caller's, who may ask again with the same one after a lost connection,
        and gets the segment of the first time. While a segment of the take is on its way another
        request gets `TakeBusy`, of whichever worker it is asked.
        """
        ticket = Ticket()
        limit = threading.Timer(seconds, ticket.cancel)
        limit.daemon = True
        limit.start()
        ticket.result.add_done_callback(lambda _: limit.cancel())
        self._pool.submit(self._settle, ticket, take_id, request_id, document)
        return ticket

    def close(self) -> None:
        """Wait for what is on its way; cancel tickets first to hurry."""
        self._pool.shutdown()

    def _settle(
        self, ticket: Ticket, take_id: str, request_id: str, document: dict[str, Any]
    ) -> None:
        try:
            with self._takes.rolling(take_id):
                made = self._roll(ticket, take_id, request_id, document)
            ticket.result.set_result(made)
        except BaseException as error:  # whoever waits for the ticket is told
            ticket.result.set_exception(error)

    def _roll(
        self, ticket: Ticket, take_id: str, request_id: str, document: dict[str, Any]
    ) -> Path:
        known = self._takes.read(take_id)
        if request_id and request_id in known.request_ids:  # it was answered, or the answer lost
            return self._takes.segment(take_id, known.request_ids.index(request_id) + 1)
        request = evolve(
            lt.GenerationRequest.from_dict(document),
            state=known.state,
            output=lt.Output(last=False, return_state=True),
        )
        prepared = self._pipeline.check(request, blobs=self._blobs)
        check_limits(prepared.job)
        result = self._run(ticket, prepared)
        assert result.state is not None
        segment = self._takes.segment(take_id, known.version + 1)
        media = segment.with_name(f".{secrets.token_hex(8)}.mkv")
        try:
            result.save(media)
            self._replace(take_id, known, result.state, request_id, media)
        finally:
            media.unlink(missing_ok=True)
        return segment

    def _replace(
        self,
        take_id: str,
        known: SavedTake,
        state: lt.ContinuationState,
        request_id: str,
        media: Path,
    ) -> None:
        """Keep the new blobs, replace the state, let the blobs of the old one go."""
        new, old = self._blob_ids(state), self._blob_ids(known.state)
        if self._leases is not None:
            self._leases.pin(new, take_id)
        try:
            self._takes.replace(take_id, known, state, request_id=request_id, media=media)
        except BaseException:
            self._let_go(new - old, take_id)  # nobody refers to them
            raise
        self._let_go(old - new, take_id)  # nobody refers to them any more

    def _run(self, ticket: Ticket, prepared: lt.PreparedRequest) -> lt.GenerationResult:
        events = self._pipeline.stream(prepared, cancel=ticket.cancelled.is_set)
        with closing(events):
            for event in events:
                if isinstance(event, lt.Progress):
                    ticket.progress = event
                elif isinstance(event, lt.Final):
                    return event.result
        raise AssertionError("a stream ends with a Final, or raises")

    def _blob_ids(self, state: lt.ContinuationState | None) -> frozenset[str]:
        codec = None if state is None else self._pipeline.family.codec(state.kind)
        return frozenset() if state is None or codec is None else frozenset(codec.blob_ids(state))

    def _let_go(self, blob_ids: frozenset[str], take_id: str) -> None:
        """A store that fails here costs room, never a segment that is made."""
        try:
            if self._leases is not None:
                self._leases.unpin(blob_ids, take_id)
                self._leases.sweep(limit=100)  # what crashes left behind, too
            elif self._blobs is not None:
                for blob_id in blob_ids:
                    self._blobs.drop(blob_id)
        except lt.BlobError:
            log.exception("blobs that nobody refers to are left in the store")


def check_limits(job: lt.Job) -> None:
    """Refuse what this platform does not sell. Raises `longtake.ValidationError`."""
    sampling = job.sampling
    if sampling.height * sampling.width > MOST_PIXELS:
        raise lt.ValidationError("sampling", f"more than {MOST_PIXELS} pixels; ask for fewer")
    if sampling.num_frames > MOST_FRAMES:
        raise lt.ValidationError("sampling.num_frames", f"must be at most {MOST_FRAMES}")


def answer(ticket: Ticket) -> tuple[int, Mapping[str, Any]]:
    """The ticket's end as an HTTP status and a document, as a platform may say it."""
    try:
        file = ticket.result.result()
    except lt.ValidationError as error:
        return 422, {"path": error.path, "problem": error.problem}
    except (TakeBusy, TakeMovedOn) as error:
        return 409, {"problem": str(error)}
    except lt.Cancelled:
        return 408, {"problem": "cancelled, or out of time; the take is as it was"}
    except lt.BlobStoreUnavailable as error:
        return 503, {"problem": str(error)}
    return 200, {"file": file.name, "bytes": file.stat().st_size}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--family")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    with lt.load(arguments.model, family=arguments.family) as pipeline:
        worker = Worker(pipeline, TakeFolder(arguments.folder))
        for prompt in ("a tram turns into a street", "it stops", "rain begins"):
            document = {"prompt": prompt}
            tickets = [worker.submit(take, document, seconds=600) for take in ("a", "b")]
            for ticket in tickets:
                print(*answer(ticket))
        worker.close()


if __name__ == "__main__":
    main()
