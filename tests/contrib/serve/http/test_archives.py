"""Takes as files over HTTP: out of one server and into another."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest

pytest.importorskip("longtake_serve")

from longtake_serve.takes.limits import ServeLimits
from tests.contrib.serve.http.server import Served, served

ZIP = {"Content-Type": "application/zip"}


@pytest.fixture(scope="module")
def take(server: Served) -> str:
    return server.rolled("sea", "dunes")


def exported(server: Served, take: str) -> bytes:
    answer = server.client.get(f"/v1/sessions/{take}/export")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"] == f'attachment; filename="{take}.zip"'
    return answer.content


def digests(server: Served, take: str) -> list[str]:
    found = server.client.get(f"/v1/sessions/{take}/segments").json()["data"]
    return [each["state_digest"] for each in found]


def test_a_take_goes_on_at_another_server(server: Served, take: str, tmp_path: Path) -> None:
    data = exported(server, take)
    assert exported(server, take) == data
    with served(tmp_path) as other:
        answer = other.client.post("/v1/sessions/import", content=data, headers=ZIP)
        assert answer.status_code == 201, answer.text
        copy = answer.json()["id"]
        assert answer.headers["location"] == f"/v1/sessions/{copy}"
        assert digests(other, copy) == digests(server, take)
        film = f"/v1/sessions/{copy}/take.mp4"
        assert other.client.get(film).content == server.client.get(film.replace(copy, take)).content
        other.extend(copy, "snow")
        other.settle(copy)
        assert len(digests(other, copy)) == 3


def test_nothing_is_left_on_the_disk(server: Served, take: str, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    with served(tmp_path / "stores", folder=folder) as other:
        data = exported(server, take)
        done = other.client.post("/v1/sessions/import", content=data, headers=ZIP)
        exported(other, done.json()["id"])
        other.client.post("/v1/sessions/import", content=b"no zip", headers=ZIP)
        assert list(folder.iterdir()) == []


def test_what_is_no_take_is_refused(server: Served) -> None:
    empty = BytesIO()
    zipfile.ZipFile(empty, "w").close()
    for data in (b"", b"no zip", empty.getvalue()):
        answer = server.client.post("/v1/sessions/import", content=data, headers=ZIP)
        assert answer.status_code == 422, answer.text
        assert answer.json()["error"]["message"]
    answer = server.client.post("/v1/sessions/import", content=b"no zip")
    assert (answer.status_code, answer.json()["error"]["path"]) == (415, "file")


def test_an_upload_is_counted_while_it_comes(server: Served, take: str, tmp_path: Path) -> None:
    data = exported(server, take)

    def pieces() -> Iterator[bytes]:
        for begin in range(0, len(data), 4096):
            yield data[begin : begin + 4096]

    with served(tmp_path, limits=ServeLimits(upload_bytes=len(data) - 1)) as other:
        answer = other.client.post("/v1/sessions/import", content=pieces(), headers=ZIP)
        assert (answer.status_code, answer.json()["error"]["path"]) == (413, "file")


def test_what_is_not_there_is_not_exported(server: Served) -> None:
    assert server.client.get("/v1/sessions/take_x/export").status_code == 404
