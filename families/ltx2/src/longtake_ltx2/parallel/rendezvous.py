"""How the ranks find each other: each other rank connects to rank 0 and says what it has.

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
from torch.distributed.rendezvous import rendezvous as torch_rendezvous

import longtake as lt
from longtake_ltx2.parallel.connections import Connection
from longtake_ltx2.parallel.errors import RankError

__all__ = ["Facts", "Rendezvous", "find_rendezvous", "gather_ranks", "join_rank_0"]

Facts = Mapping[str, str]
"""What must be the same on every rank, by the name that an error calls it."""

_PATIENCE = timedelta(minutes=5)
_SECONDS_FOR_HELLO = 10.0
_ADDRESS = "longtake/rank-0"


@frozen
class Rendezvous:
    """Where the ranks meet: torch.distributed's key-value store, and who this is."""

    store: Any
    rank: int
    world_size: int


def find_rendezvous(rank: int, world_size: int) -> Rendezvous:
    """Raises `longtake.ValidationError` when the environment does not say where."""
    try:
        url = f"env://?rank={rank}&world_size={world_size}"
        store, _, _ = next(torch_rendezvous(url, timeout=_PATIENCE))
    except ValueError as error:
        raise lt.ValidationError("WORLD_SIZE", f"is {world_size}, but {error}") from None
    except RuntimeError as error:
        raise RankError(f"rank {rank} of {world_size} did not find rank 0: {error}") from None
    return Rendezvous(store, rank, world_size)


def gather_ranks(rendezvous: Rendezvous, facts: Facts) -> dict[int, Connection]:
    """On rank 0: a connection to every other rank, all of which have the same facts.

    Raises `longtake.ValidationError` on every rank when one of them differs, `RankError` when not
    all of them come.
    """
    key = secrets.token_hex(16)
    connections: dict[int, Connection] = {}
    with _server(rendezvous.store.host) as server:
        server.settimeout(_PATIENCE.total_seconds())
        rendezvous.store.set(_ADDRESS, f"{key} {server.getsockname()[1]}")
        hellos = {}
        while len(connections) < rendezvous.world_size - 1:
            try:
                accepted, _ = server.accept()
            except TimeoutError:
                missing = sorted({*range(1, rendezvous.world_size)} - {*connections})
                raise RankError(
                    f"ranks {missing} of {rendezvous.world_size} did not come"
                ) from None
            connection = Connection(accepted)
            if hello := _hello(connection, accepted, key):
                connections[hello["rank"]], hellos[hello["rank"]] = connection, hello["facts"]
    problem = next(filter(None, (_difference(r, hellos[r], facts) for r in sorted(hellos))), None)
    for connection in connections.values():
        with suppress(OSError):  # it is missed where it is first needed
            connection.send({"refused": problem})
    if problem is not None:
        for connection in connections.values():
            connection.hang_up()
        raise lt.ValidationError("torchrun", problem)
    return connections


def join_rank_0(rendezvous: Rendezvous, facts: Facts) -> Connection:
    """On the other ranks: the connection to rank 0. Raises as `gather_ranks` does."""
    try:
        key, port = rendezvous.store.get(_ADDRESS).decode().split()
        address = (rendezvous.store.host, int(port))
        connection = Connection(socket.create_connection(address))
        connection.send({"key": key, "rank": rendezvous.rank, "facts": dict(facts)})
    except (OSError, RuntimeError) as error:  # torch.distributed raises nothing narrower
        raise RankError(f"rank {rendezvous.rank} cannot reach rank 0: {error}") from None
    answer = connection.receive()
    if answer is None or answer["refused"] is not None:
        connection.hang_up()
    if answer is None:
        raise RankError(f"rank 0 ended before rank {rendezvous.rank} could join it")
    if answer["refused"] is not None:
        raise lt.ValidationError("torchrun", answer["refused"])
    return connection


def _server(host: str) -> socket.socket:
    family = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0][0]
    return socket.create_server((host, 0), family=family)


def _hello(connection: Connection, accepted: socket.socket, key: str) -> dict[str, Any] | None:
    """What a rank says first; None for a stranger, who is turned away."""
    accepted.settimeout(_SECONDS_FOR_HELLO)
    hello = connection.receive()
    if hello is None or not hmac.compare_digest(str(hello.get("key")), key):
        connection.hang_up()
        return None
    accepted.settimeout(None)
    return hello


def _difference(rank: int, theirs: Facts, ours: Facts) -> str | None:
    for name, value in ours.items():
        if theirs.get(name) != value:
            return (
                f"rank {rank} has {name} {theirs.get(name)}, rank 0 has {value}: start every rank "
                "with the same checkpoint, options and packages"
            )
    return None
