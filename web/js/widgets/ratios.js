// Sizes to choose from, drawn as shapes. The list is the one the models were trained on (about one
// million pixels, multiples of 64); a model with sizes of its own, such as the demo model, brings
// its list along.

import { h, uid } from "../core/dom.js";
import { app, setValues, valueOf } from "../core/store.js";
import { t } from "../core/i18n.js";
import { numberControl } from "./controls.js";

const TRAINED = [
  [704, 1408],
  [704, 1344],
  [768, 1344],
  [768, 1280],
  [832, 1216],
  [832, 1152],
  [896, 1152],
  [896, 1088],
  [960, 1088],
  [960, 1024],
  [1024, 1024],
  [1024, 960],
  [1088, 960],
  [1088, 896],
  [1152, 896],
  [1152, 832],
  [1216, 832],
  [1280, 768],
  [1344, 768],
  [1344, 704],
  [1408, 704],
  [1472, 704],
  [1536, 640],
  [1600, 640],
  [1664, 576],
  [1728, 576],
];
const USUAL = [
  [832, 1216],
  [896, 1152],
  [1024, 1024],
  [1152, 896],
  [1216, 832],
  [1344, 768],
];

export function availableSizes() {
  const own = app.get("system")?.sizes;
  return own && own.length ? own : TRAINED;
}

function gcd(a, b) {
  return b ? gcd(b, a % b) : a;
}

export function ratioText(w, h_) {
  const d = gcd(w, h_);
  return `${w / d}:${h_ / d}`;
}

/** A rectangle of the shape w x h whose longer side fills the box. */
export function shape(w, h_, box = 25) {
  const scale = box / Math.max(w, h_);
  return h("span.shape", {
    "aria-hidden": "true",
    vars: { "--w": `${(w * scale).toFixed(1)}px`, "--h": `${(h_ * scale).toFixed(1)}px` },
  });
}

function tile(name, w, h_) {
  const input = h("input", { type: "radio", name, onchange: () => setValues({ width: w, height: h_ }) });
  const label = h(
    "label.ratio",
    { title: `${w} × ${h_}` },
    input,
    h(
      "span.ratio-face",
      {},
      h("span.ratio-box", {}, shape(w, h_)),
      h("span.ratio-text", {}, ratioText(w, h_)),
      h("small", {}, `${w}×${h_}`),
    ),
  );
  input.setAttribute("aria-label", t("ratio.option", { w, h: h_, ratio: ratioText(w, h_) }));
  return { label, input, w, h: h_ };
}

export function ratioPicker() {
  const name = uid("ratio");
  const box = h("div.ratios", {});
  const custom = h("details.more", {});
  const all = h("button.text-button", { type: "button", onclick: () => ((open = !open), build()) });
  let tiles = [];
  let open = false;
  const width = numberControl({
    label: t("param.width.label"),
    min: 64,
    max: 4096,
    softMax: 2048,
    step: 8,
    whole: true,
    oninput: (v) => setValues({ width: v && Math.round(v / 8) * 8 }),
  });
  const height = numberControl({
    label: t("param.height.label"),
    min: 64,
    max: 4096,
    softMax: 2048,
    step: 8,
    whole: true,
    oninput: (v) => setValues({ height: v && Math.round(v / 8) * 8 }),
  });
  custom.append(h("summary", {}, t("ratio.custom")), width.node, height.node);

  function build() {
    const sizes = availableSizes();
    const few = sizes === TRAINED;
    const list = few && !open ? USUAL.slice() : sizes.slice();
    const now = [Number(valueOf("width")), Number(valueOf("height"))];
    if (
      few &&
      !open &&
      sizes.some(([w, h_]) => w === now[0] && h_ === now[1]) &&
      !list.some(([w, h_]) => w === now[0] && h_ === now[1])
    )
      list.push(now);
    tiles = list.map(([w, h_]) => tile(name, w, h_));
    box.replaceChildren(...tiles.map((entry) => entry.label));
    all.hidden = !few;
    all.textContent = open ? t("ratio.fewer") : t("ratio.all", { n: sizes.length });
    all.setAttribute("aria-expanded", String(open));
    mark();
  }

  function mark() {
    const w = Number(valueOf("width"));
    const h_ = Number(valueOf("height"));
    tiles.forEach((entry) => (entry.input.checked = entry.w === w && entry.h === h_));
    width.show(w);
    height.show(h_);
  }

  const swap = h(
    "button.text-button",
    {
      type: "button",
      onclick: () => setValues({ width: Number(valueOf("height")), height: Number(valueOf("width")) }),
    },
    t("ratio.turn"),
  );
  build();
  const node = h(
    "fieldset.field",
    {},
    h("legend", {}, t("ratio.title")),
    box,
    h("div.row-links", {}, all, swap),
    custom,
  );
  return { node, show: mark, build };
}
