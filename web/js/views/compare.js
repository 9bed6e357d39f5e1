// Two pictures over each other with a line to pull, or side by side, and what differs in their settings.

import { api } from "../core/api.js";
import { h, replace } from "../core/dom.js";
import { openDialog } from "../widgets/dialog.js";
import { segmentControl } from "../widgets/controls.js";
import { settingsOf } from "./details.js";
import { labelOf } from "../core/params.js";
import { useSettings } from "../core/actions.js";
import { t } from "../core/i18n.js";
import { wipe } from "../widgets/wipe.js";

function differences(a, b) {
  const left = new Map(settingsOf({ ...a.parameters, seed: a.seed, prompt: a.prompt }));
  const right = new Map(settingsOf({ ...b.parameters, seed: b.seed, prompt: b.prompt }));
  const names = [...new Set([...left.keys(), ...right.keys()])].filter(
    (name) => left.get(name) !== right.get(name),
  );
  if (!names.length) return h("p.help", {}, t("compare.same"));
  return h(
    "table.differences",
    {},
    h("caption", {}, t("compare.differences")),
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        [t("compare.setting"), "A", "B"].map((text) => h("th", { scope: "col" }, text)),
      ),
    ),
    h(
      "tbody",
      {},
      names.map((name) =>
        h(
          "tr",
          {},
          h("th", { scope: "row" }, labelOf(name)),
          h("td", {}, left.get(name) || "–"),
          h("td", {}, right.get(name) || "–"),
        ),
      ),
    ),
  );
}

export function openCompare(a, b) {
  const image = (picture, letter) =>
    h(
      "figure",
      {},
      h("img", {
        src: api.fileUrl(picture.id),
        alt: `${letter}: ${picture.prompt || t("picture.noPrompt")}`,
        draggable: false,
      }),
      h("figcaption", {}, letter),
    );
  const area = wipe(image(a, "A"), image(b, "B"), t("compare.line"));
  const mode = segmentControl({
    label: t("compare.view"),
    options: [
      ["wipe", t("compare.wipe")],
      ["side", t("compare.side")],
    ],
    onchange: (v) => {
      area.className = `compare-area ${v}`;
      mode.show(v);
    },
  });
  mode.show("wipe");
  const table = h("div.compare-table");
  const use = (picture, letter) =>
    h(
      "button.secondary",
      { type: "button", onclick: () => (dialog.close(), useSettings(picture)) },
      t("compare.use", { letter }),
    );
  const dialog = openDialog(
    { title: t("compare.title"), className: "wide" },
    area,
    h("div.compare-foot", {}, mode.node, use(a, "A"), use(b, "B")),
    table,
  );
  Promise.all([api.picture(a.id), api.picture(b.id)]).then(
    ([fullA, fullB]) => replace(table, differences(fullA, fullB)),
    () => replace(table, h("p.help", {}, t("compare.unknown"))),
  );
}
