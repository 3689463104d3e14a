// The page: takes are opened, extended, forked and rewound, and what happens is shown.

import { Api } from "./api.js";
import { Composer } from "./composer.js";
import { askToken, confirm } from "./dialogs.js";
import { $, announce, lengthText, many } from "./dom.js";
import { listen } from "./events.js";
import { Film } from "./film.js";
import { Inspector } from "./inspector.js";
import { listenForKeys } from "./keys.js";
import { Library } from "./library.js";
import { Model } from "./model.js";
import { TakePlayer } from "./player.js";
import { Queue } from "./queue.js";
import { Screen } from "./screen.js";
import { Transport } from "./transport.js";
import { lanesOf } from "./tree.js";

const TITLE_LENGTH = 80;
const SETTLE_MS = 40;

const api = new Api(askToken);
const model = new Model(api);
const player = new TakePlayer($("video"), { headers: () => api.headers() });
const composer = new Composer(roll);
const queue = new Queue(cancel, (work) => composer.put(work.prompt));
const screen = new Screen(() => play(0));
const transport = new Transport(jump);
const film = new Film(pick, (take, index) => api.picture(`/v1/sessions/${take}/segments/${index}/thumbnail.jpg?width=320`));
const inspector = new Inspector({ rewind, fork, reuse, save });
const library = new Library((take) => model.title(take), (take) => api.picture(`/v1/sessions/${take.id}/thumbnail.jpg?width=480`));

/** Of the take that is open: until when it is listened to, what is chosen, and what the player does. */
let listening = null;
let selected = null;
let playing = { isAsked: false, isStarted: false, stalled: null, failure: null, duration: 0 };
let time = 0;
let jumpTo = null;
const asked = new Set();

// Opening

let opening = Promise.resolve();

/** Opens what the address names; a take that is being opened is waited for by what is asked of it. */
function open() {
  opening = openNamed();
  return opening;
}

/** At once, where a change of the address alone would be heard of later. */
function go(id) {
  history.pushState(null, "", `#${id}`);
  return open();
}

/** Until nothing is being opened any more. */
async function opened() {
  for (let last = null; last !== opening; ) await (last = opening);
}

async function openNamed() {
  listening?.abort();
  listening = new AbortController();
  const { signal } = listening;
  player.stop();
  [model.current, selected, time] = [null, null, 0];
  playing = { isAsked: false, isStarted: false, stalled: null, failure: null, duration: 0 };
  tellLink(true);
  if (location.hash.length < 2) draw();
  const id = location.hash.slice(1);
  try {
    await model.readTakes();
    if (signal.aborted) return;
    if (/^[\w-]+$/.test(id)) await openTake(id, signal);
    else if (id !== "") notice("There is no such take.");
  } catch (error) {
    if (!signal.aborted) notice(error.status === 404 ? "There is no such take any more." : error.message);
  }
  if (signal.aborted) return;
  draw();
  if (model.current === null && matchMedia("(hover: hover)").matches) composer.focus();
}

async function openTake(id, signal) {
  await model.readTake(id);
  if (signal.aborted) return;
  model.current = id;
  const at = jumpTo ?? 0;
  jumpTo = null;
  startIfThere(at);
  draw();
  listen(api, id, {
    signal,
    onLink: tellLink,
    onGone: gone,
    onEvent: (type, data) => (type === "progress" ? progress(data) : changed(type, data)),
  });
  await model.readFamily(id);
}

function startIfThere(at = 0) {
  const { take } = model;
  if (!playing.isAsked && (take.num_segments > 0 || take.open_work > 0)) play(at);
}

function play(at) {
  playing = { isAsked: true, isStarted: false, stalled: null, failure: null, duration: 0 };
  player.play(`/v1/sessions/${model.current}/stream.m3u8`, { at });
  drawScreen();
}

// What happens

let due = null;
let isReading = false;

/** Events of the past come in a row: what they are about is read once. */
function changed(type, data) {
  if (type === "deleted") return gone();
  if (due === null) due = setTimeout(refresh, SETTLE_MS, listening.signal);
  if (type === "segment" && data.index >= model.segmentsOf().length) announce(`Segment ${data.index + 1} is there`);
}

