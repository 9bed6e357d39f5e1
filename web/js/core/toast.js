// Short messages at the bottom edge: what happened, what to do, and for deletions a way back.

import { h, iconButton } from "./dom.js";
import { Problem } from "./api.js";
import { t } from "./i18n.js";

const SHOWN_MS = 6000;
const ERROR_MS = 12000;
const AT_MOST = 3;

export function toast(
  text,
  { kind = "info", action = null, ms = kind === "error" ? ERROR_MS : SHOWN_MS } = {},
) {
  const box = document.getElementById("toasts");
  let timer = 0;
  const leave = () => {
    clearTimeout(timer);
    node.remove();
  };
  const node = h(
    `div.toast.${kind}`,
    {},
    h("span", {}, text),
    action &&
      h("button.text-button", { type: "button", onclick: () => (leave(), action.run()) }, action.label),
    iconButton("close", t("action.close"), leave),
  );
  const arm = () => (timer = setTimeout(leave, ms));
  node.addEventListener("pointerenter", () => clearTimeout(timer));
  node.addEventListener("pointerleave", arm);
  node.addEventListener("focusin", () => clearTimeout(timer));
  node.addEventListener("focusout", arm);
  // a modal dialog makes everything outside it inert: the message goes into the dialog then
  const dialog = [...document.querySelectorAll("dialog[open]")].pop();
  if (dialog)
    (
      dialog.querySelector(".dialog-toasts") || dialog.appendChild(h("div.dialog-toasts", { role: "status" }))
    ).append(node);
  else box.append(node);
  while (node.parentNode.children.length > AT_MOST) node.parentNode.firstChild.remove();
  arm();
  return leave;
}

/** What a Problem means for the person in front of the page. */
export function problemText(error) {
  if (!(error instanceof Problem)) return t("error.page", { detail: String(error?.message || error) });
  if (error.status === 0) return t("error.offline");
  if (error.status === 401 || error.status === 403) return t("error.login");
  if (error.status === 413) return t("error.tooLarge");
  if (error.status === 429) return t("error.busy");
  if (error.status >= 500) return t("error.server", { detail: error.detail || error.title });
  return error.detail || error.title || t("error.unknown");
}

export function showError(error) {
  if (error?.name === "AbortError") return;
  toast(problemText(error), { kind: "error" });
}
