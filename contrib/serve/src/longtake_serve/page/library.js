// The takes that there are, newest first.

import { $, h, many } from "./dom.js";

/** `title(take)`, `picture(take)` resolves to an address. */
export class Library {
  #title;
  #picture;
  #shots = new Map();

  constructor(title, picture) {
    this.#title = title;
    this.#picture = picture;
  }

  show(takes) {
    const newest = [...takes].sort((a, b) => b.created - a.created);
    $("library").hidden = newest.length === 0;
    $("cards").replaceChildren(...newest.map((take) => this.#card(take)));
  }

  #card(take) {
    const shot = h("span", { class: "shot" }, take.num_segments ? "" : "Nothing yet");
    const facts = [many(take.num_segments, "segment")];
    if (take.parent) facts.push("branch");
    if (take.status !== "open") facts.push(take.status);
    if (take.open_work) facts.push("rolling");
    facts.push(whenText(take.created));
    const link = h(
      "a",
      { href: `#${take.id}` },
      shot,
      h("span", { class: "words" }, this.#title(take)),
      h("span", { class: "cost" }, facts.join(" · ")),
    );
    if (take.num_segments) this.#load(take, shot);
    return h("li", {}, link);
  }

  async #load(take, shot) {
    const key = `${take.id}/${take.revision}`;
    if (!this.#shots.has(key)) this.#shots.set(key, this.#picture(take).catch(() => null));
    const address = await this.#shots.get(key);
    if (address !== null) shot.style.backgroundImage = `url("${address}")`;
  }
}

function whenText(created) {
  const then = new Date(created * 1000);
  const today = new Date().toDateString() === then.toDateString();
  return today
    ? then.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })
    : then.toLocaleDateString([], { day: "numeric", month: "short" });
}
