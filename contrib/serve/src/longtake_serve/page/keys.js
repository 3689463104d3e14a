// Shortcuts, for those who are not typing.

import { $ } from "./dom.js";

const TYPING = "input, textarea, select, dialog, [contenteditable]";

/** `actions`: by the key. */
export function listenForKeys(actions) {
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") closeMenu(true);
    const isTyping = event.target.closest?.(TYPING) || document.querySelector("dialog[open]");
    if (isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
    const isOnButton = event.target.closest?.("button, a, summary, [role=slider]");
    if (event.key === " " && isOnButton && !event.target.closest("[role=slider]")) return;
    const action = actions[event.key.toLowerCase()];
    if (action === undefined) return;
    event.preventDefault();
    action();
  });
  document.addEventListener("click", (event) => {
    if (!$("menu").contains(event.target) || event.target.closest("li button")) closeMenu(false);
  });
  $("menu").addEventListener("focusout", (event) => {
    if (event.relatedTarget && !$("menu").contains(event.relatedTarget)) closeMenu(false);
  });
}

function closeMenu(isAsked) {
  if (!$("menu").open) return;
  $("menu").open = false;
  if (isAsked) $("menu").querySelector("summary").focus();
}
