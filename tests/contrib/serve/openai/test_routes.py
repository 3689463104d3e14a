"""The official client against a real server: videos are made, asked for, extended, downloaded."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import av
import pytest
from jsonschema import Draft202012Validator
from PIL import Image

pytest.importorskip("longtake_serve")
pytest.importorskip("openai")

import openai

from longtake_serve.http.access import TokenFile
from longtake_serve.openai.documents import VIDEO, VIDEOS
from longtake_serve.takes.limits import ServeLimits
from tests.contrib.serve.http.server import SLOW, Served, served
from tests.contrib.serve.openai.client import REFERENCE, TINY, client_of, counted, extended

pytestmark = pytest.mark.filterwarnings("ignore:The Sora API is scheduled:DeprecationWarning")


def sent(server: Served, video: str) -> list[dict[str, Any]]:
    """The requests of its segments."""
    found = server.client.get(f"/v1/sessions/{video}/segments").json()["data"]
    return [each["request"] for each in found]


def test_a_video_is_made_polled_and_downloaded(server: Served, client: Any, tmp_path: Path) -> None:
    video = client.videos.create(model="sora-2", prompt="a calm sea", seconds="4", size="48x32")
    assert video.status in ("queued", "in_progress")
    assert (video.object, video.seconds, video.size) == ("video", "4", "48x32")
    assert (video.prompt, video.model, video.error) == ("a calm sea", "pendulum/swing@1", None)
    done = client.videos.poll(video.id)
    assert (done.id, done.status, done.progress) == (video.id, "completed", 100)
    assert done.created_at <= done.completed_at
    file = tmp_path / "video.mp4"
    client.videos.download_content(video.id, variant="video").write_to_file(file)
    assert counted(file.read_bytes()) == (120, 48, 32)
    requests = sent(server, video.id)
    assert [each["sampling"]["num_frames"] for each in requests] == [60, 69]
    assert {each["prompt"] for each in requests} == {"a calm sea"}


def test_pictures_of_a_video_are_downloaded(client: Any) -> None:
    video = client.videos.create_and_poll(prompt="dunes", seconds="2", size="96x64")
    for variant, kind in (("thumbnail", "JPEG"), ("spritesheet", "PNG")):
        content = client.videos.download_content(video.id, variant=variant)
        assert Image.open(io.BytesIO(content.read())).format == kind


def test_a_video_is_extended_and_stays(server: Served, client: Any) -> None:
    first = client.videos.create_and_poll(
        prompt="sea", seconds="2", size="48x32", extra_body={"sampling": {"seed": 11}}
    )
    longer = client.videos.poll(extended(client, first.id, "dunes", "4").id)
    assert (longer.status, longer.seconds, longer.size) == ("completed", "6", "48x32")
    assert longer.prompt == "dunes"
    assert longer.id != first.id
    whole = client.videos.download_content(longer.id).read()
    part = client.videos.download_content(first.id).read()
    assert (counted(whole)[0], counted(part)[0]) == (180, 60)
    assert [each["prompt"] for each in sent(server, longer.id)] == ["sea", "dunes", "dunes"]
    again = client.videos.poll(extended(client, longer.id, "snow", "0.5").id)
    assert (again.status, again.seconds) == ("completed", "6.5")


def test_its_sound_is_whole(server: Served, client: Any) -> None:
    video = client.videos.create_and_poll(prompt="sea", seconds="3", size="48x32")
    data = client.videos.download_content(video.id).read()
    with av.open(io.BytesIO(data), "r") as file:
        rate = file.streams.audio[0].rate
        samples = sum(frame.samples for frame in file.decode(audio=0))
    assert 3 * rate <= samples < 3 * rate + 2048  # AAC comes in pieces of 1024


def test_fields_of_a_request_pass_through_a_form_and_json(server: Served, client: Any) -> None:
    fields = {
        "sampling": {"seed": 7, "fps": 24, "width": 48, "height": 32},
        "stage_overrides": {"simulate": {"num_pendulums": 2, "amplitude": 0.125}},
        "output": {"overlap_frames": 3},
        "seconds": 2.5,
    }
    by_form = client.videos.create_and_poll(prompt="42", extra_body=fields)
    answer = server.client.post("/v1/videos", json={"prompt": "42", **fields})
    by_json = client.videos.poll(answer.json()["id"])
    assert (by_form.status, by_form.seconds) == (by_json.status, by_json.seconds)
    assert (by_json.status, by_json.seconds) == ("completed", "2.5")
    (request,) = sent(server, by_form.id)
    assert [request] == sent(server, by_json.id)
    assert request["prompt"] == "42"
    assert request["sampling"]["seed"] == 7
    assert request["stage_overrides"] == {"simulate": {"num_pendulums": 2, "amplitude": 0.125}}
    digests = [
        server.client.get(f"/v1/sessions/{each.id}/segments").json()["data"][0]["state_digest"]
        for each in (by_form, by_json)
    ]
    assert digests[0] == digests[1]


def test_num_frames_are_a_length_too(server: Served, client: Any) -> None:
    video = client.videos.create_and_poll(prompt="sea", extra_body={"sampling": TINY})
    assert video.seconds == "0.567"
    assert [each["sampling"]["num_frames"] for each in sent(server, video.id)] == [17]
    both = client.videos.create_and_poll(prompt="sea", seconds="1", extra_body={"sampling": TINY})
    assert (both.seconds, both.status) == ("1", "completed")
    assert [each["sampling"]["num_frames"] for each in sent(server, both.id)] == [14, 17, 17]


@pytest.mark.parametrize(
    ("fields", "param", "problem"),
    [
        ({"model": "veo"}, "model", "here is pendulum/swing@1"),
        ({"extra_body": {"model": {"name": "sora-2"}}}, "model", "here is pendulum/swing@1"),
        ({"extra_body": {"size": {"width": 3}}}, "size", "must be WIDTHxHEIGHT"),
        ({"extra_body": {"seconds": {"a": 3}}}, "seconds", "must be a number"),
        ({"seconds": "0"}, "seconds", "must be a number"),
        ({"seconds": "four"}, "seconds", "must be a number"),
        ({"seconds": "99999"}, "seconds", "make 50000 segments; at most 16"),
        ({"size": "1280"}, "size", "must be WIDTHxHEIGHT"),
        ({"size": "4000x4000"}, "size", "at most 2088960 are drawn"),
        ({"size": "64x32", "extra_body": {"sampling": {"width": 64}}}, "sampling.width", "by size"),
        ({"prompt": ""}, "prompt", "is empty"),
        ({"prompt": "x" * 5000}, "prompt", "at most 4000"),
        ({"extra_body": {"sampling": {"seeds": 1}}}, "sampling.seeds", "unknown field"),
        ({"extra_body": {"sampling": {"seed": "x"}}}, "sampling.seed", "expected an integer"),
        ({"extra_body": {"frames": 3}}, "frames", "unknown field"),
        (
            {"extra_body": {"state": {"kind": "a.v1", "payload": {"b": 1}}}},
            "state",
            "is the take's own",
        ),
        ({"input_reference": REFERENCE}, "input_reference", "pendulums take no images"),
        ({"input_reference": b""}, "input_reference", "is empty"),
    ],
)
def test_what_is_wrong_is_named(
    client: Any, fields: dict[str, Any], param: str, problem: str
) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.videos.create(**{"prompt": "sea", **fields})
    assert refused.value.param == param
    assert problem in refused.value.message
    assert refused.value.type == "invalid_request_error"


def test_what_is_no_video_is_not_found(server: Served, client: Any) -> None:
    take = server.rolled("sea")
    for wrong in (take, "video_123", "x" * 200):
        for ask in (
            client.videos.retrieve,
            client.videos.delete,
            client.videos.download_content,
            lambda video: extended(client, video, "sea", "2"),
        ):
            with pytest.raises(openai.NotFoundError) as refused:
                ask(wrong)
            assert refused.value.code == "session_not_found"
    assert server.client.get(f"/v1/sessions/{take}").is_success


def test_a_video_that_is_not_completed_has_no_content(server: Served, client: Any) -> None:
    slow = client.videos.create(prompt="sea", extra_body={"sampling": SLOW})
    with pytest.raises(openai.NotFoundError, match="ask for it when it is completed"):
        client.videos.download_content(slow.id)
    with pytest.raises(openai.BadRequestError) as refused:
        extended(client, slow.id, "dunes", "2")
    assert refused.value.param == "video.id"
    answer = server.client.get(f"/v1/videos/{slow.id}")
    assert 0 < int(answer.headers["openai-poll-after-ms"]) <= 1000
    server.client.delete(f"/v1/sessions/{slow.id}/work/work_1")
    ended = client.videos.poll(slow.id)
    assert (ended.status, ended.error.code, ended.completed_at) == ("failed", "cancelled", None)
    assert "openai-poll-after-ms" not in server.client.get(f"/v1/videos/{slow.id}").headers
    deleted = client.videos.delete(slow.id)
    assert (deleted.id, deleted.deleted, deleted.object) == (slow.id, True, "video.deleted")


def test_videos_are_listed_page_by_page(tmp_path: Path) -> None:
    with served(tmp_path) as server, client_of(server.port) as client:
        assert list(client.videos.list()) == []
        made = [client.videos.create(prompt="sea", seconds="0.1", size="48x32") for _ in range(5)]
        ids = [each.id for each in sorted(made, key=lambda each: each.created_at)]
        server.take()  # no video
        newest = [each.id for each in client.videos.list(limit=2)]
        oldest = [each.id for each in client.videos.list(limit=3, order="asc")]
        assert newest == oldest[::-1]
        assert {*oldest} == {*ids}
        page = client.videos.list(limit=2, order="asc", after=oldest[1])
        assert ([each.id for each in page.data], page.has_more) == (oldest[2:4], True)
        with pytest.raises(openai.BadRequestError) as refused:
            client.videos.list(after="nothing")
        assert refused.value.param == "after"
        Draft202012Validator(VIDEOS).validate(server.client.get("/v1/videos").json())
        video = server.client.get(f"/v1/videos/{ids[0]}").json()
        Draft202012Validator(VIDEO).validate(video)
        for each in ids:
            client.videos.poll(each)


def test_a_key_makes_a_video_once(client: Any) -> None:
    def make(prompt: str) -> str:
        headers = {"Idempotency-Key": "once"}
        made = client.videos.create(
            prompt=prompt, seconds="0.1", size="48x32", extra_headers=headers
        )
        return str(made.id)

    assert make("sea") == make("sea")
    with pytest.raises(openai.BadRequestError, match="used for another request"):
        make("dunes")


def test_videos_are_their_tenants_own(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    known = (f"{name}:{hashlib.sha256(name.encode()).hexdigest()}" for name in ("ann", "bob"))
    tokens.write_text("\n".join(known))
    with (
        served(tmp_path, authenticator=TokenFile(tokens)) as server,
        client_of(server.port, "ann") as ann,
        client_of(server.port, "bob") as bob,
        client_of(server.port, "eve") as eve,
    ):
        video = ann.videos.create_and_poll(prompt="sea", seconds="0.1", size="48x32")
        assert [each.id for each in bob.videos.list()] == []
        for ask in (
            bob.videos.retrieve,
            bob.videos.delete,
            bob.videos.download_content,
            lambda named: extended(bob, named, "sea", "1"),
        ):
            with pytest.raises(openai.NotFoundError):
                ask(video.id)
        with pytest.raises(openai.AuthenticationError) as refused:
            eve.videos.list()
        assert refused.value.type == "invalid_request_error"
        assert ann.videos.retrieve(video.id).status == "completed"


def test_limits_are_told_as_openai_tells_them(tmp_path: Path) -> None:
    limits = ServeLimits(sessions=1, body_bytes=20_000)
    with served(tmp_path, limits=limits) as server, client_of(server.port) as client:
        client.videos.create_and_poll(prompt="sea", seconds="0.1", size="48x32")
        with pytest.raises(openai.RateLimitError) as many:
            client.videos.create(prompt="sea", seconds="0.1")
        assert (many.value.param, many.value.code) == ("sessions", "limit_exceeded")
        with pytest.raises(openai.APIStatusError) as big:
            client.videos.create(prompt="sea", input_reference=b"x" * 30_000)
        assert (big.value.status_code, big.value.param) == (413, "body")
