// Plays a take in a video element while it grows: waits for its first segment, outlives restarts of
// the server, and goes on when there is more.

import Hls from "./vendor/hls.light.min.mjs";

const WAITS_MS = [500, 1000, 2000, 4000];
/** Nobody asks again after these: the answer would be the same. */
const FINAL = new Set([401, 403, 404, 410, 421, 422]);
/** A fragment that is listed may be missing for a moment, but not for ever. */
const MISSING_FRAGMENT_RETRIES = 8;
/** So often a decoder that failed is begun again at the same place. */
const DECODER_RETRIES = 3;
/** How long a browser may take to go on by itself when there is more. */
const RESUME_MS = 400;

const RETRY = {
  maxNumRetry: Infinity,
  retryDelayMs: WAITS_MS[0],
  maxRetryDelayMs: WAITS_MS.at(-1),
  // what hls.js would decide does not ask again after 404 or when no server listens (status 0)
  shouldRetry: (config, count, isTimeout, response) => !FINAL.has(response?.code),
};

const FRAGMENT_RETRY = {
  ...RETRY,
  shouldRetry: (config, count, isTimeout, response) =>
    response?.code === 404 ? count < MISSING_FRAGMENT_RETRIES : !FINAL.has(response?.code),
};

const policy = (retry) => ({
  default: {
    maxTimeToFirstByteMs: 15000, // the server holds a list for 8 s
    maxLoadTimeMs: 60000,
    timeoutRetry: retry,
    errorRetry: retry,
  },
});

/**
 * A player of one take at a time. Events, each a CustomEvent with a `detail`:
 *
 * - `started` `{muted}`: the first picture moves; muted where the browser forbids sound unasked.
 * - `stalled` `{reason}`: all that is there was played (`"edge"`), or it does not come (`"network"`).
 *   The end of a finished take is no stall.
 * - `recovered` `{}`: it moves again after a stall.
 * - `failed` `{message, status}`: it is over, until `play` is called again. `status`: of the answer,
 *   0 without one.
 * - `time` `{time, duration, isFinished}`: seconds; `duration` of all that is listed. `isFinished`:
 *   whether the take is.
 */
export class TakePlayer extends EventTarget {
  #video;
  #headers;
  #hls = null;
  #abort = null;
  #retry = null;
  #resume = null;
  #failures = 0;
  #broken = { time: -1, count: 0 };
  #isFinished = false;
  #isStarted = false;
  #isStalled = false;
  #duration = 0;
  #listed = -1;
  #loaded = -1;

