// Advanced: guidance and sharpness, and behind a switch every other control of the parameter table,
// drawn from the table itself: a parameter added there appears here.

import { h } from "../core/dom.js";
import { app, defaultOf, form, prefs, setValues, valueOf } from "../core/store.js";
import { t } from "../core/i18n.js";
import {
  numberControl,
  segmentControl,
  selectControl,
  switchControl,
  textControl,
} from "../widgets/controls.js";
import { follow, helpOf, isForced, labelOf } from "../core/params.js";

const MAIN = ["cfg", "sharpness"];
const SOFT_MAX = { steps: 100, switch_step: 100, cfg: 30 };
const FEW_CHOICES = 3;

function controlFor(p) {
  const common = { label: labelOf(p.name), help: helpOf(p.name) };
  const set = (value) => setValues({ [p.name]: value });
  const unset = () => setValues({ [p.name]: undefined });
  if (p.kind === "bool") return switchControl({ ...common, onchange: set });
  if (p.kind === "int" || p.kind === "num") {
    const auto = p.auto || defaultOf(p.name) === null || defaultOf(p.name) === undefined;
    return numberControl({
      ...common,
      min: p.min,
      max: p.max,
      softMax: SOFT_MAX[p.name],
      step: p.kind === "int" ? 1 : Math.max(p.step || 0.01, (p.max - p.min) / 400 > 0.01 ? 0.1 : 0.01),
      whole: p.kind === "int",
      unset: auto ? t("value.automatic") : "",
      oninput: set,
      reset: unset,
    });
  }
  if (p.kind === "enum" && p.choices.length <= FEW_CHOICES) {
    return segmentControl({
      ...common,
      options: p.choices.map((c) => [c, choiceText(p.name, c)]),
      onchange: set,
    });
  }
  if (p.kind === "enum")
    return selectControl({
      ...common,
      options: p.choices.map((c) => [c, choiceText(p.name, c)]),
      onchange: set,
    });
  if (p.kind === "text")
    return textControl({ ...common, spellcheck: false, oninput: (v) => set(v || undefined) });
  return null;
}

function choiceText(name, choice) {
  const key = `choice.${name}.${choice}`;
  const text = t(key);
  return text === key ? choice : text;
}

function draw(list) {
  return list
    .map((p) => {
      const control = controlFor(p);
      if (!control) return null;
      follow(control, p.name);
      form.watch(["values"], () => {
        control.node.hidden = Boolean(p.v25) && valueOf("recipe") === "1.0";
        control.disable?.(isForced(p.name));
      });
      return control.node;
    })
    .filter(Boolean);
}

export function advancedTab() {
  const table = app.get("parameters").filter((p) => !p.private);
  const main = draw(MAIN.map((name) => table.find((p) => p.name === name)).filter(Boolean));
  const fast = h("p.help.notice", {}, t("advanced.fastNote"));
  form.watch(["values"], () => (fast.hidden = !MAIN.some(isForced)));
  const rest = table.filter((p) => !p.placed);
  const groups = app.get("groups").length
    ? app.get("groups")
    : [...new Set(rest.map((p) => p.group))].map((id) => ({ id }));
  const sections = groups
    .map((group) => ({ group, list: rest.filter((p) => p.group === group.id) }))
    .filter(({ list }) => list.length)
    .map(({ group, list }) =>
      h("section.dev-group", {}, h("h2", {}, t(`group.${String(group.id).toLowerCase()}`)), draw(list)),
    );
  const developer = h("div.developer", {}, sections);
  const toggle = switchControl({
    label: t("advanced.developer"),
    help: t("advanced.developerHelp"),
    onchange: (on) => prefs.set({ developer: on }),
  });
  prefs.watch(["developer"], (state) => {
    toggle.show(state.developer);
    developer.hidden = !state.developer;
  });
  return h("div.tab-content", {}, main, fast, toggle.node, developer);
}
