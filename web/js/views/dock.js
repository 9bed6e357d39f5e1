// The prompt and what starts and stops the work. Under the prompt a line says in short what the
// side panel is set to.

import { h, icon, isTyping } from "../core/dom.js";
import { app, form, prefs, runningJob, setValues, valueOf } from "../core/store.js";
import { generate, skip, stop, stopSoon } from "../core/jobs.js";
import { changeWeight } from "../core/weights.js";
import { ratioText, shape } from "../widgets/ratios.js";
import { applyText } from "./paste_settings.js";
import { inputCard } from "./input_card.js";
import { pictureButton } from "./drop.js";
import { notices } from "./notices.js";
import { settingsText } from "../core/settings_text.js";
import { t } from "../core/i18n.js";

const MAC = /Mac|iPhone|iPad/.test(navigator.platform);
export const CTRL = MAC ? "⌘" : "Ctrl";

function promptBox() {
  const box = h("textarea.prompt", {
    id: "prompt",
    rows: 2,
    placeholder: t("prompt.placeholder"),
    "aria-label": t("prompt.label"),
    "aria-describedby": "prompt-keys",
    autocomplete: "off",
    spellcheck: true,
    oninput: () => (setValues({ prompt: box.value || undefined }), grow()),
    onkeydown: (event) => {
      if (!(event.ctrlKey || event.metaKey) || (event.key !== "ArrowUp" && event.key !== "ArrowDown")) return;
      const next = changeWeight(
        box.value,
        box.selectionStart,
        box.selectionEnd,
        event.key === "ArrowUp" ? 1 : -1,
      );
      if (!next) return;
      event.preventDefault();
      box.value = next.text;
      box.setSelectionRange(next.start, next.end);
      setValues({ prompt: box.value || undefined });
    },
  });
  const grow = () => {
    box.style.height = "auto";
    box.style.height = `${Math.min(box.scrollHeight, Math.max(160, window.innerHeight * 0.3))}px`;
  };
  form.watch(["values"], ({ values }) => {
    if (box.value !== (values.prompt || "")) {
      box.value = values.prompt || "";
      requestAnimationFrame(grow);
    }
  });
  window.addEventListener("resize", grow);
  return box;
}

function buttons() {
  const go = h(
    "button.primary",
    { type: "button", id: "generate", onclick: () => generate() },
    h("span", {}, t("action.generate")),
    h("kbd", { "aria-hidden": "true" }, `${CTRL} ↵`),
  );
  const add = h(
    "button.secondary",
    {
      type: "button",
      id: "enqueue",
      hidden: true,
      title: t("action.enqueueHint", { ctrl: CTRL }),
      onclick: () => generate(),
    },
    icon("plus"),
    h("span", {}, t("action.enqueue")),
    h("kbd", { "aria-hidden": "true" }, `${CTRL} ↵`),
  );
  const skipButton = h(
    "button.secondary",
    { type: "button", id: "skip", hidden: true, title: t("action.skipHint"), onclick: () => skip() },
    icon("skip"),
    h("span", {}, t("action.skip")),
  );
  const stopButton = h(
    "button.secondary.stop",
    {
      type: "button",
      id: "stop",
      hidden: true,
      title: t("action.stopHint"),
      onclick: () => stop(),
    },
    icon("stop"),
    h("span", {}, t("action.stop")),
  );
  const run = h("div.dock-run", { hidden: true }, skipButton, stopButton);
  app.watch(["jobs", "progress"], () => {
    const running = Boolean(runningJob());
    const hadFocus = [go, add, skipButton, stopButton].includes(document.activeElement);
    if (running === go.hidden) return;
    go.hidden = running;
    [add, skipButton, stopButton, run].forEach((b) => (b.hidden = !running));
    if (hadFocus) (running ? add : go).focus(); // a second press never ends what the first began
  });
  const load = h(
    "button.primary",
    { type: "button", id: "load", hidden: true, onclick: () => applyText(form.get("values").prompt) },
    h("span", {}, t("action.load")),
  );
  form.watch(["values"], ({ values }) => {
    const text = settingsText(values.prompt);
    load.hidden = !text;
    go.classList.toggle("aside", Boolean(text));
  });
  return h("div.dock-buttons", {}, load, go, add, run);
}

function summary() {
  const line = h("button.summary", {
    type: "button",
    title: t("summary.label"),
    onclick: () => openPanel("settings"),
  });
  const show = () => {
    const w = Number(valueOf("width")) || 0;
    const hh = Number(valueOf("height")) || 0;
    const styles = valueOf("styles") || [];
    const parts = [
      h("span.summary-part", {}, shape(w, hh, 15), ratioText(w, hh)),
      h("span.summary-part", {}, t(`performance.${valueOf("performance")}`)),
    ];
    const count = Number(valueOf("count")) || 1;
    if (count > 1) parts.push(h("span.summary-part", {}, t("summary.pictures", { n: count })));
    parts.push(
      h(
        "span.summary-part",
        {},
        styles.length ? t("summary.styles", { n: styles.length }) : t("summary.noStyles"),
      ),
    );
    if (form.get("values").seed_fixed) parts.push(h("span.summary-part", {}, t("summary.seedFixed")));
    line.replaceChildren(h("span.visually-hidden", {}, `${t("summary.label")}: `), ...parts);
  };
  form.watch(["values"], show);
  app.watch(["parameters", "system"], show);
  return line;
}

export function openPanel(tab) {
  if (tab) prefs.set({ tab });
  prefs.set({ panelOpen: true });
  document.dispatchEvent(new CustomEvent("fooocus:tab", { detail: tab }));
}

function advancedToggle() {
  const input = h("input.switch", {
    id: "advanced",
    type: "checkbox",
    role: "switch",
    "aria-controls": "panel",
    onchange: () => prefs.set({ panelOpen: input.checked }),
  });
  prefs.watch(["panelOpen"], ({ panelOpen }) => (input.checked = panelOpen));
  return h("label.advanced-toggle", { for: "advanced" }, h("span", {}, t("panel.title")), input);
}

export function dock(root) {
  root.setAttribute("aria-label", t("prompt.label"));
  root.append(
    notices(),
    inputCard(),
    h("div.dock-card", {}, pictureButton(), promptBox(), buttons()),
    h(
      "div.dock-line",
      {},
      summary(),
      h("span.keys", { id: "prompt-keys" }, t("prompt.keys", { ctrl: CTRL })),
      advancedToggle(),
    ),
  );
}

/** Everywhere: Ctrl/Cmd+Enter generates or adds to the queue, Escape closes the queue, then stops. */
export function dockKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.repeat) return;
    if (event.defaultPrevented || document.querySelector("dialog[open]")) return; // it has keys of its own
    event.preventDefault();
    generate();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.repeat || event.isComposing || event.defaultPrevented) return;
    if (document.querySelector("dialog[open]")) return;
    if (isTyping(event.target) && event.target.id !== "prompt") return; // it clears a search
    if (app.get("queueOpen")) app.set({ queueOpen: false });
    else stopSoon();
  });
}
