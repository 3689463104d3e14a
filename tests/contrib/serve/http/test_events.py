"""Events of takes as browsers get them: in order, each once, over restarts and slow readers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from attrs import frozen

pytest.importorskip("longtake_serve")

from longtake_serve.http.events import Feed
from longtake_serve.takes.views import TakeEvent
from tests.contrib.serve.http.server import Served, served
from tests.contrib.serve.scripted import eventually


@frozen
class Told:
    id: str | None
    type: str
    data: dict[str, Any]


def messages(answer: httpx.Response) -> Iterator[Told]:
    """The events of a stream, as its specification reads lines."""
    fields: dict[str, str] = {}
    for line in answer.iter_lines():
        if line and not line.startswith(":"):
            name, _, value = line.partition(": ")
            fields[name] = value
        elif not line and "data" in fields:
            yield Told(fields.get("id"), fields["event"], json.loads(fields["data"]))
            fields = {}


@contextmanager
def listening(server: Served, take: str, after: str | None = None) -> Iterator[Iterator[Told]]:
    headers = {} if after is None else {"Last-Event-ID": after}
    with server.client.stream("GET", f"/v1/sessions/{take}/events", headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield messages(answer)


def until(found: Iterator[Told], is_last: Callable[[Told], bool]) -> list[Told]:
    told = []
    for event in found:
        told.append(event)
        if is_last(event):
            break
    return told


def is_of(type: str) -> Callable[[Told], bool]:
    return lambda event: event.type == type


def test_a_segment_is_told_from_its_queueing_to_its_end(server: Served) -> None:
    take = server.take()
    with listening(server, take) as found:
        server.extend(take, "sea")
        told = until(found, is_of("segment"))
    types = [each.type for each in told]
    assert types[:2] == ["queued", "started"]
    assert set(types[2:-1]) == {"progress"}
    assert told[0].data == {"work": "work_1", "place": 0}
    fractions = [each.data["fraction"] for each in told if each.type == "progress"]
    assert fractions == sorted(fractions)
    assert {each.id for each in told if each.type == "progress"} == {None}
    assert (told[-1].data["work"], told[-1].data["index"]) == ("work_1", 0)
    assert [each.id for each in told if each.id] == ["1", "2", "3"]


def test_who_comes_back_hears_what_was_missed_once(server: Served) -> None:
    take = server.rolled("one", "two", "three")
    url = f"/v1/sessions/{take}"
    server.client.post(f"{url}/finish")
    with listening(server, take) as found:
        everything = until(found, is_of("finished"))
    assert [each.id for each in everything] == [str(n + 1) for n in range(len(everything))]
    for known in (2, 5):
        with listening(server, take, after=str(known)) as found:
            assert until(found, is_of("finished")) == everything[known:]
    with server.client.stream("GET", f"{url}/events?after=9") as answer:
        assert until(messages(answer), is_of("finished")) == everything[9:]


def test_ids_outlive_the_server(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        take = server.rolled("one")
        with listening(server, take) as found:
            before = until(found, is_of("segment"))
    with served(tmp_path) as server, listening(server, take, after=before[-1].id) as found:
        server.extend(take, "two")
        after = [each for each in until(found, is_of("segment")) if each.id]
    assert [each.id for each in after] == ["4", "5", "6"]
    assert after[-1].data["index"] == 1


def test_a_stream_ends_with_its_take(server: Served) -> None:
    take = server.take()
    with listening(server, take) as found:
        server.extend(take, "sea")
        until(found, is_of("segment"))
        server.client.delete(f"/v1/sessions/{take}")
        assert [each.type for each in found] == ["deleted"]
    assert server.client.get(f"/v1/sessions/{take}/events").status_code == 404


def test_nobody_listens_when_the_reader_has_left(
    server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_feeds = 0
    listen = server.service.listen

    def counted(*args: Any) -> Callable[[], None]:
        nonlocal open_feeds
        open_feeds += 1
        stop = listen(*args)

        def stopped() -> None:
            nonlocal open_feeds
            open_feeds -= 1
            stop()

        return stopped

    monkeypatch.setattr(server.service, "listen", counted)
    take = server.rolled("sea")
    with listening(server, take) as found:
        until(found, is_of("segment"))
        eventually(lambda: open_feeds == 1)
    eventually(lambda: open_feeds == 0)


@pytest.mark.parametrize("after", ["x", "-1", "1" * 11, "٣"])
def test_what_is_no_id_is_refused(server: Served, after: str) -> None:
    take = server.take()
    answer = server.client.get(f"/v1/sessions/{take}/events", params={"after": after})
    assert (answer.status_code, answer.json()["error"]["path"]) == (422, "after")


def event(number: int, type: str = "queued") -> TakeEvent:
    return TakeEvent(id=number, type=type, data={})


def test_a_reader_who_is_too_slow_is_cut() -> None:
    async def read() -> list[TakeEvent | None]:
        feed = Feed(3)
        for number in range(3):
            feed.put(event(number))
        first = await feed.get()
        for number in range(3, 1000):
            feed.put(event(number))
        return [first, await feed.get(), await feed.get()]

    assert asyncio.run(read()) == [event(0), None, None]


def test_progress_that_waits_is_replaced_by_newer() -> None:
    async def read() -> list[TakeEvent | None]:
        feed = Feed(3)
        feed.put(event(1))
        for number in range(1000):
            feed.put(TakeEvent(id=1, type="progress", data={"step": number}))
        return [await feed.get(), await feed.get()]

    newest = TakeEvent(id=1, type="progress", data={"step": 999})
    assert asyncio.run(read()) == [event(1), newest]


def test_a_preview_that_waits_goes_with_newer_progress_of_its_work() -> None:
    def progress(work: str, **data: str) -> TakeEvent:
        return TakeEvent(id=1, type="progress", data={"work": work, **data})

    async def read(*events: TakeEvent) -> TakeEvent:
        feed = Feed()
        for each in events:
            feed.put(each)
        found = await feed.get()
        assert found is not None
        return found

    seen, newer = progress("work_1", preview="a"), progress("work_1", step="2")
    both = progress("work_1", step="2", preview="a")
    assert asyncio.run(read(seen, newer)) == both
    other = progress("work_1", preview="b")
    assert asyncio.run(read(seen, other)) == other
    assert asyncio.run(read(seen, progress("work_2", step="2"))) == progress("work_2", step="2")


def test_progress_waits_for_newer_until_there_is_another_event() -> None:
    steps = [TakeEvent(id=1, type="progress", data={"step": number}) for number in range(4)]

    async def read() -> list[TakeEvent | None]:
        feed = Feed(progress_seconds=1e6)
        feed.put(steps[0])
        told = [await feed.get()]
        feed.put(steps[1])
        waiting = asyncio.create_task(feed.get())
        await asyncio.sleep(0.01)
        feed.put(steps[2])
        feed.put(steps[3])
        await asyncio.sleep(0.01)
        assert not waiting.done()
        feed.put(event(2))
        return [*told, await waiting, await feed.get()]

    assert asyncio.run(read()) == [steps[0], steps[3], event(2)]


def test_asking_for_the_head_of_a_stream_ends(server: Served) -> None:
    answer = server.client.head(f"/v1/sessions/{server.take()}/events")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert server.client.head("/v1/sessions/take_x/events").status_code == 404
