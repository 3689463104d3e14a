"""Forms become the documents that JSON would say, and nothing that is sent breaks the server."""

from __future__ import annotations

import json
import socket
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("longtake_serve")

from tests.contrib.serve.http.server import Served

SMALL = {"size": "48x32", "seconds": "0.1"}


def sent(server: Served, fields: list[tuple[str, str]], path: str = "/v1/videos") -> httpx.Response:
    """A form with these fields."""
    parts = [(name, (None, value)) for name, value in fields]
    return server.client.post(path, files=parts)


def refused(answer: httpx.Response) -> tuple[int, str | None, str]:
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return answer.status_code, error["param"], error["message"]


def test_objects_may_be_json_texts(server: Served) -> None:
    sampling = json.dumps({"seed": 4, "width": 48, "height": 32, "num_frames": 17})
    answer = sent(server, [("prompt", "3"), ("sampling", sampling)])
    assert answer.status_code == 200, answer.text
    assert (answer.json()["size"], answer.json()["prompt"]) == ("48x32", "3")


def test_texts_stay_texts_where_a_text_is_wanted(server: Served) -> None:
    for prompt in ("true", "null", "17", '{"a": 1}', "[]"):
        answer = sent(server, [("prompt", prompt), *SMALL.items()])
        assert answer.json()["prompt"] == prompt, answer.text


@pytest.mark.parametrize(
    ("fields", "param", "problem"),
    [
        ([("prompt", "a"), ("prompt", "b")], "prompt", "is there twice"),
        ([("sampling[seed]", "1"), ("sampling", "{}")], "sampling", "is there twice"),
        ([("sampling", "{}"), ("sampling[seed]", "1")], None, ""),
        ([("sampling", "x"), ("sampling[seed]", "1")], "sampling.seed", "is there twice"),
        ([("a[]", "1")], "a[]", "lists are JSON texts"),
        ([("a[b", "1")], "a[b", "is no field of a form"),
        ([("[a]", "1")], "[a]", "is no field of a form"),
        ([("a" + "[b]" * 9, "1")], "a" + "[b]" * 9, "is no field of a form"),
        ([(f"a{n}", "1") for n in range(201)], "body", "Too many fields"),
        ([("output[last]", "maybe")], "output.last", "maybe"),
        ([("sampling[seed]", "1.5")], "sampling.seed", "1.5"),
        ([("sampling[fps]", "24000/0")], "sampling.fps", ""),
        ([("inputs", "[" * 100_000)], "inputs", ""),
        ([("stage_overrides[simulate][amplitude]", "[1]")], None, "amplitude"),
    ],
)
def test_wrong_fields_are_named(
    server: Served, fields: list[tuple[str, str]], param: str | None, problem: str
) -> None:
    prompt = [] if fields[0][0] == "prompt" else [("prompt", "sea")]
    answer = sent(server, [*prompt, *SMALL.items(), *fields])
    if (param, problem) == (None, ""):
        assert answer.status_code == 200
        return
    status, named, message = refused(answer)
    assert status == 400
    assert problem in message
    assert param is None or named == param


def test_what_a_video_goes_on_from_is_named_by_its_id(server: Served) -> None:
    path = "/v1/videos/extensions"
    for fields in (
        [("video", "take_1")],
        [("video[id]", "take_1"), ("video[name]", "a")],
        [("video[name]", "take_1")],
        [],
    ):
        answer = sent(server, [("prompt", "sea"), ("seconds", "1"), *fields], path)
        assert refused(answer)[:2] == (400, "video")
    parts = [("video", ("a.mp4", b"x" * 100)), ("prompt", (None, b"sea"))]
    answer = server.client.post(path, files=parts)
    assert refused(answer)[:2] == (400, "video")
    answer = sent(server, [("prompt", "sea"), ("video[id]", "take_1")], path)
    assert refused(answer)[0] == 404


def test_files_stand_only_where_files_are_taken(server: Served) -> None:
    answer = server.client.post("/v1/videos", files={"prompt": ("a.txt", b"sea")})
    assert refused(answer)[:2] == (400, "prompt")
    two = [("input_reference", ("a.png", b"x")), ("input_reference", ("b.png", b"x"))]
    assert refused(server.client.post("/v1/videos", files=two))[:2] == (400, "body")


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("multipart/form-data", b"", 400),
        ("multipart/form-data; boundary=", b"--\r\n", 400),
        ("multipart/form-data; boundary=x", b"", 400),
        ("multipart/form-data; boundary=x", b"--y\r\n\r\n", 400),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\nno name\r\n--x--\r\n", 400),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n\r\n", 400),
        ("multipart/form-data; boundary=" + "x" * 5000, b"--x\r\n", 400),
        ("application/x-www-form-urlencoded", b"prompt=sea", 415),
        ("text/plain", b"prompt=sea", 415),
        ("application/json", b"{", 400),
        ("application/json", b"[]", 400),
        ("", b"{}", 415),
    ],
)
def test_what_is_no_form_is_refused(server: Served, kind: str, body: bytes, status: int) -> None:
    answer = server.client.post("/v1/videos", content=body, headers={"Content-Type": kind})
    assert refused(answer)[0] == status


PIECES = [b"--x", b"--x--", b"\r\n", b"\n", b"\r", b"--", b"Content-Disposition: form-data; "]
PIECES += [b'name="prompt"', b'filename="a"', b": ", b"\x00", b"sea", b"\xff", b"a" * 5000]
VISIBLE = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=12)


# Threads of the server share `random` with the strategies, which Hypothesis takes for their doing.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
@settings(max_examples=150, deadline=None, derandomize=True)
@given(pieces=st.lists(st.sampled_from(PIECES), max_size=12), boundary=VISIBLE)
def test_no_form_breaks_the_server(server: Served, pieces: list[bytes], boundary: str) -> None:
    for mark in ("x", boundary):
        headers = {"Content-Type": f"multipart/form-data; boundary={mark}"}
        answer = server.client.post("/v1/videos", content=b"".join(pieces), headers=headers)
        assert 400 <= answer.status_code < 500 or answer.json()["prompt"], answer.text


def test_a_form_that_is_cut_or_too_large_is_let_go(server: Served) -> None:
    head = (
        "POST /v1/videos HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=x\r\n"
        "Content-Length: {}\r\n\r\n"
    )
    part = b'--x\r\nContent-Disposition: form-data; name="input_reference"; filename="a"\r\n\r\n'
    with socket.create_connection(("127.0.0.1", server.port)) as cut:
        cut.sendall(head.format(5_000_000).encode() + part + b"x" * 3_000_000)
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as large:
        large.sendall(head.format(50_000_000).encode() + part)
        assert large.recv(1000).startswith(b"HTTP/1.1 413")
    assert server.client.get("/healthz").is_success


def test_other_sites_may_not_send_forms(server: Served) -> None:
    headers = {"Origin": "https://evil.example"}
    answer = server.client.post("/v1/videos", files={"prompt": (None, "sea")}, headers=headers)
    assert refused(answer)[0] == 403


def test_json_says_the_same(server: Served) -> None:
    body: dict[str, Any] = {"prompt": "sea", "size": "48x32", "seconds": 0.1, "model": None}
    answer = server.client.post("/v1/videos", json=body)
    assert (answer.status_code, answer.json()["seconds"]) == (200, "0.1")
