// Puts the page together: language and tables first, then the parts, then the events.

import { api } from "./core/api.js";
import { app, prefs } from "./core/store.js";
import { h, isTyping } from "./core/dom.js";
import { has, startLanguage, t } from "./core/i18n.js";
import { applyTheme, topbar } from "./views/topbar.js";
import { dock, dockKeys } from "./views/dock.js";
import { stage } from "./views/stage.js";
import { panel } from "./views/panel.js";
import { queue } from "./views/queue.js";
import { history } from "./views/history.js";
import { dropAnywhere } from "./views/drop.js";
import { follow, resync } from "./live.js";
import { signIn } from "./views/login.js";
import { problemText, toast } from "./core/toast.js";

const RETRY_MS = 3000;

async function loadTables() {
  const [system, table, styles, models, presets] = await Promise.all([
    api.system(),
    api.parameters(),
    api.styles(),
    api.models(),
    api.presets().catch(() => []), // a page without presets is still a page
  ]);
  app.set({
    system,
    parameters: table.parameters,
    groups: table.groups || [],
    styles: Array.isArray(styles) ? styles : styles.styles,
    models,
    presets: Array.isArray(presets) ? presets : presets.presets || [],
  });
}

/** Waits for a server that is just starting. */
async function untilLoaded() {
  let said = null;
  for (;;) {
    try {
      await loadTables();
      await resync();
      said?.remove();
      return;
    } catch (error) {
      if (error.status === 401) {
        await signIn();
        continue;
      }
      const text = problemText(error);
      said ??= document.getElementById("stage").appendChild(h("div.starting", { role: "alert" }, h("p")));
      said.firstChild.textContent = text;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

function pageKeys() {
  document.addEventListener("keydown", (event) => {
    if (
      event.ctrlKey ||
      event.metaKey ||
      event.altKey ||
      isTyping(event.target) ||
      document.querySelector("dialog[open]")
    )
      return;
    if (event.key === "/") {
      event.preventDefault();
      const search =
        app.get("view") === "history"
          ? document.querySelector("#history .search")
          : document.getElementById("prompt");
      search.focus();
    } else if (event.key === "q") app.set({ queueOpen: !app.get("queueOpen") });
    else if (event.key === "h") app.set({ view: app.get("view") === "history" ? "create" : "history" });
  });
}

function wrongField() {
  document.addEventListener("fooocus:field", ({ detail }) => {
    const node =
      detail === "prompt"
        ? document.getElementById("prompt")
        : document.querySelector(`[data-name="${CSS.escape(String(detail))}"] :is(input, select)`);
    if (node && node.offsetParent) node.focus();
  });
}

async function start() {
  applyTheme(prefs.get("theme"));
  await startLanguage();
  document.getElementById("main").before(h("a.skip-link", { href: "#prompt" }, t("skipLink")));
  topbar(document.getElementById("bar"));
  await untilLoaded();
  stage(document.getElementById("stage"));
  dock(document.getElementById("dock"));
  panel(document.getElementById("panel"));
  queue(document.getElementById("queue"));
  history(document.getElementById("history"));
  dockKeys();
  pageKeys();
  wrongField();
  dropAnywhere();
  follow();
  document.body.classList.add("ready");
  if (matchMedia("(hover: hover)").matches) document.getElementById("prompt").focus({ preventScroll: true });
}

start().catch((error) => {
  const text = has("error.page") ? t("error.page", { detail: error.message }) : String(error.message);
  toast(text, { kind: "error" });
});
