// Before the first real model is there: says so, and fetches the recommended ones after one press.

import { h, iconButton, replace } from "../core/dom.js";
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

export function offerCard() {
  const content = h("div.offer-content");
  const title = h("h2");
  const card = h(
    "section.offer",
    { hidden: true, "aria-label": t("offer.label") },
    h("div.offer-body", {}, title, content),
    iconButton("close", t("offer.hide"), () => prefs.set({ offerHidden: true })),
  );
  let asked = false;
  const show = () => {
    const { system, catalog, downloads } = app.state;
    const models = (catalog || []).filter((m) => m.recommended);
    const active = models.some((m) => isActive(downloads[m.name]));
    const wanted = Boolean(system) && !prefs.get("offerHidden") && (!system.models_installed || active);
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
  app.watch(["system", "downloads", "catalog"], show);
  prefs.watch(["offerHidden"], show);
  return card;
}
