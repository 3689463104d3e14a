"""Trying a store: everything it raises is an outcome, it is closed, and no secret is repeated."""

from __future__ import annotations

from typing import Any

import pytest

import longtake as lt
from longtake.blobs.memory import MemoryBlobStore
from longtake.doctor.stores import try_store, without_secrets

URL = "shelf://me%40home:hunter%2F2@host:1/x?key=sesame&tls=1"


class Recorder(MemoryBlobStore):
    """Says what was done with it."""

    def __init__(self) -> None:
        super().__init__()
        self.done: list[str] = []

    def put(self, *data: Any, **options: Any) -> str:
        self.done.append("put")
        return super().put(*data, **options)

    def __contains__(self, blob_id: object) -> bool:
        self.done.append("asked")
        return super().__contains__(blob_id)

    def close(self) -> None:
        self.done.append("closed")
        super().close()


@pytest.mark.parametrize(
    ("write", "done"),
    [(False, ["asked", "closed"]), (True, ["asked", "put", "asked", "closed"])],
)
def test_a_store_is_only_written_to_when_it_is_the_users(write: bool, done: list[str]) -> None:
    store = Recorder()
    trial = try_store(lt.BlobBackend("shelf", lambda _: store), URL, write=write)
    assert (trial.outcome, trial.reason, trial.url) == ("ok", None, "shelf://host:1/x")
    assert store.done == done


@pytest.mark.parametrize(
    ("error", "outcome", "reason"),
    [
        (lt.BlobStoreUnavailable(f"{URL} is\ndown"), "unavailable", "shelf://host:1/x is down"),
        (lt.BlobError("hunter2 hunter/2"), "unavailable", "hunter2 ***"),
        (lt.MissingDependencyError("a", "b"), "unavailable", "b needs the package 'a'"),
        (lt.ValidationError("blobs", "no sesame"), "failed", "blobs: no ***"),
        (KeyError("me@home"), "failed", "KeyError: '***'"),
        (SystemExit(3), "failed", "SystemExit: 3"),
    ],
)
def test_what_opening_raises_is_the_outcome(
    error: BaseException, outcome: str, reason: str
) -> None:
    def open_store(url: str) -> lt.BlobStore:
        raise error

    trial = try_store(lt.BlobBackend("shelf", open_store), URL, write=False)
    assert trial.outcome == outcome
    assert reason in str(trial.reason)


def test_a_store_that_cannot_be_imported_has_failed() -> None:
    trial = try_store(lt.BlobBackend("shelf", "no.such.module:open_store"), "shelf:", write=False)
    assert trial.outcome == "failed"
    assert "no.such.module:open_store" in str(trial.reason)


@pytest.mark.parametrize("text", [URL, "hunter%2F2", "hunter/2", "me@home", "sesame", "key=sesame"])
def test_secrets_are_taken_out_of_a_text(text: str) -> None:
    shown = without_secrets(f"cannot log in: {text}", URL)
    assert shown.startswith("cannot log in: ")
    assert not any(each in shown for each in ("hunter", "me@", "sesame"))


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("shelf://me:hunter/2@host/", "not a port: 'hunter'"),
        ("shelf://me:hunter#2@host/", "not a port: 'hunter'"),
        ("shelf://me:hunter?2@host/", "not a port: 'hunter'"),
        ("shelf://host/?key=hunter%2F2&a=1", "no such key: hunter%2F2"),
        ("shelf://host/?key=hunter%2F2&a=1", "no such key: hunter/2"),
        ("shelf://host/?key=hunter+2&a=1", "no such key: 'hunter 2'"),
        ("shelf://host/?a=1&hunter", "no such option: hunter"),
        ("shelf://host/#hunter", "no such place: hunter"),
    ],
)
def test_a_part_of_a_secret_is_taken_out_too(url: str, text: str) -> None:
    shown = without_secrets(text, url)
    assert "hunter" not in shown
    assert "***" in shown


def test_a_text_without_secrets_stays_as_it_is() -> None:
    text = "port 1 is closed"
    assert without_secrets(text, URL) == text
    assert without_secrets(text, "memory:") == text
    assert without_secrets(text, "shelf://[") == text
