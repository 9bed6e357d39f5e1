// How far a picture is to go on beyond its edges: {left, top, right, bottom} in pixels of the picture.

import { SIDES } from "../core/input.js";

const STEP = 8; // the latent's pixel
const MOST = 1; // of the picture's own side

/** The widening with one side set: whole steps, not more than the picture's own size. */
export function widened(outpaint, side, pixels, picture) {
  const own = side === "left" || side === "right" ? picture.width : picture.height;
  const most = Math.floor((own * MOST) / STEP) * STEP;
  return { ...outpaint, [side]: Math.min(most, Math.max(0, Math.round(pixels / STEP) * STEP)) };
}

/** Picture and widening together, in picture pixels. */
export function outer(picture, { left, top, right, bottom }) {
  return { x: -left, y: -top, w: picture.width + left + right, h: picture.height + top + bottom };
}

/** Where the picture's edge on this side is, with its widening. */
export function edgeOf(picture, outpaint, side) {
  const box = outer(picture, outpaint);
  return { left: box.x, top: box.y, right: box.x + box.w, bottom: box.y + box.h }[side];
}

/** The pixels of widening when that edge is pulled to `at`. */
export function pulled(picture, side, at) {
  return { left: -at, top: -at, right: at - picture.width, bottom: at - picture.height }[side];
}

export const isWidened = (outpaint) => SIDES.some((side) => outpaint[side] > 0);
