// Requests that wait, are rolled, or failed: what is being done, and how much is left.

import { $, h, icon, lengthText, set } from "./dom.js";

const WAITING = new Set(["queued", "running", "cancelling"]);

export const isOpen = (work) => WAITING.has(work.status);

/** `cancel(work)`, `again(work)`: put a failed prompt back. */
export class Queue {
  #cancel;
  #again;
  #dismissed = new Set();
  #work = [];
  #progress = null;
  #preview = null;
  #began = null;
  #running = null;

  constructor(cancel, again) {
    this.#cancel = cancel;
    this.#again = again;
  }

  get open() {
    return this.#work.filter(isOpen);
  }

  show(work) {
    this.#work = work;
    const first = this.open[0];
    if (this.#progress?.work !== first?.id) this.#progress = this.#preview = this.#began = null;
    this.#running = null;
    const isNew = (each) => each.status === "failed" && !this.#dismissed.has(this.#name(each));
    const lastDone = work.findLastIndex((each) => each.status === "done");
    const failed = work.slice(lastDone + 1).filter(isNew);
    $("queue").replaceChildren(
      ...this.open.map((each) => this.#card(each)),
      ...failed.map((each) => this.#failure(each)),
    );
    this.#mirror();
  }

  /** An event of progress. */
  move(data) {
    if (this.#progress?.work !== data.work) this.#preview = null;
    this.#progress = data;
    if (data.preview) this.#preview = { src: data.preview, alt: previewText(data) };
    if (this.#began?.work !== data.work) this.#began = { work: data.work, at: performance.now(), from: data.fraction };
    this.#mirror();
  }

  /** Of the segment that is rolled, 0 to 1; null when there is none. */
  get fraction() {
    const first = this.open[0];
    return first === undefined ? null : (this.#progress?.fraction ?? first.fraction ?? 0);
  }

  /** What is being done, in words. */
  get doing() {
    const first = this.open[0];
    if (first === undefined) return "";
    if (first.status === "cancelling") return "Stopping";
    if (first.status === "queued") return first.place > 0 ? `Waits behind ${first.place}` : "Waits for a worker";
    if (this.#progress === null) return "Rolling";
    const { stage, step, steps, fraction } = this.#progress;
    const left = this.#secondsLeft(fraction);
    const parts = [stage, steps > 1 ? `step ${step} of ${steps}` : "", `${Math.round(fraction * 100)} %`];
    if (left !== null && left >= 1) parts.push(`about ${lengthText(Math.ceil(left))} left`);
    return parts.filter(Boolean).join(" · ");
  }

  #secondsLeft(fraction) {
    const gained = fraction - this.#began.from;
    const seconds = (performance.now() - this.#began.at) / 1000;
    return gained > 0.02 && seconds > 0.5 ? ((1 - fraction) / gained) * seconds : null;
  }

  #mirror() {
    if (this.#running === null) return;
    const fraction = this.fraction ?? 0;
    this.#running.querySelector(".doing").textContent = this.doing;
    const meter = this.#running.querySelector(".meter");
    set(meter, { "aria-valuenow": Math.round(fraction * 100), "aria-valuetext": this.doing, "--done": fraction });
    const picture = this.#running.querySelector(".preview");
    picture.hidden = this.#preview === null;
    if (this.#preview !== null && picture.getAttribute("src") !== this.#preview.src) set(picture, this.#preview);
  }

  #card(work) {
    const isFirst = work.status !== "queued";
    const away = h(
      "button",
      {
        type: "button",
        class: "button square plain",
        "aria-label": `Cancel: ${work.prompt}`,
        disabled: work.status === "cancelling",
        onclick: () => this.#cancel(work),
      },
      icon("close"),
    );
    const said = h("div", {}, h("p", { class: "said" }, work.prompt), h("p", { class: "doing" }, isFirst ? "" : placeText(work)));
    const card = h("article", { class: `card is-${work.status}` }, said, away);
    if (isFirst) {
      const meter = { class: "meter", role: "progressbar", "aria-label": "This segment", "aria-valuemin": 0, "aria-valuemax": 100 };
      card.append(h("span", meter, h("i")), h("img", { class: "preview", alt: "", hidden: true }));
      this.#running = card;
    }
    return card;
  }

  #failure(work) {
    const { path, message } = work.error;
    const dismiss = () => {
      this.#dismissed.add(this.#name(work));
      this.show(this.#work);
    };
    const edit = () => {
      dismiss();
      this.#again(work);
    };
    return h(
      "article",
      { class: "card is-failed" },
      h("p", { class: "said" }, work.prompt),
      h(
        "div",
        { class: "both" },
        h("button", { type: "button", class: "button square plain", "aria-label": `Edit and try again: ${work.prompt}`, onclick: edit }, icon("edit")),
        h("button", { type: "button", class: "button square plain", "aria-label": "Dismiss", onclick: dismiss }, icon("close")),
      ),
      h("p", { class: "doing" }, `Failed: ${plain(path, message)}`),
    );
  }

  #name(work) {
    return `${work.take}/${work.id}`;
  }
}

const previewText = ({ stage, step, steps }) => `Rough preview of this segment: ${stage}, step ${step} of ${steps}`;

const placeText = (work) => (work.place ? `Waits, ${work.place} before it` : "Waits for a worker");

/** A message that says its path only where that helps: it often begins with it. */
export function plain(path, message) {
  return path === "" || message.includes(path) ? message : `${path} ${message}`;
}
