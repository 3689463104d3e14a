"""Takes over HTTP, by a real server with pendulums."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

import longtake as lt

pytest.importorskip("longtake_serve")

from longtake_serve.http import bodies
from longtake_serve.takes.limits import ServeLimits
from tests.contrib.serve.http.server import SLOW, TINY, Served, served

LIMITS = ServeLimits(queue=3, sessions=40, body_bytes=4096, pixels=1024 * 1024)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("serve"), limits=LIMITS) as found:
        yield found


def error_of(answer: Any, status: int) -> dict[str, str]:
    assert answer.status_code == status, answer.text
    error: dict[str, str] = answer.json()["error"]
    assert error["type"]
    assert error["message"]
    return error


def test_a_take_is_made_and_extended(server: Served) -> None:
    answer = server.client.post("/v1/sessions", json={"labels": {"film": "sea"}})
    assert answer.status_code == 201
    take = answer.json()["id"]
    assert answer.headers["location"] == f"/v1/sessions/{take}"
    work = server.extend(take, "sea")
    assert (work["id"], work["take"], work["prompt"]) == ("work_1", take, "sea")
    server.extend(take, "dunes")
    server.settle(take)
    view = server.client.get(f"/v1/sessions/{take}").json()
    assert (view["num_segments"], view["labels"]) == (2, {"film": "sea"})
    assert (view["status"], view["family"], view["preset"]) == ("open", "pendulum", "swing@1")
    segments = server.client.get(f"/v1/sessions/{take}/segments").json()["data"]
    assert [each["request"]["prompt"] for each in segments] == ["sea", "dunes"]
    state = server.client.get(f"/v1/sessions/{take}/state").json()
    read = lt.structure(state, lt.ContinuationState)
    assert read == server.service.state("local", take)
    assert [each["status"] for each in server.work(take)] == ["done", "done"]


def test_the_same_key_makes_one_piece_of_work(server: Served) -> None:
    take = server.take()
    url, key = f"/v1/sessions/{take}/segments", {"Idempotency-Key": "one"}
    asked = {"prompt": "sea", "sampling": TINY}
    answers = [server.client.post(url, json=asked, headers=key) for _ in range(3)]
    assert {each.json()["id"] for each in answers} == {"work_1"}
    error = error_of(server.client.post(url, json={"prompt": "snow"}, headers=key), 422)
    assert error["path"] == "key"
    server.settle(take)


def test_takes_are_listed_in_pages_and_by_labels(server: Served) -> None:
    made = [
        server.client.post("/v1/sessions", json={"labels": {"page": "yes"}}).json()["id"]
        for _ in range(3)
    ]
    params = {"label": "page=yes", "limit": "2"}
    first = server.client.get("/v1/sessions", params=params).json()
    assert first["has_more"]
    after = {**params, "after": first["data"][-1]["id"]}
    second = server.client.get("/v1/sessions", params=after).json()
    assert not second["has_more"]
    assert [each["id"] for each in first["data"] + second["data"]] == sorted(made)


def test_a_fork_goes_on_from_its_first_segments(server: Served) -> None:
    take = server.rolled("sea", "dunes")
    answer = server.client.post(f"/v1/sessions/{take}/fork", json={"num_segments": 1})
    assert answer.status_code == 201
    fork = answer.json()
    assert (fork["num_segments"], fork["parent"]) == (1, {"id": take, "num_segments": 1})
    server.extend(fork["id"], "snow")
    server.settle(fork["id"])
    found = server.client.get(f"/v1/sessions/{fork['id']}/segments").json()["data"]
    assert [each["request"]["prompt"] for each in found] == ["sea", "snow"]


def test_a_take_is_rewound_finished_and_deleted(server: Served) -> None:
    take = server.rolled("sea", "dunes")
    url = f"/v1/sessions/{take}"
    rewound = server.client.post(f"{url}/rewind", json={"num_segments": 1}).json()
    assert rewound["num_segments"] == 1
    assert server.client.post(f"{url}/finish").json()["status"] == "finished"
    answer = server.client.post(f"{url}/segments", json={"prompt": "more"})
    assert error_of(answer, 409)["type"] == "TakeFinished"
    assert server.client.delete(url).status_code == 204
    error_of(server.client.get(url), 404)


def test_work_is_cancelled_within_a_step(server: Served) -> None:
    take = server.take("sea", "dunes", sampling=SLOW)
    url = f"/v1/sessions/{take}"
    busy = server.client.post(f"{url}/rewind", json={"num_segments": 0})
    assert error_of(busy, 409)["type"] == "TakeBusy"
    for work in ("work_2", "work_1"):
        answer = server.client.delete(f"{url}/work/{work}")
        assert answer.json()["status"] in ("cancelling", "cancelled")
    server.settle(take)
    assert [each["status"] for each in server.work(take)] == ["cancelled", "cancelled"]
    assert server.client.get(url).json()["num_segments"] == 0


def test_the_schema_says_what_is_taken(server: Served) -> None:
    schema = server.client.get("/v1/schema").json()
    assert schema["required"] == ["prompt"]
    assert {"prompt", "sampling", "stage_overrides"} < schema["properties"].keys()
    assert "state" not in schema["properties"]


def test_the_schema_has_the_options_of_stages_and_what_a_new_take_gets(server: Served) -> None:
    fields = server.client.get("/v1/schema").json()["properties"]
    stages = fields["stage_overrides"]["properties"]
    assert stages.keys() == {"simulate", "sing"}
    count = stages["simulate"]["properties"]["num_pendulums"]
    assert (count["minimum"], count["maximum"]) == (1, 9)
    assert "How many" in count["description"]
    assert fields["sampling"]["properties"]["height"]["examples"] == [288]
    answer = server.client.post(
        f"/v1/sessions/{server.take()}/segments",
        json={"prompt": "sea", "stage_overrides": {"simulate": {"num_pendulums": 10}}},
    )
    assert error_of(answer, 422)["path"] == "stage_overrides.simulate.num_pendulums"


WRONG: list[tuple[dict[str, Any], int, str]] = [
    ({"prompt": 3}, 422, "prompt"),
    ({"prompt": "sea", "sampling": {"num_frames": "many"}}, 422, "sampling.num_frames"),
    ({"prompt": "sea", "sampling": {"height": 4096, "width": 4096}}, 422, "sampling.height"),
    ({"prompt": "sea", "file": "/etc/passwd"}, 422, "file"),
    ({"prompt": "sea", "state": {"kind": "a.v1", "payload": {}}}, 422, "state"),
    ({"prompt": "sea" * 1400}, 413, "body"),
]


@pytest.mark.parametrize(("document", "status", "path"), WRONG)
def test_wrong_requests_are_refused_by_their_path(
    server: Served, document: dict[str, Any], status: int, path: str
) -> None:
    take = server.take()
    answer = server.client.post(f"/v1/sessions/{take}/segments", json=document)
    assert error_of(answer, status)["path"] == path
    assert server.work(take) == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"a"', b'{"labels": NaN}', b"[" * 4000])
def test_what_is_no_json_object_is_refused(server: Served, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = server.client.post("/v1/sessions", content=body, headers=headers)
    assert error_of(answer, 400)["path"] == "body"


def test_forms_of_other_sites_change_nothing(server: Served) -> None:
    """What a page may send without being asked first is refused, as is what it says it is."""
    plain = server.client.post("/v1/sessions", content=b"{}")
    assert error_of(plain, 415)["type"] == "NotJson"
    take = server.take()
    url = f"/v1/sessions/{take}/finish"
    foreign = server.client.post(url, headers={"Origin": "https://evil.example"})
    assert error_of(foreign, 403)["type"] == "Forbidden"
    own = {"Origin": f"http://127.0.0.1:{server.port}"}
    assert server.client.post(url, headers=own).status_code == 200


def test_limits_are_said_with_the_path(server: Served) -> None:
    take = server.take("one", "two", "three", sampling=SLOW)
    answer = server.client.post(f"/v1/sessions/{take}/segments", json={"prompt": "four"})
    assert error_of(answer, 429)["path"] == "queue"
    assert answer.headers["retry-after"] == "1"
    server.client.delete(f"/v1/sessions/{take}")


def test_a_body_without_end_is_refused_while_it_comes(server: Served) -> None:
    head = (
        f"POST /v1/sessions HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", server.port), 30) as connection:
        connection.sendall(head.encode())
        connection.sendall(b"1000\r\n" + b" " * 4096 + b"\r\n")
        connection.sendall(b"1\r\n \r\n")
        with connection.makefile("rb") as file:
            assert file.readline().startswith(b"HTTP/1.1 413 ")
            assert json.loads(file.read().partition(b"\r\n\r\n")[2])["error"]["path"] == "body"


def test_a_body_that_trickles_is_not_waited_for(
    server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "_PATIENCE", 0.4)
    head = (
        f"POST /v1/sessions HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
        "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", server.port), 30) as connection:
        connection.sendall(head.encode())
        connection.settimeout(0.1)
        answer = b""
        for _ in range(300):
            with contextlib.suppress(TimeoutError):
                answer = connection.recv(4096)
                break
            connection.sendall(b" ")
    assert answer.startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/sessions/take_of_nobody", 404),
        ("GET", "/v1/sessions/..%2f..", 404),
        ("GET", "/v1/nothing", 404),
        ("PUT", "/v1/sessions", 405),
        ("GET", "/v1/sessions?limit=0", 422),
        ("GET", "/v1/sessions?limit=٣", 422),
        ("GET", "/v1/sessions?label=a", 422),
    ],
)
def test_errors_have_one_form_and_all_answers_the_headers(
    server: Served, method: str, path: str, status: int
) -> None:
    answer = server.client.request(method, path)
    error_of(answer, status)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert answer.headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in answer.headers


def test_a_method_that_is_not_there_is_told_all_that_are(server: Served) -> None:
    take = server.take()
    for path, methods in ((f"/{take}", "DELETE, GET, HEAD"), ("", "GET, HEAD, POST")):
        answer = server.client.put(f"/v1/sessions{path}")
        error_of(answer, 405)
        assert ", ".join(sorted(answer.headers["allow"].split(", "))) == methods


def test_fewer_than_no_segments_are_refused(server: Served) -> None:
    for way in ("fork", "rewind"):
        answer = server.client.post(
            f"/v1/sessions/{server.take()}/{way}", json={"num_segments": -1}
        )
        assert error_of(answer, 422)["path"] == "num_segments"