/** Work that was asked for here, and has failed since: its options say what is wrong with them. */
function blame() {
  for (const { id, status, error } of model.workOf()) {
    const name = `${model.current}/${id}`;
    if (status !== "failed" || !asked.delete(name)) continue;
    announce(`Failed: ${error.message}`);
    composer.blame(error.path, error.message);
  }
}

async function refresh(signal) {
  due = null;
  if (signal.aborted) return;
  if (isReading) return (due = setTimeout(refresh, SETTLE_MS, signal));
  isReading = true;
  try {
    const isOther = await model.readTake(model.current);
    if (signal.aborted) return;
    if (selected && !model.segmentsOf(selected.take)[selected.index]) selected = null;
    if (isOther) {
      play(Math.min(time, model.starts().at(-2) ?? 0));
      if (model.take.num_segments === 0 && model.take.open_work === 0) {
        player.stop();
        playing.isAsked = false;
      }
    } else {
      startIfThere();
    }
    draw();
    blame();
  } catch (error) {
    if (!signal.aborted && error.status !== 0 && error.status !== 404) notice(error.message);
  } finally {
    isReading = false;
  }
}

function progress(data) {
  queue.move(data);
  film.progress(queue.fraction ?? 0);
  drawScreen();
}

function gone() {
  if (model.current === null) return;
  listening.abort();
  model.forget(model.current);
  go("");
  notice("The take was deleted.");
}

function tellLink(isThere) {
  $("link").textContent = isThere ? "" : "Reconnecting…";
}

player.addEventListener("started", ({ detail }) => {
  playing.isStarted = true;
  $("unmute").hidden = !detail.muted;
  drawScreen();
});
player.addEventListener("stalled", ({ detail }) => {
  playing.stalled = detail.reason;
  drawScreen();
});
player.addEventListener("recovered", () => {
  playing.stalled = null;
  drawScreen();
});
player.addEventListener("failed", ({ detail }) => {
  playing.failure = detail.message || "It cannot be played.";
  drawScreen();
});
player.addEventListener("time", ({ detail }) => {
  time = detail.time;
  if (detail.duration !== playing.duration) {
    playing.duration = detail.duration;
    drawTransport();
  }
  transport.move(time);
  drawPlace();
});

// What people do

async function roll(request, key) {
  await opened();
  if (model.current === null) {
    const title = [...request.prompt.replace(/\s+/g, " ")].slice(0, TITLE_LENGTH).join("");
    const take = await api.post("/v1/sessions", { labels: { title } });
    try {
      const work = await api.post(`/v1/sessions/${take.id}/segments`, request, { key });
      asked.add(`${take.id}/${work.id}`);
    } catch (error) {
      await api.delete(`/v1/sessions/${take.id}`).catch(() => {});
      throw error;
    }
    return go(take.id);
  }
  const id = model.current;
  const work = await api.post(`/v1/sessions/${id}/segments`, request, { key });
  asked.add(`${id}/${work.id}`);
  if (id === model.current) changed("queued", {});
}

async function cancel(work) {
  await attempt(() => api.delete(`/v1/sessions/${work.take}/work/${work.id}`));
  changed("cancelled", {});
}

/** A cell of the film: the take that is open stays where it has the segment, too. */
function pick(cell) {
  selected = { take: cell.take, index: cell.index };
  if (cell.isHere) {
    if (playing.isAsked) jump(cell.start + 0.01);
    $("video").play().catch(() => {});
    return draw();
  }
  jumpTo = cell.start + 0.01;
  keepSelected = selected;
  go(cell.take);
}
let keepSelected = null;

async function fork(take, index) {
  const start = model.starts(take.id)[index];
  const made = await attempt(() => api.post(`/v1/sessions/${take.id}/fork`, { num_segments: index + 1 }), inspector);
  if (made === null) return;
  jumpTo = start;
  go(made.id);
  announce("A new branch is open");
}

async function rewind(take, index) {
  const segments = model.segmentsOf(take.id);
  const lost = segments.length - index - 1;
  const text = `${many(lost, "segment")} behind “${segments[index].request.prompt}” will be gone. Branches that have them keep them.`;
  if (!(await confirm("Rewind to here?", text, "Rewind"))) return;
  const done = await attempt(() => api.post(`/v1/sessions/${take.id}/rewind`, { num_segments: index + 1 }), inspector);
  if (done === null) return;
  announce("Rewound");
  if (take.id === model.current) changed("rewound", {});
  else open();
}

