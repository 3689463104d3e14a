// Below the picture: play, the sound as a track to jump on, time, volume, full screen.

import { $, clockText, icon, set } from "./dom.js";

const BAR = 3;
const GAP = 2;

/** `seek(seconds)`. The segments are told with `show`, the time with `move`. */
export class Transport {
  #video = $("video");
  #track = $("track");
  #seek;
  #segments = [];
  #duration = 0;
  #time = 0;
  #drawn = -1;

  constructor(seek) {
    this.#seek = seek;
    $("play").addEventListener("click", () => this.toggle());
    $("mute").addEventListener("click", () => (this.#video.muted = !this.#video.muted));
    $("unmute").addEventListener("click", () => (this.#video.muted = false));
    $("full").addEventListener("click", () => this.fullScreen());
    for (const name of ["play", "pause", "ended", "emptied"]) {
      this.#video.addEventListener(name, () => this.#mirror());
    }
    this.#video.addEventListener("volumechange", () => this.#mirror());
    this.#video.addEventListener("playing", () => requestAnimationFrame(() => this.#follow()));
    this.#track.addEventListener("pointerdown", (event) => this.#grab(event));
    this.#track.addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(() => this.#draw()).observe(this.#track);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw());
  }

  /** `segments`: with `start`, `seconds` and `peaks`, an array or null while it is not there. */
  show(segments, duration) {
    this.#segments = segments;
    this.#duration = duration;
    $("transport").hidden = duration === 0;
    for (const id of ["play", "mute", "full"]) $(id).disabled = duration === 0;
    this.#draw();
    this.move(this.#time);
  }

  move(time) {
    this.#time = Math.min(time, this.#duration);
    const share = this.#duration === 0 ? 0 : this.#time / this.#duration;
    this.#track.style.setProperty("--at", share);
    const [now, whole] = $("clock").children;
    if (now.textContent !== clockText(this.#time)) now.textContent = clockText(this.#time);
    whole.textContent = clockText(this.#duration);
    if (Math.floor((share * $("wave").clientWidth) / (BAR + GAP)) !== this.#drawn) this.#draw();
    this.#say();
  }

  /** Told once a second: who listens to it wants to hear the take. */
  #say() {
    const second = `${Math.floor(this.#time)} / ${this.#duration}`;
    if (this.#track.dataset.said === second) return;
    this.#track.dataset.said = second;
    const index = this.#segments.findLastIndex((each) => each.start <= this.#time + 1e-3);
    set(this.#track, {
      "aria-valuemax": this.#duration.toFixed(1),
      "aria-valuenow": this.#time.toFixed(1),
      "aria-valuetext": `${clockText(this.#time)} of ${clockText(this.#duration)}, segment ${index + 1}`,
    });
  }

  /** Between the player's own times, so that the head glides. */
  #follow() {
    if (this.#video.paused || this.#video.seeking || this.#video.readyState < 3) return;
    this.move(this.#video.currentTime);
    requestAnimationFrame(() => this.#follow());
  }

  toggle() {
    if (this.#duration === 0) return;
    const isOver = this.#time >= this.#duration - 0.15 && this.#video.paused;
    if (isOver) this.#seek(0);
    if (this.#video.paused) this.#video.play().catch(() => {});
    else this.#video.pause();
  }

  mute() {
    this.#video.muted = !this.#video.muted;
  }

  fullScreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else $("screen").requestFullscreen?.().catch(() => {});
  }

  #mirror() {
    const { paused, muted } = this.#video;
    set($("play"), { "aria-label": paused ? "Play" : "Pause" });
    $("play").replaceChildren(icon(paused ? "play" : "pause"));
    set($("mute"), { "aria-pressed": String(muted) });
    $("mute").replaceChildren(icon(muted ? "muted" : "sound"));
    if (!muted) $("unmute").hidden = true;
  }

  #grab(event) {
    if (this.#duration === 0 || event.button !== 0) return;
    this.#track.setPointerCapture(event.pointerId);
    const jump = (at) => {
      const { left, width } = this.#track.getBoundingClientRect();
      const share = Math.min(1, Math.max(0, (at.clientX - left) / width));
      this.move(share * this.#duration);
      this.#seek(Math.min(share * this.#duration, this.#duration - 0.05));
    };
    jump(event);
    const stop = new AbortController();
    this.#track.addEventListener("pointermove", jump, { signal: stop.signal });
    for (const name of ["pointerup", "pointercancel"]) {
      this.#track.addEventListener(name, () => stop.abort(), { signal: stop.signal });
    }
  }

  #key(event) {
    const now = this.#video.currentTime;
    const to = {
      ArrowLeft: now - 1,
      ArrowRight: now + 1,
      ArrowDown: now - 1,
      ArrowUp: now + 1,
      PageDown: now - 10,
      PageUp: now + 10,
      Home: 0,
      End: this.#duration - 0.5,
    }[event.key];
    if (to === undefined || this.#duration === 0) return;
    event.preventDefault();
    this.#seek(Math.min(Math.max(0, to), this.#duration - 0.05));
  }

  /** The level at each bar, over segments whose sound is known. */
  #levels(count) {
    const levels = new Float32Array(count);
    for (const { start, seconds, peaks } of this.#segments) {
      if (peaks === null) continue;
      for (let i = 0; i < peaks.length; i += 1) {
        const at = ((start + ((i + 0.5) * seconds) / peaks.length) / this.#duration) * count;
        const bar = Math.min(count - 1, Math.floor(at));
        levels[bar] = Math.max(levels[bar], peaks[i]);
      }
    }
    for (let i = 1; i < count; i += 1) if (levels[i] === 0) levels[i] = levels[i - 1] * 0.85;
    return levels;
  }

  #draw() {
    const canvas = $("wave");
    const { clientWidth: width, clientHeight: height } = canvas;
    const ratio = window.devicePixelRatio || 1;
    if (canvas.width !== Math.round(width * ratio)) canvas.width = Math.round(width * ratio);
    if (canvas.height !== Math.round(height * ratio)) canvas.height = Math.round(height * ratio);
    const pen = canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    if (this.#duration === 0 || width === 0) return;
    const colour = (name) => getComputedStyle(canvas).getPropertyValue(name).trim();
    const [accent, rest, line] = [colour("--accent"), colour("--edge"), colour("--line")];
    const count = Math.max(1, Math.floor(width / (BAR + GAP)));
    const levels = this.#levels(count);
    const loudest = levels.reduce((a, b) => Math.max(a, b), 0.02);
    const played = (this.#time / this.#duration) * width;
    this.#drawn = Math.floor(played / (BAR + GAP));
    pen.fillStyle = line;
    for (const { start } of this.#segments.slice(1)) {
      pen.fillRect(Math.round((start / this.#duration) * width), 0, 1, height);
    }
    levels.forEach((level, i) => {
      const tall = Math.max(2, Math.sqrt(level / loudest) * (height - 10));
      const left = i * (BAR + GAP);
      pen.fillStyle = left < played ? accent : rest;
      pen.beginPath();
      pen.roundRect(left, (height - tall) / 2, BAR, tall, BAR / 2);
      pen.fill();
    });
  }
}
