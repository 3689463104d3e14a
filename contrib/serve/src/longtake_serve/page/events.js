// What happens to a take, as server-sent events: read with fetch, which can send a token.

const WAITS_MS = [500, 1000, 2000, 4000];

/**
 * Listens to a take until `signal` is aborted, through restarts of the server.
 *
 * `onEvent(type, data)`: every event once, those of the past first. `onLink(isThere)`: whether the
 * server can be heard. `onGone(error)`: there is no such take any more.
 */
export async function listen(api, take, { onEvent, onLink, onGone, signal }) {
  let last = "0";
  let failures = 0;
  while (!signal.aborted) {
    const seen = await whileSeen(signal);
    try {
      const answer = await api.fetch(`/v1/sessions/${take}/events`, {
        headers: { "Last-Event-ID": last, Accept: "text/event-stream" },
        cache: "no-store",
        signal: seen,
      });
      onLink(true);
      failures = 0;
      for await (const event of eventsOf(answer.body)) {
        if (signal.aborted) return;
        last = event.id ?? last;
        onEvent(event.type, JSON.parse(event.data));
      }
    } catch (error) {
      if (signal.aborted) return;
      if (seen.aborted) continue;
      if (error.status === 404) return onGone(error);
      if (failures > 0) onLink(false);
    }
    await new Promise((done) => setTimeout(done, WAITS_MS[Math.min(failures, 3)]));
    failures += 1;
  }
}

/**
 * Waits until the page is seen; the signal is aborted when it is no more. A browser has six
 * connections for all pages of a server, and one that nobody sees needs none.
 */
async function whileSeen(signal) {
  while (document.hidden && !signal.aborted) {
    await new Promise((done) => document.addEventListener("visibilitychange", done, { once: true, signal }));
  }
  const hidden = new AbortController();
  document.addEventListener("visibilitychange", () => document.hidden && hidden.abort(), { signal: hidden.signal });
  signal.addEventListener("abort", () => hidden.abort(), { once: true });
  return hidden.signal;
}

/** The events of a body, as the standard has them: lines, and an empty one behind each event. */
export async function* eventsOf(body) {
  let event = { type: "message", data: [], id: null };
  for await (const line of linesOf(body)) {
    if (line === "") {
      if (event.data.length) yield { ...event, data: event.data.join("\n") };
      event = { type: "message", data: [], id: null };
      continue;
    }
    const [, name, value] = /^([^:]*):? ?(.*)$/.exec(line);
    if (name === "event") event.type = value;
    else if (name === "data") event.data.push(value);
    else if (name === "id") event.id = value;
  }
}

async function* linesOf(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + value).split(/\r\n|\n/);
    rest = lines.pop();
    yield* lines;
  }
}
