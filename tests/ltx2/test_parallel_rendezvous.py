"""How ranks find each other, and what they refuse, without a network beyond this machine."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from torch.distributed import TCPStore  # type: ignore[attr-defined]

import longtake as lt
from longtake_ltx2.parallel.connections import Connection
from longtake_ltx2.parallel.errors import RankError
from longtake_ltx2.parallel.leader import Leader
from longtake_ltx2.parallel.ranks import device_of_rank
from longtake_ltx2.parallel.rendezvous import Rendezvous, gather_ranks, join_rank_0

FACTS = {"numerics": "'official'"}


@pytest.fixture
def store() -> TCPStore:
    return TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)


def place(store: TCPStore, rank: int, world_size: int) -> Rendezvous:
    """Each rank has a connection of its own to the store."""
    return Rendezvous(TCPStore("127.0.0.1", store.port), rank, world_size)


def test_every_rank_gets_a_line_and_strangers_get_none(store: TCPStore) -> None:
    with ThreadPoolExecutor(3) as threads:
        leader = threads.submit(gather_ranks, place(store, 0, 3), FACTS)
        port = int(store.get("longtake/rank-0").decode().split()[1])
        with socket.create_connection(("127.0.0.1", port)) as stranger:
            stranger.sendall(b'{"key": "guessed", "rank": 1, "facts": {}}\n')
            assert stranger.recv(1) == b""
        others = [threads.submit(join_rank_0, place(store, r, 3), FACTS) for r in (2, 1)]
        connections = leader.result()
        assert sorted(connections) == [1, 2]
        connections[2].send({"do": "load"})
        assert others[0].result().receive() == {"do": "load"}
        for connection in (*connections.values(), *(other.result() for other in others)):
            connection.hang_up()


def test_ranks_that_differ_are_refused_on_both_sides(store: TCPStore) -> None:
    with ThreadPoolExecutor(1) as threads:
        leader = threads.submit(gather_ranks, place(store, 0, 2), FACTS)
        said = r"rank 1 has numerics 'diffusers', rank 0 has 'official'"
        with pytest.raises(lt.ValidationError, match=said):
            join_rank_0(place(store, 1, 2), {"numerics": "'diffusers'"})
        with pytest.raises(lt.ValidationError, match=said):
            leader.result()


class NoGroup:
    """In the place of all ranks' tensors."""

    def abort(self) -> None:
        pass

    def leave(self) -> None:
        pass


@pytest.fixture
def ends() -> Iterator[tuple[Connection, Connection]]:
    """Both ends of a connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        one = socket.create_connection(server.getsockname())
        other, _ = server.accept()
    connections = Connection(one), Connection(other)
    yield connections
    for connection in connections:
        connection.hang_up()


def leading(connection: Connection) -> Leader:
    group: Any = NoGroup()
    return Leader({1: connection}, lambda: group)


def test_a_worker_says_why_it_failed_and_nothing_goes_on(
    ends: tuple[Connection, Connection],
) -> None:
    leader = leading(ends[0])
    threading.Timer(0.05, ends[1].send, [{"failed": "OSError: gone", "consequence": False}]).start()
    for _ in range(2):
        with pytest.raises(RankError, match=r"rank 1 of 2 failed: OSError: gone; start all ranks"):
            leader.load(lambda: "transformer")
    leader.close()


def test_networks_are_loaded_at_the_same_time(ends: tuple[Connection, Connection]) -> None:
    leader = leading(ends[0])

    def make() -> str:
        assert ends[1].receive() == {"do": "load"}  # before it is made here
        ends[1].send({})
        return "transformer"

    assert leader.load(make) == "transformer"
    leader.close()
    leader.close()
    assert ends[1].receive() == {"do": "end"}
    with pytest.raises(RankError, match="ended with the pipeline"):
        leader.load(make)


def test_one_device_for_all_ranks_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)

    def asked(device: str | None, rank: int = 1, world_size: int = 2) -> str | None:
        monkeypatch.setenv("LOCAL_RANK", str(rank))
        source = lt.ModelSource(path=None, device=device, rank=rank, world_size=world_size)
        return device_of_rank(source)

    assert [asked(device) for device in (None, "cuda", "cpu")] == ["cuda:1", "cuda:1", "cpu"]
    assert asked("cuda:1", rank=0, world_size=1) == "cuda:1"
    with pytest.raises(lt.ValidationError, match=r"device: is 'cuda:0'; with several ranks"):
        asked("cuda:0")
    with pytest.raises(lt.ValidationError, match=r"device: there are 2 GPUs for 3"):
        asked("cuda", rank=2, world_size=3)
