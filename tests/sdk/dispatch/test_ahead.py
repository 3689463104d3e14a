"""Which of the orders that busy workers have ahead others should have."""

from __future__ import annotations

from longtake.dispatch.ahead import OrdersAhead


def ahead(*orders: tuple[str, str]) -> OrdersAhead:
    found = OrdersAhead()
    for order_id, worker in orders:
        found.add(order_id, worker)
    return found


def test_each_idle_worker_wants_one_that_was_taken_last() -> None:
    orders = ahead(("a1", "w1"), ("b1", "w1"), ("c1", "w2"))
    assert orders.wanted_by(1) == ["c1"]
    assert orders.wanted_by(1) == []  # it is on its way
    assert orders.wanted_by(2) == ["b1"]
    orders.remove("c1")
    assert orders.ids() == ["a1", "b1"]
    assert orders.wanted_by(3) == ["a1"]
    assert orders.wanted_by(9) == []


def test_what_others_overtake_again_and_again_is_wanted() -> None:
    orders = ahead(("a1", "w1"), ("b1", "w2"))
    wanted = [orders.overtaken("w2", 2) for _ in range(6)]
    assert wanted == [[], [], [], [], ["a1"], []]
    assert (len(orders), orders.is_slow("w1"), orders.is_slow("w2")) == (2, True, False)
    orders.begin("z1", "w1")
    assert not orders.is_slow("w1")


def test_of_many_workers_each_may_overtake() -> None:
    orders = ahead(("a1", "w0"))
    rounds = [orders.overtaken(f"w{each}", 4) for _ in range(4) for each in (1, 2, 3)]
    assert not any(rounds)
    assert orders.overtaken("w1", 4) == ["a1"]
