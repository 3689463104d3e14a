"""A picture that a video begins with, sent as OpenAI's API has it, to a family that takes one."""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("longtake_serve")
pytest.importorskip("openai")

import openai

from longtake_ltx2.tiny import write_tiny_checkpoint
from tests.contrib.serve.http.server import Served, served
from tests.contrib.serve.openai.client import REFERENCE, counted, extended

pytestmark = pytest.mark.filterwarnings("ignore:The Sora API is scheduled:DeprecationWarning")
URL = f"data:image/png;base64,{b64encode(REFERENCE).decode()}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("pictures")
    write_tiny_checkpoint(folder / "tiny")
    with served(folder / "stores", model=folder / "tiny") as found:
        yield found


def inputs(server: Served, video: str) -> list[dict[str, Any]]:
    """Of the requests of its segments."""
    found = server.client.get(f"/v1/sessions/{video}/segments").json()["data"]
    return [each["request"]["inputs"] for each in found]


def test_it_stands_at_the_first_frame_of_the_first_segment(server: Served, client: Any) -> None:
    made = client.videos.create_and_poll(
        prompt="sea",
        seconds="1.5",
        size="96x64",
        input_reference=("first.png", io.BytesIO(REFERENCE), "image/png"),
        extra_body={"sampling": {"seed": 5}},
    )
    assert made.error is None
    assert (made.status, made.seconds) == ("completed", "1.5")
    first, *others = inputs(server, made.id)
    assert [each["frame"] for each in first["images"]] == [0]
    assert others
    assert all(not each["images"] for each in others)
    frames = counted(client.videos.download_content(made.id).read())[0]
    assert abs(frames - 36) <= 4  # this family makes 8k + 1 of them
    longer = client.videos.poll(extended(client, made.id, "dunes", "1").id)
    assert longer.error is None
    more = counted(client.videos.download_content(longer.id).read())[0] - frames
    assert abs(more - 24) <= 4


def test_it_is_the_same_as_a_file_and_as_a_url(server: Served, client: Any) -> None:
    by_file = client.videos.create_and_poll(
        prompt="sea", seconds="0.8", size="96x64", input_reference=REFERENCE
    )
    fields = {"prompt": "sea", "seconds": "0.8", "size": "96x64"}
    answer = server.client.post(
        "/v1/videos", json={**fields, "input_reference": {"image_url": URL}}
    )
    by_url = client.videos.poll(answer.json()["id"])
    plain = client.videos.create_and_poll(**fields)
    assert inputs(server, by_file.id) == inputs(server, by_url.id) != inputs(server, plain.id)
    states = {
        server.client.get(f"/v1/sessions/{each.id}/segments").json()["data"][0]["state_digest"]
        for each in (by_file, by_url)
    }
    assert len(states) == 1
    assert {by_file.status, by_url.status, plain.status} == {"completed"}


@pytest.mark.parametrize(
    ("reference", "param"),
    [
        ({"image_url": "https://example.com/a.png"}, "input_reference.image_url"),
        ({"image_url": "file:///etc/hostname"}, "input_reference.image_url"),
        ({"image_url": "data:text/html;base64,AAAA"}, "input_reference.image_url"),
        ({"image_url": "data:image/png;base64,AAA"}, "input_reference"),
        ({"image_url": "data:image/png;base64,AAAA"}, "input_reference"),
        ({"file_id": "file_1"}, "input_reference"),
        ("a.png", "input_reference"),
    ],
)
def test_nothing_else_is_taken(server: Served, reference: object, param: str) -> None:
    answer = server.client.post("/v1/videos", json={"prompt": "sea", "input_reference": reference})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)
    assert server.client.get("/v1/videos").status_code == 200


def test_a_file_that_is_no_picture_is_refused_before_anything_is_queued(client: Any) -> None:
    before = len(client.videos.list(limit=100).data)
    for wrong in (b"no picture", REFERENCE[:40]):
        with pytest.raises(openai.BadRequestError) as refused:
            client.videos.create(prompt="sea", size="96x64", input_reference=wrong)
        assert refused.value.param == "input_reference"
    with pytest.raises(openai.BadRequestError) as refused:
        client.videos.create(prompt="sea", size="100x64")
    assert refused.value.param == "size"
    with pytest.raises(openai.BadRequestError, match="must leave 8 or more new ones") as refused:
        client.videos.create(prompt="sea", size="96x64", seconds="0.4")
    assert refused.value.param == "seconds"
    with pytest.raises(openai.BadRequestError) as refused:
        extra = {"inputs": '{"images": []}'}
        client.videos.create(prompt="sea", input_reference=REFERENCE, extra_body=extra)
    assert refused.value.param == "inputs.images"
    assert len(client.videos.list(limit=100).data) == before
