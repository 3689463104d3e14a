"""``longtake pool``: what it prints of a pool, and whom it asks."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result

import longtake as lt
from longtake.cli.commands.pool import pool
from longtake.plugins.loading import Plugin


class Shelf:
    """A pool of two workers, one of which rolls."""

    def __init__(self, url: str) -> None:
        self.url = url

    def status(self) -> lt.DispatcherStatus:
        busy = lt.WorkerStatus(
            name="a", device="cuda:0", session_id="fog", order_id="o1", orders_done=7
        )
        idle = lt.WorkerStatus(name="b", device="cuda:1")
        return lt.DispatcherStatus(workers=(busy, idle), queued=3, draining=self.url != "shelf:")

    def replace(self) -> int:
        return 2


def told(*words: str) -> Result:
    backend = lt.DispatcherBackend("shelf", "nowhere:open", pool=Shelf)
    plugin = Plugin("main", "shelves", "1.0", "loaded", dispatcher_backends=(backend,))
    with lt.Registry([plugin]).use():
        return CliRunner().invoke(pool, words)


def test_the_status_has_a_line_for_each_worker() -> None:
    assert told("status", "shelf:").output.splitlines() == [
        "WORKER  DEVICE  SESSION  ORDER  DONE",
        "a       cuda:0  fog      o1     7",
        "b       cuda:1  -        -      0",
        "",
        "2 workers, 3 orders wait",
    ]
    assert told("status", "shelf:x").output.endswith("3 orders wait; it takes no more\n")


def test_the_status_is_json_for_programs() -> None:
    document = json.loads(told("status", "shelf:", "--json").output)
    assert (document["queued"], document["draining"]) == (3, False)
    assert document["workers"][0] == {
        "name": "a",
        "device": "cuda:0",
        "session_id": "fog",
        "order_id": "o1",
        "orders_done": 7,
    }


def test_workers_are_replaced() -> None:
    assert told("replace", "shelf:").output == "2 workers will be replaced, one after the other\n"


@pytest.mark.parametrize("command", ["status", "replace"])
def test_a_url_that_nobody_provides_is_refused(command: str) -> None:
    assert isinstance(told(command, "pigeon:").exception, lt.UnknownNameError)
