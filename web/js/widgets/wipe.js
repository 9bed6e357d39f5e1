// Two figures over each other; a line that can be pulled, or moved by the arrow keys, divides them.

import { h } from "../core/dom.js";

export function wipe(a, b, label) {
  const slider = h("input", {
    type: "range",
    min: 0,
    max: 100,
    step: 0.1,
    value: 50,
    autofocus: true, // the arrow keys move it at once
    "aria-label": label,
    oninput: () => area.style.setProperty("--cut", `${slider.value}%`),
  });
  const area = h("div.compare-area.wipe", { vars: { "--cut": "50%" } }, a, b, slider);
  return area;
}
