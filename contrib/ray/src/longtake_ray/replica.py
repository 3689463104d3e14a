"""One worker in the cluster: its processes, which are placed, loaded, asked and ended together."""

from __future__ import annotations

import hashlib
import json
import pickle
import secrets
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import Any

import ray
from attrs import define, field, frozen
from ray.util.placement_group import placement_group, remove_placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

import longtake as lt
from longtake_ray.connecting import NAMESPACE
from longtake_ray.hand import Given, News
from longtake_ray.parcels import unpacked
from longtake_ray.versions import check_versions
from longtake_ray.worker import ACTOR, Said

__all__ = ["LOST", "RankEnded", "Replica", "StartStopped", "Wanted"]


class RankEnded(lt.LongtakeError, RuntimeError):
    """Rank 0 of a worker is there, and another one is not at work."""


LOST = (ray.exceptions.RayError, RankEnded)
"""What is raised of a worker that is gone, cannot be reached, or does not answer.

Of one that is there and raised something itself it is a ``RayTaskError``.
"""

_ANSWER_SECONDS = 60.0
"""After which a worker that does not answer is lost."""
_RANK_SECONDS = 5.0
"""In which it shows that another rank has ended."""
_POLL_SECONDS = 0.5
_CLOSE_SECONDS = 10.0
_ALONE_SECONDS = 60.0
"""For which a worker whose server was killed waits for the next one."""
_MASTER_PORTS = (20_000, 32_768)
"""Between those of Ray's workers and those that Linux gives to clients."""


class StartStopped(lt.LongtakeError, RuntimeError):
    """The dispatcher was closed while the worker was begun."""


@frozen(kw_only=True)
class Wanted:
    """What every worker of a pool is.

    - ``pool``: its name. ``ranks``: processes of a worker. ``resources``: of each, as Ray has them.
    - ``spec``, ``parts``: what each rank loads. ``versions``: of this process; ``maker``: the
      distribution of the family, where it is known.
    """

    pool: str
    ranks: int
    resources: Mapping[str, float]
    spec: dict[str, Any]
    parts: bytes = field(repr=False)
    versions: Mapping[str, str]
    maker: str | None

    @property
    def digest(self) -> str:
        """The same for workers that may stand in for each other."""
        document = [self.ranks, dict(self.resources), self.spec, dict(self.versions)]
        text = json.dumps(document, sort_keys=True).encode()
        return hashlib.sha256(text + self.parts).hexdigest()


