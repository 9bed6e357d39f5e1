// A picture's settings as a list that can be read and copied.

import { h } from "../core/dom.js";
import { has, t } from "../core/i18n.js";
import { labelOf } from "../core/params.js";

const FIRST = [
  "prompt",
  "negative_prompt",
  "styles",
  "performance",
  "seed",
  "width",
  "height",
  "model",
  "refiner",
  "refiner_switch",
  "loras",
  "vae",
  "cfg",
  "sharpness",
  "sampler",
  "scheduler",
  "steps",
];

export function valueText(value, name = "") {
  if (name === "performance" && has(`performance.${value}`)) return t(`performance.${value}`);
  if (value === true) return t("value.on");
  if (value === false) return t("value.off");
  if (value === null || value === undefined || value === "") return "";
  if (Array.isArray(value))
    return value
      .map((item) => (item && typeof item === "object" ? `${item.file} × ${item.weight}` : String(item)))
      .join(", ");
  return String(value);
}

/** [[name, text]] in the order in which a person would ask. */
export function settingsOf(parameters) {
  const names = [
    ...FIRST.filter((n) => n in parameters),
    ...Object.keys(parameters).filter((n) => !FIRST.includes(n)),
  ];
  return names.map((name) => [name, valueText(parameters[name], name)]).filter(([, text]) => text !== "");
}

export function settingsList(parameters) {
  return h(
    "dl.settings-list",
    {},
    settingsOf(parameters).map(([name, text]) =>
      h("div", { "data-name": name }, h("dt", {}, labelOf(name)), h("dd", {}, text)),
    ),
  );
}
