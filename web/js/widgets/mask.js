// A mask over a picture: one byte for each pixel, MARKED where it is to be painted anew. No canvas and no
// document in here. A rectangle is {x, y, w, h} in whole pixels; functions that change pixels return the
// smallest one that holds all they may have changed, or null.

export const MARKED = 255;

/** Where the row of pixels at height y (their middles) crosses the segment from a to b, thickened by radius:
 *  [from, to] in x, or null. The shape is convex, so it is one piece. */
function crossing(a, b, radius, y) {
  let low = Infinity;
  let high = -Infinity;
  const take = (x) => {
    low = Math.min(low, x);
    high = Math.max(high, x);
  };
  for (const end of [a, b]) {
    const up = y - end.y;
    const half = radius * radius - up * up;
    if (half < 0) continue;
    take(end.x - Math.sqrt(half));
    take(end.x + Math.sqrt(half));
  }
  const length = Math.hypot(b.x - a.x, b.y - a.y);
  if (length > 0) {
    const side = { x: (-(b.y - a.y) / length) * radius, y: ((b.x - a.x) / length) * radius };
    const corners = [
      { x: a.x + side.x, y: a.y + side.y },
      { x: b.x + side.x, y: b.y + side.y },
      { x: b.x - side.x, y: b.y - side.y },
      { x: a.x - side.x, y: a.y - side.y },
    ];
    corners.forEach((p, i) => {
      const q = corners[(i + 1) % 4];
      if (p.y === q.y || y < Math.min(p.y, q.y) || y > Math.max(p.y, q.y)) return;
      take(p.x + ((y - p.y) / (q.y - p.y)) * (q.x - p.x));
    });
  }
  return high < low ? null : [low, high];
}

export function union(a, b) {
  if (!a || !b) return a || b;
  const x = Math.min(a.x, b.x);
  const y = Math.min(a.y, b.y);
  return { x, y, w: Math.max(a.x + a.w, b.x + b.w) - x, h: Math.max(a.y + a.h, b.y + b.h) - y };
}

export class Mask {
  constructor(width, height) {
    this.width = width;
    this.height = height;
    this.data = new Uint8Array(width * height);
  }

  get all() {
    return { x: 0, y: 0, w: this.width, h: this.height };
  }

  /** The part of a rectangle, given by its real edges, that lies on the mask. */
  clip(left, top, right, bottom) {
    const x = Math.max(0, Math.floor(left));
    const y = Math.max(0, Math.floor(top));
    const w = Math.min(this.width, Math.ceil(right)) - x;
    const h = Math.min(this.height, Math.ceil(bottom)) - y;
    return w > 0 && h > 0 ? { x, y, w, h } : null;
  }

  /** A round brush drawn from a to b ({x, y}, pixel 0 has its middle at 0.5) sets pixels to value. */
  stroke(a, b, radius, value) {
    const r = Math.max(0.5, radius);
    const [left, right] = [Math.min(a.x, b.x) - r, Math.max(a.x, b.x) + r];
    const rect = this.clip(left, Math.min(a.y, b.y) - r, right, Math.max(a.y, b.y) + r);
    if (!rect) return null;
    for (let y = rect.y; y < rect.y + rect.h; y++) {
      const cut = crossing(a, b, r, y + 0.5);
      if (!cut) continue;
      const from = Math.max(0, Math.ceil(cut[0] - 0.5));
      const to = Math.min(this.width - 1, Math.floor(cut[1] - 0.5));
      if (to >= from) this.data.fill(value, y * this.width + from, y * this.width + to + 1);
    }
    return rect;
  }

  invert() {
    for (let i = 0; i < this.data.length; i++) this.data[i] = MARKED - this.data[i];
    return this.all;
  }

  clear() {
    const rect = this.bounds();
    if (rect) this.data.fill(0);
    return rect;
  }

  /** The smallest rectangle with everything that is marked. */
  bounds() {
    const { width, height, data } = this;
    const first = data.findIndex((value) => value !== 0);
    if (first < 0) return null;
    const top = Math.floor(first / width);
    let [left, right, bottom] = [width, 0, top];
    for (let y = top; y < height; y++) {
      const row = data.subarray(y * width, (y + 1) * width);
      const x = row.findIndex((value) => value !== 0);
      if (x < 0) continue;
      left = Math.min(left, x);
      right = Math.max(
        right,
        row.findLastIndex((value) => value !== 0),
      );
      bottom = y;
    }
    return { x: left, y: top, w: right - left + 1, h: bottom - top + 1 };
  }

  /** The marked part of the whole, 0 to 1. */
  coverage() {
    let count = 0;
    for (const value of this.data) if (value) count++;
    return count / this.data.length;
  }

  copy({ x, y, w, h }) {
    const out = new Uint8Array(w * h);
    for (let row = 0; row < h; row++) {
      const from = (y + row) * this.width + x;
      out.set(this.data.subarray(from, from + w), row * w);
    }
    return out;
  }

  /** Puts back what copy() gave. */
  put({ x, y, w, h }, values) {
    for (let row = 0; row < h; row++) {
      this.data.set(values.subarray(row * w, (row + 1) * w), (y + row) * this.width + x);
    }
    return { x, y, w, h };
  }
}
