// What the page knows of takes: read from the server, and read again when something happened.

import { familyOf, identity, startsOf } from "./tree.js";

const PEAKS = 80;

export class Model {
  takes = new Map();
  segments = new Map();
  work = new Map();
  current = null;
  #api;
  #peaks = new Map();

  constructor(api) {
    this.#api = api;
  }

  get take() {
    return this.takes.get(this.current) ?? null;
  }

  get family() {
    return this.take === null ? [] : familyOf(this.takes, this.current).filter((each) => this.segments.has(each.id));
  }

  segmentsOf(id = this.current) {
    return this.segments.get(id) ?? [];
  }

  workOf(id = this.current) {
    return this.work.get(id) ?? [];
  }

  starts(id = this.current) {
    return startsOf(this.segmentsOf(id));
  }

  async readTakes() {
    const found = await this.#api.all("/v1/sessions", (page) => `after=${page.at(-1)?.id ?? ""}`);
    this.takes = new Map(found.map((take) => [take.id, take]));
  }

  /** A take as it is now; whether what was known of it is no more the begin of what it is. */
  async readTake(id) {
    const url = `/v1/sessions/${id}`;
    const [take, work] = await Promise.all([this.#api.read(url), this.#api.read(`${url}/work`)]);
    const known = this.segmentsOf(id);
    const first = Math.max(0, known.length - 1); // equal there, all before it is equal, too
    let segments = await this.#segmentsFrom(url, first);
    const isOther = known.length > 0 && (!segments.length || identity(segments[0]) !== identity(known[first]));
    segments = isOther ? await this.#segmentsFrom(url, 0) : [...known.slice(0, first), ...segments];
    this.takes.set(id, take);
    this.work.set(id, work.data);
    this.segments.set(id, segments);
    return isOther;
  }

  #segmentsFrom(url, first) {
    return this.#api.all(`${url}/segments`, (page) => `start=${first + page.length}`);
  }

  /** The takes that share something with this one, which may have gone meanwhile. */
  async readFamily(id) {
    const others = familyOf(this.takes, id).filter((each) => each.id !== id);
    await Promise.all(
      others.map((each) =>
        this.readTake(each.id).catch((error) => {
          if (error.status !== 404) throw error;
          this.forget(each.id);
        }),
      ),
    );
  }

  forget(id) {
    this.takes.delete(id);
    this.segments.delete(id);
    this.work.delete(id);
  }

  /** Seconds that a worker was at a segment; null where nobody knows. */
  cost(id, index) {
    const work = this.workOf(id).findLast((each) => each.segment === index && each.status === "done");
    return work?.started && work.ended ? Math.max(0, work.ended - work.started) : null;
  }

  title(take) {
    const first = this.segmentsOf(take.id)[0]?.request.prompt;
    return take.labels.title || first || `Take ${take.id.slice(5, 11)}`;
  }

  /** How loud the segment is, part by part; null until that is read, and `told` is called then. */
  peaks(id, index, segment, told) {
    const key = identity(segment);
    if (!this.#peaks.has(key)) {
      this.#peaks.set(key, null);
      this.#api
        .read(`/v1/sessions/${id}/segments/${index}/peaks?count=${PEAKS}`)
        .then(({ peaks }) => this.#peaks.set(key, peaks))
        .then(told)
        .catch(() => this.#peaks.delete(key));
    }
    return this.#peaks.get(key);
  }
}