function reuse(take, index) {
  composer.put(model.segmentsOf(take.id)[index].request.prompt);
}

function save(take, index) {
  return attempt(() => api.save(`/v1/sessions/${take.id}/segments/${index}/media`, `${take.id}-${index + 1}.mp4`), inspector);
}

async function finish() {
  const text = "It becomes a film of fixed length. What waits is still rolled; to go on later, fork a segment of it.";
  if (!(await confirm("Finish this take?", text, "Finish"))) return;
  await attempt(() => api.post(`/v1/sessions/${model.current}/finish`, {}));
  changed("finished", {});
}

async function remove() {
  const id = model.current;
  const text = "Its segments and what waits are gone then. Branches of it stay.";
  if (!(await confirm("Delete this take?", text, "Delete"))) return;
  listening.abort();
  if ((await attempt(() => api.delete(`/v1/sessions/${id}`).then(() => true))) === null) return open();
  go("");
}

async function importFile() {
  const [file] = $("file").files;
  $("file").value = "";
  if (!file) return;
  announce(`Importing ${file.name}`);
  const send = () => api.json("/v1/sessions/import", { method: "POST", headers: { "Content-Type": "application/zip" }, body: file });
  const take = await attempt(send);
  if (take !== null) go(take.id);
}

/** The result, or null when it was refused, and why is said where that can be seen. */
async function attempt(action, place = null) {
  try {
    $("notice").hidden = true;
    return await action();
  } catch (error) {
    const isThere = place !== null && !$("inspector").hidden;
    if (isThere) place.refuse(error.message);
    else notice(error.message);
    return null;
  }
}

function notice(text) {
  $("notice").querySelector("p").textContent = text;
  $("notice").hidden = false;
}

function step(by) {
  const starts = model.starts();
  const now = $("video").currentTime;
  const here = starts.findLastIndex((each) => each <= now + 0.05);
  const next = by < 0 && now - starts[here] > 1 ? here : here + by;
  if (next >= 0 && next < starts.length - 1) jump(starts[next] + 0.01);
}

/** The last pictures of a take that goes on have no sound yet, so no player gets there. */
function jump(seconds) {
  const { buffered } = $("video");
  const loaded = buffered.length ? buffered.end(buffered.length - 1) - 0.1 : 0;
  player.seekTo(Math.max(0, Math.min(seconds, Math.max(loaded, model.starts().at(-2) ?? 0))));
}

// What is seen

function draw() {
  const { take } = model;
  const segments = model.segmentsOf();
  if (keepSelected && take) {
    selected = keepSelected;
    keepSelected = null;
  }
  queue.show(model.workOf());
  composer.show({ isFirst: segments.length === 0 && !queue.open.length, isClosed: take !== null && take.status !== "open" });
  drawNames(take, segments);
  drawTransport();
  drawScreen();
  drawFilm(take, segments);
  if (take === null) library.show(model.takes.values());
  else $("library").hidden = true;
}

function drawNames(take, segments) {
  const title = take === null ? "New take" : model.title(take);
  $("title").textContent = title;
  document.title = take === null ? "Longtake" : `${title} · Longtake`;
  for (const each of document.querySelectorAll(".of-take")) each.hidden = take === null;
  $("new").hidden = take === null;
  if (take === null) return ($("facts").textContent = "");
  const costs = segments.map((_, index) => costOf(take.id, index)).filter((each) => each !== null);
  const facts = [many(segments.length, "segment")];
  if (segments.length) facts.push(lengthText(model.starts().at(-1)));
  if (costs.length) facts.push(`${lengthText(costs.reduce((a, b) => a + b, 0))} to make`);
  if (take.status !== "open") facts.push(take.status);
  $("facts").textContent = facts.join(" · ");
  $("download").disabled = $("export").disabled = segments.length === 0;
  $("finish").disabled = take.status !== "open";
}

/** A fork has paid nothing for what it shares. */
const costOf = (id, index) => model.cost(id, index);

