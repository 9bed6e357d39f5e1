// Models that can be fetched: the catalogue, what is on its way, and the rows that show both.

import { api } from "../core/api.js";
import { h, icon, replace } from "../core/dom.js";
import { app } from "../core/store.js";
import { bytes, duration, number, t } from "../core/i18n.js";
import { showError } from "../core/toast.js";

const ACTIVE = ["waiting", "running", "checking"];
const KINDS = ["checkpoints", "loras", "vae", "vae_approx", "embeddings"]; // what this program can use

export const isActive = (download) => ACTIVE.includes(download?.state);

/** Asked for when somebody wants to see it; afterwards `app.catalog` follows the downloads. */
export async function loadCatalog() {
  const { models } = await api.catalog();
  app.set({ catalog: models.filter((m) => KINDS.includes(m.folder)) });
}

export function takeDownloads(list) {
  app.set({ downloads: Object.fromEntries(list.map((d) => [d.name, d])) });
}

export async function fetchModels(names) {
  await api.startDownloads(names).then(({ downloads }) => takeDownloads(downloads), showError);
}

export async function stopDownloads(names) {
  await Promise.all(
    names.map((name) => api.stopDownload(name).catch((error) => error.status !== 409 && showError(error))),
  );
}

/** "3.1 GB of 6.9 GB · 12 min left" and a bar, for one download or several together. */
export function progressOf(list) {
  const total = list.reduce((sum, d) => sum + d.total, 0);
  const received = list.reduce((sum, d) => sum + Math.min(d.received, d.total || d.received), 0);
  const rate = list.reduce((sum, d) => sum + (d.state === "running" ? d.rate : 0), 0);
  const part = total ? received / total : 0;
  const checking = list.some((d) => d.state === "checking") && !list.some((d) => d.state === "running");
  const parts = [
    checking
      ? t("download.checking")
      : t("download.progress", { done: bytes(received), total: bytes(total) }),
  ];
  if (rate > 0 && total > received && !checking)
    parts.push(t("progress.left", { time: duration((total - received) / rate) }));
  const bar = h(
    "div.progress-bar",
    {
      role: "progressbar",
      "aria-label": t("download.label"),
      "aria-valuemin": 0,
      "aria-valuemax": 100,
      "aria-valuenow": Math.round(part * 100),
      "aria-valuetext": `${number(part * 100, 0)} %`,
      vars: { "--fraction": part },
    },
    h("span"),
  );
  return h("div.download-progress", {}, bar, h("small", {}, parts.join(" · ")));
}

function rowTools(model, download) {
  if (model.installed) return h("span.installed", {}, icon("check"), t("download.installed"));
  if (isActive(download))
    return h(
      "button.text-button",
      {
        type: "button",
        "aria-label": t("download.stopNamed", { name: model.name }),
        onclick: () => stopDownloads([model.name]),
      },
      t("download.pause"),
    );
  const label = download?.received ? t("download.goOn") : t("download.get");
  return h(
    "button.text-button",
    {
      type: "button",
      "aria-label": t("download.getNamed", { name: model.name }),
      onclick: () => fetchModels([model.name]),
    },
    icon("download"),
    label,
  );
}

function row(model, download) {
  const facts = [model.bytes ? bytes(model.bytes) : null, model.licence].filter(Boolean).join(" · ");
  return h(
    "li.catalog-row",
    {},
    h(
      "div.catalog-text",
      {},
      h("strong", {}, model.name),
      model.note && h("p", {}, model.note),
      h("small", {}, facts),
      download?.state === "failed" &&
        h("p.danger", { role: "alert" }, download.error?.detail || t("download.failed")),
      isActive(download) && progressOf([download]),
    ),
    rowTools(model, download),
  );
}

/** Under Models: everything that can be fetched, opened on demand. */
export function catalogSection() {
  const list = h("ul.catalog");
  const node = h(
    "details.more.catalog-section",
    { ontoggle: () => node.open && loadCatalog().catch(showError) },
    h("summary", {}, t("download.more")),
    h("p.help", {}, t("download.moreHelp")),
    list,
  );
  app.watch(["catalog", "downloads"], ({ catalog, downloads }) => {
    const focused = list.contains(document.activeElement)
      ? [...list.querySelectorAll("button")].indexOf(document.activeElement)
      : -1;
    replace(
      list,
      (catalog || []).map((model) => row(model, downloads[model.name])),
    );
    if (focused >= 0) list.querySelectorAll("button")[focused]?.focus();
  });
  return node;
}
