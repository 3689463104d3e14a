"""Takes in a real browser while they grow: all pictures are shown, and no sound is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("longtake_serve")

import longtake as lt
from tests.contrib.serve.http.process import running
from tests.contrib.serve.http.server import Served, served
from tests.contrib.serve.media.takes import Shown, rounded, samples_of
from tests.contrib.serve.page.browser import Watched, needs_browser, until

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = needs_browser

FPS = 24
NEW = 48
SAMPLING = {"height": 64, "width": 96, "num_frames": NEW + 9, "fps": FPS, "seed": 3}
"""A segment of two seconds: 9 of its frames repeat the one before, but for the first."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("serve"), audio_codec="flac") as found:
        yield found


@pytest.fixture
def watched(chromium: Browser, server: Served) -> Iterator[Watched]:
    with chromium.new_context() as context:
        yield Watched.empty(context.new_page(), f"http://127.0.0.1:{server.port}")


def frames_of(segments: int) -> int:
    return segments * NEW + 9


def check_all_was_shown(seen: dict[str, Any], frames: int) -> None:
    """Every picture came out of the decoder at its time, and none was held back or lost.

    A busy machine may be late with some, which the browser then counts as dropped. After a stall
    the player may seek to where it is, which decodes some pictures twice.
    """
    assert seen["totalVideoFrames"] >= frames
    assert seen["presented"] + seen["droppedVideoFrames"] >= frames
    places = np.array(seen["frames"]) * FPS
    assert np.abs(places - np.round(places)).max() < 1e-3
    assert round(places[-1]) < frames
    if not seen["seeks"]:
        assert seen["totalVideoFrames"] == frames
        assert seen["presented"] <= frames
        assert (np.diff(places) > 0).all()
    check_one_range(seen, frames)


def check_one_range(seen: dict[str, Any], frames: int) -> None:
    ((begin, end),) = seen["buffered"]
    assert begin == 0
    assert abs(end - frames / FPS) < 1e-3  # some are a microsecond short


def list_of(server: Served, take: str) -> str:
    return f"http://127.0.0.1:{server.port}/v1/sessions/{take}/stream.m3u8"


def read_by_ffmpeg(url: str, pictures: int = 10**9) -> Shown:
    """The list and its fragments over HTTP, until there are so many pictures."""
    times: list[Fraction] = []
    sound: list[NDArray[np.float64]] = []
    with av.open(url, options={"prefer_x_start": "1"}) as file:
        for packet in file.demux():
            for frame in packet.decode():
                if isinstance(frame, av.VideoFrame):
                    assert frame.pts is not None and frame.time_base is not None
                    times.append(frame.pts * frame.time_base)
                elif isinstance(frame, av.AudioFrame):
                    sound.append(samples_of(frame))
            if len(times) >= pictures:
                break
    return Shown(times, np.concatenate(sound, axis=1))


def own_sound(prompts: list[str]) -> NDArray[np.float64]:
    """What the take itself sounds like to its end, made without a server."""
    sessions, blobs = lt.open_session_store("memory:"), lt.open_blob_store("memory:")
    pipeline = lt.load(family="pendulum")
    name = f"{pipeline.preset.name}@{pipeline.preset.version}"
    sessions.create("take", family="pendulum", preset=name)
    made = []
    for prompt in prompts:
        request = lt.structure({"prompt": prompt, "sampling": SAMPLING}, lt.GenerationRequest)
        done = lt.roll(sessions, "take", request, pipeline=pipeline, blobs=blobs)
        assert done.result is not None
        made.append(done.result.audio)
    state = sessions.read("take").state
    assert state is not None
    return rounded([*made, pipeline.finish(state, blobs=blobs).audio])


