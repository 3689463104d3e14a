"""Takes as players get them over HTTP: the list, its parts, the file in ranges, pictures."""

from __future__ import annotations

import io
import threading
from pathlib import Path

import av
import httpx
import pytest
from PIL import Image

pytest.importorskip("longtake_serve")

from longtake_serve.http import streams
from tests.contrib.serve.http.server import Served, served


@pytest.fixture(scope="module")
def take(server: Served) -> str:
    """Three segments: 17, 8 and 8 frames."""
    return server.rolled("sea", "dunes", "snow")


def names(text: str) -> list[str]:
    """Of the parts in a list, the initialization first."""
    found = [line.split('"')[1] for line in text.splitlines() if line.startswith("#EXT-X-MAP")]
    return found + [line for line in text.splitlines() if line and not line.startswith("#")]


def played(server: Served, take: str) -> bytes:
    """What a player loads, in order."""
    url = f"/v1/sessions/{take}"
    parts = []
    for name in names(server.client.get(f"{url}/stream.m3u8").text):
        answer = server.client.get(f"{url}/{name}")
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "video/mp4"
        assert "immutable" in answer.headers["cache-control"]
        parts.append(answer.content)
    return b"".join(parts)


def pictures(data: bytes) -> int:
    with av.open(io.BytesIO(data), "r") as file:
        return len(list(file.decode(video=0)))


def test_the_list_leads_to_the_whole_take(server: Served, take: str) -> None:
    answer = server.client.get(f"/v1/sessions/{take}/stream.m3u8")
    assert answer.headers["content-type"] == "application/vnd.apple.mpegurl"
    assert "#EXT-X-PLAYLIST-TYPE:EVENT" in answer.text
    assert "#EXT-X-ENDLIST" not in answer.text
    data = played(server, take)
    assert pictures(data) == 17 + 8 + 8
    assert server.client.get(f"/v1/sessions/{take}/take.mp4").content == data


def test_an_unchanged_list_is_not_sent_again(server: Served, take: str) -> None:
    url = f"/v1/sessions/{take}/stream.m3u8"
    tag = server.client.get(url).headers["etag"]
    answer = server.client.get(url, headers={"If-None-Match": tag})
    assert (answer.status_code, answer.content) == (304, b"")
    server.extend(take, "rain")
    server.settle(take)
    assert server.client.get(url, headers={"If-None-Match": tag}).status_code == 200
    server.client.post(f"/v1/sessions/{take}/rewind", json={"num_segments": 3})
    assert server.client.get(url).headers["etag"] == tag


def test_a_finished_take_has_a_list_that_ends(server: Served) -> None:
    take = server.rolled("sea")
    url = f"/v1/sessions/{take}/stream.m3u8"
    before = names(server.client.get(url).text)
    server.client.post(f"/v1/sessions/{take}/finish")
    text = server.client.get(url).text
    assert "#EXT-X-PLAYLIST-TYPE:VOD" in text
    assert text.endswith("#EXT-X-ENDLIST\n")
    assert names(text)[: len(before)] == before


def test_a_fork_shares_what_came_before(server: Served, take: str) -> None:
    fork = server.client.post(f"/v1/sessions/{take}/fork", json={"num_segments": 2}).json()["id"]
    server.extend(fork, "rain")
    server.settle(fork)
    own, other = (
        names(server.client.get(f"/v1/sessions/{each}/stream.m3u8").text) for each in (take, fork)
    )
    assert own[:3] == other[:3]
    assert own[3] != other[3]
    assert pictures(played(server, fork)) == 33


def test_the_list_is_held_until_there_is_something(server: Served) -> None:
    take = server.take()
    timer = threading.Timer(0.3, server.service.extend, ("local", take, {"prompt": "sea"}))
    timer.start()
    answer = server.client.get(f"/v1/sessions/{take}/stream.m3u8")
    timer.join()
    assert answer.status_code == 200
    assert len(names(answer.text)) >= 2


def test_where_nothing_comes_players_are_to_ask_again(
    server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "_HELD", 0.1)
    take = server.take()
    answer = server.client.get(f"/v1/sessions/{take}/stream.m3u8")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


def test_an_open_list_is_held_until_it_has_the_segment_that_is_asked_for(server: Served) -> None:
    take = server.rolled("sea")
    url = f"/v1/sessions/{take}/stream.m3u8"
    assert "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES" in server.client.get(url).text
    for end in (
        lambda: server.service.extend("local", take, {"prompt": "dunes"}),
        lambda: server.service.finish("local", take),
    ):
        before = names(server.client.get(url).text)
        timer = threading.Timer(0.3, end)
        timer.start()
        answer = server.client.get(url, params={"_HLS_msn": str(len(before) - 1)})
        timer.join()
        assert len(names(answer.text)) == len(before) + 1
    assert answer.text.endswith("#EXT-X-ENDLIST\n")
    assert "SERVER-CONTROL" not in answer.text
    wrong = server.client.get(url, params={"_HLS_msn": "-1"})
    assert (wrong.status_code, wrong.json()["error"]["path"]) == (422, "_HLS_msn")


