"""The thread in which segments are made: one for all, over when nobody needs it."""

from __future__ import annotations

import gc
import threading
from contextvars import ContextVar
from functools import partial

import pytest

from longtake.sessions.making_thread import MakingThread

WAIT = 10
WHO = ContextVar("WHO", default="nobody")


def test_all_that_threads_give_it_is_done_in_one_other_thread() -> None:
    making = MakingThread()
    idents: set[int] = set()

    def give() -> None:
        idents.add(making.do(threading.get_ident))

    givers = [threading.Thread(target=give) for _ in range(4)]
    for giver in givers:
        giver.start()
    for giver in givers:
        giver.join(WAIT)
    assert making.do(threading.get_ident) in idents
    assert len(idents) == 1
    assert threading.get_ident() not in idents
    making.close()


def test_things_are_done_in_the_order_and_the_context_in_which_they_are_given() -> None:
    making, done = MakingThread(), list[str]()
    WHO.set("me")
    first = making.begin(lambda: done.append(WHO.get()))
    assert making.do(lambda: (*done, "then")) == ("me", "then")
    assert first.done()
    making.close()


def test_what_it_raises_is_raised_where_it_is_waited_for_and_costs_nothing_else() -> None:
    making = MakingThread()
    with pytest.raises(SystemExit):
        making.do(partial(exit, 3))
    assert making.do(lambda: 5) == 5
    making.close()


def test_what_it_does_may_give_it_more() -> None:
    making = MakingThread()
    assert making.do(lambda: making.do(lambda: 5)) == 5
    making.close()


@pytest.mark.parametrize("is_closed", [True, False], ids=["closed", "forgotten"])
def test_it_is_over_when_nobody_needs_it(is_closed: bool) -> None:
    making = MakingThread()
    thread = making.do(threading.current_thread)
    if is_closed:
        making.close()
        assert not thread.is_alive()
    del making
    gc.collect()
    thread.join(WAIT)
    assert not thread.is_alive()


def test_a_closed_one_begins_anew() -> None:
    making = MakingThread()
    making.close()
    assert making.do(lambda: 5) == 5
    making.close()
    assert making.do(lambda: 6) == 6
    making.close()
