// What is said over the picture: before there is one, while more is made, and when it fails.

import { $, h, set, svg } from "./dom.js";

export class Screen {
  #again;
  #shown = "";

  /** `again`: try to play once more. */
  constructor(again) {
    this.#again = again;
  }

  /** Nothing was asked for yet. */
  invite(isNew) {
    const title = isNew ? "One take, as long as you like" : "Ready";
    const text = isNew
      ? "Type what is to be seen. Each prompt goes on exactly where the last one ended."
      : "Type the first prompt, and the take begins.";
    this.#veil(`invite ${isNew}`, () => [mark(), h("h2", {}, title), h("p", {}, text)]);
  }

  /** The first segment is on its way. */
  wait(fraction, doing) {
    const meter = { class: "meter", role: "progressbar", "aria-label": "First segment", "aria-valuemin": 0, "aria-valuemax": 100 };
    this.#veil("wait", () => [h("h2", {}, "Rolling the first segment"), h("p", { class: "doing" }), h("span", meter, h("i"))]);
    $("veil").querySelector(".doing").textContent = doing;
    const shown = { "--done": fraction, "aria-valuenow": Math.round(fraction * 100), "aria-valuetext": doing };
    set($("veil").querySelector(".meter"), shown);
  }

  fail(title, message) {
    const again = h("button", { type: "button", class: "button", onclick: this.#again }, "Try again");
    this.#veil(`fail ${message}`, () => [h("h2", {}, title), h("p", { role: "alert" }, message), again]);
  }

  clear() {
    this.#veil("", () => []);
  }

  /** A line at the foot of the picture; `isLive`: something is being made. */
  note(text, isLive = false) {
    const pill = $("pill");
    pill.hidden = text === "";
    pill.classList.toggle("is-live", isLive);
    if (pill.textContent !== text) pill.textContent = text;
  }

  #veil(name, make) {
    if (name === this.#shown) return;
    this.#shown = name;
    $("screen").classList.toggle("is-blank", name !== "");
    $("veil").replaceChildren(...make());
  }
}

const mark = () =>
  svg(
    "svg",
    { viewBox: "0 0 220 60", class: "mark", "aria-hidden": "true" },
    svg("path", { d: "M4 44h48c26 0 26-28 52-28h32c24 0 24 22 46 22h34" }),
    svg("circle", { cx: "52", cy: "44", r: "5" }),
    svg("circle", { cx: "104", cy: "16", r: "5" }),
    svg("circle", { cx: "136", cy: "16", r: "5" }),
    svg("circle", { cx: "182", cy: "38", r: "5" }),
  );