def test_a_list_that_does_not_grow_is_answered_as_it_is(
    server: Served, take: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "_HELD", 0.1)
    url = f"/v1/sessions/{take}/stream.m3u8"
    assert server.client.get(url, params={"_HLS_msn": "99"}).text == server.client.get(url).text


def test_the_stream_goes_on_after_a_restart(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        take = server.rolled("sea", "dunes")
        before = names(server.client.get(f"/v1/sessions/{take}/stream.m3u8").text)
    with served(tmp_path) as server:
        server.extend(take, "snow")
        server.settle(take)
        after = names(server.client.get(f"/v1/sessions/{take}/stream.m3u8").text)
        assert after[: len(before)] == before
        assert pictures(played(server, take)) == 33


RANGES = [
    ("bytes=0-0", 0, 1),
    ("bytes=10-99", 10, 100),
    ("bytes=2000-", 2000, None),
    ("bytes=-100", -100, None),
    ("bytes=0-999999999", 0, None),
]


@pytest.mark.parametrize(("asked", "start", "stop"), RANGES)
def test_ranges_are_parts_of_the_file(
    server: Served, take: str, asked: str, start: int, stop: int | None
) -> None:
    url = f"/v1/sessions/{take}/take.mp4"
    whole = server.client.get(url)
    part = server.client.get(url, headers={"Range": asked})
    assert part.status_code == 206
    assert part.content == whole.content[start:stop]
    size = len(whole.content)
    first = start if start >= 0 else size + start
    assert part.headers["content-range"] == f"bytes {first}-{first + len(part.content) - 1}/{size}"


def test_what_is_no_range_gets_all_or_a_416(server: Served, take: str) -> None:
    url = f"/v1/sessions/{take}/take.mp4"
    whole = server.client.get(url)
    size = len(whole.content)
    assert whole.headers["content-length"] == str(size)
    for asked in ("bytes=5-1", "bytes=0-1,3-4", "bytes=-", "bits=0-1"):
        answer = server.client.get(url, headers={"Range": asked})
        assert (answer.status_code, len(answer.content)) == (200, size)
    answer = server.client.get(url, headers={"Range": f"bytes={size}-"})
    assert (answer.status_code, answer.headers["content-range"]) == (416, f"bytes */{size}")
    old = server.client.get(url, headers={"Range": "bytes=0-1", "If-Range": '"another"'})
    assert (old.status_code, len(old.content)) == (200, size)
    head = server.client.head(url)
    assert (head.headers["content-length"], head.content) == (str(size), b"")


def test_one_segment_can_be_played_by_itself(server: Served, take: str) -> None:
    url = f"/v1/sessions/{take}/segments"
    assert pictures(server.client.get(f"{url}/0/media").content) == 17
    assert pictures(server.client.get(f"{url}/2/media").content) == 8
    for index in ("99", "-1", "x", "٣"):
        assert server.client.get(f"{url}/{index}/media").status_code == 404


def image(answer: httpx.Response) -> Image.Image:
    assert answer.status_code == 200, answer.text
    return Image.open(io.BytesIO(answer.content))


def test_a_take_has_pictures(server: Served, take: str) -> None:
    url = f"/v1/sessions/{take}"
    small = image(server.client.get(f"{url}/thumbnail.jpg", params={"width": "16"}))
    assert (small.format, small.width) == ("JPEG", 16)
    assert image(server.client.get(f"{url}/sheet.png")).format == "PNG"
    wave = image(server.client.get(f"{url}/waveform.png", params={"width": "200"}))
    assert (wave.format, wave.width) == ("PNG", 200)
    tag = server.client.get(f"{url}/waveform.png").headers["etag"]
    again = server.client.get(f"{url}/waveform.png", headers={"If-None-Match": tag})
    assert again.status_code == 304
    wide = server.client.get(f"{url}/thumbnail.jpg", params={"width": "100000"})
    assert (wide.status_code, wide.json()["error"]["path"]) == (422, "width")


def test_what_is_not_there_is_a_404(server: Served, take: str) -> None:
    empty = server.take()
    for path in (
        f"{take}/0-0123456789abcdef.m4s",
        f"{take}/init-0123.mp4",
        f"{take}/sheet.png?start=99",
        f"{empty}/take.mp4",
        f"{empty}/thumbnail.jpg",
        "take_x/take.mp4",
        "take_x/stream.m3u8",
    ):
        answer = server.client.get(f"/v1/sessions/{path}")
        assert (answer.status_code, answer.json()["error"]["path"]) == (404, ""), path
