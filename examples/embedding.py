"""A worker inside a platform, without the platform's HTTP: many sessions, one pipeline, threads.

Requests come as JSON documents and wait for their turn. Each can be cancelled, has a time limit
and is held against the platform's own limits. Whatever is killed, asked twice or raced, `lt.roll`
commits each segment once, so any number of workers may serve the same stores.

    python examples/embedding.py sqlite:takes.db file:///var/lib/takes --model DIR
"""

from __future__ import annotations

import argparse
import logging
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

from attrs import define, field

import longtake as lt

MOST_PIXELS = 1920 * 1088
MOST_FRAMES = 257

log = logging.getLogger(__name__)


class WorkerFull(RuntimeError):
    """As many requests wait as may wait; ask again later, or another worker."""


@define(eq=False)
class Ticket:
    """A request on its way. ``result`` raises what `lt.roll` raised; ``progress`` is the latest.

    ``until``: when its time is over, by `time.monotonic`.
    """

    session_id: str
    expected_revision: int
    until: float
    result: Future[lt.RolledSegment] = field(factory=Future)
    progress: lt.Progress | None = None
    _cancelled: threading.Event = field(factory=threading.Event)

    def cancel(self) -> None:
        """Stop within one step, or before the run has its turn; ``result`` is then `Cancelled`."""
        self._cancelled.set()

    def is_over(self) -> bool:
        """Whether it was cancelled, or has had its time."""
        return self._cancelled.is_set() or time.monotonic() > self.until

    def follow(self, event: lt.Event) -> None:
        """Note how far the segment is."""
        if isinstance(event, lt.Progress):
            self.progress = event


class Worker:
    """Rolls segments of sessions. Requests wait in threads for the one pipeline.

    ``blobs``: where states, pictures and sound are kept, the same in every worker. ``most``: how
    many requests may be on their way at once; more get `WorkerFull`.
    """

    def __init__(
        self,
        pipeline: lt.Pipeline,
        sessions: lt.SessionStore,
        *,
        blobs: lt.BlobStore,
        threads: int = 4,
        most: int = 64,
    ) -> None:
        self._pipeline = pipeline
        self._sessions = sessions
        self._blobs = blobs
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="roll")
        self._room = threading.BoundedSemaphore(most)

    def begin(self, session_id: str) -> lt.SessionRecord:
        """The session, made when it is not there."""
        preset = f"{self._pipeline.preset.name}@{self._pipeline.preset.version}"
        try:
            return self._sessions.create(
                session_id, family=self._pipeline.family.name, preset=preset
            )
        except lt.SessionExists:
            return self._sessions.read(session_id)

    def submit(
        self, session_id: str, document: dict[str, Any], *, expected_revision: int, seconds: float
    ) -> Ticket:
        """Roll the next segment of a session. ``seconds``: from now on; then it is cancelled.

        ``expected_revision``: of the session as the caller knows it. Who asks again with the same
        one, after a lost answer, gets the segment of the first time; who is late gets `Conflict`.
        """
        ticket = Ticket(session_id, expected_revision, time.monotonic() + seconds)
        if self._room.acquire(blocking=False):
            self._pool.submit(self._settle, ticket, document)
        else:
            ticket.result.set_exception(WorkerFull("too many requests wait; ask again later"))
        return ticket

    def close(self) -> None:
        """Wait for what is on its way; cancel tickets first to hurry."""
        self._pool.shutdown()

    def _settle(self, ticket: Ticket, document: dict[str, Any]) -> None:
        try:
            try:
                rolled = self._roll(ticket, document)
            finally:
                self._room.release()  # before anybody can ask for more
            ticket.result.set_result(rolled)
        except BaseException as error:  # whoever waits for the ticket is told
            ticket.result.set_exception(error)

    def _roll(self, ticket: Ticket, document: dict[str, Any]) -> lt.RolledSegment:
        return lt.roll(
            self._sessions,
            ticket.session_id,
            lt.GenerationRequest.from_dict(document),
            pipeline=self._pipeline,
            blobs=self._blobs,
            expected_revision=ticket.expected_revision,
            admit=check_limits,
            cancel=ticket.is_over,
            follow=ticket.follow,
        )


def check_limits(job: lt.Job) -> None:
    """Refuse what this platform does not sell. Raises `longtake.ValidationError`."""
    sampling = job.sampling
    if sampling.height * sampling.width > MOST_PIXELS:
        raise lt.ValidationError("sampling", f"more than {MOST_PIXELS} pixels; ask for fewer")
    if sampling.num_frames > MOST_FRAMES:
        raise lt.ValidationError("sampling.num_frames", f"must be at most {MOST_FRAMES}")


def answer(ticket: Ticket) -> tuple[int, Mapping[str, Any]]:
    """The ticket's end as an HTTP status and a document, as a platform may say it.

    ``revision`` is what the next request expects; the session itself may be further by now.
    """
    try:
        rolled = ticket.result.result()
    except Exception as error:
        return refusal(error)
    segment = rolled.segment
    return 200, {
        "segment": segment.index,
        "revision": ticket.expected_revision + 1,
        "seconds": segment.seconds,
        "media": list(segment.media),
        "state_digest": segment.state_digest,
    }


def refusal(error: Exception) -> tuple[int, Mapping[str, Any]]:
    """An error as an HTTP status and a document. What is the platform's own fault is logged."""
    status = 503 if isinstance(error, WorkerFull) else lt.http_status(error)
    if status >= 500:
        log.error("a request failed", exc_info=error)
    if status == 500:
        return 500, {"problem": "something went wrong here; asking again does no harm"}
    if isinstance(error, lt.ValidationError):
        return status, {"path": error.path, "problem": error.problem}
    if isinstance(error, lt.Conflict):
        return status, {"problem": str(error), "revision": error.revision}
    return status, {"problem": str(error)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sessions", help="URL of the session store")
    parser.add_argument("blobs", help="URL of the blob store")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--family")
    arguments = parser.parse_args()
    sessions = lt.open_session_store(arguments.sessions)
    blobs = lt.open_blob_store(arguments.blobs)
    with (
        lt.load(arguments.model, family=arguments.family) as pipeline,
        closing(Worker(pipeline, sessions, blobs=blobs)) as worker,
    ):
        revisions = {name: worker.begin(name).revision for name in ("a", "b")}
        for step, prompt in enumerate(("a tram turns into a street", "it stops", "rain begins")):
            document = {"prompt": prompt}
            tickets = [
                worker.submit(name, document, expected_revision=revision + step, seconds=600)
                for name, revision in revisions.items()
            ]
            for ticket in tickets:
                print(*answer(ticket), flush=True)


if __name__ == "__main__":
    main()
