// A form from the JSON Schema of requests: what is filled in goes into the request, by its path.

import { h, icon } from "./dom.js";

/** The server's or the page's own; nothing that somebody who directs a take would set. */
const HIDDEN = new Set(["prompt", "output", "allow_empty_prompt", "state"]);
const NAMES = { data: "File", fps: "Frames per second", num_frames: "Frames", num_inference_steps: "Steps" };

const words = (name) => {
  const text = name.replace(/^num_/, "number_of_").replaceAll("_", " ");
  return NAMES[name] ?? text[0].toUpperCase() + text.slice(1);
};

const typeOf = (schema) => {
  const types = [schema.type ?? (schema.anyOf ?? []).map((each) => each.type)].flat();
  return types.find((each) => each !== "null" && each !== undefined) ?? "string";
};

const isFile = (schema) => schema.contentEncoding === "base64";

/** `onchange(count)`: how many options are set. */
export class Options {
  #place;
  #onchange;
  #leaves = [];
  #schema = null;

  constructor(place, onchange) {
    this.#place = place;
    this.#onchange = onchange;
    place.addEventListener("input", () => this.#changed());
  }

  show(schema) {
    this.#schema = schema;
    this.reset();
  }

  reset() {
    this.#leaves = [];
    const { sampling, ...others } = this.#schema.properties;
    const parts = [];
    if (sampling) parts.push(this.#group(sampling, "sampling", this.#leaves));
    const loose = {};
    for (const [name, schema] of Object.entries(others)) {
      if (HIDDEN.has(name)) continue;
      if (typeOf(schema) !== "object") loose[name] = schema;
      else if (name === "stage_overrides") parts.push(...this.#stages(schema));
      else parts.push(this.#section(words(name), this.#group(schema, name, this.#leaves)));
    }
    if (Object.keys(loose).length) parts.splice(1, 0, this.#group({ properties: loose }, "", this.#leaves));
    this.#place.replaceChildren(...parts);
    this.#changed();
  }

  /** What is set, as a part of a request. Files are read. */
  async values() {
    const request = {};
    for (const leaf of this.#leaves) await leaf.put(request);
    return request;
  }

  /** Shows an error where it belongs; whether there is such a field. */
  refuse(path, message) {
    const found = [...this.#place.querySelectorAll("[data-path]")]
      .filter((each) => path === each.dataset.path || path.startsWith(`${each.dataset.path}.`))
      .sort((a, b) => b.dataset.path.length - a.dataset.path.length)[0];
    if (!found) return false;
    for (let each = found; each !== null; each = each.parentElement) {
      if (each.tagName === "DETAILS") each.open = true;
    }
    const begin = message.startsWith(found.dataset.path) ? found.dataset.path.length : 0;
    found.textContent = message.slice(begin).replace(/^[:\s]+/, ""); // it stands at its field
    found.hidden = false;
    const field = found.parentElement.querySelector("input, select");
    field?.setAttribute("aria-invalid", "true");
    field?.focus({ preventScroll: true });
    found.parentElement.scrollIntoView({ block: "nearest" });
    return true;
  }

  forgive() {
    for (const each of this.#place.querySelectorAll("[data-path]")) each.hidden = true;
    for (const each of this.#place.querySelectorAll("[aria-invalid]")) each.removeAttribute("aria-invalid");
  }

  #changed() {
    this.#onchange(this.#leaves.filter((leaf) => leaf.isSet()).length);
  }

  #stages(schema) {
    return Object.entries(schema.properties ?? {}).map(([stage, options]) =>
      this.#section(words(stage), this.#group(options, `stage_overrides.${stage}`, this.#leaves)),
    );
  }

  #section(title, ...content) {
    return h("details", {}, h("summary", {}, icon("chevron"), title), ...content);
  }

  #group(schema, path, leaves) {
    const fields = Object.entries(schema.properties ?? {}).map(([name, inner]) =>
      this.#field(name, inner, path === "" ? name : `${path}.${name}`, leaves),
    );
    return h("div", { class: "group" }, fields);
  }

  #field(name, schema, path, leaves) {
    const type = typeOf(schema);
    if (type === "array") return this.#several(name, schema, path, leaves);
    if (type === "object") {
      const title = h("legend", {}, words(name));
      return h("fieldset", { class: "field wide item" }, title, this.#group(schema, path, leaves));
    }
    const id = `option-${path.replaceAll(".", "-")}`;
    const input = inputOf(schema, type, id);
    leaves.push(leafOf(input, schema, type, path));
    const isWide = isFile(schema) || name === "negative_prompt" || schema.description;
    const label = h("label", { for: id }, words(name));
    const help = schema.description ? h("small", { id: `${id}-help` }, schema.description) : null;
    const wrong = h("p", { class: "error", id: `${id}-error`, "data-path": path, hidden: true });
    const parts = type === "boolean" ? [input, label] : [label, input];
    const isShort = schema.description && !isFile(schema) && type !== "boolean" && type !== "string";
    const kind = `field${isWide ? " wide" : ""}${type === "boolean" ? " check" : ""}${isShort ? " short" : ""}`;
    return h("div", { class: kind }, ...parts, help, wrong);
  }

  /** A list: entries come and go, and their numbers in paths with them. */
  #several(name, schema, path, leaves) {
    const entries = [];
    const list = h("div", { class: "several" });
    const add = () => {
      const entry = { leaves: [] };
      const fields = this.#group(schema.items, `${path}.${entries.length}`, entry.leaves);
      const away = h("button", { type: "button", class: "button plain" }, "Remove");
      entry.element = h("div", { class: "item" }, fields, away);
      away.addEventListener("click", () => {
        entries.splice(entries.indexOf(entry), 1);
        entry.element.remove();
        this.#changed();
      });
      entries.push(entry);
      list.append(entry.element);
      fields.querySelector("input")?.focus();
      this.#changed();
    };
    const more = h("button", { type: "button", class: "button", onclick: add }, `Add ${name.replace(/s$/, "")}`);
    leaves.push({ isSet: () => entries.length > 0, put: (request) => putSeveral(request, path, entries) });
    const wrong = h("p", { class: "error", "data-path": path, hidden: true });
    return h("div", { class: "field wide", role: "group", "aria-label": words(name) }, list, more, wrong);
  }
}

function inputOf(schema, type, id) {
  const described = `${id}-error${schema.description ? ` ${id}-help` : ""}`;
  const common = { id, "aria-describedby": described };
  if (schema.enum) {
    const choices = schema.enum.filter((each) => each !== null).map((each) => h("option", { value: each }, `${each}`));
    return h("select", common, h("option", { value: "" }, "As it is"), ...choices);
  }
  if (type === "boolean") return h("input", { ...common, type: "checkbox" });
  if (isFile(schema)) return h("input", { ...common, type: "file" });
  const shown = schema.examples?.[0] ?? schema.default ?? "";
  const isNumber = type === "number" || type === "integer";
  const inputmode = isNumber ? (type === "integer" ? "numeric" : "decimal") : null;
  return h("input", { ...common, type: "text", inputmode, autocomplete: "off", placeholder: String(shown) });
}

function leafOf(input, schema, type, path) {
  if (type === "boolean") {
    input.checked = schema.default === true;
    const isSet = () => input.checked !== (schema.default === true);
    return { isSet, put: (request) => isSet() && put(request, path, input.checked) };
  }
  if (isFile(schema)) {
    const isSet = () => input.files.length > 0;
    return { isSet, put: async (request) => isSet() && put(request, path, await base64Of(input.files[0])) };
  }
  const isSet = () => input.value.trim() !== "";
  return { isSet, put: (request) => isSet() && put(request, path, valueOf(input.value.trim(), type)) };
}

/** As it was typed where it is no number: the server says what is wrong with it. */
function valueOf(text, type) {
  const isNumber = type === "number" || type === "integer";
  return isNumber && /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : text;
}

async function putSeveral(request, path, entries) {
  if (!entries.length) return;
  const items = [];
  for (const entry of entries) {
    const item = {};
    for (const leaf of entry.leaves) await leaf.put(item);
    // paths in an entry begin with the list's and its number
    let inner = item;
    for (const part of path.split(".")) inner = inner?.[part];
    items.push(inner === undefined ? {} : Object.values(inner)[0]);
  }
  put(request, path, items);
}

function put(request, path, value) {
  const parts = path.split(".");
  const last = parts.pop();
  let inner = request;
  for (const part of parts) inner = inner[part] ??= {};
  inner[last] = value;
}

async function base64Of(file) {
  const url = await new Promise((done, failed) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result);
    reader.onerror = () => failed(new Error(`${file.name} cannot be read`));
    reader.readAsDataURL(file);
  });
  return url.slice(url.indexOf(",") + 1);
}
