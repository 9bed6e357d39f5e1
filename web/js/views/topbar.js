// The bar at the top: name, connection, and the doors to history, queue, language, theme and the side panel.

import { h, icon, iconButton, replace } from "../core/dom.js";
import { app, prefs, runningJob, waitingJobs } from "../core/store.js";
import { offerButton } from "./offer.js";
import { LANGUAGES, language, switchLanguage, t } from "../core/i18n.js";

const THEMES = ["auto", "light", "dark"];
const THEME_ICON = { auto: "auto", light: "sun", dark: "moon" };

export function applyTheme(theme) {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

function wordmark() {
  // three o's that come into focus one after the other
  return h(
    "h1.wordmark",
    { "aria-label": "Fooocus in C" },
    h(
      "span",
      { "aria-hidden": "true" },
      "F",
      h("i.o1", {}, "o"),
      h("i.o2", {}, "o"),
      h("i.o3", {}, "o"),
      "cus",
    ),
    h("small", { "aria-hidden": "true" }, "in C"),
  );
}

function viewSwitch() {
  const make = (view, label) => h("button", { type: "button", onclick: () => app.set({ view }) }, label);
  const create = make("create", t("view.create"));
  const history = make("history", t("view.history"));
  app.watch(["view"], ({ view }) => {
    create.setAttribute("aria-current", view === "create" ? "page" : "false");
    history.setAttribute("aria-current", view === "history" ? "page" : "false");
  });
  return h("nav.view-switch", { "aria-label": t("view.label") }, create, history);
}

function themeButton() {
  const button = iconButton("auto", "", () => {
    const next = THEMES[(THEMES.indexOf(prefs.get("theme")) + 1) % THEMES.length];
    prefs.set({ theme: next });
  });
  prefs.watch(["theme"], ({ theme }) => {
    applyTheme(theme);
    replace(button, icon(THEME_ICON[theme]));
    button.title = t(`theme.${theme}`);
    button.setAttribute("aria-label", t("theme.label", { theme: t(`theme.${theme}`) }));
  });
  button.classList.add("theme-button");
  return button;
}

export function languageSelect() {
  const select = h(
    "select.language",
    { "aria-label": t("language"), title: t("language"), onchange: () => switchLanguage(select.value) },
    Object.entries(LANGUAGES).map(([value, name]) =>
      h("option", { value, selected: value === language() }, name),
    ),
  );
  return select;
}

function queueButton() {
  const badge = h("span.badge", { hidden: true });
  const jobs = h("span.visually-hidden");
  const button = h(
    "button.bar-button",
    {
      type: "button",
      "aria-expanded": "false",
      "aria-controls": "queue",
      onclick: () => app.set({ queueOpen: !app.get("queueOpen") }),
    },
    icon("queue"),
    h("span.bar-label", {}, t("queue.title")),
    " ",
    badge,
    " ",
    jobs,
  );
  app.watch(["jobs", "order", "queueOpen"], ({ queueOpen }) => {
    const n = waitingJobs().length + (runningJob() ? 1 : 0);
    badge.hidden = n === 0;
    badge.textContent = n > 99 ? "99+" : String(n);
    jobs.textContent = n ? t("queue.jobs", { n }) : "";
    button.setAttribute("aria-expanded", String(queueOpen));
  });
  return button;
}

export function topbar(root) {
  const offline = h("span.offline", { hidden: true, role: "status" }, t("connection.lost"));
  let late = 0;
  app.watch(["connected"], ({ connected }) => {
    clearTimeout(late);
    if (connected) offline.hidden = true;
    else late = setTimeout(() => (offline.hidden = false), 1500); // a blink is not worth a word
  });
  root.append(
    wordmark(),
    viewSwitch(),
    h("span.spring"),
    offline,
    offerButton(),
    queueButton(),
    h("span.bar-tools", {}, languageSelect(), themeButton()),
  );
}
