"""Whose a request is, as an authenticator says: that of a file, and that of anybody's plugin."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("longtake_serve")

import longtake as lt
from longtake.testing import AuthenticatorContract, FakeDistributions
from longtake_serve.http import access
from tests.contrib.serve.http.process import running
from tests.contrib.serve.http.server import served

OF_FILE = {"a" * 43: "ann", "b" * 43: "bob", "another of ann's": "ann"}


def token_file(folder: Path, tokens: Mapping[str, str]) -> Path:
    path = folder / "of tenants %41"
    lines = [f"{name}:{hashlib.sha256(key.encode()).hexdigest()}" for key, name in tokens.items()]
    path.write_text("\n".join(lines))
    return path


class TestTokenFile(AuthenticatorContract):
    @pytest.fixture
    def authenticator(self, tmp_path: Path) -> lt.Authenticator:
        url = f"file://{tmp_path}/of%20tenants%20%2541"
        token_file(tmp_path, OF_FILE)
        return lt.open_authenticator(url, registry=lt.Registry.of("longtake_serve.plugin"))

    @pytest.fixture
    def tokens(self) -> Mapping[str, str]:
        return OF_FILE


@pytest.mark.parametrize("url", ["file:tokens", "file://host/tokens", "file:///nowhere/tokens"])
def test_a_file_that_is_not_there_is_refused(url: str) -> None:
    with pytest.raises(lt.ValidationError) as refused:
        lt.open_authenticator(url, registry=lt.Registry.of("longtake_serve.plugin"))
    assert refused.value.path == "tokens"


class Said:
    """An authenticator that says what it was made with; an error is raised."""

    def __init__(self, said: Any) -> None:
        self.said = said

    def tenant(self, token: str | None) -> str | None:
        if isinstance(self.said, Exception):
            raise self.said
        found: str | None = self.said
        return found


@pytest.mark.parametrize(
    ("said", "status", "kind"),
    [
        ("https://login.example/|ann@example", 200, None),
        (None, 401, "Unauthorized"),
        (lt.AuthenticatorUnavailable("ldap://10.0.0.1 is away"), 503, "AuthenticatorUnavailable"),
        ("", 500, "InternalError"),
        ("ann and bob", 500, "InternalError"),
        (7, 500, "InternalError"),
        (KeyError("ann"), 500, "InternalError"),
    ],
)
def test_what_an_authenticator_says_is_what_is_answered(
    tmp_path: Path, said: Any, status: int, kind: str | None
) -> None:
    with served(tmp_path, authenticator=Said(said)) as server:
        answer = server.client.get("/v1/sessions")
        assert answer.status_code == status
        if kind is not None:
            assert answer.json()["error"]["type"] == kind
        assert "10.0.0.1" not in answer.text
        assert server.client.get("/healthz").is_success  # nobody is asked


class Waiting:
    """An authenticator that hangs where the token says so."""

    def __init__(self) -> None:
        self.ended = threading.Event()
        self.at_once = 0

    def tenant(self, token: str | None) -> str | None:
        if token == "hang":
            self.at_once += 1
            self.ended.wait(30)
        return "ann"


def test_one_that_hangs_is_given_up_and_holds_nobody_else_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "_PATIENCE", 0.5)
    monkeypatch.setattr(access, "_AT_ONCE", 3)
    waiting = Waiting()
    with served(tmp_path, authenticator=waiting) as server, ThreadPoolExecutor(8) as threads:
        hung = [
            threads.submit(
                server.client.get, "/v1/sessions", headers={"Authorization": "Bearer hang"}
            )
            for _ in range(8)
        ]
        while waiting.at_once < 3:
            time.sleep(0.01)
        assert server.client.get("/readyz").status_code in (200, 503)  # its threads are others
        assert {each.result().status_code for each in hung} == {503}
        assert waiting.at_once == 3
        assert server.client.get("/v1/sessions").status_code == 503  # all its turns are taken
        waiting.ended.set()
        assert server.client.get("/v1/sessions").is_success


PLUGIN = """
import longtake as lt

class Reversed:
    def tenant(self, token):
        return {"enna": "anne", "bbo": "obb"}.get(token)

def open_lock(url):
    if url != "mirror://hall?key=hidden":
        raise lt.ValidationError("tokens", "is no mirror")
    return Reversed()

@lt.hookimpl
def longtake_authenticators():
    return [lt.AuthenticatorBackend("mirror", "longtake_mirror:open_lock")]
"""


def test_the_command_takes_the_url_of_a_plugins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    FakeDistributions(tmp_path).add("longtake-mirror", PLUGIN)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with running(tmp_path / "data", "--tokens", "mirror://hall?key=hidden") as server:
        assert server.client.get("/v1/sessions").status_code == 401
        for token, name in (("enna", "anne"), ("bbo", "obb")):
            bearer = {"Authorization": f"Bearer {token}"}
            asked = {"labels": {"who": name}}
            assert server.client.post("/v1/sessions", json=asked, headers=bearer).is_success
            found = server.client.get("/v1/sessions", headers=bearer).json()["data"]
            assert [each["labels"] for each in found] == [{"who": name}]
