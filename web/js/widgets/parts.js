// Bits that several views show.

import { icon, replace } from "../core/dom.js";
import { has, t } from "../core/i18n.js";

const DRAWING = ["sampling", "drawing", "the-refiner-takes-over"]; // here the step says more than the phase

/** What the worker is at, in words. */
export function phaseText(progress) {
  const { phase, step = 0, steps = 0, image = 1, images = 1 } = progress;
  const slug = String(phase || "")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-");
  if (slug && !DRAWING.includes(slug)) return has(`phase.${slug}`) ? t(`phase.${slug}`) : String(phase);
  const steps_ = steps ? t("progress.step", { step, steps }) : t("phase.starting");
  return images > 1 ? `${t("progress.image", { image, images })} · ${steps_}` : steps_;
}

const MOST_PARTS = 12; // more would be too thin to see

/** A bar for the whole job, cut into one part for each of a few pictures: it says the same as phaseText. */
export function showFraction(bar, { fraction = 0, images = 1 }) {
  bar.style.setProperty("--fraction", fraction);
  bar.style.setProperty("--parts", images);
  bar.classList.toggle("parted", images > 1 && images <= MOST_PARTS);
}

/** For the class "fitting", and so that its place is known before it arrives. */
export function giveSize(img, { width, height }) {
  Object.assign(img, { width, height });
  img.style.setProperty("--w", width);
  img.style.setProperty("--h", height);
}

export function markStar(button, on) {
  button.setAttribute("aria-pressed", String(Boolean(on)));
  const label = t(on ? "picture.unstar" : "picture.star");
  button.title = label;
  button.setAttribute("aria-label", label);
  replace(button, icon("star"));
}
