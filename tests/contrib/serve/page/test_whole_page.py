"""A take is made and watched on the page itself, as somebody who sits before it does it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("longtake_serve")

from tests.contrib.serve.http.server import Served
from tests.contrib.serve.page.browser import Watched, needs_browser, until

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = needs_browser


@pytest.fixture
def page(chromium: Browser, server: Served) -> Iterator[Page]:
    with chromium.new_context() as context:
        found = context.new_page()
        wrong: list[Any] = []
        found.on("pageerror", lambda error: wrong.append(error))
        found.goto(f"http://127.0.0.1:{server.port}/")
        yield found
        assert wrong == []


def type_prompt(page: Page, text: str) -> None:
    page.locator("#prompt").fill(text)
    page.locator("#prompt").press("Enter")


def segments(server: Served, take: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.client.get(f"/v1/sessions/{take}/segments").json()["data"]
    return found


def test_a_prompt_is_typed_and_the_take_is_watched_and_goes_on(page: Page, server: Served) -> None:
    """Another prompt on the fly, a reload in the middle, and a fork."""
    watched = Watched(page)
    watched.watch()
    type_prompt(page, "sea")
    seen = watched.wait_for(0.5)
    assert seen["frames"][0] < 0.2
    take = page.evaluate("location.hash.slice(1)")
    type_prompt(page, "dunes under snow")
    until(lambda: len(segments(server, take)) == 2, page=page)
    first = segments(server, take)[0]["seconds"]
    seen = watched.wait_for(first + 0.5)
    ((begin, end),) = seen["buffered"]
    assert begin == 0
    assert end > first
    assert seen["loudest"] > 0.01

    page.reload()
    watched.watch()
    seen = watched.wait_for(0.5)
    assert seen["frames"][0] < 0.2

    page.locator("#tree button").first.click()
    page.get_by_role("button", name="Fork").first.click()
    until(lambda: page.evaluate("location.hash.slice(1)") != take, page=page)
    fork = page.evaluate("location.hash.slice(1)")
    type_prompt(page, "snow")
    until(lambda: len(segments(server, fork)) == 2, page=page)
    server.client.post(f"/v1/sessions/{fork}/finish")
    seen = watched.wait_for_end()
    assert seen["currentTime"] == pytest.approx(
        first + segments(server, fork)[1]["seconds"], abs=0.01
    )


def test_a_prompt_that_is_typed_while_a_branch_opens_is_of_the_branch(
    page: Page, server: Served
) -> None:
    type_prompt(page, "sea")
    until(lambda: len(page.evaluate("location.hash")) > 1, page=page)
    take = page.evaluate("location.hash.slice(1)")
    until(lambda: len(segments(server, take)) == 1, page=page)
    before = len(server.client.get("/v1/sessions").json()["data"])
    page.locator("#tree button").first.click()
    page.evaluate(
        """() => {
            const fetch = window.fetch;
            const late = () => new Promise((done) => setTimeout(done, 500));
            window.fetch = (...asked) => late().then(() => fetch(...asked));
        }"""
    )
    page.get_by_role("button", name="Fork").first.click()
    until(lambda: page.evaluate("location.hash.slice(1)") != take, page=page)
    fork = page.evaluate("location.hash.slice(1)")
    type_prompt(page, "snow")
    until(lambda: len(segments(server, fork)) == 2, page=page)
    assert len(segments(server, take)) == 1
    assert len(server.client.get("/v1/sessions").json()["data"]) == before + 1


_PREVIEWED = """async () => {
  const { Queue } = await import("/page/queue.js");
  const queue = new Queue(() => {}, () => {});
  const picture = () => {
    const found = document.querySelector("#queue .preview");
    return found && { hidden: found.hidden, alt: found.alt, src: found.getAttribute("src") };
  };
  const work = { id: "work_1", take: "t", status: "running", prompt: "sea" };
  const progress = { work: "work_1", stage: "denoise", step: 2, steps: 8, fraction: 0.25 };
  queue.show([work]);
  const before = picture();
  queue.move({ ...progress, preview: "data:image/png;base64,cG5n" });
  queue.move({ ...progress, step: 3 });
  const meanwhile = picture();
  queue.show([work]);
  const again = picture();
  queue.show([{ ...work, status: "done" }, { ...work, id: "work_2" }]);
  return [before, meanwhile, again, picture()];
}"""


def test_a_preview_is_shown_with_words_until_its_segment_is_there(page: Page) -> None:
    nothing = {"hidden": True, "alt": "", "src": None}
    shown = {
        "hidden": False,
        "alt": "Rough preview of this segment: denoise, step 2 of 8",
        "src": "data:image/png;base64,cG5n",
    }
    assert page.evaluate(_PREVIEWED) == [nothing, shown, shown, nothing]