function drawTransport() {
  const starts = model.starts();
  const shown = model.segmentsOf().map((segment, index) => ({
    start: starts[index],
    seconds: segment.seconds,
    peaks: model.peaks(model.current, index, segment, drawSoon),
  }));
  transport.show(shown, Math.max(starts.at(-1), playing.duration));
}

/** Many sounds come at once: they are drawn together. */
let isDue = false;
function drawSoon() {
  if (isDue) return;
  isDue = true;
  requestAnimationFrame(() => {
    isDue = false;
    drawTransport();
  });
}

function drawScreen() {
  const { take } = model;
  screen.note("");
  if (take === null) return screen.invite(true);
  if (playing.failure) return screen.fail("This cannot be played", playing.failure);
  const isRolling = queue.open.length > 0;
  if (take.num_segments === 0) return isRolling ? screen.wait(queue.fraction, queue.doing) : screen.invite(false);
  screen.clear();
  if (playing.stalled === "network") return screen.note("Waiting for the server", true);
  if (playing.stalled !== "edge") return;
  if (isRolling) screen.note(`Next: ${queue.doing}`, true);
  else if (take.status === "open") screen.note("That is all so far. What happens next?");
}

function drawFilm(take, segments) {
  const isThere = take !== null && (segments.length > 0 || queue.open.length > 0);
  $("film").hidden = !isThere;
  if (!isThere) return inspector.hide();
  const lanes = lanesOf(model.family, model.segments, model.current);
  const ghosts = queue.open.map((work, i) => ({
    status: work.status === "queued" ? "queued" : "running",
    prompt: work.prompt,
    fraction: i === 0 ? queue.fraction : null,
    label: i === 0 && work.status !== "queued" ? `${Math.round(queue.fraction * 100)} %` : "waits",
  }));
  film.show(lanes, ghosts, selected, costOf);
  $("film-hint").textContent = lanes.length > 1 ? many(lanes.length - 1, "branch").replace("branchs", "branches") : "";
  drawPlace();
  if (selected === null) return inspector.hide();
  const owner = model.takes.get(selected.take);
  const isShared = lanes.some((lane) => lane.cells.some((cell) => cell.isHere && isAt(cell, selected)));
  const shown = isShared ? take : owner;
  inspector.show(shown, model.segmentsOf(shown.id), selected.index, costOf(selected.take, selected.index));
}

const isAt = (cell, place) => cell.take === place.take && cell.index === place.index;

/** In the film: which segment is played. It lies in the lane of the take that made it. */
function drawPlace() {
  if (model.current === null) return;
  const starts = model.starts();
  const index = Math.min(starts.findLastIndex((each) => each <= time + 1e-3), starts.length - 2);
  if (index < 0 || !playing.isStarted) return film.play(null, 0);
  const lane = lanesOf(model.family, model.segments, model.current).find((each) =>
    each.cells.some((cell) => cell.isHere && cell.index === index),
  );
  const seconds = starts[index + 1] - starts[index];
  if (lane) film.play({ take: lane.take.id, index }, Math.min(1, (time - starts[index]) / seconds));
}

// Begin

$("download").addEventListener("click", () => attempt(() => api.save(`/v1/sessions/${model.current}/take.mp4`, `${model.current}.mp4`)));
$("export").addEventListener("click", () => attempt(() => api.save(`/v1/sessions/${model.current}/export`, `${model.current}.zip`)));
$("import").addEventListener("click", () => $("file").click());
$("file").addEventListener("change", importFile);
$("finish").addEventListener("click", finish);
$("delete").addEventListener("click", remove);
$("keys").addEventListener("click", () => $("keys-dialog").showModal());
$("notice").querySelector("button").addEventListener("click", () => ($("notice").hidden = true));
$("skip").addEventListener("click", (event) => {
  event.preventDefault();
  composer.focus();
});
listenForKeys({
  "/": () => composer.focus(),
  "?": () => $("keys-dialog").showModal(),
  " ": () => transport.toggle(),
  k: () => transport.toggle(),
  j: () => jump($("video").currentTime - 1),
  l: () => jump($("video").currentTime + 1),
  "[": () => step(-1),
  "]": () => step(1),
  m: () => transport.mute(),
  f: () => transport.fullScreen(),
});
addEventListener("hashchange", open);
api.read("/v1/schema").then((schema) => composer.options.show(schema), (error) => notice(error.message));
open();
