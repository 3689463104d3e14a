// Questions that stand in the way: a token, and what cannot be taken back.

import { $ } from "./dom.js";

/** Resolves to a token; there is no way around it. */
export function askToken(wasRefused) {
  const dialog = $("token-dialog");
  const input = $("token");
  input.value = "";
  $("token-why").textContent = wasRefused
    ? "The server does not know that token. Is it whole?"
    : "It is kept in this tab until you close it.";
  input.setAttribute("aria-invalid", String(wasRefused));
  return new Promise((done) => {
    dialog.oncancel = (event) => event.preventDefault();
    dialog.onclose = () => {
      const token = input.value.trim();
      if (/^[\x21-\x7e]+$/.test(token)) return done(token);
      $("token-why").textContent = "A token is one word of letters, digits and signs.";
      dialog.showModal();
    };
    if (!dialog.open) dialog.showModal();
    input.focus();
  });
}

/** Whether somebody says yes. */
export function confirm(title, text, yes) {
  const dialog = $("confirm-dialog");
  $("confirm-title").textContent = title;
  $("confirm-text").textContent = text;
  $("confirm-yes").textContent = yes;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((done) => {
    dialog.onclose = () => done(dialog.returnValue === "ok");
  });
}
