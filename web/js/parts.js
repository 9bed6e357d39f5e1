// Bits that several views show.

import { icon, replace } from "./dom.js";
import { t } from "./i18n.js";

/** What the worker is at, in words. */
export function phaseText(progress) {
  const { phase, step = 0, steps = 0, image = 1, images = 1 } = progress;
  if (phase && phase !== "sampling") {
    const key = `phase.${phase}`;
    const text = t(key);
    return text === key ? String(phase) : text;
  }
  const steps_ = steps ? t("progress.step", { step, steps }) : t("phase.starting");
  return images > 1 ? `${steps_} · ${t("progress.image", { image, images })}` : steps_;
}

export function markStar(button, on) {
  button.setAttribute("aria-pressed", String(Boolean(on)));
  const label = t(on ? "picture.unstar" : "picture.star");
  button.title = label;
  button.setAttribute("aria-label", label);
  replace(button, icon("star"));
}
