// What must not be overlooked stands right above the prompt: words that the model cannot read, while they are
// typed, and what the server says about the jobs it took. It stays until it is closed or no longer true.

import { h, icon, iconButton, replace } from "../core/dom.js";
import { app, form } from "../core/store.js";
import { unreadable } from "../core/script.js";
import { settingsText } from "../core/settings_text.js";
import { t } from "../core/i18n.js";

const LONGEST = 24; // characters of the prompt that are repeated
const CODES = { "prompt-script": "warning.script" }; // what this page says in its own language

function shorten(text) {
  const letters = [...text];
  return letters.length > LONGEST ? `${letters.slice(0, LONGEST).join("")}…` : text;
}

function notice(text, close = null) {
  return h(
    "p.notice.dock-notice",
    {},
    icon("info"),
    h("span", {}, text),
    close && iconButton("close", t("action.close"), close),
  );
}

function aboutPrompt() {
  const prompt = form.get("values").prompt || "";
  const words = settingsText(prompt) ? "" : unreadable(prompt);
  return words && t("warning.scriptTyped", { words: shorten(words) });
}

function textOf({ code, text }) {
  return CODES[code] ? t(CODES[code]) : text;
}

export function notices() {
  const box = h("div.dock-notices", { role: "status", "aria-live": "polite" });
  let shown = "";
  const show = () => {
    const typed = aboutPrompt();
    const { warnings } = app.state;
    const told = [...new Set(warnings.map(textOf))].filter((text) => !typed || text !== t("warning.script"));
    const key = JSON.stringify([typed, told]);
    if (key === shown) return; // a live region that is built anew is read out anew
    shown = key;
    const close = (text) => () => app.set({ warnings: warnings.filter((w) => textOf(w) !== text) });
    replace(
      box,
      typed && notice(typed),
      told.map((text) => notice(text, close(text))),
    );
  };
  form.watch(["values"], show);
  app.watch(["warnings"], show);
  return box;
}
