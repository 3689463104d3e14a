"""A worker inside a platform, without the platform's HTTP: many takes, one pipeline, some threads.

Requests come as JSON documents and wait for their turn. Each can be cancelled, has a time limit
and is held against the platform's own limits. `lt.roll` does the rest: a segment's file is there
before the session says so, it is committed once, and any number of workers, on any machine, may
serve the same sessions.

    python examples/embedding.py FOLDER --model DIR
"""

from __future__ import annotations

import argparse
import threading
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from attrs import define, field

import longtake as lt

MOST_PIXELS = 1920 * 1088
MOST_FRAMES = 257


@define(eq=False)
class Ticket:
    """A request on its way. ``result`` raises what the step raised; ``progress`` is the latest."""

    result: Future[lt.RolledSegment] = field(factory=Future)
    progress: lt.Progress | None = None
    cancelled: threading.Event = field(factory=threading.Event)

    def cancel(self) -> None:
        """Stop within one step, or before the run has its turn; ``result`` is then `Cancelled`."""
        self.cancelled.set()

    def follow(self, event: lt.Event) -> None:
        """Note how far the segment is."""
        if isinstance(event, lt.Progress):
            self.progress = event


class Worker:
    """Rolls segments of sessions. Requests wait in threads for the one pipeline."""

    def __init__(
        self,
        pipeline: lt.Pipeline,
        sessions: lt.SessionStore,
        blobs: lt.BlobStore,
        *,
        threads: int = 4,
    ) -> None:
        self._pipeline = pipeline
        self._sessions = sessions
        self._blobs = blobs
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="take")

    def begin(self, session_id: str) -> None:
        """Make the session, unless it is there."""
        preset = self._pipeline.preset
        with suppress(lt.SessionExists):
            self._sessions.create(
                session_id,
                family=self._pipeline.family.name,
                preset=f"{preset.name}@{preset.version}",
            )

    def submit(
        self, session_id: str, document: dict[str, Any], *, revision: int, seconds: float
    ) -> Ticket:
        """Roll the next segment of a session. ``seconds``: from now on; then it is cancelled.

        ``revision``: of the session as the caller knows it. Who asks again with the same one, after
        a lost connection, gets the segment of the first time; who asks for something else than what
        was rolled from there gets `Conflict`.
        """
        ticket = Ticket()
        limit = threading.Timer(seconds, ticket.cancel)
        limit.daemon = True
        limit.start()
        ticket.result.add_done_callback(lambda _: limit.cancel())
        self._pool.submit(self._settle, ticket, session_id, document, revision)
        return ticket

    def close(self) -> None:
        """Wait for what is on its way; cancel tickets first to hurry."""
        self._pool.shutdown()

    def _settle(
        self, ticket: Ticket, session_id: str, document: dict[str, Any], revision: int
    ) -> None:
        try:
            ticket.result.set_result(self._roll(ticket, session_id, document, revision))
        except BaseException as error:  # whoever waits for the ticket is told
            ticket.result.set_exception(error)

    def _roll(
        self, ticket: Ticket, session_id: str, document: dict[str, Any], revision: int
    ) -> lt.RolledSegment:
        return lt.roll(
            self._sessions,
            session_id,
            lt.GenerationRequest.from_dict(document),
            pipeline=self._pipeline,
            blobs=self._blobs,
            expected_revision=revision,
            admit=check_limits,
            cancel=ticket.cancelled.is_set,
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
    """The ticket's end as an HTTP status and a document, as a platform may say it."""
    try:
        rolled = ticket.result.result()
    except lt.ValidationError as error:  # an id that can be none is one, too
        return 422, {"path": error.path, "problem": error.problem}
    except lt.SessionNotFound as error:
        return 404, {"problem": str(error)}
    except lt.Conflict as error:
        return 409, {"problem": str(error), "revision": error.revision}
    except lt.Cancelled:
        return 408, {"problem": "cancelled, or out of time; the take is as it was"}
    except (lt.SessionStoreUnavailable, lt.BlobStoreUnavailable) as error:
        return 503, {"problem": str(error)}
    segment = rolled.segment
    return 200, {
        "segment": segment.index,
        "media": list(segment.media),
        "seconds": segment.seconds,
        "revision": rolled.session.revision,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--family")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    sessions: Any = lt.open_session_store(f"sqlite:{folder / 'takes.db'}")
    blobs = lt.open_blob_store((folder / "blobs").as_uri())
    with closing(sessions), lt.load(arguments.model, family=arguments.family) as pipeline:
        worker = Worker(pipeline, sessions, blobs)
        for each in ("a", "b"):
            worker.begin(each)
        for prompt in ("a tram turns into a street", "it stops", "rain begins"):
            tickets = [
                worker.submit(
                    each, {"prompt": prompt}, revision=sessions.read(each).revision, seconds=600
                )
                for each in ("a", "b")
            ]
            for ticket in tickets:
                print(*answer(ticket))
        worker.close()


if __name__ == "__main__":
    main()
