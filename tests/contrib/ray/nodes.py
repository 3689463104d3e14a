"""A Ray cluster of several nodes on this machine, whose nodes and workers are killed."""

from __future__ import annotations

import gc
import os
import random
import warnings
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import pytest

from tests.contrib.ray.cluster import TOKEN, installed

__all__ = ["Nodes", "nodes"]

_COMMON = {"include_dashboard": False, "object_store_memory": 80 * 2**20}
_WORKER = "ray::Worker"
"""How processes of the dispatcher's workers are called."""


class Nodes:
    """A head without room for workers, and two nodes with ``cpus`` each."""

    def __init__(self, cpus: int) -> None:
        from ray.cluster_utils import Cluster

        self._options = {**_COMMON, "num_cpus": cpus}
        self._cluster: Any = Cluster(
            initialize_head=True,
            head_node_args={**_COMMON, "num_cpus": 0},
            shutdown_at_exit=False,  # its hooks want the main thread; `close` ends all
        )
        self._nodes = [self._added(number) for number in (2, 3)]
        self._rng = random.Random(7)
        self._thread = ThreadPoolExecutor(1)
        self._back: Future[Any] | None = None
        self.address = str(self._cluster.address)

    def kill_worker(self) -> bool:
        """Kill the process of a worker; False when there is none at this moment."""
        found = [each for node in self._nodes for each in _workers_of(node)]
        if found:
            self._rng.choice(sorted(found, key=lambda each: int(each.pid))).kill()
        return bool(found)

    def kill_node(self) -> bool:
        """Kill a node that has a worker, and have it come back; False when there is none."""
        self._wait_for_node()
        found = [node for node in self._nodes if _workers_of(node)]
        if not found:
            return False
        node = self._rng.choice(found)
        for process in [*_workers_of(node), psutil.Process(_raylet(node))]:
            process.kill()
        self._nodes.remove(node)
        self._cluster.remove_node(node, allow_graceful=False)
        number = int(node.node_ip_address.rpartition(".")[2])
        self._back = self._thread.submit(self._added, number)
        return True

    def close(self) -> None:
        """End all of its processes."""
        self._wait_for_node()
        self._thread.shutdown()
        self._cluster.shutdown()

    def _wait_for_node(self) -> None:
        if self._back is not None:
            self._nodes.append(self._back.result())
            self._back = None

    def _added(self, number: int) -> Any:
        return self._cluster.add_node(
            wait=False, node_ip_address=f"127.0.0.{number}", **self._options
        )


@contextmanager
def nodes(folder: Path, *, cpus: int) -> Iterator[Nodes]:
    """A cluster whose workers, and processes of this one, have what is `installed` in the folder.

    Other processes reach it by its ``address``; this one is no part of it.
    """
    installed(folder, version="0.1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_TOKEN", TOKEN)
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)
        made = Nodes(cpus)
        try:
            yield made
        finally:
            made.close()
            with warnings.catch_warnings():  # Ray kills its processes and waits for none
                warnings.simplefilter("ignore", ResourceWarning)
                gc.collect()


def _raylet(node: Any) -> int:
    return int(node.all_processes["raylet"][0].process.pid)


def _workers_of(node: Any) -> list[Any]:
    """The processes of the node's workers, which are its raylet's children."""
    try:
        children = psutil.Process(_raylet(node)).children()
        return [each for each in children if each.cmdline()[:1] and _is_worker(each)]
    except psutil.NoSuchProcess:
        return []


def _is_worker(process: Any) -> bool:
    return str(process.cmdline()[0]).startswith(_WORKER)
