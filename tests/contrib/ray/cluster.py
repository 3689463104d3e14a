"""A Ray cluster of this machine, whose workers have the families that the tests roll."""

from __future__ import annotations

import gc
import os
import secrets
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import longtake as lt
from longtake.testing import FakeDistributions
from longtake.testing.dispatchers.family import STEPS

__all__ = ["PATIENCE", "TOKEN", "cluster", "end_rank", "eventually", "installed", "pid_of"]

PATIENCE = 90.0
"""Seconds after which a test that hangs fails: processes begin slowly on a machine that is busy."""

TOKEN = secrets.token_hex(16)
"""Of all clusters of this process: Ray reads it once, and refuses another cluster's."""
_STORE_BYTES = 80 * 2**20
_STEPS = "from longtake.testing.dispatchers.family import longtake_families"
_RANKED = """
import os, time
import longtake as lt
from longtake.testing.dispatchers.family import Remember, Show, StepsState, Drawn

def load(source):
    while source.rank:
        time.sleep(0.1)
    ranks = f"{source.rank} of {source.world_size}, MASTER_PORT {'MASTER_PORT' in os.environ}"
    return lt.LoadedModel(device=ranks)

class Draw:
    def __call__(self, job: lt.Job, state: StepsState | None) -> Drawn:
        if job.prompt == "die":
            os._exit(1)
        return Drawn(7)

@lt.hookimpl
def longtake_families():
    return [lt.ModelFamily(
        "ranked", (Draw, Show, Remember), presets=(lt.Preset("default"),), load=load,
        defaults={"seed": 5, "height": 8, "width": 8, "num_frames": 9, "fps": 24},
        codecs=(lt.AttrsCodec("ranked.v1", StepsState),),
    )]
"""


def installed(folder: Path, *, version: str) -> None:
    """Have the families in the folder, as distributions of this version."""
    folder.mkdir(exist_ok=True)
    distributions = FakeDistributions(folder)
    distributions.add(STEPS.name, _STEPS, version=version)
    distributions.add("longtake-ranked", _RANKED, version=version)


@contextmanager
def cluster(folder: Path) -> Iterator[None]:
    """A cluster whose workers have what is `installed` in the folder, as this process has then."""
    import ray

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_TOKEN", TOKEN)
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)
        patch.setattr(sys, "path", [str(folder), *sys.path])
        with lt.Registry.discover().use():
            ray.init(
                address="local",
                num_cpus=4,
                include_dashboard=False,
                log_to_driver=False,
                configure_logging=False,
                object_store_memory=_STORE_BYTES,
            )
            try:
                yield
            finally:
                ray.shutdown()
                with warnings.catch_warnings():  # Ray kills its processes and waits for none
                    warnings.simplefilter("ignore", ResourceWarning)
                    gc.collect()


def pid_of(worker: str) -> int:
    """The process of a worker that is idle."""
    import ray

    actor: Any = ray.get_actor(worker, namespace="longtake")
    found: int = ray.get(actor.__ray_call__.remote(lambda self: os.getpid()))
    return found


def end_rank(name: str) -> None:
    """Kill the process of a rank, which is at work."""
    import ray

    ray.kill(ray.get_actor(name, namespace="longtake"))


def eventually(is_so: Callable[[], bool]) -> None:
    """Wait until it is so."""
    end = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.05)
