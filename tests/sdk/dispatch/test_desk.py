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
