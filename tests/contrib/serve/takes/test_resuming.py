"""A server that is gone leaves its work to the next one: each request is rolled once, in order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

import longtake as lt

pytest.importorskip("longtake_serve")

from longtake_serve.takes.errors import ServiceClosed
from tests.contrib.serve.scripted import Desk, asked, eventually


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.service.close()


def test_what_waited_is_submitted_by_the_next_server(desk: Desk) -> None:
    take, other = desk.take("one", "two"), desk.take("three")
    idle = desk.take()
    before = desk.dispatcher.of(take)
    desk.begin()
    assert desk.service.resume() == 2
    order = desk.dispatcher.of(take)
    assert (order.request, order.expected_revision) == (before.request, 0)
    assert order.id != before.id
    desk.roll_all(take)
    desk.roll_all(other)
    assert (desk.prompts(take), desk.prompts(other)) == (["one", "two"], ["three"])
    assert desk.service.read("ann", idle).num_segments == 0
    desk.begin()
    assert desk.service.resume() == 0


def test_a_segment_that_was_committed_is_not_made_again(desk: Desk) -> None:
    take = desk.take("same", "same")
    order = desk.dispatcher.of(take)
    desk.dispatcher.start(order)
    desk.settle(take)
    desk.dispatcher.roll(order)  # and then the server is gone
    desk.begin()
    desk.service.resume()
    desk.roll_all(take)
    assert desk.prompts(take) == ["same", "same"]
    assert [each.segment for each in desk.works(take)] == [0, 1]
    assert desk.types(take).count("segment") == 2


def test_what_ran_waits_again_and_says_so(desk: Desk) -> None:
    take = desk.take("one")
    desk.dispatcher.start(desk.dispatcher.of(take))
    desk.settle(take)
    desk.begin()
    desk.service.resume()
    assert desk.statuses(take) == ["queued"]
    assert desk.types(take) == ["queued", "started", "queued"]


def test_nobody_waits_for_the_claim_of_a_worker_that_is_no_more(desk: Desk) -> None:
    take = desk.take("one")
    assert isinstance(desk.sessions, lt.SupportsClaims)
    desk.sessions.begin(take, "step", holder="dead", for_seconds=600)
    desk.begin()
    desk.service.resume()
    claim = desk.sessions.begin(take, "step", holder="alive", for_seconds=600)
    assert (claim.holder, claim.granted) == ("alive", True)


@pytest.mark.parametrize("was_committed", [False, True])
def test_what_was_being_cancelled_is_not_rolled_again(desk: Desk, was_committed: bool) -> None:
    take = desk.take("one", "two")
    order = desk.dispatcher.of(take)
    desk.service.cancel("ann", take, "work_1")
    if was_committed:
        desk.dispatcher.roll(order)
    desk.begin()
    desk.service.resume()
    assert desk.statuses(take) == ["done" if was_committed else "cancelled", "queued"]
    assert desk.types(take)[-1] == ("segment" if was_committed else "cancelled")
    desk.roll_all(take)
    assert desk.prompts(take) == ["one"] * was_committed + ["two"]


def test_a_take_is_finished_by_the_next_server(desk: Desk) -> None:
    take = desk.take("one")
    desk.service.finish("ann", take)
    desk.begin()
    desk.service.resume()
    desk.dispatcher.do(desk.dispatcher.of(take))
    desk.settle(take)
    assert desk.service.read("ann", take).status == "finished"


def test_a_key_is_known_to_the_next_server(desk: Desk) -> None:
    take = desk.take()
    work = desk.extend(take, "one", key="abc")
    desk.begin()
    desk.service.resume()
    assert desk.extend(take, "one", key="abc").id == work.id
    desk.roll_all(take)
    assert desk.prompts(take) == ["one"]


def test_what_a_server_that_is_closed_was_at_goes_on(desk: Desk) -> None:
    take = desk.take("one", "two")
    desk.dispatcher.start(desk.dispatcher.of(take))
    desk.settle(take)
    desk.service.close()
    with pytest.raises(ServiceClosed):
        desk.extend(take, "three")
    assert "cancelled" not in desk.types(take)
    desk.begin()
    desk.service.resume()
    desk.roll_all(take)
    assert desk.prompts(take) == ["one", "two"]


def test_work_on_a_take_whose_session_somebody_else_deleted_is_dropped(desk: Desk) -> None:
    take, other = desk.take("one"), desk.take("two")
    desk.sessions.delete(take)
    desk.begin()
    desk.service.resume()
    assert desk.rows(take) == []
    desk.roll_all(other)
    assert desk.prompts(other) == ["two"]


class Outages(lt.SessionRows):
    """Rows of another store, that are away while ``away``, or from the write of this number on.

    ``is_lost``: what is written is written all the same.
    """

    unavailable = (ConnectionError,)

    def __init__(self) -> None:
        store = lt.open_session_store("memory:")
        assert isinstance(store, lt.RowSessionStore)
        self._rows = store.rows
        self.away = False
        self.is_lost = False
        self.until: int | None = None
        self.tries = 0

    def now(self) -> float:
        self._check()
        return self._rows.now()

    def read(self, keys: Sequence[str]) -> list[bytes | None]:
        self._check()
        return self._rows.read(keys)

    def scan(self, start: str, stop: str, limit: int) -> list[tuple[str, bytes]]:
        self._check()
        return self._rows.scan(start, stop, limit)

    def write(self, change: lt.RowChange) -> bool:
        if self.is_lost:
            self.is_lost, self.away = False, True
            self._rows.write(change)
        if self.until is not None:
            self.until -= 1
            self.away = self.away or self.until < 0
        self._check()
        return self._rows.write(change)

    def _check(self) -> None:
        if self.away:
            self.tries += 1
            raise ConnectionError("away")


@pytest.mark.parametrize("is_lost", [False, True])
def test_what_a_worker_has_done_is_kept_once_the_store_is_back(is_lost: bool) -> None:
    rows = Outages()
    desk = Desk(lt.RowSessionStore(rows))
    take = desk.take("one", "two")
    order = desk.dispatcher.of(take)
    desk.dispatcher.start(order)
    done = desk.dispatcher.roll(order)
    desk.settle(take)
    rows.away, rows.is_lost = not is_lost, is_lost
    desk.dispatcher.end(order, done)
    eventually(lambda: rows.tries > 2)
    rows.away = False
    desk.settle(take)
    assert desk.statuses(take) == ["done", "queued"]
    assert desk.types(take).count("segment") == 1
    desk.roll_all(take)
    assert desk.prompts(take) == ["one", "two"]
    desk.service.close()


def test_a_server_is_closed_while_its_store_is_away() -> None:
    rows = Outages()
    desk = Desk(lt.RowSessionStore(rows))
    take = desk.take("one")
    rows.away = True
    with pytest.raises(lt.SessionStoreUnavailable):
        desk.extend(take, "two")
    desk.service.close()
    rows.away = False
    desk.begin()
    desk.service.resume()
    desk.roll_all(take)
    assert desk.prompts(take) == ["one"]
    desk.service.close()


def test_a_worker_that_lost_the_store_does_not_know_so_the_step_is_tried_again(desk: Desk) -> None:
    take = desk.take("one", "two")
    order = desk.dispatcher.of(take)
    desk.dispatcher.start(order)
    desk.dispatcher.roll(order)
    desk.dispatcher.fail(order, lt.SessionStoreUnavailable("away"))
    desk.settle(take)
    assert desk.statuses(take)[0] == "queued"
    again = desk.dispatcher.of(take)
    assert (again.request, again.expected_revision) == (order.request, 0)
    desk.roll_all(take)
    assert desk.prompts(take) == ["one", "two"]
    assert "failed" not in desk.types(take)


@pytest.mark.parametrize("writes", range(5))
def test_a_deletion_that_was_cut_is_ended_by_the_next_server(writes: int) -> None:
    rows = Outages()
    desk = Desk(lt.RowSessionStore(rows))
    take = desk.take("one", "two")
    desk.roll_all(take)
    desk.extend(take, "three", key="abc")
    rows.until = writes
    with suppress(lt.SessionStoreUnavailable):
        desk.service.delete("ann", take)
    rows.away, rows.until = False, None
    desk.begin()
    desk.service.resume()
    if writes == 0:
        assert desk.prompts(take) == ["one", "two"]
    else:
        assert desk.rows(take) == []
        assert desk.sessions.list() == []
    desk.service.close()


def test_what_another_release_wrote_is_not_guessed_at(desk: Desk) -> None:
    take = desk.take("one")
    assert isinstance(desk.sessions, lt.RowSessionStore)
    key = f"serve/meta/{take}"
    desk.sessions.rows.write(lt.RowChange(puts={key: b'{"format":2,"value":{}}'}))
    with pytest.raises(lt.SessionError, match="another release"):
        desk.works(take)
    desk.sessions.rows.write(lt.RowChange(puts={key: b"{"}))
    with pytest.raises(lt.SessionError, match="damaged"):
        desk.works(take)


class Servers(RuleBasedStateMachine):
    """Servers come and go at any moment of two takes; nothing is lost, doubled or out of order."""

    def __init__(self) -> None:
        super().__init__()
        self.desk = Desk()
        self.takes = [self.desk.take() for _ in range(2)]
        self.asked: dict[str, list[str]] = {take: [] for take in self.takes}
        self.unwanted: set[str] = set()
        self.count = 0

    @rule(index=st.integers(0, 1))
    def extend(self, index: int) -> None:
        take = self.takes[index]
        self.count += 1
        self.desk.service.extend("ann", take, asked(f"p{self.count}"))
        self.asked[take].append(f"p{self.count}")

    @rule(index=st.integers(0, 1), told=st.booleans())
    def work(self, index: int, told: bool) -> None:
        """A worker commits the segment; the server may not hear of it."""
        for order in list(self.desk.dispatcher.orders.values()):
            if order.session_id == self.takes[index]:
                self.desk.dispatcher.start(order)
                done = self.desk.dispatcher.roll(order)
                if told:
                    self.desk.dispatcher.end(order, done)
                self.desk.service.flush()

    @rule(index=st.integers(0, 1), which=st.integers(0, 3))
    def cancel(self, index: int, which: int) -> None:
        take = self.takes[index]
        for work in self.desk.works(take)[which : which + 1]:
            after = self.desk.service.cancel("ann", take, work.id)[0]
            if after.status in ("cancelling", "cancelled"):
                self.unwanted.add(work.prompt)

    @rule()
    def stop(self) -> None:
        """A worker stops, as it was told."""
        for order in list(self.desk.dispatcher.orders.values()):
            is_told = order.id in self.desk.dispatcher.asked_to_cancel
            revision = self.desk.sessions.read(order.session_id).revision
            if is_told and revision == order.expected_revision:
                self.desk.dispatcher.stop(order)
        self.desk.service.flush()

    @rule()
    def restart(self) -> None:
        self.desk.begin()
        self.desk.service.resume()

    @invariant()
    def each_take_has_a_beginning_of_what_was_asked(self) -> None:
        for take in self.takes:
            prompts = self.desk.prompts(take)
            wanted = [each for each in self.asked[take] if each not in self.unwanted]
            sure = [each for each in prompts if each not in self.unwanted]
            assert sure == wanted[: len(sure)]
            assert prompts == [each for each in self.asked[take] if each in prompts]

    def teardown(self) -> None:
        self.restart()
        for take in self.takes:
            if self.desk.works(take):
                self.desk.roll_all(take)
            works = self.desk.works(take)
            done = [each.prompt for each in works if each.status == "done"]
            assert done == self.desk.prompts(take)
            assert [each.prompt for each in works] == self.asked[take]
            assert {each.prompt for each in works if each.status != "done"} <= self.unwanted
            types = self.desk.types(take)
            assert types.count("segment") == len(done)
            assert types.count("segment") + types.count("cancelled") == len(works)
        self.desk.service.close()


TestServers = Servers.TestCase
TestServers.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
