// The server's JSON API: requests with the token, and errors in words.

const KEPT_TOKEN = "longtake.token";
const TRIES_MS = [300, 900, 2000];

/** An answer that is no good. `status`: 0 when there was none; `path`: of the field that is wrong. */
export class ApiError extends Error {
  constructor(status, { type = "", path = "", message }) {
    super(message);
    Object.assign(this, { status, type, path });
  }
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

export class Api {
  #askToken;
  #asking = null;

  /** `askToken(wasRefused)`: resolves to what somebody typed. */
  constructor(askToken) {
    this.#askToken = askToken;
  }

  get hasToken() {
    return sessionStorage.getItem(KEPT_TOKEN) !== null;
  }

  /** Headers of every request. */
  headers() {
    const token = sessionStorage.getItem(KEPT_TOKEN);
    return token === null ? {} : { Authorization: `Bearer ${token}` };
  }

  /** The answer, once it is a good one; a token is asked for until one is known. */
  async fetch(path, options = {}) {
    for (;;) {
      const headers = { ...options.headers, ...this.headers() };
      let answer;
      try {
        answer = await fetch(path, { ...options, headers });
      } catch (error) {
        if (error.name === "AbortError") throw error;
        throw new ApiError(0, { message: "The server does not answer. Is it still running?" });
      }
      if (answer.ok) return answer;
      if (answer.status !== 401) throw await errorOf(answer);
      await this.#newToken(headers.Authorization);
    }
  }

  async json(path, options) {
    const answer = await this.fetch(path, options);
    return answer.status === 204 ? null : answer.json();
  }

  /** Asked again while the server is away: nothing is done twice by asking. */
  async read(path, options) {
    return this.#patiently(() => this.json(path, options));
  }

  /** A whole list, page by page; `next(found)` says where a page begins. */
  async all(path, next) {
    const found = [];
    for (;;) {
      const page = await this.read(`${path}?limit=500&${next(found)}`);
      found.push(...page.data);
      if (!page.has_more) return found;
    }
  }

  /** A change. `key`: the same again changes nothing more, so that it may be repeated. */
  async post(path, body, { key = null } = {}) {
    const headers = { "Content-Type": "application/json" };
    if (key !== null) headers["Idempotency-Key"] = key;
    const send = () => this.json(path, { method: "POST", headers, body: JSON.stringify(body) });
    return key === null ? send() : this.#patiently(send);
  }

  delete(path) {
    return this.json(path, { method: "DELETE" });
  }

  /** The address of a picture for this page alone: elements cannot send a token. */
  async picture(path) {
    return URL.createObjectURL(await (await this.fetch(path)).blob());
  }

  /** Has a browser keep a file; one that needs a token is fetched first. */
  async save(path, name) {
    const link = document.createElement("a");
    link.download = name;
    link.href = this.hasToken ? await this.picture(path) : path;
    link.click();
    if (this.hasToken) setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  }

  async #patiently(send) {
    for (const wait of [...TRIES_MS, null]) {
      try {
        return await send();
      } catch (error) {
        const isAway = error.status === 0 || error.status === 503;
        if (!isAway || wait === null) throw error;
        await pause(wait);
      }
    }
  }

  /** One dialog for all requests that are refused meanwhile. */
  async #newToken(refused) {
    if (refused !== this.headers().Authorization) return; // there is a newer one
    this.#asking ??= this.#askToken(refused !== undefined).finally(() => (this.#asking = null));
    sessionStorage.setItem(KEPT_TOKEN, await this.#asking);
  }
}

/** A key for `post` that nobody else has. */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function errorOf(answer) {
  const document = await answer.json().catch(() => ({}));
  const message = `The server answered ${answer.status} ${answer.statusText}`.trim();
  return new ApiError(answer.status, document.error ?? { message });
}
