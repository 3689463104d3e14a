"""The page in a real browser: a take is directed, watched, forked and rewound, by all who can."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("longtake_serve")

from longtake_serve.http.access import TokenFile
from tests.contrib.serve.http.server import Served, served
from tests.contrib.serve.page.browser import Browsers, needs_browser, until

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

pytestmark = needs_browser

SMALL = {"height": "64", "width": "96", "num_frames": "57", "fps": "24"}
"""A first segment of 57 frames and 48 more with each, in the fields of the form."""
LONG = {"height": "512", "width": "768", "num_frames": "721"}

VIDEO = """() => {
  const { currentTime, buffered, paused, muted } = document.querySelector("video");
  const ranges = [];
  for (let n = 0; n < buffered.length; n += 1) ranges.push([buffered.start(n), buffered.end(n)]);
  return { currentTime, ranges, paused, muted };
}"""

OVERFLOW = "document.documentElement.scrollWidth - window.innerWidth"


@pytest.fixture
def page(chromium: Browser, server: Served) -> Iterator[Page]:
    with chromium.new_context(viewport={"width": 1280, "height": 800}) as context, clean(context):
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{server.port}/")
        yield page


@contextmanager
def clean(context: BrowserContext) -> Iterator[None]:
    """Nothing went wrong on its pages that nobody wanted to go wrong."""
    wrong: list[str] = []
    context.on("weberror", lambda each: wrong.append(str(each.error)))
    context.on("console", lambda each: wrong.append(each.text if each.type == "error" else ""))
    yield
    assert [each for each in wrong if each and "Failed to load resource" not in each] == []


def fill_options(page: Page, values: dict[str, str], where: str = "sampling") -> None:
    page.locator("#options > summary").click()
    for name, value in values.items():
        page.fill(f"#option-{where}-{name}", value)
    page.locator("#options > summary").click()


def roll(page: Page, *prompts: str) -> None:
    """Type them one after the other; none waits for the one before."""
    for prompt in prompts:
        page.fill("#prompt", prompt)
        page.press("#prompt", "Enter")


def cells(page: Page, count: int) -> None:
    """Wait until there are so many segments in the film."""
    until(lambda: page.locator("button.cell").count() == count, page=page)


def take_of(page: Page) -> str:
    until(lambda: "#take_" in page.url, page=page)
    return page.url.partition("#")[2]


def directed(page: Page, *prompts: str) -> str:
    fill_options(page, SMALL)
    roll(page, *prompts)
    cells(page, len(prompts))
    return take_of(page)


def video(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate(VIDEO)
    return found


def played(page: Page, seconds: float) -> dict[str, Any]:
    until(lambda: video(page)["currentTime"] >= seconds, page=page)
    return video(page)


def test_a_take_is_directed_while_it_plays_and_there_after_a_reload(
    page: Page, server: Served
) -> None:
    take = directed(page, "the sea at dawn", "dusk")
    seen = played(page, 2.5)
    roll(page, "night")
    cells(page, 3)
    seen = played(page, 5)
    ((begin, end),) = seen["ranges"]
    assert begin == 0
    assert 5 < end <= (57 + 48 + 48) / 24  # a take that goes on holds the last of its sound back
    assert not seen["paused"]
    asked = [each["prompt"] for each in server.work(take)]
    assert asked == ["the sea at dawn", "dusk", "night"]
    assert page.title() == "the sea at dawn · Longtake"
    page.reload()
    cells(page, 3)
    played(page, 0.5)
    words = page.locator("button.cell .words").all_inner_texts()
    assert words == asked


def test_what_is_done_and_what_it_cost_is_said(page: Page) -> None:
    fill_options(page, LONG)
    roll(page, "sea", "dusk")
    doing = page.locator(".card.is-running .doing")
    until(lambda: re.search(r"step \d+ of \d+ · \d+ %", doing.inner_text()), page=page)
    bar = page.get_by_role("progressbar", name="This segment")
    assert 0 < int(bar.get_attribute("aria-valuenow") or "") < 100
    assert page.locator("#veil h2").inner_text() == "Rolling the first segment"
    page.get_by_role("button", name="Cancel: dusk").click()
    page.get_by_role("button", name="Cancel: sea").click()
    until(lambda: page.locator(".card").count() == 0, page=page)
    page.locator("#options > summary").click()
    page.click("#reset")
    page.locator("#options > summary").click()
    fill_options(page, SMALL)
    roll(page, "dawn")
    cells(page, 1)
    until(
        lambda: re.search(r"2.4 s · [\d.]+ s to make", page.inner_text("button.cell .cost")),
        page=page,
    )
    assert re.fullmatch(r"1 segment · 2.4 s · [\d.]+ s to make", page.inner_text("#facts"))


def test_a_fork_and_a_rewind_from_the_film(page: Page, server: Served) -> None:
    take = directed(page, "sea", "dusk", "night")
    page.get_by_role("button", name=re.compile("^Segment 1,")).click()
    page.get_by_role("button", name="Fork from here").click()
    until(lambda: take_of(page) != take, page=page)
    fork = take_of(page)
    view = server.client.get(f"/v1/sessions/{fork}").json()
    assert view["parent"] == {"id": take, "num_segments": 1}
    roll(page, "forest")
    cells(page, 4)  # each is drawn once, in the lane of the branch that made it
    assert page.locator(".lane").count() == 2
    branch = page.get_by_role("list", name="Branch after segment 1: forest")
    assert branch.get_by_role("button").count() == 1
    played(page, 3)
    page.get_by_role("button", name=re.compile("^Segment 2,.*dusk")).click()  # the other branch's
    until(lambda: take_of(page) == take, page=page)
    played(page, 2.4)
    until(lambda: page.locator("#inspector h2").count() == 1, page=page)
    page.get_by_role("button", name="Rewind to here").click()
    page.click("#confirm-yes")
    cells(page, 3)
    until(lambda: page.inner_text("#facts").startswith("2 segments"), page=page)
    assert server.client.get(f"/v1/sessions/{take}").json()["num_segments"] == 2
    assert server.client.get(f"/v1/sessions/{fork}").json()["num_segments"] == 2


def test_a_branch_begins_where_it_really_leaves(page: Page) -> None:
    """Its parent was rewound and went on otherwise since."""
    script = """async () => {
      const { lanesOf } = await import("/page/tree.js");
      const made = (names) => [...names].map((name) => ({ state_digest: name, seconds: 2 }));
      const family = [
        { id: "a", parent: null, created: 1 },
        { id: "b", parent: { id: "a", num_segments: 3 }, created: 2 },
        { id: "c", parent: { id: "b", num_segments: 2 }, created: 3 },
      ];
      const segments = new Map([["a", made("pxy")], ["b", made("pqrs")], ["c", made("pqz")]]);
      return lanesOf(family, segments, "c").map((lane) => [
        lane.take.id, lane.from, lane.cells.map((c) => [c.segment.state_digest, c.start, c.isHere]),
      ]);
    }"""
    assert page.evaluate(script) == [
        ["a", 0, [["p", 0, True], ["x", 2, False], ["y", 4, False]]],
        ["b", 1, [["q", 2, True], ["r", 4, False], ["s", 6, False]]],
        ["c", 2, [["z", 4, True]]],
    ]


def test_errors_stand_where_they_happened(page: Page, server: Served) -> None:
    page.press("#prompt", "Enter")
    assert page.inner_text("#prompt-error") == "Say what is to be seen."
    fill_options(page, SMALL)
    fill_options(page, {"num_frames": "many"})
    roll(page, "sea")
    error = page.locator("#option-sampling-num_frames-error")
    until(lambda: "integer" in error.inner_text(), page=page)
    assert page.input_value("#prompt") == "sea"
    field = page.locator("#option-sampling-num_frames")
    assert field.get_attribute("aria-invalid") == "true"
    assert field.evaluate("(each) => each === document.activeElement")
    assert page.locator("button.cell").count() == 0
    field.fill("57")
    page.press("#prompt", "Enter")
    cells(page, 1)
    page.get_by_text("Simulate", exact=True).click()
    page.fill("#option-stage_overrides-simulate-gravity", "5")
    roll(page, "heavier")
    card = page.locator(".card.is-failed")
    until(lambda: card.count() == 1, page=page)
    assert "the take has 9.81" in card.inner_text()
    assert "the take has 9.81" in page.inner_text("#option-stage_overrides-simulate-gravity-error")
    page.get_by_role("button", name="Edit and try again: heavier").click()
    assert page.input_value("#prompt") == "heavier"
    assert [each["status"] for each in server.work(take_of(page))] == ["done", "failed"]


def test_a_refused_first_prompt_leaves_no_take_behind(page: Page, server: Served) -> None:
    before = len(server.client.get("/v1/sessions").json()["data"])
    fill_options(page, {"height": "-3"})
    roll(page, "sea")
    error = page.locator("#option-sampling-height-error")
    until(lambda: error.inner_text() != "", page=page)
    assert len(server.client.get("/v1/sessions").json()["data"]) == before


def test_a_take_is_exported_imported_finished_and_deleted(
    page: Page, server: Served, tmp_path: Path
) -> None:
    take = directed(page, "sea")

    def choose(name: str) -> None:
        page.get_by_label("More").click()
        page.click(name)

    with page.expect_download() as exported:
        choose("#export")
    exported.value.save_as(tmp_path / "take.zip")
    with page.expect_download() as downloaded:
        choose("#download")
    data = Path(downloaded.value.path()).read_bytes()
    whole = server.client.get(f"/v1/sessions/{take}/take.mp4").content
    assert hashlib.sha256(data).digest() == hashlib.sha256(whole).digest()
    page.set_input_files("#file", tmp_path / "take.zip")
    until(lambda: take_of(page) != take, page=page)
    copy = take_of(page)
    cells(page, 1)
    choose("#finish")
    page.click("#confirm-yes")
    until(lambda: page.locator("#prompt").is_disabled(), page=page)
    assert server.client.get(f"/v1/sessions/{copy}").json()["status"] == "finished"
    choose("#delete")
    page.click("#confirm-yes")
    until(lambda: page.url.endswith("/#") or page.url.endswith("/"), page=page)
    assert server.client.get(f"/v1/sessions/{copy}").status_code == 404


def test_a_token_is_asked_for_and_kept(chromium: Browser, tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text(f"ann:{hashlib.sha256(b'opensesame').hexdigest()}\n")
    with (
        served(tmp_path / "stores", authenticator=TokenFile(tokens)) as server,
        chromium.new_context() as context,
        clean(context),
    ):
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{server.port}/")
        page.fill("#token", "wrong")
        page.press("#token", "Enter")
        until(lambda: "does not know" in page.inner_text("#token-why"), page=page)
        page.fill("#token", "opensesame")
        page.press("#token", "Enter")
        until(lambda: not page.locator("#token-dialog").is_visible(), page=page)
        directed(page, "sea")
        played(page, 0.5)
        shot = page.locator("button.cell .shot")
        until(lambda: "blob:" in (shot.get_attribute("style") or ""), page=page)
        page.reload()
        cells(page, 1)
        played(page, 0.5)
        assert not page.locator("#token-dialog").is_visible()


def test_a_prompt_of_any_characters_names_its_take(page: Page, server: Served) -> None:
    prompt = "🌊" * 100 + "\n<b>sea</b> & 'dusk'"
    fill_options(page, SMALL)
    page.fill("#prompt", prompt)
    page.press("#prompt", "Enter")
    cells(page, 1)
    assert page.inner_text("#title") == "🌊" * 80
    assert "<b>sea</b>" in page.inner_text("button.cell .words")
    assert server.work(take_of(page))[0]["prompt"] == prompt


@pytest.mark.parametrize("name", ["take_x", "%", "../../metrics", "<b>"])
def test_what_is_no_take_is_told(page: Page, name: str) -> None:
    page.goto(f"{page.url.partition('#')[0]}#{name}")
    until(lambda: "no such take" in page.locator("#notice").inner_text(), page=page)
    assert page.inner_text("#title") == "New take"


HIDE = """(isHidden) => {
  Object.defineProperty(document, "hidden", { get: () => isHidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


def test_a_page_that_nobody_sees_holds_no_connection_and_catches_up(
    page: Page, server: Served
) -> None:
    take = directed(page, "sea")
    ended: list[str] = []
    page.on("requestfailed", lambda request: ended.append(request.url))
    page.evaluate(HIDE, True)
    until(lambda: any(url.endswith("/events") for url in ended), page=page)
    server.extend(take, "dusk", {name: int(value) for name, value in SMALL.items()})
    server.settle(take)
    page.wait_for_timeout(1000)
    assert page.locator("button.cell").count() == 1
    page.evaluate(HIDE, False)
    cells(page, 2)


def test_sound_is_asked_for_where_a_browser_forbids_it(browsers: Browsers, server: Served) -> None:
    sampling = {name: int(value) for name, value in SMALL.items()}
    take = server.take("sea", "dusk", sampling=sampling)
    server.settle(take)
    chromium = browsers.start("--autoplay-policy=user-gesture-required")
    told = """document.addEventListener("playing", () => console.log("it plays"), true)"""
    with chromium.new_context() as context, clean(context):
        context.add_init_script(told)  # to ask the page is to a browser as if somebody had clicked
        page = context.new_page()
        with page.expect_console_message(lambda said: said.text == "it plays"):
            page.goto(f"http://127.0.0.1:{server.port}/#{take}")
        button = page.get_by_role("button", name="Turn sound on")
        button.wait_for()
        assert video(page)["muted"]
        button.click()
        assert not video(page)["muted"]
        assert not button.is_visible()


def test_all_can_be_done_with_the_keyboard(page: Page) -> None:
    directed(page, "sea", "dusk", "night")
    played(page, 0.2)
    page.locator("#title").click()
    page.keyboard.press("/")
    focused = "() => document.activeElement.id || document.activeElement.dataset.cell"
    assert page.evaluate(focused) == "prompt"
    page.keyboard.press("Escape")
    page.keyboard.press("k")
    until(lambda: video(page)["paused"], page=page)
    page.keyboard.press("m")
    assert video(page)["muted"]
    page.locator("#track").focus()
    page.keyboard.press("Home")
    until(lambda: video(page)["currentTime"] == 0, page=page)
    page.keyboard.press("]")
    until(lambda: 2.3 < video(page)["currentTime"] < 2.5, page=page)
    page.keyboard.press("ArrowRight")
    until(lambda: 3.3 < video(page)["currentTime"] < 3.5, page=page)
    until(lambda: "segment 2" in (page.get_attribute("#track", "aria-valuetext") or ""), page=page)
    page.locator('button.cell[tabindex="0"]').focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.evaluate(focused).endswith("/2")
    page.keyboard.press("Enter")
    until(lambda: video(page)["currentTime"] > 4.3, page=page)
    assert "Segment 3 of 3" in page.inner_text("#inspector")
    page.locator("#title").click()
    page.keyboard.press("?")
    assert page.get_by_role("dialog", name="Keyboard shortcuts").is_visible()
    page.keyboard.press("Escape")
    assert not page.get_by_role("dialog").is_visible()


CONTROLS = {"button", "link", "textbox", "slider", "checkbox", "combobox", "progressbar", "dialog"}


def nameless(page: Page) -> list[dict[str, Any]]:
    """Controls that a screen reader has no name for."""
    session = page.context.new_cdp_session(page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    return [
        node
        for node in nodes
        if not node["ignored"]
        and node["role"]["value"] in CONTROLS
        and not node.get("name", {}).get("value", "").strip()
    ]


@pytest.mark.parametrize("width", [390, 1280, 1920])
def test_it_fits_and_all_has_a_name(chromium: Browser, server: Served, width: int) -> None:
    with chromium.new_context(viewport={"width": width, "height": 800}) as context, clean(context):
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{server.port}/")
        assert page.evaluate(OVERFLOW) == 0
        assert nameless(page) == []
        directed(page, "a prompt that is longer than any cell of the film is wide " * 3, "dusk")
        page.get_by_role("button", name=re.compile("^Segment 2,")).click()
        page.locator("#options > summary").click()
        for each in page.locator("#fields details > summary").all():
            each.click()
        page.get_by_role("button", name="Add image").click()
        assert page.evaluate(OVERFLOW) == 0
        assert nameless(page) == []


def test_nothing_moves_for_who_asked_for_that(chromium: Browser, server: Served) -> None:
    with chromium.new_context(reduced_motion="reduce") as context, clean(context):
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{server.port}/")
        fill_options(page, LONG)
        roll(page, "sea")
        until(lambda: page.locator(".card.is-running").count() == 1, page=page)
        assert page.evaluate("document.getAnimations().length") == 0
        page.get_by_role("button", name="Cancel: sea").click()
        until(lambda: page.locator(".card").count() == 0, page=page)


CONTRASTS = """() => {
  const style = getComputedStyle(document.documentElement);
  const light = (name) => {
    const hex = style.getPropertyValue(name).trim().replace(/^#(.)(.)(.)$/, "#$1$1$2$2$3$3");
    const [r, g, b] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255)
      .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => {
    const [low, high] = [light(a), light(b)].sort((x, y) => x - y);
    return (high + 0.05) / (low + 0.05);
  };
  const found = {};
  for (const text of ["--ink", "--ink-2", "--ink-3", "--bad"])
    for (const ground of ["--paper", "--surface"]) found[text + ground] = contrast(text, ground);
  found.button = contrast("--on-accent", "--accent");
  found.error = contrast("--bad", "--bad-soft");
  found.count = contrast("--accent", "--accent-soft");
  return found;
}"""


def test_texts_can_be_read_by_day_and_by_night(chromium: Browser, server: Served) -> None:
    grounds = []
    for scheme in ("light", "dark"):
        with chromium.new_context(color_scheme=scheme) as context:
            page = context.new_page()
            page.goto(f"http://127.0.0.1:{server.port}/")
            found: dict[str, float] = page.evaluate(CONTRASTS)
            assert {name for name, contrast in found.items() if contrast < 4.5} == set(), scheme
            grounds.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert grounds[0] != grounds[1]


def test_nothing_is_asked_of_anybody_else(page: Page, server: Served) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.reload()
    directed(page, "sea")
    played(page, 0.5)
    own = (f"http://127.0.0.1:{server.port}/", f"blob:http://127.0.0.1:{server.port}/")
    assert asked
    assert [each for each in asked if not each.startswith(own)] == []


def test_files_name_only_files_that_are_there() -> None:
    folder = files("longtake_serve") / "page"
    texts = {each.name: each.read_text() for each in folder.iterdir() if each.is_file()}
    for name, text in texts.items():
        for other in re.findall(r'(?:from "\./|"/page/)([\w./-]+)"', text):
            assert folder.joinpath(other).is_file(), (name, other)
        addresses = set(re.findall(r"https?://[^\s\"')]+", text))
        assert addresses <= {"http://www.w3.org/2000/svg"}, name
    assert "style=" not in texts["index.html"]
