// Before the first real model is there: says so, and fetches the recommended ones after one press. While the
// demo model draws, the card stays behind a button of the bar: the best place belongs to the pictures.

import { h, icon, iconButton, replace } from "../core/dom.js";
import { app, prefs } from "../core/store.js";
import { bytes, t } from "../core/i18n.js";
import { fetchModels, isActive, loadCatalog, progressOf, stopDownloads } from "./downloads.js";

function fileList(models) {
  return h(
    "ul.offer-files",
    {},
    models.map((m) => h("li", {}, h("span", {}, m.name), h("small", {}, `${bytes(m.bytes)} · ${m.licence}`))),
  );
}

/** models: the recommended ones. */
function body(models, downloads, system) {
  const of = (m) => downloads[m.name];
  const left = models.filter((m) => !m.installed && of(m)?.state !== "done");
  const names = left.map((m) => m.name);
  if (left.some((m) => isActive(of(m)))) {
    const known = models.filter(of).map(of);
    return [
      h("p", {}, t("offer.running")),
      progressOf(known),
      h(
        "button.secondary",
        { type: "button", onclick: () => stopDownloads(names.filter((name) => isActive(downloads[name]))) },
        t("download.pause"),
      ),
    ];
  }
  const text = t(system.demo ? "offer.demoText" : "offer.text");
  if (!left.length)
    return [
      h("div", {}, h("p", {}, text), h("p", {}, t("offer.byHand"), " ", h("code", {}, "models/checkpoints"))),
    ];
  const failed = left.map(of).find((d) => d?.state === "failed");
  const begun = left.some((m) => of(m)?.received);
  const size = bytes(left.reduce((sum, m) => sum + m.bytes, 0));
  return [
    h(
      "div",
      {},
      failed
        ? h("p.danger", { role: "alert" }, failed.error?.detail || t("download.failed"))
        : h("p", {}, text),
      fileList(left),
    ),
    h(
      "button.secondary",
      { type: "button", onclick: () => fetchModels(names) },
      begun ? t("offer.goOn") : t("offer.get", { size }),
    ),
  ];
}

/** A door to the card in the bar, while the demo model draws. */
export function offerButton() {
  const button = h(
    "button.bar-button",
    { type: "button", id: "offer-button", onclick: () => app.set({ offerOpen: !app.get("offerOpen") }) },
    icon("download"),
    h("span.bar-label", {}, t("offer.demoButton")),
  );
  app.watch(["system", "offerOpen"], ({ system, offerOpen }) => {
    button.hidden = !system?.demo || system.models_installed;
    button.setAttribute("aria-expanded", String(offerOpen));
  });
  return button;
}

function hide() {
  const hadFocus = document.activeElement?.closest(".offer");
  prefs.set({ offerHidden: true });
  app.set({ offerOpen: false });
  if (hadFocus) document.querySelector("#offer-button:not([hidden]), #prompt").focus();
}

/** It comes by itself only where nothing can be drawn without a model, or while one is being fetched. */
export function offerCard() {
  const content = h("div.offer-content");
  const title = h("h2");
  const card = h(
    "section.offer",
    { hidden: true, "aria-label": t("offer.label") },
    h("div.offer-body", {}, title, content),
    iconButton("close", t("offer.hide"), hide),
  );
  let asked = false;
  const show = () => {
    const { system, catalog, downloads } = app.state;
    const models = (catalog || []).filter((m) => m.recommended);
    const active = models.some((m) => isActive(downloads[m.name]));
    const needed = system && !system.models_installed && !system.demo;
    const byItself = !prefs.get("offerHidden") && (needed || active);
    const wanted = Boolean(system) && (app.get("offerOpen") || byItself);
    if (wanted && !asked) {
      asked = true;
      loadCatalog().catch(() => {}); // what can be done by hand is said anyway
    }
    if (wanted) {
      title.textContent = t(system.demo ? "offer.demoTitle" : "offer.title");
      const hadFocus = content.contains(document.activeElement);
      replace(content, body(models, downloads, system));
      if (hadFocus) content.querySelector("button")?.focus();
    }
    card.hidden = !wanted;
  };
  app.watch(["system", "downloads", "catalog", "offerOpen"], show);
  prefs.watch(["offerHidden"], show);
  return card;
}
