// The segment that was chosen in the film: what made it, what it cost, and what can be done from it.

import { $, h, icon, lengthText, many } from "./dom.js";

/** `actions`: `rewind`, `fork`, `reuse`, `save`, each `(take, index)`. */
export class Inspector {
  #actions;

  constructor(actions) {
    this.#actions = actions;
    const isNarrow = matchMedia("(max-width: 1000px)");
    const place = () => $(isNarrow.matches ? "film" : "desk").append($("inspector"));
    isNarrow.addEventListener("change", place);
    place();
  }

  hide() {
    $("inspector").hidden = true;
  }

  show(take, segments, index, cost) {
    const segment = segments[index];
    const place = $("inspector");
    place.hidden = false;
    const behind = segments.length - index - 1;
    const why = take.status !== "open" ? "A finished take is not rewound: fork it" : behind ? null : "Nothing is behind this segment";
    place.replaceChildren(
      h("h2", {}, h("span", {}, `Segment ${index + 1} of ${segments.length}`), segment.request.prompt),
      h("dl", {}, factsOf(segment, cost).map(([name, text]) => h("div", {}, h("dt", {}, name), h("dd", {}, text)))),
      h(
        "div",
        { class: "row" },
        this.#button("plain", "edit", "Use prompt", "reuse", take, index),
        this.#button("plain", "down", "Save segment", "save", take, index),
        this.#button("", "back", "Rewind to here", "rewind", take, index, why),
        this.#button("", "fork", "Fork from here", "fork", take, index),
      ),
      h("p", { class: "error", role: "alert", hidden: true }),
    );
  }

  refuse(message) {
    const place = $("inspector").querySelector(".error");
    place.textContent = message;
    place.hidden = false;
  }

  #button(kind, image, text, action, take, index, why = null) {
    const onclick = () => this.#actions[action](take, index);
    const disabled = why !== null;
    return h("button", { type: "button", class: `button ${kind}`, disabled, title: why, onclick }, icon(image), text);
  }
}

function factsOf(segment, cost) {
  const { sampling, stage_overrides: stages, negative_prompt: without } = segment.request;
  const facts = [["Length", lengthText(segment.seconds)]];
  if (cost !== null) {
    const times = segment.seconds > 0 ? ` · ${(cost / segment.seconds).toPrecision(2)} × its length` : "";
    facts.push(["Cost", `${lengthText(cost)} of a worker${times}`]);
  }
  for (const [name, value] of Object.entries(sampling)) {
    if (value !== null) facts.push([name.replaceAll("_", " "), String(value)]);
  }
  const count = Object.values(stages).reduce((sum, fields) => sum + Object.keys(fields).length, 0);
  if (count) facts.push(["Options", many(count, "more")]);
  if (without) facts.push(["Without", without]);
  if (segment.made_by) facts.push(["Made by", segment.made_by]);
  return facts;
}
