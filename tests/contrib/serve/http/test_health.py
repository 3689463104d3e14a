"""Whether a server is well, as those who watch it see it."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

import longtake as lt

pytest.importorskip("longtake_serve")

from longtake_serve.probe import WorkerProbe
from tests.contrib.serve.http.server import Served, served
from tests.contrib.serve.scripted import ScriptedDispatcher, eventually


def metrics(server: Served) -> dict[str, float]:
    text = server.client.get("/metrics").text
    samples = (
        sample for family in text_string_to_metric_families(text) for sample in family.samples
    )
    return {f"{each.name}{''.join(each.labels.values())}": each.value for each in samples}


def test_a_server_is_ready_once_a_worker_has_rolled(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        assert server.client.get("/healthz").json() == {"status": "ok"}
        eventually(lambda: server.client.get("/readyz").status_code == 200)
        assert server.client.get("/readyz").json() == {"status": "ready"}
        server.rolled("sea")
        server.service.drain(10)
        answer = server.client.get("/readyz")
        assert (answer.status_code, answer.json()) == (503, {"status": "draining"})


def test_metrics_count_answers_and_workers(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        for _ in range(3):
            server.client.get("/v1/sessions/take_x")
        found = metrics(server)
        assert found["longtake_serve_answers_total404"] == 3
        assert found["longtake_serve_workers"] == 1
        assert found["longtake_serve_answer_seconds_count"] >= 3
        eventually(lambda: metrics(server)["longtake_serve_workers_busy"] == 0)


def test_the_probe_tries_until_a_worker_has_rolled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("longtake_serve.probe._AGAIN_SECONDS", 0.01)
    sessions = lt.open_session_store("memory:")
    dispatcher = ScriptedDispatcher(sessions, None)
    probe = WorkerProbe(dispatcher, sessions, "pendulum", "swing@1")
    probe.start()
    for is_last in (False, True):
        eventually(lambda: bool(dispatcher.orders))
        (order,) = dispatcher.orders.values()
        assert not probe.is_ready()
        error = lt.StageError("swing", "no")
        segment = lt.SessionSegment(index=0, step="a", attempt="b")
        dispatcher.end(
            order,
            lt.OrderDone(order_id=order.id, segment=segment, revision=1)
            if is_last
            else lt.OrderFailed(order_id=order.id, error=error),
        )
    eventually(probe.is_ready)
    probe.close()
    assert sessions.list() == []


def test_a_probe_that_is_not_answered_ends_with_the_server() -> None:
    sessions = lt.open_session_store("memory:")
    dispatcher = ScriptedDispatcher(sessions, None)
    probe = WorkerProbe(dispatcher, sessions, "pendulum", "swing@1")
    probe.start()
    eventually(lambda: bool(dispatcher.orders))
    dispatcher.close()
    closing = threading.Thread(target=probe.close)
    closing.start()
    closing.join(20)
    assert not closing.is_alive()
    assert not probe.is_ready()
