// A square is cut out of a picture by hand: dragged with the mouse or a finger, moved and sized by keys.

import { h } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { openDialog } from "./dialog.js";

const SIDE = 512; // of what comes out, in pixels
const START = 0.5; // of the shorter side

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

/** A square that lies in the picture. */
export function squareIn({ x, y, side }, width, height) {
  const size = clamp(side, 16, Math.min(width, height));
  return { x: clamp(x, 0, width - size), y: clamp(y, 0, height - size), side: size };
}

function toBlob(image, { x, y, side }) {
  const canvas = h("canvas", { width: SIDE, height: SIDE });
  canvas.getContext("2d").drawImage(image, x, y, side, side, 0, 0, SIDE, SIDE);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

/** A Blob of the square, or null when the dialog was closed. */
export function cutSquare(url, { title, help }) {
  return new Promise((resolve) => {
    let square = { x: 0, y: 0, side: 16 };
    let blob = null;
    const image = h("img.cut-image", { alt: "", draggable: false });
    const frame = h("div.cut-frame", { tabIndex: 0, role: "group", "aria-label": title });
    const set = (wanted) => {
      const { naturalWidth: w, naturalHeight: height } = image;
      square = squareIn(wanted, w, height);
      Object.assign(frame.style, {
        left: `${(100 * square.x) / w}%`,
        top: `${(100 * square.y) / height}%`,
        width: `${(100 * square.side) / w}%`,
        height: `${(100 * square.side) / height}%`,
      });
    };
    image.addEventListener("load", () => {
      const side = START * Math.min(image.naturalWidth, image.naturalHeight);
      set({ x: (image.naturalWidth - side) / 2, y: (image.naturalHeight - side) / 3, side });
    });
    image.src = url;
    const box = h("div.cut-box", {}, image, frame);
    const at = (event) => {
      const r = image.getBoundingClientRect();
      const scale = image.naturalWidth / r.width;
      return { x: (event.clientX - r.left) * scale, y: (event.clientY - r.top) * scale };
    };
    box.addEventListener("pointerdown", (event) => {
      const from = at(event);
      event.preventDefault();
      box.setPointerCapture(event.pointerId);
      const move = (e) => {
        const to = at(e);
        const side = Math.max(Math.abs(to.x - from.x), Math.abs(to.y - from.y));
        set({ x: Math.min(from.x, to.x), y: Math.min(from.y, to.y), side });
      };
      box.addEventListener("pointermove", move);
      box.addEventListener("pointerup", () => box.removeEventListener("pointermove", move), { once: true });
    });
    frame.addEventListener("keydown", (event) => {
      const step = square.side / 10;
      const moves = {
        ArrowLeft: [-1, 0, 0],
        ArrowRight: [1, 0, 0],
        ArrowUp: [0, -1, 0],
        ArrowDown: [0, 1, 0],
      };
      const [dx, dy, ds] = { ...moves, "+": [0, 0, 1], "-": [0, 0, -1] }[event.key] || [];
      if (dx === undefined) return;
      event.preventDefault();
      set({ x: square.x + dx * step, y: square.y + dy * step, side: square.side + ds * step });
    });
    const done = h(
      "button.primary",
      {
        type: "button",
        onclick: async () => {
          blob = await toBlob(image, square);
          dialog.close();
        },
      },
      t("guides.cut.done"),
    );
    const dialog = openDialog(
      { title, className: "cut-dialog", onclose: () => resolve(blob) },
      h("p.help", {}, help),
      box,
      h("div.dialog-foot", {}, done),
    );
  });
}
