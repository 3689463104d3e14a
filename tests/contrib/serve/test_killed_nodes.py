"""``longtake serve`` over a Ray cluster whose workers, nodes and servers are killed in turn."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray")
pytest.importorskip("longtake_ray")
pytest.importorskip("longtake_serve")

from longtake.testing.dispatchers.family import STEPS
from tests.contrib.ray.nodes import Nodes, nodes
from tests.contrib.serve.asked_takes import LONGEST, SESSIONS, begun, check, found, left, wait
from tests.contrib.serve.http.process import Process, running

WORKERS = 2
"""That roll at a time."""
SPARES = 1
"""That are loaded and roll nothing until one of those is lost."""
CPUS = 2
"""Of each node, one a worker: the other one has room for what a lost node had."""
SAMPLING = {"height": 32, "width": 48, "num_frames": 25}


@pytest.fixture
def segments(request: pytest.FixtureRequest) -> int:
    """Of each session."""
    return int(request.config.getoption("served_segments"))


@pytest.fixture
def seconds(request: pytest.FixtureRequest) -> float:
    """For which each segment keeps its worker waiting, as a network on an accelerator does."""
    return float(request.config.getoption("segment_seconds"))


@pytest.fixture
def cluster(tmp_path: Path) -> Any:
    with nodes(tmp_path / "installed", cpus=CPUS) as made:
        yield made


def asking(seconds: float) -> Callable[[int, int], dict[str, Any]]:
    """Requests of segments that wait for so long, in ten steps."""

    def asked(session: int, segment: int) -> dict[str, Any]:
        return {
            "prompt": f"{session}, {segment}",
            "sampling": SAMPLING | {"seed": session},
            "stage_overrides": {"draw": {"steps": 10, "seconds": seconds / 10}},
        }

    return asked


def options(cluster: Nodes) -> tuple[str, ...]:
    place = f"ray:{cluster.address}?workers={WORKERS}&spares={SPARES}&start=90"
    return ("--family", STEPS.name, "--dispatcher", place, "--limit-queue", "1000")


def wait_for_workers(server: Process) -> None:
    """Until all of them are there and one has rolled."""
    end = time.monotonic() + 90
    while (
        server.client.get("/readyz").status_code != 200
        or f"longtake_serve_workers {WORKERS + SPARES}.0" not in server.client.get("/metrics").text
    ):
        assert time.monotonic() < end, "the workers do not come"
        time.sleep(0.05)


class Storm:
    """Kills a worker, a node and the server in turn, one each ``every`` seconds; ``most`` of all.

    The server's own turn is whoever runs it to take: `is_servers` says when.
    """

    def __init__(self, cluster: Nodes, every: float, most: int) -> None:
        self.kills = {"worker": 0, "node": 0, "server": 0}
        self._killing = {"worker": cluster.kill_worker, "node": cluster.kill_node}
        self._turns = cycle(self.kills)
        self._turn = next(self._turns)
        self._every, self._most = every, most
        self._due = time.monotonic() + every

    def is_servers(self) -> bool:
        """Kill what is due; True when that is the server."""
        if sum(self.kills.values()) == self._most or time.monotonic() < self._due:
            return False
        victim = self._turn
        if victim != "server" and not self._killing[victim]():
            return False  # none is there: it is tried again
        self.kills[victim] += 1
        self._turn = next(self._turns)
        self._due += self._every
        return victim == "server"


def rolled(storm: Storm, cluster: Nodes, folder: Path, begin: Callable[[Process], Any]) -> float:
    """Seconds from the first server's readiness in which all was done by those that came.

    ``begin``: asks the first one for the takes, and says their ids.
    """
    takes: list[str] = []
    started = 0.0
    while True:
        with running(folder, *options(cluster)) as server:
            if not takes:
                wait_for_workers(server)
                started = time.monotonic()
                takes = begin(server)
            while left(server, takes):
                assert time.monotonic() - started < LONGEST, "the takes stand still"
                if storm.is_servers():
                    break
                time.sleep(0.1)
            else:
                return time.monotonic() - started


def test_takes_of_killed_workers_nodes_and_servers_are_those_of_an_undisturbed_run(
    tmp_path: Path,
    cluster: Nodes,
    segments: int,
    seconds: float,
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked = asking(seconds)
    with running(tmp_path / "undisturbed", *options(cluster)) as server:
        wait_for_workers(server)
        begin = time.monotonic()
        undisturbed = begun(server, segments, asked)
        wait(server, undisturbed)
        quiet = time.monotonic() - begin
        wanted = [found(server, take) for take in undisturbed]
    takes: list[str] = []

    def ask(server: Process) -> list[str]:
        takes.extend(begun(server, segments, asked))
        return takes

    most = request.config.getoption("cluster_kills")
    storm = Storm(cluster, request.config.getoption("kill_seconds"), most)
    stormy = rolled(storm, cluster, tmp_path / "killed", ask)
    with running(tmp_path / "killed", *options(cluster)) as server:
        got = [found(server, take) for take in takes]
    ideal = SESSIONS * segments * seconds / WORKERS
    kills = re.sub(r"[{}']", "", str(storm.kills))
    with capsys.disabled():
        sys.stdout.write(
            f"\n{SESSIONS} sessions x {segments} segments of {seconds:g} s on {WORKERS} workers "
            f"(and {SPARES} spare): ideal {ideal:.1f} s; "
            f"undisturbed {quiet:.1f} s (efficiency {ideal / quiet:.2f}); "
            f"with kills of {kills}: {stormy:.1f} s (efficiency {ideal / stormy:.2f}) "
        )
    check(got, wanted, segments, asked)
    assert min(storm.kills.values()) > 0
