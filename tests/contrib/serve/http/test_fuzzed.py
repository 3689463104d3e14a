"""Requests at random, made from the OpenAPI document: each answer is one that it names."""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

pytest.importorskip("longtake_serve")
pytest.importorskip("schemathesis")

import requests
import schemathesis
from schemathesis.checks import load_all_checks
from schemathesis.specs.openapi import checks as openapi_checks

from longtake_serve.http import streams
from longtake_serve.takes.limits import ServeLimits
from tests.contrib.serve.http.server import Served, served

LIMITS = ServeLimits(
    sessions=60, queue=2, segments=4, body_bytes=2**16, upload_bytes=2**18, pixels=96 * 96
)
PATIENCE = 20
"""Seconds after which an answer hangs."""
_ROOM_AFTER = 20
"""Requests for a take, after which those are deleted that nobody asks for."""
IDS = {"take_x", "0", "-1", "work_1", "work_99999999999", "%00", "..", "x" * 300, "é"}
CHECKS = (
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)


@schemathesis.serializer("application/zip")
def zip_of(context: object, value: object) -> bytes:
    """What is sent where a file is taken."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streams, "_HELD", 0.05)
        with served(tmp_path_factory.mktemp("serve"), limits=LIMITS) as server:
            yield server


@pytest.fixture(scope="module")
def operations(server: Served) -> list[Any]:
    load_all_checks()
    schema = schemathesis.openapi.from_dict(server.client.get("/openapi.json").json())
    found: list[Any] = list(schema.get_all_operations())
    return [each.ok() for each in found]


class Takes:
    """Some takes, of which there are always some: what is deleted comes back under another id."""

    def __init__(self, server: Served) -> None:
        self._server = server
        self._rng = random.Random(1)
        self._ids: list[str] = []
        self._asked = 0

    def any(self) -> str:
        """The id of one."""
        self._asked += 1
        if len(self._ids) < 6 or self._asked % _ROOM_AFTER == 0:
            self._make_room()
        if len(self._ids) < 6:
            self._ids.append(self._server.rolled(*["sea"] * self._rng.randrange(3)))
        take = self._rng.choice(self._ids)
        if self._server.client.get(f"/v1/sessions/{take}").is_success:
            return take
        self._ids.remove(take)
        return self.any()

    def _make_room(self) -> None:
        """Delete the takes that the requests made, of which a server has no more than so many."""
        client = self._server.client
        while others := [
            each["id"]
            for each in client.get("/v1/sessions").json()["data"]
            if each["id"] not in self._ids
        ]:
            for take in others:
                assert client.delete(f"/v1/sessions/{take}").status_code in (204, 404)


def sent(case: Any, base: str) -> Any:
    """The answer; of events, which do not end, the beginning."""
    found = case.as_transport_kwargs(base_url=base)
    with requests.Session() as session:
        answer = session.request(**found, timeout=PATIENCE, stream=True)
        if not answer.headers.get("content-type", "").startswith("text/event-stream"):
            assert answer.content is not None  # read to its end
        answer.close()
    return answer


def is_of(case: Any, answer: Any) -> bool:
    """Whether the operation answered: an id of dots leads clients to the path above it."""
    asked = answer.request.path_url.partition("?")[0]
    return bool(asked.count("/") == case.operation.path.count("/"))


# Threads of the server share `random` with the strategies, which Hypothesis takes for their doing.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
def test_every_answer_is_one_that_the_document_names(
    server: Served,
    operations: list[Any],
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
) -> None:
    count = request.config.getoption("http_requests")
    base = f"http://127.0.0.1:{server.port}"
    takes, statuses = Takes(server), Counter[int]()
    modes = [schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE]

    for index, operation in enumerate(sorted(operations, key=lambda each: each.path.count("{"))):
        cases = st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in modes))

        @settings(
            max_examples=-(-(count - sum(statuses.values())) // (len(operations) - index)),
            database=None,
            derandomize=True,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=cases, known=st.integers(0, 7), other=st.sampled_from(sorted(IDS)))
        def answered(case: Any, known: int, other: str) -> None:
            if "take" in case.path_parameters and known:
                case.path_parameters["take"] = takes.any() if known > 1 else other
            answer = sent(case, base)
            statuses[answer.status_code] += 1
            assert answer.status_code == 503 or answer.status_code < 500, answer.text
            is_stream = answer.headers.get("content-type", "").startswith("text/event-stream")
            if not is_stream and is_of(case, answer):
                case.validate_response(answer, checks=[getattr(openapi_checks, n) for n in CHECKS])

        answered()

    with capsys.disabled():
        found = ", ".join(f"{status}: {number}" for status, number in sorted(statuses.items()))
        sys.stdout.write(f"\n{sum(statuses.values())} requests, by status {found} ")
    assert sum(statuses.values()) >= count
    assert server.client.get("/healthz").is_success