def test_a_take_is_shown_and_heard_while_it_grows(
    watched: Watched,
    server: Served,
    pytestconfig: pytest.Config,
    record_property: Callable[[str, object], None],
) -> None:
    """Each prompt is asked for while a segment before it is on. A busy machine may be late."""
    count: int = pytestconfig.getoption("played")
    prompts = [f"sea {number}" for number in range(count)]
    take = server.take()
    watched.play(take)
    for number, prompt in enumerate(prompts):
        watched.wait_for(max(0, 2 * number - 4))
        server.extend(take, prompt, SAMPLING)
    watched.wait_for(2 * count - 1)
    server.client.post(f"/v1/sessions/{take}/finish")
    seen = watched.wait_for_end()
    told = watched.told()
    assert told[0] == ["started", {"muted": False}]
    assert not watched.told("failed")
    record_property("worst stalls while a take grows", len(watched.told("stalled")))
    record_property("worst dropped frames", seen["droppedVideoFrames"])
    check_all_was_shown(seen, frames_of(count))
    assert seen["loudest"] > 0.01
    last = watched.page.evaluate("window.last")
    assert last["isFinished"]
    read = read_by_ffmpeg(list_of(server, take))
    assert read.times == [Fraction(number, FPS) for number in range(frames_of(count))]
    own = own_sound(prompts)
    np.testing.assert_array_equal(read.sound, own)


def test_an_open_list_is_played_from_its_beginning(watched: Watched, server: Served) -> None:
    """By any player, though they begin near the end of most open lists."""
    take = server.take()
    for number in range(6):
        server.extend(take, f"sea {number}", SAMPLING)
    server.settle(take)
    watched.watch()
    watched.page.evaluate(
        """async (url) => {
          const { default: Hls } = await import("/page/vendor/hls.light.min.mjs");
          const hls = new Hls({ enableWorker: false });
          hls.loadSource(url);
          hls.attachMedia(document.querySelector("video"));
          await document.querySelector("video").play();
        }""",
        list_of(server, take),
    )
    seen = watched.wait_for(1)
    assert seen["frames"][0] < 0.2
    assert read_by_ffmpeg(list_of(server, take), pictures=60).times[0] == 0


def test_a_page_that_is_loaded_again_plays_what_there_is_and_a_fork(
    watched: Watched, server: Served
) -> None:
    take = server.take()
    for number in range(2):
        server.extend(take, f"sea {number}", SAMPLING)
    for _ in range(2):
        watched.play(take)
        seen = watched.wait_for(1)
        assert seen["frames"][0] < 0.2
        watched.page.reload()
    fork = server.client.post(f"/v1/sessions/{take}/fork", json={"num_segments": 1}).json()["id"]
    server.extend(fork, "snow", SAMPLING)
    watched.play(fork)
    watched.wait_for(1)
    server.client.post(f"/v1/sessions/{fork}/finish")
    check_all_was_shown(watched.wait_for_end(), frames_of(2))


def test_a_killed_server_comes_back_and_the_player_goes_on(
    chromium: Browser, tmp_path: Path
) -> None:
    """In the middle of a segment, without a reload."""
    with chromium.new_context() as context:
        page = context.new_page()
        with running(tmp_path) as server:
            port = server.client.base_url.port
            watched = Watched.empty(page, f"http://127.0.0.1:{port}")
            take = server.client.post("/v1/sessions", json={}).json()["id"]
            watched.play(take)
            server.extend(take, "sea", SAMPLING)
            watched.wait_for(1)
            server.extend(take, "dunes", SAMPLING)
            with server.client.stream("GET", f"/v1/sessions/{take}/events") as answer:
                lines = answer.iter_lines()
                until(lambda: next(lines) == "event: progress")
        page.wait_for_timeout(4000)  # all is played, and the player has asked often
        with running(tmp_path, "--port", str(port)) as server:
            server.extend(take, "snow", SAMPLING)
            watched.wait_for(5)
            server.client.post(f"/v1/sessions/{take}/finish")
            seen = watched.wait_for_end()
        told = [name for name, _ in watched.told()]
        assert told[0] == "started"
        assert "failed" not in told
        check_all_was_shown(seen, frames_of(3))