  /** `headers()`: of every request, such as a token's. */
  constructor(video, { headers = () => ({}) } = {}) {
    super();
    this.#video = video;
    this.#headers = headers;
    video.addEventListener("playing", () => this.#moved());
    video.addEventListener("waiting", () => this.#waited());
    video.addEventListener("timeupdate", () => this.#told());
  }

  /**
   * Plays the list, from `at` seconds, in place of what was played before. Resolves when the first
   * segment is there, also to `false` where something else was asked for meanwhile, or it failed.
   */
  async play(listUrl, { at = 0 } = {}) {
    this.stop();
    const abort = (this.#abort = new AbortController());
    if (!(await this.#isThere(listUrl, abort.signal))) return false;
    this.#begin(new URL(listUrl, document.baseURI).href, at);
    return true;
  }

  /** Jumps to a time of the take, in seconds. */
  seekTo(seconds) {
    this.#video.currentTime = seconds;
  }

  /** Lets go of the take; nothing is shown any more. */
  stop() {
    this.#abort?.abort();
    clearTimeout(this.#retry);
    clearTimeout(this.#resume);
    this.#hls?.destroy();
    this.#hls = this.#abort = this.#retry = this.#resume = null;
    this.#failures = this.#duration = 0;
    this.#broken = { time: -1, count: 0 };
    this.#listed = this.#loaded = -1;
    this.#isFinished = this.#isStarted = this.#isStalled = false;
  }

  /** Asks until there is a first segment: hls.js gives up on a list that is not there yet. */
  async #isThere(listUrl, signal) {
    for (let count = 0; !signal.aborted; count += 1) {
      try {
        const answer = await fetch(listUrl, { headers: this.#headers(), signal, cache: "no-cache" });
        if (answer.ok) return true;
        if (FINAL.has(answer.status)) {
          const message = messageOf(await answer.text()) || answer.statusText;
          if (!signal.aborted) this.#tell("failed", { message, status: answer.status });
          return false;
        }
      } catch {
        // no server answers at the moment
      }
      await new Promise((done) => setTimeout(done, WAITS_MS[Math.min(count, WAITS_MS.length - 1)]));
    }
    return false;
  }

  #begin(url, at) {
    const hls = (this.#hls = new Hls({
      startPosition: 0, // fragments' sound begins before their pictures: only the first tells the clock
      enableWorker: false, // fragments are passed on as they are
      lowLatencyMode: true, // the server holds a list until it has the next segment
      manifestLoadPolicy: policy(RETRY),
      playlistLoadPolicy: policy(RETRY),
      fragLoadPolicy: policy(FRAGMENT_RETRY),
      xhrSetup: (xhr, address) => {
        xhr.open("GET", address, true);
        for (const [name, value] of Object.entries(this.#headers())) {
          xhr.setRequestHeader(name, value);
        }
      },
    }));
    hls.on(Hls.Events.LEVEL_UPDATED, (_, { details }) => this.#read(details));
    hls.once(Hls.Events.FRAG_BUFFERED, () => {
      if (at > 0) this.seekTo(at);
      this.#go();
    });
    hls.on(Hls.Events.FRAG_BUFFERED, (_, { frag }) => {
      this.#failures = 0;
      this.#loaded = frag.sn;
      clearTimeout(this.#resume);
      if (this.#isStalled) this.#resume = setTimeout(() => this.#goOn(), RESUME_MS);
    });
    hls.on(Hls.Events.ERROR, (_, error) => this.#wrong(hls, error));
    hls.loadSource(url);
    hls.attachMedia(this.#video);
  }

  /** Plays; without sound where a browser wants to be asked for that first. */
  async #go() {
    try {
      await this.#video.play();
    } catch (error) {
      if (error.name !== "NotAllowedError") return;
      this.#video.muted = true;
      await this.#video.play().catch(() => {});
    }
  }

  #read(details) {
    this.#duration = details.edge;
    this.#listed = details.endSN;
    this.#isFinished = !details.live;
    this.#told();
  }

  #moved() {
    if (!this.#isStarted) {
      this.#isStarted = true;
      this.#tell("started", { muted: this.#video.muted });
    }
    if (this.#isStalled) this.#tell("recovered", {});
    this.#isStalled = false;
  }

  #waited() {
    if (!this.#isStarted || this.#isStalled || this.#video.seeking) return;
    const isAtEdge = this.#loaded === this.#listed;
    if (isAtEdge && this.#isFinished) return;
    this.#isStalled = true;
    this.#tell("stalled", { reason: isAtEdge ? "edge" : "network" });
  }

  /** Chromium wants more sound after each stall, up to seconds, until there is a seek. */
  #goOn() {
    const { buffered, currentTime, paused, seeking } = this.#video;
    const end = buffered.length === 0 ? 0 : buffered.end(buffered.length - 1);
    if (this.#isStalled && !paused && !seeking && end > currentTime + 0.1) this.seekTo(currentTime);
  }

  #told() {
    const detail = {
      time: this.#video.currentTime,
      duration: this.#duration,
      isFinished: this.#isFinished,
    };
    if (this.#hls !== null) this.#tell("time", detail);
  }

  /** Where hls.js has stopped it is told to go on, later each time, unless that is of no use. */
  #wrong(hls, error) {
    if (hls !== this.#hls) return;
    const status = error.response?.code ?? 0;
    const isRefused = FINAL.has(status) && !(status === 404 && error.frag);
    if (!error.fatal && !isRefused) return;
    const isMedia = error.type === Hls.ErrorTypes.MEDIA_ERROR;
    if (isRefused || (isMedia && this.#isBrokenHere())) {
      const said = error.frag ? "" : messageOf(error.networkDetails?.responseText);
      this.stop();
      return this.#tell("failed", { message: said || error.error?.message || error.details, status });
    }
    const wait = WAITS_MS[Math.min(this.#failures, WAITS_MS.length - 1)];
    this.#failures += 1;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => {
      if (isMedia) hls.recoverMediaError();
      else if (hls.levels.length === 0) hls.loadSource(hls.url);
      else hls.startLoad();
    }, wait);
  }

  #isBrokenHere() {
    const time = this.#video.currentTime;
    const isHere = Math.abs(time - this.#broken.time) < 1;
    this.#broken = { time, count: isHere ? this.#broken.count + 1 : 1 };
    return this.#broken.count > DECODER_RETRIES;
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

/** What the server says is wrong; nothing where it was not the server that said it. */
function messageOf(text) {
  try {
    return JSON.parse(text).error.message;
  } catch {
    return "";
  }
}
