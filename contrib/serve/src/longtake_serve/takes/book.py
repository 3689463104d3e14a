"""The book of one server in its session store: reading it, and changing it by compare-and-set."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable
from typing import Any, TypeVar

from attrs import evolve

import longtake as lt
from longtake_serve.takes.listeners import Listeners
from longtake_serve.takes.rows import (
    TakeRow,
    WorkRow,
    decode,
    decode_document,
    encode,
    event_key,
    key_key,
    meta_key,
    of_take,
    open_key,
    request_key,
    work_key,
)
from longtake_serve.takes.views import TakeEvent, work_id

__all__ = ["KEPT", "Book", "Draft"]

T = TypeVar("T")

KEPT = 1000
"""Events, and pieces of work, that are kept of each take: the last ones."""
_PAGE = 500
_TURNS = 64


class Draft:
    """A change of one take's rows, before it is written. ``row``: as it is to be.

    ``events``: what is told once it is written.
    """

    def __init__(self, book: Book, take: str, row: TakeRow) -> None:
        self.take = take
        self.row = row
        self.events: list[TakeEvent] = []
        self.puts: dict[str, bytes] = {}
        self.deletes: list[str] = []
        self._book = book

    def work(self, number: int) -> WorkRow:
        """The piece of work. Raises `longtake.SessionNotFound` for one that is not kept."""
        return self._book.work(self.take, number)

    def made_by(self, key: str) -> int | None:
        """The number of the work that a client's key made before."""
        row = self._book.read_row(key_key(self.take, key))
        return None if row is None else int(decode_document(row, "a key"))

    def add(self, work: WorkRow, request: dict[str, Any]) -> None:
        """A new piece of work at the end of the queue; the oldest one goes."""
        row = self.row
        self.row = evolve(row, queue=(*row.queue, work.number), next_work=work.number + 1)
        self.puts[request_key(self.take, work.number)] = encode(request)
        if work.key is not None:
            self.puts[key_key(self.take, work.key)] = encode(work.number)
        self.keep(work)
        self._forget(work.number - KEPT)

    def keep(self, work: WorkRow) -> None:
        """The piece of work as it is now."""
        self.puts[work_key(self.take, work.number)] = encode(work)

    def end(self, work: WorkRow) -> None:
        """The piece of work as it ended: it is in the queue no more, and its request goes."""
        queue = tuple(each for each in self.row.queue if each != work.number)
        self.row = evolve(self.row, queue=queue, error=work.error)
        self.keep(work)
        self.deletes.append(request_key(self.take, work.number))

    def tell(self, type: str, **data: Any) -> None:
        """An event, which is kept; the oldest one goes."""
        number = self.row.next_event
        event = TakeEvent(id=number, type=type, data=data)
        self.row = evolve(self.row, next_event=number + 1)
        self.events.append(event)
        self.puts[event_key(self.take, number)] = encode(event)
        if number > KEPT:
            self.deletes.append(event_key(self.take, number - KEPT))

    def change(self, before: bytes | None) -> lt.RowChange:
        """All of it in one step, if the take's row is still ``before``."""
        row = evolve(self.row, version=self.row.version + 1)
        puts, deletes = {meta_key(self.take): encode(row), **self.puts}, [*self.deletes]
        if row.queue or row.deleted:
            puts[open_key(self.take)] = b""
        else:
            deletes.append(open_key(self.take))
        return lt.RowChange(expected={meta_key(self.take): before}, puts=puts, deletes=deletes)

    def _forget(self, number: int) -> None:
        row = self._book.read_row(work_key(self.take, number)) if number > 0 else None
        if row is None:
            return
        work = decode(row, WorkRow, f"work on take {self.take!r}")
        self.deletes.append(work_key(self.take, number))
        if work.key is not None:
            self.deletes.append(key_key(self.take, work.key))


