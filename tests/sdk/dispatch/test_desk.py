"""Orders at the desk of a dispatcher, also of workers that are lost."""

from __future__ import annotations

import threading

import pytest

import longtake as lt

REQUEST = lt.GenerationRequest("a tram")


def order(order_id: str) -> lt.StepOrder:
    return lt.StepOrder(id=order_id, session_id=order_id[0], request=REQUEST)


def taken(desk: lt.OrderDesk, worker: str) -> lt.OrderTicket:
    ticket = desk.next(worker, 0)
    assert ticket is not None
    return ticket


def test_an_order_of_a_lost_worker_is_begun_anew_by_another_one() -> None:
    desk, heard = lt.OrderDesk(), list[lt.OrderEvent]()
    desk.submit(order("a1"), heard.append)
    desk.submit(order("b1"), lambda event: None)
    desk.put_back("w1", taken(desk, "w1"))
    again = taken(desk, "w2")
    assert (again.order.id, again.losses) == ("a1", 1)
    cancelled = lt.OrderCancelled(order_id="a1")
    desk.end("w2", again, cancelled)
    assert heard == [
        lt.OrderQueued(order_id="a1", place=0),
        lt.OrderStarted(order_id="a1", worker="w1"),
        lt.OrderQueued(order_id="a1", place=0),
        lt.OrderStarted(order_id="a1", worker="w2"),
        cancelled,
    ]


def test_what_a_ticket_was_made_to_say_stays_when_it_is_put_back() -> None:
    desk = lt.OrderDesk()
    desk.submit(order("a1"), lambda event: None)
    ticket = taken(desk, "w1")
    ticket.order = lt.StepOrder(id="a1", session_id="a", request=REQUEST, expected_revision=4)
    desk.put_back("w1", ticket)
    assert taken(desk, "w2").order.expected_revision == 4


def test_an_order_that_is_to_stop_ends_with_its_lost_worker() -> None:
    desk, heard = lt.OrderDesk(), list[lt.OrderEvent]()
    desk.submit(order("a1"), heard.append)
    ticket = taken(desk, "w1")
    assert desk.cancel("a1")
    assert ticket.cancelled.is_set()
    desk.put_back("w1", ticket)
    assert heard[-1] == lt.OrderCancelled(order_id="a1")
    assert desk.drain(0)
    assert desk.next("w2", 0) is None


def test_the_status_is_of_the_workers_that_are_alive() -> None:
    desk = lt.OrderDesk()
    desk.submit(order("a1"), lambda event: None)
    taken(desk, "w1")
    assert desk.status({"w1": "cpu", "w2": "cuda:1"}) == lt.DispatcherStatus(
        workers=(
            lt.WorkerStatus(name="w1", device="cpu", session_id="a", order_id="a1"),
            lt.WorkerStatus(name="w2", device="cuda:1"),
        ),
        queued=0,
        draining=False,
    )
    assert desk.status({}).workers == ()


@pytest.mark.parametrize("num_workers", [1, 3])
def test_closing_lets_everybody_go_who_waits(num_workers: int) -> None:
    desk = lt.OrderDesk()
    found: list[object] = []
    workers = [
        threading.Thread(target=lambda name=f"w{n}": found.append(desk.next(name)))
        for n in range(num_workers)
    ]
    for worker in workers:
        worker.start()
    desk.close()
    for worker in workers:
        worker.join(30)
    assert found == [None] * num_workers
    assert desk.is_closed
    with pytest.raises(lt.DispatcherClosed):
        desk.submit(order("a1"), lambda event: None)


def test_nobody_is_given_an_order_of_a_session_that_is_held() -> None:
    desk = lt.OrderDesk()
    desk.hold("a")
    desk.submit(order("a1"), lambda event: None)
    assert desk.next("w1", 0) is None
    desk.submit(order("b1"), lambda event: None)
    assert taken(desk, "w1").order.id == "b1"
    desk.release("a")
    assert taken(desk, "w2").order.id == "a1"


