"""How the ranks find each other: every other rank opens a line to rank 0 and says what it has.

Where and when they meet is the business of torch.distributed (``env://``, as torchrun sets it).
"""

from __future__ import annotations

import hmac
import secrets
import socket
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any

from attrs import frozen
from torch.distributed.rendezvous import rendezvous

import longtake as lt
from longtake_ltx2.parallel.connections import Line
from longtake_ltx2.parallel.errors import RankError

__all__ = ["Facts", "Meeting", "meet_others", "meet_rank_0", "meeting_place"]

Facts = Mapping[str, str]
"""What must be the same on every rank, by the name that an error calls it."""

_PATIENCE = timedelta(minutes=5)
_SECONDS_FOR_HELLO = 10.0
_ADDRESS = "longtake/rank-0"


@frozen
class Meeting:
    """Where the ranks meet: torch.distributed's key-value store, and who this is."""

    store: Any
    rank: int
    world_size: int


def meeting_place(rank: int, world_size: int) -> Meeting:
    """Raises `longtake.ValidationError` when the environment does not say where."""
    try:
        url = f"env://?rank={rank}&world_size={world_size}"
        store, _, _ = next(rendezvous(url, timeout=_PATIENCE))
    except ValueError as error:
        raise lt.ValidationError("WORLD_SIZE", f"is {world_size}, but {error}") from None
    except RuntimeError as error:
        raise RankError(f"rank {rank} of {world_size} did not find rank 0: {error}") from None
    return Meeting(store, rank, world_size)


def meet_others(meeting: Meeting, facts: Facts) -> dict[int, Line]:
    """On rank 0: a line to every other rank, all of which have the same facts.

    Raises `longtake.ValidationError` on every rank when one of them differs, `RankError` when not
    all of them come.
    """
    key = secrets.token_hex(16)
    lines: dict[int, Line] = {}
    with _server(meeting.store.host) as server:
        server.settimeout(_PATIENCE.total_seconds())
        meeting.store.set(_ADDRESS, f"{key} {server.getsockname()[1]}")
        hellos = {}
        while len(lines) < meeting.world_size - 1:
            try:
                connection, _ = server.accept()
            except TimeoutError:
                missing = sorted({*range(1, meeting.world_size)} - {*lines})
                raise RankError(f"ranks {missing} of {meeting.world_size} did not come") from None
            line = Line(connection)
            if hello := _hello(line, connection, key):
                lines[hello["rank"]], hellos[hello["rank"]] = line, hello["facts"]
    problem = next(filter(None, (_difference(r, hellos[r], facts) for r in sorted(hellos))), None)
    for line in lines.values():
        with suppress(OSError):  # it is missed where it is first needed
            line.send({"refused": problem})
    if problem is not None:
        for line in lines.values():
            line.hang_up()
        raise lt.ValidationError("torchrun", problem)
    return lines


def meet_rank_0(meeting: Meeting, facts: Facts) -> Line:
    """On the other ranks: the line to rank 0. Raises as `meet_others` does."""
    try:
        key, port = meeting.store.get(_ADDRESS).decode().split()
        connection = socket.create_connection((meeting.store.host, int(port)))
        line = Line(connection)
        line.send({"key": key, "rank": meeting.rank, "facts": dict(facts)})
    except (OSError, RuntimeError) as error:  # torch.distributed raises nothing narrower
        raise RankError(f"rank {meeting.rank} cannot reach rank 0: {error}") from None
    answer = line.receive()
    if answer is None or answer["refused"] is not None:
        line.hang_up()
    if answer is None:
        raise RankError(f"rank 0 ended before rank {meeting.rank} could join it")
    if answer["refused"] is not None:
        raise lt.ValidationError("torchrun", answer["refused"])
    return line


def _server(host: str) -> socket.socket:
    family = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0][0]
    return socket.create_server((host, 0), family=family)


def _hello(line: Line, connection: socket.socket, key: str) -> dict[str, Any] | None:
    """What a rank says first; None for a stranger, who is turned away."""
    connection.settimeout(_SECONDS_FOR_HELLO)
    hello = line.receive()
    if hello is None or not hmac.compare_digest(str(hello.get("key")), key):
        line.hang_up()
        return None
    connection.settimeout(None)
    return hello


def _difference(rank: int, theirs: Facts, ours: Facts) -> str | None:
    for name, value in ours.items():
        if theirs.get(name) != value:
            return (
                f"rank {rank} has {name} {theirs.get(name)}, rank 0 has {value}: start every rank "
                "with the same checkpoint, options and packages"
            )
    return None
