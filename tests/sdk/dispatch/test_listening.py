"""A listener is told every event in its order, one at a time, and cannot hurt who tells it."""

from __future__ import annotations

import logging
import threading

import pytest

import longtake as lt
from longtake.dispatch.listening import Mailbox


def nothing() -> None:
    """Nobody waits for the end."""


def test_events_come_in_order_one_at_a_time_from_many_threads() -> None:
    heard: list[int] = []
    inside = 0
    most = 0

    def listener(event: lt.OrderEvent) -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        assert isinstance(event, lt.OrderQueued)
        heard.append(event.place)
        inside -= 1

    mailbox = Mailbox(listener, nothing)
    for place in range(500):
        mailbox.post(lt.OrderQueued(order_id="a", place=place))
    threads = [threading.Thread(target=mailbox.deliver) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert heard == list(range(500))
    assert most == 1


def test_what_is_posted_by_the_listener_itself_comes_after() -> None:
    heard: list[str] = []
    left: list[str] = []

    def listener(event: lt.OrderEvent) -> None:
        heard.append(type(event).__name__)
        if isinstance(event, lt.OrderQueued):
            mailbox.post(lt.OrderCancelled(order_id="a"))
            mailbox.deliver()
        left.append(type(event).__name__)

    mailbox = Mailbox(listener, nothing)
    mailbox.post(lt.OrderQueued(order_id="a", place=0))
    mailbox.deliver()
    assert heard == left == ["OrderQueued", "OrderCancelled"]


@pytest.mark.parametrize("raised", [ValueError, SystemExit])
def test_what_a_listener_raises_is_warned_of_and_it_is_told_the_rest(
    raised: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[str] = []
    ended: list[bool] = []

    def listener(event: lt.OrderEvent) -> None:
        heard.append(type(event).__name__)
        raise raised("ill")

    mailbox = Mailbox(listener, lambda: ended.append(True))
    mailbox.post(lt.OrderStarted(order_id="a", worker="w"))
    mailbox.post(lt.OrderCancelled(order_id="a"))
    with caplog.at_level(logging.WARNING, "longtake"):
        mailbox.deliver()
    assert heard == ["OrderStarted", "OrderCancelled"]
    assert ended == [True]
    assert [record.getMessage() for record in caplog.records] == [
        "the listener of order a raised at OrderStarted",
        "the listener of order a raised at OrderCancelled",
    ]


def test_an_interrupted_delivery_goes_on_later() -> None:
    heard: list[str] = []

    def listener(event: lt.OrderEvent) -> None:
        heard.append(type(event).__name__)
        if len(heard) == 1:
            raise KeyboardInterrupt

    mailbox = Mailbox(listener, nothing)
    mailbox.post(lt.OrderStarted(order_id="a", worker="w"))
    mailbox.post(lt.OrderCancelled(order_id="a"))
    with pytest.raises(KeyboardInterrupt):
        mailbox.deliver()
    mailbox.deliver()
    assert heard == ["OrderStarted", "OrderCancelled"]
