// The prompt and its options: what the next request is made of.

import { newKey } from "./api.js";
import { $ } from "./dom.js";
import { Options } from "./options.js";
import { plain } from "./queue.js";

/** `send(request, key)` resolves when the server has taken the request. */
export class Composer {
  options = new Options($("fields"), (count) => this.#count(count));
  #send;
  #sending = Promise.resolve();
  #failed = null;
  #last = "";

  constructor(send) {
    this.#send = send;
    $("composer").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#roll();
    });
    $("prompt").addEventListener("keydown", (event) => this.#typed(event));
    $("composer").addEventListener("input", () => (this.#failed = null)); // another request
    $("fields").addEventListener("keydown", (event) => {
      if (event.key === "Enter" && event.target.matches("input")) {
        event.preventDefault();
        this.#roll();
      }
    });
    $("reset").addEventListener("click", () => this.options.reset());
  }

  /** How the take is: what is asked for, and why nothing may be. */
  show({ isFirst, isClosed }) {
    $("asking").textContent = isClosed ? "This take is finished" : isFirst ? "What happens first?" : "What happens next?";
    $("prompt").placeholder = isClosed ? "Fork a segment of it to go on" : "";
    $("prompt").disabled = $("roll").disabled = isClosed;
    $("options").hidden = isClosed;
  }

  put(prompt) {
    $("prompt").value = prompt;
    this.#failed = null;
    this.focus();
  }

  focus() {
    $("prompt").focus();
  }

  /** A request failed later; whether an option of the form was to blame, and says so now. */
  blame(path, message) {
    return path !== "" && this.options.refuse(path, message);
  }

  #count(count) {
    $("set-count").textContent = count === 0 ? "" : `${count} set`;
    $("reset").hidden = count === 0;
  }

  #typed(event) {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      this.#roll();
    } else if (event.key === "ArrowUp" && $("prompt").value === "" && this.#last !== "") {
      event.preventDefault();
      this.put(this.#last);
    } else if (event.key === "Escape") {
      $("prompt").blur();
    }
  }

  /** The field is free for the next prompt at once; requests are sent one after the other. */
  #roll() {
    if ($("prompt").disabled) return;
    const prompt = $("prompt").value.trim();
    this.#forgive();
    if (prompt === "") return this.#refuse("prompt", "Say what is to be seen.");
    const key = this.#failed?.prompt === prompt ? this.#failed.key : newKey();
    const values = this.options.values();
    $("prompt").value = "";
    this.#last = prompt;
    this.#sending = this.#sending.then(() => this.#sent(prompt, values, key));
  }

  async #sent(prompt, values, key) {
    try {
      await this.#send({ ...(await values), prompt }, key);
    } catch (error) {
      if ($("prompt").value === "") $("prompt").value = prompt;
      this.#failed = { prompt, key }; // the very same again is rolled once
      const path = error.path ?? "";
      this.#refuse(path, plain(path, error.message).replace(/^prompt:?\s+/, "The prompt "));
    }
  }

  #forgive() {
    $("prompt-error").hidden = true;
    $("prompt").removeAttribute("aria-invalid");
    this.options.forgive();
  }

  #refuse(path, text) {
    if (path !== "prompt" && path !== "" && this.options.refuse(path, text)) return;
    $("prompt-error").textContent = text;
    $("prompt-error").hidden = false;
    if (path === "prompt") $("prompt").setAttribute("aria-invalid", "true");
    this.focus();
  }
}
