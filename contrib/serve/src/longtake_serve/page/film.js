// The strip of segments, one lane for each branch, and the line that joins them.

import { $, h, lengthText, set, svg } from "./dom.js";
import { identity } from "./tree.js";

const ROW = 148;
const GAP = 10;
const USUAL = 132; // pixels of a segment of the usual length
const NARROWEST = 64;

const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 2;

/** `pick(take, index)`; `picture(take, index, segment)` resolves to an address. */
export class Film {
  #pick;
  #picture;
  #cells = new Map();
  #shots = new Map();
  #rows = [];
  #playing = null;
  #running = null;
  #scale = 1;
  #watcher;

  constructor(pick, picture) {
    this.#pick = pick;
    this.#picture = picture;
    this.#watcher = new IntersectionObserver((seen) => this.#load(seen), { root: $("scroller"), rootMargin: "200px" });
    $("tree").addEventListener("keydown", (event) => this.#key(event));
  }

  /** `ghosts`: work that is open, `selected`: `{take, index}`, `costs(take, index)`: seconds or null. */
  show(lanes, ghosts, selected, costs) {
    const focused = document.activeElement?.dataset?.cell;
    const usual = median(lanes.flatMap((lane) => lane.cells.map((cell) => cell.segment.seconds)));
    this.#scale = USUAL / usual;
    const before = this.#cells;
    this.#cells = new Map();
    this.#rows = [];
    const rows = lanes.map((lane) => this.#lane(lane, lane.isCurrent ? ghosts : [], selected, costs, before));
    const end = Math.max(...rows.map((row) => row.end));
    set($("tree"), { "--width": `${Math.ceil(end)}px`, "--height": `${lanes.length * ROW - 14}px` });
    $("tree").replaceChildren(this.#lines(lanes, rows), ...rows.map((row) => row.element));
    const active = this.#cells.get(focused) ?? this.#cells.get(this.#playing);
    for (const cell of this.#cells.values()) cell.tabIndex = -1;
    const first = active ?? this.#cells.values().next().value;
    if (first) first.tabIndex = 0;
    if (focused && active) active.focus({ preventScroll: true });
    for (const cell of this.#cells.values()) if (!this.#shots.has(cell.dataset.shot)) this.#watcher.observe(cell);
  }

  /** Where the player is: in this cell, `fraction` of it. */
  play(cell, fraction) {
    const key = cell === null ? null : keyOf(cell);
    if (key !== this.#playing) {
      this.#cells.get(this.#playing)?.removeAttribute("aria-current");
      this.#playing = key;
      const element = this.#cells.get(key);
      element?.setAttribute("aria-current", "true");
      if (element && !$("film").matches(":hover, :focus-within")) this.#reveal(element);
    }
    if (key !== null) this.#cells.get(key)?.style.setProperty("--played", fraction);
  }

  /** How much of the segment that is rolled is there. */
  progress(fraction) {
    if (!this.#running) return;
    set(this.#running, { "--done": fraction });
    this.#running.querySelector(".shot").textContent = `${Math.round(fraction * 100)} %`;
  }

  #lane(lane, ghosts, selected, costs, before) {
    const left = lane.start * this.#scale;
    let end = lane.end * this.#scale;
    const items = lane.cells.map((cell) => {
      const element = this.#cell(cell, selected, costs(cell.take, cell.index), before);
      const width = Math.max(24, cell.segment.seconds * this.#scale - GAP);
      const at = { "--x": `${cell.start * this.#scale}px`, "--w": `${width}px` };
      return h("li", { class: cell.isHere ? "is-here" : null, ...at }, element);
    });
    if (lane.isCurrent) this.#running = null;
    for (const ghost of ghosts) {
      const element = h(
        "div",
        { class: `cell ghost is-${ghost.status}`, "--done": ghost.fraction ?? 0 },
        h("span", { class: "shot" }, ghost.label),
        h("span", { class: "words" }, ghost.prompt),
      );
      items.push(h("li", { "--x": `${end}px`, "--w": `${USUAL - GAP}px` }, element));
      if (ghost.status === "running") this.#running = element;
      end += USUAL;
    }
    if (!items.length) end = left + NARROWEST;
    const name = lane.cells[0]?.segment.request.prompt ?? "nothing of its own yet";
    const label = lane.parent ? `Branch after segment ${lane.from}: ${name}` : `Main take: ${name}`;
    const element = h("ol", { class: "lane", "aria-label": label, "--y": `${lane.row * ROW}px` }, items);
    this.#rows.push(lane.cells.map(keyOf));
    return { element, left, end };
  }

  #cell(cell, selected, cost, before) {
    const { segment, index } = cell;
    const key = keyOf(cell);
    const shot = `${cell.take}/${index}/${identity(segment)}`;
    let element = before.get(key);
    if (element?.dataset.shot !== shot) {
      element = h("button", { type: "button", class: "cell", "data-cell": key, "data-shot": shot });
      element.addEventListener("click", () => this.#pick(element.cell));
      element.append(h("span", { class: "shot" }), h("span", { class: "words" }), h("span", { class: "cost" }));
      if (this.#shots.has(shot)) this.#paint(element, this.#shots.get(shot));
    }
    element.cell = cell;
    const { prompt } = segment.request;
    const took = cost === null ? "" : ` · ${lengthText(cost)} to make`;
    element.querySelector(".words").textContent = prompt;
    element.querySelector(".cost").textContent = `${lengthText(segment.seconds)}${took}`;
    element.title = prompt;
    set(element, {
      "aria-label": `Segment ${index + 1}, ${lengthText(segment.seconds)}${took}: ${prompt}`,
      "aria-pressed": String(selected?.take === cell.take && selected?.index === index),
      "aria-current": key === this.#playing ? "true" : null,
    });
    this.#cells.set(key, element);
    return element;
  }

  /** The line of each branch, with a dot at every seam, down from the branch that it left. */
  #lines(lanes, rows) {
    const y = (row) => row * ROW + 7;
    const drawn = [];
    const dots = [];
    for (const lane of lanes) {
      const { left, end } = rows[lane.row];
      const isWholly = lane.isCurrent;
      const here = lane.cells.filter((cell) => cell.isHere);
      const hereEnd = isWholly ? end : here.length ? (here.at(-1).start + here.at(-1).segment.seconds) * this.#scale : left;
      const x = left - GAP / 2;
      if (lane.parent) {
        const top = y(lane.parent.row);
        const bottom = y(lane.row);
        const path = `M${x} ${top}V${bottom - 10}Q${x} ${bottom} ${x + 10} ${bottom}H${x + 12}`;
        drawn.push([path, isWholly || here.length > 0]);
      }
      const begin = lane.parent ? x + 12 : 0;
      drawn.push([`M${begin} ${y(lane.row)}H${end - GAP}`, false]);
      if (hereEnd > left) drawn.push([`M${begin} ${y(lane.row)}H${hereEnd - GAP / 2}`, true]);
      for (const cell of lane.cells.slice(lane.parent ? 1 : 0)) {
        const at = cell.start * this.#scale - (cell.start === 0 ? -3 : GAP / 2);
        dots.push(svg("circle", { cx: at, cy: y(lane.row), r: 3.5, class: cell.isHere ? "is-here" : "" }));
      }
    }
    drawn.sort((a, b) => a[1] - b[1]);
    const paths = drawn.map(([d, isHere]) => svg("path", { d, class: isHere ? "is-here" : "" }));
    return svg("svg", { "aria-hidden": "true" }, ...paths, ...dots);
  }

  async #load(seen) {
    for (const { target, isIntersecting } of seen) {
      const { shot } = target.dataset;
      if (!isIntersecting || this.#shots.has(shot)) continue;
      this.#watcher.unobserve(target);
      const { take, index, segment } = target.cell;
      const address = await this.#picture(take, index, segment).catch(() => null);
      if (address === null) continue; // sound alone, or the take is gone: the cell stays plain
      this.#shots.set(shot, address);
      this.#paint(target, address);
    }
  }

  #paint(element, address) {
    element.querySelector(".shot").style.backgroundImage = `url("${address}")`;
  }

  #reveal(element) {
    const { offsetLeft, offsetWidth } = element.parentElement;
    const scroller = $("scroller");
    const isSeen = offsetLeft >= scroller.scrollLeft && offsetLeft + offsetWidth <= scroller.scrollLeft + scroller.clientWidth;
    if (!isSeen) scroller.scrollTo({ left: offsetLeft - scroller.clientWidth / 3 });
  }

  #key(event) {
    const key = event.target.dataset?.cell;
    if (key === undefined) return;
    const row = this.#rows.findIndex((each) => each.includes(key));
    const at = this.#rows[row].indexOf(key);
    const time = this.#cells.get(key).cell.start;
    const nearest = (keys) =>
      keys && [...keys].sort((a, b) => Math.abs(this.#cells.get(a).cell.start - time) - Math.abs(this.#cells.get(b).cell.start - time))[0];
    const rowsBelow = this.#rows.slice(row + 1).filter((each) => each.length);
    const rowsAbove = this.#rows.slice(0, row).filter((each) => each.length);
    const next = {
      ArrowLeft: () => this.#rows[row][at - 1],
      ArrowRight: () => this.#rows[row][at + 1],
      ArrowDown: () => nearest(rowsBelow[0]),
      ArrowUp: () => nearest(rowsAbove.at(-1)),
      Home: () => this.#rows[row][0],
      End: () => this.#rows[row].at(-1),
    }[event.key]?.();
    if (next === undefined) return;
    event.preventDefault();
    for (const cell of this.#cells.values()) cell.tabIndex = -1;
    const element = this.#cells.get(next);
    element.tabIndex = 0;
    element.focus();
  }
}

const keyOf = (cell) => `${cell.take}/${cell.index}`;
