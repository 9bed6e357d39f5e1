// What must not be overlooked stands right above the prompt: words that the model cannot read, while they are
// typed, and what the server says about the jobs it took. It stays until it is closed or no longer true.

import { h, icon, iconButton, replace } from "../core/dom.js";
import { app, form, setValues, valueOf } from "../core/store.js";
import { unreadable, withoutChinese } from "../core/script.js";
import { settingsText } from "../core/settings_text.js";
import { t } from "../core/i18n.js";

const LONGEST = 24; // characters of the prompt that are repeated
// What this page says in its own language: what the server says, key of the text; what was written
// in the round brackets fills {words}.
const KNOWN = [
  [/^prompt, in English: ([^]+)$/, "warning.drawnAs"],
  [/^negative_prompt, in English: ([^]+)$/, "warning.negativeDrawnAs"],
  [/^no English word is known for: ([^]+?); write/, "warning.noWord"],
  [/^the inpainting engine is not there \(([^)]+)\)/, "warning.noEngine"],
];

function shorten(text) {
  const letters = [...text];
  return letters.length > LONGEST ? `${letters.slice(0, LONGEST).join("")}…` : text;
}

function notice(text, action = null, close = null) {
  return h(
    "p.notice.dock-notice",
    {},
    icon("info"),
    h("span", {}, text),
    action,
    close && iconButton("close", t("action.close"), close),
  );
}

/** Chinese is drawn by its English words, which the server tells. */
function aboutPrompt() {
  const prompt = form.get("values").prompt || "";
  if (settingsText(prompt)) return "";
  const words = unreadable(valueOf("translate") ? withoutChinese(prompt) : prompt);
  return words && t("warning.scriptTyped", { words: shorten(words) });
}

/** {text, english}: `english` is what was drawn in place of the prompt. */
function said({ text }) {
  for (const [pattern, key] of KNOWN) {
    const found = pattern.exec(text);
    if (found)
      return { text: t(key, { words: found[1] }), english: key === "warning.drawnAs" ? found[1] : null };
  }
  return { text, english: null };
}

export function notices() {
  const box = h("div.dock-notices", { role: "status", "aria-live": "polite" });
  let shown = "";
  const show = () => {
    const typed = aboutPrompt();
    const { warnings } = app.state;
    const told = new Map(warnings.map((w) => [w.text, said(w)]));
    const key = JSON.stringify([typed, [...told.keys()]]);
    if (key === shown) return; // a live region that is built anew is read out anew
    shown = key;
    const forget = (text) => app.set({ warnings: warnings.filter((w) => w.text !== text) });
    const edit = (text, english) =>
      h(
        "button.text-button",
        { type: "button", onclick: () => (forget(text), setValues({ prompt: english })) },
        t("warning.edit"),
      );
    replace(
      box,
      typed && notice(typed),
      [...told].map(([raw, { text, english }]) =>
        notice(text, english && edit(raw, english), () => forget(raw)),
      ),
    );
  };
  form.watch(["values"], show);
  app.watch(["warnings"], show);
  return box;
}