@define(eq=False)
class Replica:
    """A worker that rolls. ``name``: of it alone, and never used again."""

    name: str
    device: str
    _group: Any
    _actors: list[Any]
    _others: list[Any] = field(factory=list)  # loading on ranks other than 0, which does not end

    @classmethod
    def found(cls, name: str, group: Any, ranks: int) -> Replica:
        """One that another process had started. Raises ValueError where a rank is not there."""
        names = [rank_name(name, rank) for rank in range(ranks)]
        actors = [ray.get_actor(each, namespace=NAMESPACE) for each in names]
        return cls(name, "", group, actors, [each.loaded.remote() for each in actors[1:]])

    def check(self, wanted: Wanted, is_stopped: Callable[[], bool]) -> None:
        """Compare its packages with this process's. Raises `longtake.PluginError`, as `started`."""
        for actor in self._actors:
            there = _answer(actor.versions.remote(), is_stopped)
            check_versions(wanted.versions, there, wanted.maker)

    @classmethod
    def started(cls, wanted: Wanted, index: int, is_stopped: Callable[[], bool]) -> Replica:
        """Place a worker, compare its packages with this process's, and have it load.

        Its processes are on one machine. Raises `longtake.PluginError` for other versions, what
        loading raises, `LOST` errors, and `StartStopped`. Nothing is left of one that fails.
        """
        name = f"{wanted.pool}/{index}.{secrets.token_hex(4)}"
        group = placement_group(
            [dict(wanted.resources)] * wanted.ranks,
            strategy="STRICT_PACK",
            name=name,
            lifetime="detached",
        )
        replica = cls(name, "", group, [])
        try:
            replica._place(wanted, is_stopped)
            replica.check(wanted, is_stopped)
            replica.load(wanted, is_stopped)
        except BaseException:
            replica.end(gently=False)
            raise
        return replica

    def load(self, wanted: Wanted, is_stopped: Callable[[], bool]) -> None:
        """Have its ranks load, unless they have; rank 0 alone says that it has, and its device.

        Raises what loading raises, `LOST` errors, and `StartStopped`.
        """
        loads = [actor.load.remote(wanted.spec, wanted.parts) for actor in self._actors]
        first, self._others = loads[0], loads[1:]
        while not ray.wait([first], timeout=_POLL_SECONDS)[0]:
            self.check_ranks(0)
            self._actors[0].hear.remote(0, False)  # it is not alone
            if is_stopped():
                raise StartStopped
        device = unpacked(ray.get(first, timeout=_ANSWER_SECONDS))
        if isinstance(device, Exception):
            raise device
        self.check_ranks()
        self.device = str(device)

    def give(self, attempt: str, order: lt.StepOrder) -> None:
        """Have it roll the order behind those that it was given before. Raises `LOST` errors."""
        given = Given(attempt, order.id, order.session_id, pickle.dumps(order))
        ray.get(self._actors[0].give.remote(given), timeout=_ANSWER_SECONDS)

    def news(self, stopped: Collection[str], wanted: Collection[str], seconds: float) -> News:
        """As of `Hand.news`. Raises `LOST` errors."""
        asked = self._actors[0].news.remote(stopped, wanted, seconds)
        news: News = ray.get(asked, timeout=_ANSWER_SECONDS)
        return news

    def hear(self, status: lt.DispatcherStatus) -> bool:
        """Tell the worker of the queue; whether it is to be replaced. Raises `LOST` errors."""
        self.check_ranks(0)
        asked = self._actors[0].hear.remote(status.queued, status.draining)
        retiring: bool = ray.get(asked, timeout=_ANSWER_SECONDS)
        return retiring

    def check_ranks(self, seconds: float = _RANK_SECONDS) -> None:
        """Refuse a worker whose other ranks have ended, or do so in the next seconds.

        Raises what ended one, and `RankEnded`.
        """
        if not self._others:
            return
        ended, _ = ray.wait(self._others, timeout=seconds)
        for reference in ended:
            said = unpacked(ray.get(reference, timeout=_ANSWER_SECONDS))
            if isinstance(said, Exception):
                raise RankEnded(f"worker {self.name}: a rank failed: {said}") from said
            raise RankEnded(
                f"worker {self.name}: a rank does nothing; this family does not share its work "
                "among processes, or has ended: leave ranks= out for such a one"
            )

    def asked(self) -> Any:
        """The reference to what it will have `said`."""
        return self._actors[0].said.remote()

    def said(self, seconds: float = _ANSWER_SECONDS) -> Said:
        """What it knows of itself. Raises `LOST` errors, also when that takes too long."""
        said: Said = ray.get(self.asked(), timeout=seconds)
        return said

    def end(self, *, gently: bool) -> None:
        """Let the worker go. ``gently``: with time for its pipeline to be closed."""
        if gently and self._actors:
            with suppress(ray.exceptions.RayError):
                ray.get(self._actors[0].close.remote(), timeout=_CLOSE_SECONDS)
        for actor in self._actors:
            with suppress(ray.exceptions.RayError, ValueError):
                ray.kill(actor, no_restart=True)
        with suppress(ray.exceptions.RayError, ValueError):
            remove_placement_group(self._group)

    def _place(self, wanted: Wanted, is_stopped: Callable[[], bool]) -> None:
        while not self._group.wait(_POLL_SECONDS):
            if is_stopped():
                raise StartStopped
        ranks = _environments(wanted.ranks)
        for rank in range(wanted.ranks):
            placement = PlacementGroupSchedulingStrategy(
                self._group, placement_group_bundle_index=rank
            )
            placed = ACTOR.options(
                name=rank_name(self.name, rank),
                namespace=NAMESPACE,
                num_cpus=wanted.resources["CPU"],
                num_gpus=wanted.resources.get("GPU", 0),
                scheduling_strategy=placement,
                **ranks[rank],
            )
            actor = placed.remote(self.name, wanted.digest, rank, _ALONE_SECONDS)
            self._actors.append(actor)


def rank_name(worker: str, rank: int) -> str:
    """The name of the actor of a worker's rank."""
    return worker if rank == 0 else f"{worker}#{rank}"


def _environments(ranks: int) -> list[dict[str, Any]]:
    """Options of each rank's actor that let it know the others, as launchers do.

    The port may be taken: then rank 0 fails, and the next worker has another one.
    """
    if ranks == 1:
        return [{}]
    first, behind = _MASTER_PORTS
    shared = {
        "WORLD_SIZE": str(ranks),
        "LOCAL_RANK": "0",  # Ray lets each rank see its own GPUs alone
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(first + secrets.randbelow(behind - first)),
    }
    return [{"runtime_env": {"env_vars": {**shared, "RANK": str(rank)}}} for rank in range(ranks)]


def _answer(reference: Any, is_stopped: Callable[[], bool]) -> Any:
    """What an actor that may still be on its way answers. Raises `StartStopped`."""
    while not ray.wait([reference], timeout=_POLL_SECONDS)[0]:
        if is_stopped():
            raise StartStopped
    return ray.get(reference, timeout=_ANSWER_SECONDS)