class Book:
    """What is to be done for which take, and what became of it, in the rows of ``sessions``.

    Whoever changes a take's rows, and those who listen to it, are told in the order of changes.
    """

    def __init__(self, sessions: lt.RowSessionStore) -> None:
        self._sessions = sessions
        self._listeners = Listeners()
        self._turns = [threading.RLock() for _ in range(_TURNS)]

    def turn(self, take: str) -> threading.RLock:
        """The lock under which this process changes the take; others' changes are noticed."""
        return self._turns[zlib.crc32(take.encode()) % _TURNS]

    def take(self, take: str) -> TakeRow | None:
        """The take's row; None while nothing was asked for it."""
        row = self.read_row(meta_key(take))
        return None if row is None else decode(row, TakeRow, f"the book of take {take!r}")

    def takes(self, ids: list[str]) -> list[TakeRow | None]:
        """The rows of several takes at one moment."""
        rows = self._sessions.read_rows([meta_key(each) for each in ids])
        what = "the book of a take"
        return [None if row is None else decode(row, TakeRow, what) for row in rows]

    def open_takes(self) -> list[str]:
        """Takes for which there is something to do."""
        return [key.rpartition("/")[2] for key, _ in self._sessions.rows_below("serve/open/")]

    def work(self, take: str, number: int) -> WorkRow:
        """The piece of work. Raises `longtake.SessionNotFound` for one that is not kept."""
        row = self.read_row(work_key(take, number))
        if row is None:
            raise lt.SessionNotFound(f"take {take!r} has no work {work_id(number)!r}")
        return decode(row, WorkRow, f"work on take {take!r}")

    def works(self, take: str) -> list[WorkRow]:
        """The work on the take that is kept, in the order in which it was asked for."""
        what = f"work on take {take!r}"
        rows = self._sessions.rows_below(f"serve/work/{take}/")
        return [decode(row, WorkRow, what) for _, row in rows]

    def request(self, take: str, number: int) -> dict[str, Any]:
        """The plain document of the request of open work."""
        what = f"a request of take {take!r}"
        row = self.read_row(request_key(take, number))
        if row is None:
            raise lt.SessionError(f"{what} is missing in its store")
        document: dict[str, Any] = decode_document(row, what)
        return document

    def events(self, take: str, after: int, limit: int) -> list[TakeEvent]:
        """The events behind the one of the id ``after``, that are kept."""
        behind = event_key(take, after)
        rows = self._sessions.rows_below(f"serve/event/{take}/", after=behind, limit=limit)
        return [decode(row, TakeEvent, f"an event of take {take!r}") for _, row in rows]

    def change(self, take: str, tenant: str, alter: Callable[[Draft], T]) -> T:
        """Write what ``alter`` makes of the take's rows, which is called again if they changed.

        What it returns is returned. Nothing is written when it leaves the draft as it is. Raises
        `longtake.SessionNotFound` for a take that is not there or is being deleted.
        """
        with self.turn(take):
            while True:
                before = self.read_row(meta_key(take))
                if before is None:
                    self._sessions.read(take)  # raises when there is none
                    row = TakeRow(tenant=tenant)
                else:
                    row = decode(before, TakeRow, f"the book of take {take!r}")
                if row.deleted:
                    raise lt.SessionNotFound(f"take {take!r} is being deleted")
                draft = Draft(self, take, row)
                result = alter(draft)
                if draft.row == row and not draft.puts:
                    return result
                if self._sessions.write_rows(draft.change(before)):
                    self._listeners.know(take, draft.row.next_event - 1)
                    self._listeners.tell(take, draft.events)
                    return result

    def mention(self, take: str, type: str, **data: Any) -> None:
        """Tell an event that is not kept; its id is the last one's that is."""
        if not self._listeners.has(take):
            return
        with self.turn(take):
            last = self._listeners.last(take)
            if last is None:
                row = self.take(take)
                if row is None:
                    return
                last = row.next_event - 1
                self._listeners.know(take, last)
            self._listeners.tell(take, [TakeEvent(id=last, type=type, data=data)])

    def listen(self, take: str, callback: Callable[[TakeEvent], None]) -> Callable[[], None]:
        """As `Listeners.listen`."""
        return self._listeners.listen(take, callback)

    def purge(self, take: str) -> None:
        """Remove all rows of a take that is being deleted; its mark goes last."""
        for prefix in of_take(take):
            while keys := [key for key, _ in self._sessions.rows_below(prefix, limit=_PAGE)]:
                self._sessions.write_rows(lt.RowChange(deletes=keys))
        self._sessions.write_rows(lt.RowChange(deletes=[meta_key(take), open_key(take)]))

    def read_row(self, key: str) -> bytes | None:
        """The row as it is, None where it is absent."""
        return self._sessions.read_rows([key])[0]
