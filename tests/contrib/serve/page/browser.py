"""A real browser without a window: what it shows and sounds of a take that it plays."""

from __future__ import annotations

import importlib.util
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from attrs import frozen

T = TypeVar("T")

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Playwright

__all__ = ["WAIT", "Browsers", "Watched", "browsers", "needs_browser", "until"]

WAIT = 120
"""Seconds after which a test that hangs fails."""

_CHROMIUM = shutil.which("chromium")
_MISSING = (
    "no chromium: apt-get install chromium"
    if _CHROMIUM is None
    else None
    if importlib.util.find_spec("playwright")
    else "no playwright: pip install playwright"
)

needs_browser = pytest.mark.skipif(_MISSING is not None, reason=str(_MISSING))

_SWITCHES = ("--autoplay-policy=no-user-gesture-required",)

_WATCH = """async () => {
  const video = document.querySelector("video");
  const seen = (window.seen = { frames: [], presented: 0, loudest: 0, seeks: 0 });
  video.addEventListener("seeking", () => (seen.seeks += 1));
  const count = (now, { mediaTime, presentedFrames }) => {
    seen.frames.push(mediaTime);
    seen.presented = presentedFrames;
    video.requestVideoFrameCallback(count);
  };
  video.requestVideoFrameCallback(count);
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  context.createMediaElementSource(video).connect(analyser).connect(context.destination);
  const samples = new Float32Array(analyser.fftSize);
  video.addEventListener("timeupdate", () => {
    analyser.getFloatTimeDomainData(samples);
    seen.loudest = Math.max(seen.loudest, ...samples.map(Math.abs));
  });
}"""

_PLAYER = """async (url) => {
  const { TakePlayer } = await import("/page/player.js");
  const player = (window.player = new TakePlayer(document.querySelector("video")));
  window.told = [];
  for (const name of ["started", "stalled", "recovered", "failed"]) {
    player.addEventListener(name, ({ detail }) => window.told.push([name, detail]));
  }
  player.addEventListener("time", ({ detail }) => (window.last = detail));
  player.play(url);
}"""

_SEEN = """() => {
  const video = document.querySelector("video");
  const { totalVideoFrames, droppedVideoFrames } = video.getVideoPlaybackQuality();
  const buffered = [];
  for (let n = 0; n < video.buffered.length; n += 1) {
    buffered.push([video.buffered.start(n), video.buffered.end(n)]);
  }
  const { currentTime, ended } = video;
  return { ...window.seen, buffered, currentTime, ended, totalVideoFrames, droppedVideoFrames };
}"""


@frozen
class Browsers:
    """Starts browsers; they end with it."""

    _started: Playwright

    def start(self, *switches: str) -> Browser:
        """Chromium, in which sound may begin unasked unless ``switches`` say otherwise."""
        return self._started.chromium.launch(
            executable_path=_CHROMIUM, args=["--no-sandbox", *(switches or _SWITCHES)]
        )


@contextmanager
def browsers() -> Iterator[Browsers]:
    """One at a time; as long as it is open no asyncio runs in this thread."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        yield Browsers(started)


def until(find: Callable[[], T], *, page: Page | None = None) -> T:
    """What ``find`` returns once it is true; the page goes on meanwhile."""
    end = time.monotonic() + WAIT
    while not (found := find()):
        assert time.monotonic() < end, "it never came"
        if page is None:
            time.sleep(0.05)
        else:
            page.wait_for_timeout(50)
    return found


@frozen
class Watched:
    """A page with one video element, of which every picture that is shown is noted."""

    page: Page

    @classmethod
    def empty(cls, page: Page, origin: str) -> Watched:
        """A page of the server's own origin, with the policy of its page and a video alone."""
        policy = page.request.get(f"{origin}/page/player.js").headers["content-security-policy"]
        page.route(
            f"{origin}/empty",
            lambda route: route.fulfill(
                body="<!doctype html><video></video>",
                content_type="text/html",
                headers={"Content-Security-Policy": policy},
            ),
        )
        page.goto(f"{origin}/empty")
        return cls(page)

    def watch(self) -> None:
        """Begin to note."""
        self.page.evaluate(_WATCH)

    def play(self, take: str) -> None:
        """Let a `TakePlayer` play the take."""
        self.watch()
        self.page.evaluate(_PLAYER, f"/v1/sessions/{take}/stream.m3u8")

    def told(self, name: str = "") -> list[Any]:
        """The events of the player, or the details of those of one name."""
        found = self.page.evaluate("window.told")
        return [detail for each, detail in found if each == name] if name else found

    def seen(self) -> dict[str, Any]:
        """What was noted so far, and how the element is."""
        found: dict[str, Any] = self.page.evaluate(_SEEN)
        return found

    def wait_for(self, seconds: float) -> dict[str, Any]:
        """What was seen once this time of the take is reached."""
        end = time.monotonic() + WAIT
        while (seen := self.seen())["currentTime"] < seconds:
            assert time.monotonic() < end, (seconds, self.page.evaluate("window.told"), seen)
            self.page.wait_for_timeout(50)
        return seen

    def wait_for_end(self) -> dict[str, Any]:
        """What was seen once the take is over."""
        until(lambda: self.seen()["ended"], page=self.page)
        self.page.wait_for_timeout(300)  # the last pictures are noted after it
        return self.seen()
