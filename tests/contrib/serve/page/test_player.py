"""The player of the page when answers fail, fragments are late, and browsers forbid sound."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("longtake_serve")

from tests.contrib.serve.http.server import Served
from tests.contrib.serve.page.browser import Browsers, Watched, needs_browser, until

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

pytestmark = needs_browser

SAMPLING = {"height": 32, "width": 48, "num_frames": 57, "fps": 24, "seed": 3}
"""57 frames in the first segment, 48 in the others."""


@pytest.fixture
def watched(chromium: Browser, server: Served) -> Iterator[Watched]:
    with chromium.new_context() as context:
        yield Watched.empty(context.new_page(), f"http://127.0.0.1:{server.port}")


def take_of(server: Served, segments: int, *, finish: bool = False) -> str:
    take = server.take()
    for number in range(segments):
        server.extend(take, f"sea {number}", SAMPLING)
    server.settle(take)
    if finish:
        server.client.post(f"/v1/sessions/{take}/finish")
    return take


def answer_first(page: Page, pattern: str, answers: list[int]) -> list[int]:
    """Answer with these statuses, 0 for none at all, before the server's own come through.

    Returns those that are left.
    """
    left = list(answers)

    def answer(route: Route) -> None:
        if not left:
            return route.fallback()
        status = left.pop(0)
        if status == 0:
            return route.abort("connectionrefused")
        return route.fulfill(status=status, body="")

    page.route(pattern, answer)
    return left


def wait_for_stall(watched: Watched, count: int) -> None:
    until(lambda: len(watched.told("stalled")) >= count, page=watched.page)


def names(watched: Watched) -> list[str]:
    return [name for name, _ in watched.told()]


def test_it_waits_for_the_first_segment_however_that_is_said(
    watched: Watched, server: Served
) -> None:
    """hls.js alone is over after any of these."""
    take = take_of(server, 1, finish=True)
    left = answer_first(watched.page, "**/stream.m3u8*", [503, 429, 0, 425, 500])
    watched.play(take)
    assert watched.wait_for_end()["totalVideoFrames"] == 57
    assert not left
    assert names(watched)[0] == "started"
    assert "failed" not in names(watched)


def test_a_list_that_fails_for_long_is_asked_for_again(watched: Watched, server: Served) -> None:
    """hls.js alone is over after three seconds."""
    take = take_of(server, 1)
    watched.play(take)
    watched.wait_for(0.1)
    left = answer_first(watched.page, "**/stream.m3u8*", [503, 0, 0, 502, 0])
    server.extend(take, "dunes", SAMPLING)
    server.settle(take)
    server.client.post(f"/v1/sessions/{take}/finish")
    assert watched.wait_for_end()["totalVideoFrames"] == 57 + 48
    assert not left
    told = names(watched)
    assert told[0] == "started"
    assert set(told[1::2]) == {"stalled"}
    assert set(told[2::2]) == {"recovered"}
    assert watched.told("stalled")[0] == {"reason": "edge"}


def test_a_fragment_that_is_late_is_not_left_out(watched: Watched, server: Served) -> None:
    """hls.js alone asks twice after a 404, and goes on behind the hole."""
    take = take_of(server, 3, finish=True)
    left = answer_first(watched.page, "**/1-*.m4s", [404, 404, 404, 503, 0])
    watched.play(take)
    seen = watched.wait_for_end()
    assert not left
    assert seen["totalVideoFrames"] == 57 + 2 * 48
    assert len(seen["buffered"]) == 1
    assert {"reason": "network"} in watched.told("stalled")
    assert "failed" not in names(watched)


def test_it_goes_on_each_time_that_a_prompt_comes_late(watched: Watched, server: Served) -> None:
    """Chromium alone waits for ever at the end of the ninth or so."""
    take = server.take()
    short = {**SAMPLING, "num_frames": 33}
    watched.play(take)
    for number in range(12):
        server.extend(take, f"sea {number}", short)
        wait_for_stall(watched, number + 1)
    assert watched.seen()["currentTime"] > (12 * 24 + 9) / 24 - 1
    server.client.post(f"/v1/sessions/{take}/finish")
    watched.wait_for_end()


def test_where_it_would_never_play_it_says_why(watched: Watched, server: Served) -> None:
    watched.play("take_x")
    until(lambda: watched.told("failed"), page=watched.page)
    (detail,) = watched.told("failed")
    assert detail["status"] == 404
    assert "take_x" in detail["message"]


def test_a_take_that_is_deleted_meanwhile_is_over(watched: Watched, server: Served) -> None:
    take = take_of(server, 1)
    watched.play(take)
    watched.wait_for(0.1)
    server.client.delete(f"/v1/sessions/{take}")
    until(lambda: watched.told("failed"), page=watched.page)
    (detail,) = watched.told("failed")
    assert detail["status"] == 404
    assert take in detail["message"]


def test_another_take_is_played_in_place_of_the_first(watched: Watched, server: Served) -> None:
    first, second = take_of(server, 2), take_of(server, 3, finish=True)
    watched.play(first)
    watched.wait_for(0.5)
    url = f"/v1/sessions/{second}/stream.m3u8"
    assert watched.page.evaluate("url => window.player.play(url, { at: 3 })", url)
    watched.wait_for(3.1)
    watched.page.evaluate("window.player.seekTo(5.5)")
    seen = watched.wait_for_end()
    assert seen["currentTime"] == pytest.approx((57 + 2 * 48) / 24, abs=0.01)
    assert names(watched).count("started") == 2
    assert "failed" not in names(watched)
    watched.page.evaluate("window.player.stop()")
    assert watched.seen()["buffered"] == []


def test_headers_go_with_every_request(watched: Watched, server: Served) -> None:
    take = take_of(server, 1, finish=True)
    asked: dict[str, Any] = {}
    watched.page.on("request", lambda each: asked.update({each.url: each.headers}))
    watched.watch()
    watched.page.evaluate(
        """async (url) => {
          const { TakePlayer } = await import("/page/player.js");
          const headers = () => ({ Authorization: "Bearer x" });
          await new TakePlayer(document.querySelector("video"), { headers }).play(url);
        }""",
        f"/v1/sessions/{take}/stream.m3u8",
    )
    watched.wait_for_end()
    of_take = {url: headers for url, headers in asked.items() if take in url}
    assert {url.rpartition(".")[2] for url in of_take} == {"m3u8", "mp4", "m4s"}
    assert {headers.get("authorization") for headers in of_take.values()} == {"Bearer x"}


def test_without_sound_where_that_is_not_allowed_unasked(
    browsers: Browsers, server: Served
) -> None:
    """The page begins by itself: whatever a test tells it is as if somebody had clicked."""
    take = take_of(server, 1, finish=True)
    origin = f"http://127.0.0.1:{server.port}"
    page = browsers.start("--autoplay-policy=document-user-activation-required").new_page()
    script = f"""
      import {{ TakePlayer }} from "{origin}/page/player.js";
      const player = new TakePlayer(document.querySelector("video"));
      player.addEventListener("started", ({{ detail }}) => console.log(JSON.stringify(detail)));
      player.play("{origin}/v1/sessions/{take}/stream.m3u8");"""
    body = f"<!doctype html><video></video><script type='module'>{script}</script>"
    page.route(f"{origin}/own", lambda route: route.fulfill(body=body, content_type="text/html"))
    with page.expect_console_message() as said:
        page.goto(f"{origin}/own")
    assert said.value.text == '{"muted":true}'