def test_a_session_that_is_released_is_given_to_who_waits() -> None:
    desk, given = lt.OrderDesk(), list[lt.OrderTicket | None]()
    desk.hold("a")
    desk.submit(order("a1"), lambda event: None)
    thread = threading.Thread(target=lambda: given.append(desk.next("w1", 60)))
    thread.start()
    desk.release("a")
    thread.join()
    assert [each and each.order.id for each in given] == ["a1"]


def test_a_worker_has_an_order_ahead_which_waits_until_it_is_begun() -> None:
    desk, heard = lt.OrderDesk(), list[lt.OrderEvent]()
    desk.submit(order("a1"), lambda event: None)
    making = taken(desk, "w1")
    desk.submit(order("b1"), heard.append)
    ahead = desk.ahead("w1")
    assert ahead is not None
    assert (ahead.order.id, desk.status({}).queued) == ("b1", 1)
    desk.submit(order("c1"), heard.append)
    desk.made("w1", making)
    desk.begin("w1", ahead)
    assert desk.status({"w1": "cpu"}).workers[0].order_id == "b1"
    assert heard == [
        lt.OrderQueued(order_id="b1", place=0),
        lt.OrderQueued(order_id="c1", place=1),
        lt.OrderStarted(order_id="b1", worker="w1"),
        lt.OrderQueued(order_id="c1", place=0),
    ]
    for ticket in (making, ahead):
        desk.end("w1", ticket, lt.OrderCancelled(order_id=ticket.order.id))
    assert desk.status({"w1": "cpu"}).workers[0].orders_done == 2


def test_the_next_order_of_a_session_waits_for_the_end_of_the_one_that_is_made() -> None:
    desk = lt.OrderDesk()
    desk.submit(order("a1"), lambda event: None)
    desk.submit(order("a2"), lambda event: None)
    making = taken(desk, "w1")
    desk.made("w1", making)
    assert desk.ahead("w1") is None
    assert desk.next("w2", 0) is None
    desk.end("w1", making, lt.OrderCancelled(order_id="a1"))
    assert taken(desk, "w2").order.id == "a2"


def test_an_order_that_is_ahead_is_wanted_by_an_idle_worker_and_given_back() -> None:
    desk = lt.OrderDesk()
    for order_id in ("a1", "b1", "c1"):
        desk.submit(order(order_id), lambda event: None)
    taken(desk, "w1")
    first, second = desk.ahead("w1"), desk.ahead("w1")
    assert first is not None
    assert second is not None
    assert desk.next("w2", 0) is None
    assert (first.wanted.is_set(), second.wanted.is_set()) == (False, True)
    desk.give_back("w1", second)
    again = taken(desk, "w2")
    assert (again, again.losses, again.wanted.is_set()) == (second, 0, False)


def test_an_order_that_is_ahead_and_to_stop_ends_when_it_is_given_back() -> None:
    desk, heard = lt.OrderDesk(), list[lt.OrderEvent]()
    desk.submit(order("a1"), lambda event: None)
    taken(desk, "w1")
    desk.submit(order("b1"), heard.append)
    ahead = desk.ahead("w1")
    assert ahead is not None
    assert desk.cancel("b1")
    desk.give_back("w1", ahead)
    assert heard[-1] == lt.OrderCancelled(order_id="b1")
    assert desk.status({}).queued == 0


def test_an_order_ahead_of_a_worker_at_a_long_one_goes_to_another_that_overtakes_it() -> None:
    desk = lt.OrderDesk()
    for session in "abcdefghij":
        desk.submit(order(f"{session}1"), lambda event: None)
    taken(desk, "w1")
    long = desk.ahead("w1")
    assert long is not None
    others: list[str] = []
    while not long.wanted.is_set():
        ticket = taken(desk, "w2")
        others.append(ticket.order.id)
        desk.end("w2", ticket, lt.OrderCancelled(order_id=ticket.order.id))
    assert len(others) == 5
    desk.give_back("w1", long)
    assert desk.ahead("w1") is None  # it is slow
    assert taken(desk, "w2") is long
