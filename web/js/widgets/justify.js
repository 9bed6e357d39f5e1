// Lays pictures out in rows of equal width, as a printed contact sheet: every picture keeps its
// shape, every row is full. Pure arithmetic; the history draws only the rows in view.

/** items: [{width, height, created}], dayOf(item) -> text. Returns {boxes, headings, height}: a box
 *  {x, y, w, h} per item and headings [{y, text}]. */
export function justify(items, { width, target, gap, headingHeight, dayOf }) {
  const boxes = new Array(items.length);
  const headings = [];
  let y = 0;
  let row = [];
  let sum = 0; // of the ratios in the row
  let day = null;

  const flush = (last) => {
    if (!row.length) return;
    const free = width - gap * (row.length - 1);
    const height = last ? Math.min(target, free / sum) : free / sum;
    let x = 0;
    for (const index of row) {
      const w = height * ratio(items[index]);
      boxes[index] = { x, y, w, h: height };
      x += w + gap;
    }
    y += height + gap;
    row = [];
    sum = 0;
  };

  items.forEach((item, index) => {
    const text = dayOf(item);
    if (text !== day) {
      flush(true);
      if (headings.length) y += gap * 2;
      headings.push({ y, text });
      y += headingHeight;
      day = text;
    }
    row.push(index);
    sum += ratio(item);
    if (sum * target + gap * (row.length - 1) >= width) flush(false);
  });
  flush(true);
  return { boxes, headings, height: y };
}

function ratio(item) {
  const r = item.width / item.height;
  return Number.isFinite(r) && r > 0 ? Math.min(3, Math.max(1 / 3, r)) : 1;
}

/** Index of the first box whose lower edge is below y; boxes are ordered by y. */
export function firstBelow(boxes, y) {
  let low = 0;
  let high = boxes.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (boxes[middle].y + boxes[middle].h < y) low = middle + 1;
    else high = middle;
  }
  return low;
}
