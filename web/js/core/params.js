// What the page says about a parameter, and controls that follow its value.

import { has, t } from "./i18n.js";
import { app, form, parameter, valueOf } from "./store.js";

/** Whether the chosen performance mode leaves this parameter without effect. */
export function isForced(name) {
  return Boolean(parameter(name)?.forced_by?.includes(valueOf("performance")));
}

export function labelOf(name) {
  if (has(`param.${name}.label`)) return t(`param.${name}.label`);
  const p = parameter(name);
  return p?.label || name.replace(/_/g, " ").replace(/^./, (c) => c.toUpperCase());
}

export function helpOf(name) {
  return has(`param.${name}.help`) ? t(`param.${name}.help`) : parameter(name)?.help || "";
}

/** The control follows the form and the table. */
export function follow(control, name) {
  control.node.dataset.name = name;
  const show = () => control.show(valueOf(name), form.get("values")[name] !== undefined);
  form.watch(["values"], show);
  app.watch(["parameters", "system"], show);
  return control;
}

/** Whether this server takes pictures to begin from. */
export const takesPictures = () => Boolean(parameter("image"));
