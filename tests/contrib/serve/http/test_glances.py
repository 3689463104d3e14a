"""One segment at a glance: its frame is its own, and its peaks are as loud as its sound."""

from __future__ import annotations

import io

import av
import numpy as np
import pytest
from PIL import Image

pytest.importorskip("longtake_serve")

from tests.contrib.serve.http.server import TINY, Served


@pytest.fixture(scope="module")
def take(server: Served) -> str:
    """Three segments: 17, 8 and 8 frames; the palettes that they name differ."""
    return server.rolled("night", "dawn", "dawn")


def brightness(server: Served, take: str, index: int) -> float:
    answer = server.client.get(f"/v1/sessions/{take}/segments/{index}/thumbnail.jpg?width=24")
    assert answer.status_code == 200, answer.text
    picture = Image.open(io.BytesIO(answer.content))
    assert (picture.format, picture.size) == ("JPEG", (24, 16))
    return float(np.asarray(picture).mean())


def test_each_segment_has_its_own_picture(server: Served, take: str) -> None:
    night, change, dawn = (brightness(server, take, index) for index in range(3))
    assert night + 20 < change < dawn - 20  # the second one glides from one to the other


def test_peaks_are_those_of_the_segments_sound(server: Served) -> None:
    take = server.take("sea", sampling={**TINY, "num_frames": 69})
    server.settle(take)
    url = f"/v1/sessions/{take}/segments/0"
    found = server.client.get(f"{url}/peaks?count=5").json()["peaks"]
    with av.open(io.BytesIO(server.client.get(f"{url}/media").content), "r") as file:
        planes = av.AudioResampler("fltp")  # FLAC's samples are whole numbers
        frames = [one for each in file.decode(audio=0) for one in planes.resample(each)]
        heard = np.concatenate([each.to_ndarray() for each in frames], axis=1)
    parts = np.array_split(np.abs(heard).max(0), 5)
    assert found == pytest.approx([min(1, part.max()) for part in parts], abs=1e-4)
    assert max(found) > 0.01


def test_an_unchanged_segment_is_not_sent_again_and_another_one_is(server: Served) -> None:
    take = server.rolled("night")
    url = f"/v1/sessions/{take}/segments/0/thumbnail.jpg"
    tag = {"If-None-Match": server.client.get(url).headers["etag"]}
    assert server.client.get(url, headers=tag).status_code == 304
    assert server.client.get(f"{url}?width=24", headers=tag).status_code == 200
    server.client.post(f"/v1/sessions/{take}/rewind", json={"num_segments": 0})
    server.extend(take, "dawn")
    server.settle(take)
    assert server.client.get(url, headers=tag).status_code == 200


@pytest.mark.parametrize("index", ["3", "x", "-1", "9" * 12])
@pytest.mark.parametrize("name", ["thumbnail.jpg", "peaks"])
def test_a_segment_that_is_not_there_is_a_404(
    server: Served, take: str, name: str, index: str
) -> None:
    answer = server.client.get(f"/v1/sessions/{take}/segments/{index}/{name}")
    assert answer.status_code == 404


@pytest.mark.parametrize("query", ["thumbnail.jpg?width=9999", "peaks?count=0", "peaks?count=x"])
def test_what_is_too_much_is_refused_by_its_name(server: Served, take: str, query: str) -> None:
    answer = server.client.get(f"/v1/sessions/{take}/segments/0/{query}")
    name = query.partition("?")[2].partition("=")[0]
    assert (answer.status_code, answer.json()["error"]["path"]) == (422, name)
