"""The workers of a pool, seen from any process that reaches the cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import ray

import longtake as lt
from longtake_ray.connecting import NAMESPACE, connected
from longtake_ray.places import Place, place_of
from longtake_ray.worker import Said

__all__ = ["RayPool", "open_pool"]

_ANSWER_SECONDS = 10.0


def open_pool(url: str) -> RayPool:
    """The pool at a URL as of `longtake_ray.opening.open_dispatcher`."""
    return RayPool(place_of(url))


class RayPool:
    """A `longtake.DispatcherPool`; each call connects to the cluster and leaves it again.

    Raises `longtake.ValidationError` where there is no cluster.
    """

    def __init__(self, place: Place) -> None:
        self._place = place

    def status(self) -> lt.DispatcherStatus:
        """As `longtake.DispatcherPool.status`; workers that do not answer are left out."""
        with self._workers() as workers:
            said: list[Said] = _answers(workers, lambda worker: worker.said.remote())
        newest = min(said, key=lambda each: each.age, default=None)
        return lt.DispatcherStatus(
            workers=tuple(each.status for each in said),
            queued=0 if newest is None else newest.queued,
            draining=newest is not None and newest.draining,
        )

    def replace(self) -> int:
        """As `longtake.DispatcherPool.replace`."""
        with self._workers() as workers:
            return len(_answers(workers, lambda worker: worker.retire.remote()))

    @contextmanager
    def _workers(self) -> Iterator[list[Any]]:
        with connected(self._place.address):
            named = ray.util.list_named_actors(all_namespaces=True)
            names = sorted(
                each["name"]
                for each in named
                if each["namespace"] == NAMESPACE
                and each["name"].startswith(f"{self._place.pool}/")
            )
            yield [_worker(name) for name in names if "#" not in name]


def _worker(name: str) -> Any:
    return ray.get_actor(name, namespace=NAMESPACE)


def _answers(workers: list[Any], ask: Callable[[Any], Any]) -> list[Any]:
    """What those answer that do so in time."""
    asked = [ask(worker) for worker in workers]
    ready, _ = (
        ray.wait(asked, num_returns=len(asked), timeout=_ANSWER_SECONDS) if asked else ([], [])
    )
    found = []
    for reference in ready:
        try:
            found.append(ray.get(reference))
        except ray.exceptions.RayActorError:
            continue  # it went meanwhile
    return found
