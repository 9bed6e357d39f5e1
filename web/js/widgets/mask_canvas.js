// The canvas of the editor: a picture, the mask over it, the part beyond its edges, and the brush.
// It draws what it is told and turns strokes into changes of the mask that can be undone; what keys
// and buttons mean stands above.

import { Undo } from "../core/undo.js";
import { h } from "../core/dom.js";
import { Gestures } from "./gestures.js";
import { fitted, moved, pinched, toPicture, toScreen, zoomed } from "./lens.js";
import { Mask, MARKED, union } from "./mask.js";
import { outer } from "./outpaint.js";

const MASK_SIDE = 2048; // a mask is not kept finer than this; it is enlarged when it is sent
const UNDO_BYTES = 96 << 20;
const WHEEL = 0.0016; // zoom for one pixel of the wheel
const LINE = 16; // pixels for one line of it
const OVERLAY = 0x963276f0; // of the marked part: alpha, blue, green, red
const BLACK = 0xff000000;
const WHITE = 0xffffffff;
const HATCH = 12; // pixels between the lines where there is no picture yet

export class MaskCanvas {
  /** picture: {width, height}; image: what to draw; onchange: after every change of mask or widening. */
  constructor({ image, picture, outpaint, onchange, label, help }) {
    Object.assign(this, { image, picture, outpaint, onchange });
    this.factor = Math.min(1, MASK_SIDE / Math.max(picture.width, picture.height)); // mask for picture pixels
    const side = (length) => Math.max(1, Math.round(length * this.factor));
    this.mask = new Mask(side(picture.width), side(picture.height));
    this.overlay = h("canvas", { width: this.mask.width, height: this.mask.height });
    this.history = new Undo(UNDO_BYTES);
    this.tool = "brush";
    this.size = 48; // of the brush, in pixels of the screen
    this.cursor = null; // {x, y} on the screen
    this.penDown = false; // by keyboard
    this.screen = { w: 1, h: 1 };
    this.node = h("canvas.editor-canvas", {
      tabIndex: 0,
      role: "application",
      "aria-label": label,
      "aria-describedby": help,
    });
    this.listen();
  }

  get box() {
    return outer(this.picture, this.outpaint);
  }

