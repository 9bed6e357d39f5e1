// The picture that a new one begins from: what the page remembers of it, and how it is said to the
// server. An input is {image, width, height, use, vary, upscale, edit, mask, marked, outpaint}:
// `image` and `mask` are names that the server gave to uploads, `image` may also be "picture:12", one of the
// history; `use` says which of the three choices counts.

export const SIDES = ["left", "top", "right", "bottom"];
export const NOWHERE = { left: 0, top: 0, right: 0, bottom: 0 };
/** The parameters that an input is said by. */
export const INPUT_NAMES = ["image", "mask", "vary", "upscale", "fast_upscale", "edit", "outpaint"];

const OFF = "none"; // of `vary`
const UNSAID = 0.3; // of a side that is named without a number
const DEFAULTS = {
  use: "vary",
  vary: "subtle",
  upscale: "2", // or "fast-2"
  edit: "inpaint",
  mask: null,
  marked: 0, // part of the picture, 0 to 1; null: not known
  outpaint: NOWHERE,
};

export function newInput({ id, width, height }, use) {
  return { ...DEFAULTS, image: id, width, height, use };
}

/** Whether an edit would change anything. */
export function changes({ use, mask, outpaint, shares }) {
  return use !== "edit" || Boolean(mask || shares) || SIDES.some((side) => outpaint[side] > 0);
}

/** "left=64,top=8". */
function outpaintText(outpaint) {
  const sides = SIDES.filter((side) => outpaint[side] > 0);
  return sides.map((side) => `${side}=${outpaint[side]}`).join(",");
}

/** The sides of such a text in pixels; parts of a side, as in "top=30%", need the picture's size. */
export function readOutpaint(text, { width, height }) {
  const out = { ...NOWHERE };
  for (const item of text.split(",").filter(Boolean)) {
    const [side, value = `${100 * UNSAID}%`] = item.split("=").map((part) => part.trim());
    const whole = side === "left" || side === "right" ? width : height;
    const number = parseFloat(value) || 0;
    if (side in out)
      out[side] = value.endsWith("%") ? Math.floor((number / 100) * whole) : Math.round(number);
  }
  return out;
}

const hasShares = (text) => text.split(",").some((item) => item && !/=\s*\d+\s*$/.test(item));

/** The part of a job's parameters that speaks of the picture. */
export function inputParameters(input) {
  if (!input) return {};
  const { image, use, vary, upscale, edit, mask, outpaint, shares } = input;
  if (use === "vary") return { image, vary };
  if (use === "upscale") {
    const [fast, factor] = upscale.startsWith("fast-") ? [true, upscale.slice(5)] : [false, upscale];
    return { image, upscale: Number(factor), ...(fast && { fast_upscale: true }) };
  }
  const beyond = shares || outpaintText(outpaint);
  return { image, edit, ...(mask && { mask }), ...(beyond && { outpaint: beyond }) };
}

/** The input that such parameters speak of, or null. Its size is not among them; parts of a side wait in
 *  `shares` until it is known (withSize). */
export function inputOf({ image, vary, upscale, fast_upscale: fast, edit, mask, outpaint = "" }) {
  if (!image) return null;
  const known = { ...DEFAULTS, image, mask: mask || null, marked: mask ? null : 0 };
  if (vary && vary !== OFF) return { ...known, use: "vary", vary };
  if (upscale > 0) return { ...known, use: "upscale", upscale: `${fast ? "fast-" : ""}${upscale}` };
  const sides = hasShares(outpaint) ? { shares: outpaint } : { outpaint: readOutpaint(outpaint, {}) };
  return { ...known, use: "edit", edit: edit || DEFAULTS.edit, ...sides };
}

/** What an input is once the size of its picture is known. */
export function withSize(input, { width, height }) {
  const { shares, ...rest } = input;
  return { ...rest, width, height, ...(shares && { outpaint: readOutpaint(shares, { width, height }) }) };
}
