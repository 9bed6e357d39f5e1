// Before the first real model is there: says what the demo model is for and offers to fetch the real one.

import { api } from "./api.js";
import { h, iconButton, replace } from "./dom.js";
import { app, prefs } from "./store.js";
import { bytes, number, t } from "./i18n.js";
import { showError } from "./toast.js";

const WANTED = "sd_xl_base_1.0_0.9vae.safetensors";
let offered; // the catalog's entry; null when the server offers no downloads

async function findOffer() {
  if (offered !== undefined) return offered;
  offered = null;
  try {
    const { models } = await api.catalog();
    const usable = models.filter((m) => m.folder === "checkpoints" && !m.installed);
    offered = usable.find((m) => m.name === WANTED) || usable[0] || null;
  } catch {
    offered = null;
  }
  return offered;
}

function body(model, download) {
  if (!model) return [h("div", {}, h("p", {}, t("offer.text")), h("p", {}, t("offer.byHand"), " ", h("code", {}, "models/checkpoints")))];
  if (download?.state === "running") {
    const part = download.total ? download.received / download.total : 0;
    return [
      h("p", {}, t("offer.running", { done: bytes(download.received), total: bytes(download.total || model.bytes || 0), percent: number(part * 100, 0) })),
      h("div.progress-bar", { role: "progressbar", "aria-label": t("offer.progress"), "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": Math.round(part * 100), vars: { "--fraction": part } }, h("span")),
      h("button.text-button", { type: "button", onclick: () => api.stopDownload(model.name).catch(showError) }, t("offer.pause")),
    ];
  }
  const start = () => api.startDownload(model.name).then(
    () => app.set({ downloads: { ...app.get("downloads"), [model.name]: { received: 0, total: model.bytes, state: "running" } } }),
    showError,
  );
  const text = download?.state === "failed" ? download.error?.detail || t("offer.failed") : t("offer.text");
  return [
    h("div", {}, h("p", {}, text), h("small", {}, t("offer.licence", { licence: model.licence }))),
    h("button.secondary", { type: "button", onclick: start }, t("offer.download", { size: bytes(model.bytes || 0) })),
  ];
}

export function offerCard() {
  const content = h("div.offer-content");
  const card = h(
    "section.offer",
    { hidden: true, "aria-label": t("offer.title") },
    h("div.offer-body", {}, h("h2", {}, t("offer.title")), content),
    iconButton("close", t("offer.hide"), () => prefs.set({ offerHidden: true })),
  );
  const show = async () => {
    const system = app.get("system");
    const wanted = Boolean(system) && system.models_installed === false && !prefs.get("offerHidden");
    if (wanted) {
      const model = await findOffer();
      replace(content, body(model, model && app.get("downloads")[model.name]));
    }
    card.hidden = !wanted;
  };
  app.watch(["system", "downloads"], show);
  prefs.watch(["offerHidden"], show);
  return card;
}
