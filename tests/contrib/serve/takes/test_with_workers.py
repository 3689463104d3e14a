"""A service on real workers and every kind of store, with many clients at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

import longtake as lt

pytest.importorskip("longtake_serve")

from longtake_serve.takes.service import TakeService
from longtake_serve.takes.views import TakeEvent, WorkView
from tests.contrib.serve.scripted import TINY, asked, eventually, pendulum

STORES = ("memory", "sqlite", "redis", "postgres")
PROMPTS = ("sea", "dunes", "snow")
LONG = {"prompt": "storm", "sampling": TINY | {"num_frames": 14_001}}
"""Takes seconds unless it is stopped."""


@pytest.fixture
def sessions(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[lt.RowSessionStore]:
    kind = request.param
    if kind == "memory":
        url = "memory:"
    elif kind == "sqlite":
        url = f"sqlite:///{tmp_path / 'takes.db'}"
    else:
        pytest.importorskip(f"longtake_{kind}")
        url = request.getfixturevalue(f"{kind}_server").new_url()
    store = lt.open_session_store(url)
    assert isinstance(store, lt.RowSessionStore)
    with closing(store):
        yield store


def begun(sessions: lt.RowSessionStore, blobs: lt.BlobStore) -> TakeService:
    preset = pendulum().preset
    pipelines = [pendulum(), lt.load(family="pendulum")]
    return TakeService(
        sessions,
        blobs,
        lt.InProcessDispatcher(pipelines, sessions=sessions, blobs=blobs),
        family="pendulum",
        preset=f"{preset.name}@{preset.version}",
    )


def statuses(service: TakeService, tenant: str, take: str) -> list[str]:
    return [each.status for each in service.work(tenant, take)]


def prompts(service: TakeService, tenant: str, take: str) -> list[str]:
    return [each.request["prompt"] for each in service.segments(tenant, take)]


def is_idle(service: TakeService, tenant: str, take: str) -> bool:
    return service.read(tenant, take).open_work == 0


@pytest.mark.parametrize("sessions", STORES, indirect=True)
def test_many_clients_at_once(sessions: lt.RowSessionStore) -> None:
    service = begun(sessions, lt.open_blob_store("memory:"))
    tenants = [f"tenant-{index}" for index in range(6)]
    takes = {tenant: service.create(tenant).id for tenant in tenants}
    told: dict[str, list[TakeEvent]] = {tenant: [] for tenant in tenants}

    def client(tenant: str) -> None:
        take = takes[tenant]
        service.listen(tenant, take, told[tenant].append)
        for prompt in PROMPTS:
            first = service.extend(tenant, take, asked(prompt), key=prompt)
            assert service.extend(tenant, take, asked(prompt), key=prompt).id == first.id

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(client, tenants))
    for tenant, take in takes.items():
        eventually(lambda tenant=tenant, take=take: is_idle(service, tenant, take))  # type: ignore[misc]
        assert prompts(service, tenant, take) == list(PROMPTS)
        kept = service.events(tenant, take)
        assert [each.id for each in kept] == list(range(1, len(kept) + 1))
        last = kept[-1].id
        eventually(lambda heard=told[tenant], last=last: last in [each.id for each in heard])  # type: ignore[misc]
        by_id: dict[int, TakeEvent] = {}
        for event in list(told[tenant]):
            by_id.setdefault(event.id, event)  # those that are not kept come behind it
        assert list(by_id.values()) == kept
        assert [each.type for each in kept].count("segment") == len(PROMPTS)
        assert {each.type for each in told[tenant]} == {"queued", "started", "progress", "segment"}
        assert service.media(tenant, take, 1)
    assert [each.id for each in service.list(tenants[0])] == [takes[tenants[0]]]
    service.close()


@pytest.mark.parametrize("sessions", STORES, indirect=True)
def test_what_runs_is_cancelled_and_a_closed_servers_work_goes_on(
    sessions: lt.RowSessionStore,
) -> None:
    blobs = lt.open_blob_store("memory:")
    service = begun(sessions, blobs)
    take = service.create("ann").id
    for request in (LONG, asked("sea"), LONG, asked("dunes")):
        service.extend("ann", take, request)
    eventually(lambda: statuses(service, "ann", take)[0] == "running")
    service.cancel("ann", take, "work_1")
    eventually(lambda: statuses(service, "ann", take)[2] == "running")
    assert statuses(service, "ann", take) == ["cancelled", "done", "running", "queued"]
    service.close()
    assert "failed" not in [each.type for each in service.events("ann", take)]
    again = begun(sessions, blobs)
    assert again.resume() == 1
    eventually(lambda: statuses(again, "ann", take)[2] == "running")
    again.cancel("ann", take, "work_3")
    eventually(lambda: is_idle(again, "ann", take))
    assert statuses(again, "ann", take) == ["cancelled", "done", "cancelled", "done"]
    assert prompts(again, "ann", take) == ["sea", "dunes"]
    fork = again.fork("ann", take, 1).id
    again.rewind("ann", take, 0)
    again.extend("ann", fork, asked("snow"))
    eventually(lambda: is_idle(again, "ann", fork))
    assert prompts(again, "ann", fork) == ["sea", "snow"]
    assert prompts(again, "ann", take) == []
    again.delete("ann", fork)
    assert [each.id for each in again.list("ann")] == [take]
    again.close()


@pytest.mark.parametrize("sessions", ["memory"], indirect=True)
def test_a_take_that_is_deleted_stops_its_worker(sessions: lt.RowSessionStore) -> None:
    service = begun(sessions, lt.open_blob_store("memory:"))
    take, other = service.create("ann").id, service.create("ann").id
    service.extend("ann", take, LONG)
    eventually(lambda: statuses(service, "ann", take) == ["running"])
    service.delete("ann", take)
    eventually(lambda: all(each.order_id is None for each in service.capacity().workers))
    service.extend("ann", other, asked("sea"))
    eventually(lambda: is_idle(service, "ann", other))
    assert sessions.rows.scan(f"serve/meta/{take}", f"serve/meta/{take}0", 1) == []
    service.close()


@pytest.mark.parametrize("sessions", ["memory"], indirect=True)
def test_the_same_key_from_many_threads_is_one_piece_of_work(
    sessions: lt.RowSessionStore,
) -> None:
    service = begun(sessions, lt.open_blob_store("memory:"))
    take = service.create("ann").id
    ready = threading.Barrier(8)

    def retry(_: int) -> WorkView:
        ready.wait(10)
        return service.extend("ann", take, asked("sea"), key="abc")

    with ThreadPoolExecutor(8) as pool:
        assert {work.id for work in pool.map(retry, range(8))} == {"work_1"}
    eventually(lambda: is_idle(service, "ann", take))
    assert prompts(service, "ann", take) == ["sea"]
    service.close()
