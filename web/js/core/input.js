// The picture that a new one begins from: what the page remembers of it, and how it is said to the
// server. An input is {image, width, height, use, vary, upscale, edit, mask, marked, outpaint}:
// `image` and `mask` are names that the server gave to uploads; `use` says which of the three
// choices counts.

export const SIDES = ["left", "top", "right", "bottom"];
export const NOWHERE = { left: 0, top: 0, right: 0, bottom: 0 };
const DEFAULTS = {
  use: "vary",
  vary: "subtle",
  upscale: "2",
  edit: "fill",
  mask: null,
  marked: 0,
  outpaint: NOWHERE,
};

export function newInput({ id, width, height }, use) {
  return { ...DEFAULTS, image: id, width, height, use };
}

/** Whether an edit would change anything. */
export function changes({ use, mask, outpaint }) {
  return use !== "edit" || Boolean(mask) || SIDES.some((side) => outpaint[side] > 0);
}

/** The parameters that an input is said by. */
export const INPUT_NAMES = [
  "image",
  "mask",
  "vary",
  "upscale",
  "inpaint",
  ...SIDES.map((side) => `outpaint_${side}`),
];

/** The part of a job's parameters that speaks of the picture. */
export function inputParameters(input) {
  if (!input) return {};
  const { image, use, vary, upscale, edit, mask, outpaint } = input;
  if (use === "vary") return { image, vary };
  if (use === "upscale") return { image, upscale };
  const out = { image, inpaint: edit };
  if (mask) out.mask = mask;
  for (const side of SIDES) if (outpaint[side]) out[`outpaint_${side}`] = outpaint[side];
  return out;
}

/** The input that such parameters speak of, or null. Its size is not among them. */
export function inputOf(parameters) {
  const { image, vary, upscale, inpaint, mask } = parameters;
  if (!image) return null;
  const outpaint = Object.fromEntries(
    SIDES.map((side) => [side, Number(parameters[`outpaint_${side}`]) || 0]),
  );
  const known = { ...DEFAULTS, image, mask: mask || null, marked: mask ? null : 0, outpaint };
  if (vary && vary !== "off") return { ...known, use: "vary", vary };
  if (upscale && upscale !== "off") return { ...known, use: "upscale", upscale };
  return { ...known, use: "edit", edit: inpaint || DEFAULTS.edit };
}
