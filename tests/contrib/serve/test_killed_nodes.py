"""``longtake serve`` over a Ray cluster whose workers, nodes and servers are killed in turn."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import httpx
import pytest

pytest.importorskip("ray")
pytest.importorskip("longtake_ray")
pytest.importorskip("longtake_serve")

from longtake.testing.dispatchers.family import STEPS
from tests.contrib.ray.nodes import Nodes, nodes
from tests.contrib.serve.asked_takes import SESSIONS, begun, check, found, wait
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
    """Kills a worker, a node and the server in turn, one every ``every`` seconds; ``most`` of all.

    What is not there when it is due is killed as soon as it is.
    """

    def __init__(self, cluster: Nodes, every: float, most: int) -> None:
        self.kills = {"worker": 0, "node": 0, "server": 0}
        self._killing = {
            "worker": cluster.kill_worker,
            "node": cluster.kill_node,
            "server": self._kill_server,
        }
        self._every, self._most = every, most
        self._server: subprocess.Popen[str] | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._rage)

    @contextmanager
    def raging(self) -> Iterator[None]:
        """Have it rage until the block is left."""
        self._thread.start()
        try:
            yield
        finally:
            self._over.set()
            self._thread.join()

    def aim(self, server: Process) -> None:
        """The server that it may kill from now on."""
        self._server = server.process

    def _kill_server(self) -> bool:
        server, self._server = self._server, None
        if server is not None:
            server.kill()
        return server is not None

    def _rage(self) -> None:
        for victim in islice(cycle(self._killing), self._most):
            if self._over.wait(self._every):
                return
            while not self._killing[victim]():
                if self._over.wait(0.1):
                    return
            self.kills[victim] += 1


def rolled(storm: Storm, cluster: Nodes, folder: Path, begin: Callable[[Process], Any]) -> float:
    """Seconds from the first server's readiness in which all was done by those that came.

    ``begin``: asks the first one for the takes, and says their ids.
    """
    takes: list[str] = []
    started = 0.0
    with ExitStack() as stack:
        while True:
            with running(folder, *options(cluster)) as server:
                if not takes:
                    wait_for_workers(server)
                    started = time.monotonic()
                    stack.enter_context(storm.raging())
                    takes = begin(server)
                storm.aim(server)
                if not was_killed(server, takes):
                    return time.monotonic() - started


def was_killed(server: Process, takes: list[str]) -> bool:
    """Wait until all is done, or until the server is killed; whether it was."""
    try:
        wait(server, takes)
    except httpx.TransportError:
        server.process.wait(10)  # raises when it lives
        return True
    return False


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