  listen() {
    const gestures = new Gestures(
      {
        start: (point) => this.start(point),
        draw: (point) => this.draw(point),
        end: () => this.end(),
        cancel: () => this.cancel(),
        move: (dx, dy) => this.look(moved(this.lens, dx, dy, this.box, this.screen)),
        pinch: (before, after) => this.look(pinched(this.lens, before, after, this.box, this.screen)),
      },
      () => this.tool === "hand",
    );
    const give = (run) => (event) => {
      const { pointerId: id, offsetX: x, offsetY: y, pointerType, pressure, buttons } = event;
      this.cursor = pointerType === "touch" ? null : { x, y };
      run({ id, x, y, pointerType, pressure, buttons });
      this.paint();
    };
    const node = this.node;
    node.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      node.focus({ preventScroll: true });
      if (this.penDown) this.togglePen();
      if (event.isTrusted) node.setPointerCapture(event.pointerId);
      give((e) => gestures.down(e))(event);
    });
    node.addEventListener("pointermove", (event) => {
      const all = event.getCoalescedEvents?.() ?? [];
      const events = all.length ? all : [event];
      events.forEach(give((e) => gestures.move(e)));
    });
    node.addEventListener(
      "pointerup",
      give((e) => gestures.up(e)),
    );
    node.addEventListener(
      "pointercancel",
      give((e) => gestures.lost(e)),
    );
    node.addEventListener(
      "pointerleave",
      () => ((this.cursor = this.penDown ? this.cursor : null), this.paint()),
    );
    node.addEventListener("contextmenu", (event) => event.preventDefault()); // the right button erases
    node.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(node);
  }

  close() {
    this.observer.disconnect();
    cancelAnimationFrame(this.frame);
  }

  // ---- looking ----

  resize() {
    const { clientWidth: w, clientHeight: h_ } = this.node;
    if (!w || !h_) return;
    const dots = window.devicePixelRatio || 1;
    const first = !this.lens;
    this.screen = { w, h: h_ };
    Object.assign(this.node, { width: Math.round(w * dots), height: Math.round(h_ * dots) });
    if (first) this.fit();
    else this.look(moved(this.lens, 0, 0, this.box, this.screen));
  }

  look(lens) {
    this.lens = lens;
    this.paint();
  }

  fit() {
    this.look(fitted(this.box, this.screen, this.screen.w < 600 ? 30 : 56));
  }

  zoom(factor, point = { x: this.screen.w / 2, y: this.screen.h / 2 }) {
    this.look(zoomed(this.lens, point, factor, this.box, this.screen));
  }

  pan(dx, dy) {
    this.look(moved(this.lens, dx, dy, this.box, this.screen));
  }

  /** The wheel zooms where the pointer is; with Shift it moves the picture. */
  wheel(event) {
    event.preventDefault();
    const unit = event.deltaMode === 1 ? LINE : 1;
    const [dx, dy] = [event.deltaX * unit, event.deltaY * unit];
    if (event.shiftKey) this.pan(-(dx || dy), dx ? -dy : 0);
    else this.zoom(Math.exp(-dy * WHEEL * (event.ctrlKey ? 6 : 1)), { x: event.offsetX, y: event.offsetY });
  }

  // ---- drawing ----

  /** From the screen to the mask. */
  onMask(point) {
    const { x, y } = toPicture(this.lens, point);
    return { x: x * this.factor, y: y * this.factor };
  }

  start(point) {
    this.stroke = { before: this.mask.data.slice(), last: this.onMask(point), rect: null };
    this.draw(point);
  }

  draw(point) {
    const to = this.onMask(point);
    const value = this.tool === "eraser" || point.eraser ? 0 : MARKED;
    const radius = ((this.size / 2) * (0.3 + 0.7 * point.pressure) * this.factor) / this.lens.scale;
    const rect = this.mask.stroke(this.stroke.last, to, radius, value);
    this.stroke.last = to;
    this.stroke.rect = union(this.stroke.rect, rect);
    if (rect) this.show(rect);
  }

  end() {
    const { before, rect } = this.stroke;
    this.stroke = null;
    if (rect) this.did(rect, before);
  }

  cancel() {
    this.mask.data.set(this.stroke.before);
    if (this.stroke.rect) this.show(this.stroke.rect);
    this.stroke = null;
  }

  /** Notes a change of the mask inside rect; before: the whole mask as it was. */
  did(rect, before) {
    const old = new Mask(this.mask.width, this.mask.height);
    old.data = before;
    const [was, is] = [old.copy(rect), this.mask.copy(rect)];
    if (was.every((value, i) => value === is[i])) return;
    const put = (values) => () => this.show(this.mask.put(rect, values));
    this.history.push({ undo: put(was), redo: put(is), bytes: was.length + is.length });
    this.onchange();
  }

  clear() {
    const before = this.mask.data.slice();
    const rect = this.mask.clear();
    if (!rect) return;
    this.show(rect);
    this.did(rect, before);
  }

  invert() {
    const flip = () => this.show(this.mask.invert());
    flip();
    this.history.push({ undo: flip, redo: flip, bytes: 0 });
    this.onchange();
  }

  /** Takes a mask from elsewhere: an image of any size, white where it is marked. It cannot be undone. */
  load(image) {
    const { width, height } = this.mask;
    const context = h("canvas", { width, height }).getContext("2d", { willReadFrequently: true });
    context.drawImage(image, 0, 0, width, height);
    const { data } = context.getImageData(0, 0, width, height);
    for (let i = 0; i < width * height; i++) this.mask.data[i] = data[4 * i] > 127 ? MARKED : 0;
    this.show(this.mask.all);
    this.onchange();
  }

  /** A change of the widening that can be undone as one; `from` is how it was before the pull. */
  widen(outpaint, from) {
    const put = (value) => () => {
      this.outpaint = value;
      this.paint();
    };
    put(outpaint)();
    if (from) this.history.push({ undo: put(from), redo: put(outpaint), bytes: 0 });
    this.onchange();
  }

  undo() {
    if (this.stroke || !this.history.undo()) return;
    this.paint();
    this.onchange();
  }

  redo() {
    if (this.stroke || !this.history.redo()) return;
    this.paint();
    this.onchange();
  }

  // ---- by keyboard ----

  moveCursor(dx, dy) {
    const { w, h: height } = this.screen;
    const at = this.cursor ?? { x: w / 2, y: height / 2 };
    this.cursor = { x: Math.min(w, Math.max(0, at.x + dx)), y: Math.min(height, Math.max(0, at.y + dy)) };
    if (this.penDown) this.draw({ ...this.cursor, pressure: 1 });
    this.paint();
  }

  /** Lowers or lifts the brush where the cursor is. */
  togglePen() {
    this.moveCursor(0, 0);
    this.penDown = !this.penDown;
    if (this.penDown) this.start({ ...this.cursor, pressure: 1 });
    else this.end();
    this.paint();
  }

  // ---- painting the screen ----

  /** Brings a part of the mask onto the overlay. */
  show({ x, y, w, h: height }) {
    const pixels = new ImageData(w, height);
    const values = this.mask.copy({ x, y, w, h: height });
    const words = new Uint32Array(pixels.data.buffer);
    for (let i = 0; i < values.length; i++) words[i] = values[i] ? OVERLAY : 0;
    this.overlay.getContext("2d").putImageData(pixels, x, y);
    this.paint();
  }

  paint() {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.paintNow());
  }

  paintNow() {
    if (!this.lens) return;
    const context = this.node.getContext("2d");
    const dots = this.node.width / this.screen.w;
    const { scale, x, y } = this.lens;
    context.setTransform(dots, 0, 0, dots, 0, 0);
    context.clearRect(0, 0, this.screen.w, this.screen.h);
    this.paintBeyond(context);
    const [w, h_] = [this.picture.width * scale, this.picture.height * scale];
    context.imageSmoothingEnabled = scale < 3;
    context.drawImage(this.image, x, y, w, h_);
    context.drawImage(this.overlay, x, y, w, h_);
    if (this.cursor && this.tool !== "hand") this.paintBrush(context);
    this.onpaint?.();
  }

  /** Where the picture is to go on: lines across, and an edge. */
  paintBeyond(context) {
    const box = this.box;
    const from = toScreen(this.lens, box);
    const [w, h_] = [box.w * this.lens.scale, box.h * this.lens.scale];
    context.save();
    context.beginPath();
    context.rect(from.x, from.y, w, h_);
    context.clip();
    context.fillStyle = "#26221d";
    context.fillRect(from.x, from.y, w, h_);
    context.strokeStyle = "rgb(240 147 90 / 45%)";
    context.beginPath();
    for (let at = -h_; at < w; at += HATCH) {
      context.moveTo(from.x + at, from.y + h_);
      context.lineTo(from.x + at + h_, from.y);
    }
    context.stroke();
    context.restore();
  }

  paintBrush(context) {
    const { x, y } = this.cursor;
    for (const [colour, width] of [
      ["rgb(0 0 0 / 60%)", 3],
      ["#fff", this.penDown ? 2.5 : 1.2],
    ]) {
      context.strokeStyle = colour;
      context.lineWidth = width;
      context.setLineDash(this.tool === "eraser" ? [5, 4] : []);
      context.beginPath();
      context.arc(x, y, this.size / 2, 0, 2 * Math.PI);
      context.stroke();
    }
    context.setLineDash([]);
    context.lineWidth = 1;
  }

  /** The mask as a PNG of the picture's size: white is painted anew. */
  async toBlob() {
    const small = new ImageData(this.mask.width, this.mask.height);
    const words = new Uint32Array(small.data.buffer);
    for (let i = 0; i < words.length; i++) words[i] = this.mask.data[i] ? WHITE : BLACK;
    const inner = h("canvas", { width: small.width, height: small.height });
    inner.getContext("2d").putImageData(small, 0, 0);
    const full = h("canvas", { width: this.picture.width, height: this.picture.height });
    const context = full.getContext("2d");
    context.imageSmoothingEnabled = false;
    context.drawImage(inner, 0, 0, full.width, full.height);
    return new Promise((resolve) => full.toBlob(resolve, "image/png"));
  }
}
