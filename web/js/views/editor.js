// The editor: paint over what is to change, pull the edges to go on beyond them. Nothing in it can
// be lost: it has one way out, and what was painted can be taken back step by step.

import { h, iconButton, isTyping, uid } from "../core/dom.js";
import { number, t } from "../core/i18n.js";
import { MaskCanvas } from "../widgets/mask_canvas.js";
import { toScreen } from "../widgets/lens.js";
import { edgeOf, isWidened, outer, pulled, widened } from "../widgets/outpaint.js";
import { NOWHERE, SIDES } from "../core/input.js";

const SIZES = { least: 6, most: 240, factor: 1.25 };
const ZOOM = 1.3;
const STEP = 12; // pixels of the screen that an arrow key moves the brush; with Shift 1
const EDGE_STEP = 8;
const EDGE_LEAP = 64;
const TOOLS = ["brush", "eraser", "hand"];

/** url: of the picture; mask: address of one from before, or null. ondone({marked 0..1, outpaint,
 *  mask(): promise of a PNG}) is called when it closes. */
export async function openEditor(url, { mask = null, outpaint = NOWHERE, ondone }) {
  const image = await loaded(url);
  const before = mask && (await loaded(mask));
  const editor = new Editor(image, { ...outpaint }, ondone);
  if (before) editor.canvas.load(before);
}

async function loaded(url) {
  const image = new Image();
  image.src = url;
  await image.decode();
  return image;
}

class Editor {
  constructor(image, outpaint, ondone) {
    this.picture = { width: image.naturalWidth, height: image.naturalHeight };
    this.ondone = ondone;
    const help = uid("editor-help");
    this.canvas = new MaskCanvas({
      image,
      picture: this.picture,
      outpaint,
      onchange: () => this.changed(),
      label: t("editor.canvas"),
      help,
    });
    this.canvas.onpaint = () => this.placeEdges();
    this.edges = SIDES.map((side) => this.edge(side));
    this.said = h("span.visually-hidden", { role: "status" });
    this.state = h("span.editor-state", { "aria-live": "polite" });
    this.dialog = h(
      "dialog.editor",
      { "aria-label": t("editor.title"), onkeydown: (event) => this.key(event) },
      this.bar(),
      h("div.editor-main", {}, this.canvas.node, this.edges),
      this.tools(),
      h("p.visually-hidden", { id: help }, t("editor.help")),
      this.said,
    );
    this.dialog.addEventListener("close", () => this.closed());
    document.body.append(this.dialog);
    this.dialog.showModal();
    this.setTool("brush");
    this.setSize(this.canvas.size);
    this.changed();
    this.canvas.node.focus();
  }

  bar() {
    const key = (text, keys) => `${text} (${keys})`;
    this.undoButton = iconButton("undo", key(t("action.undo"), "Ctrl+Z"), () => this.canvas.undo());
    this.redoButton = iconButton("redo", key(t("action.redo"), "Ctrl+Shift+Z"), () => this.canvas.redo());
    const done = h(
      "button.primary",
      { type: "button", onclick: () => this.dialog.close() },
      t("action.done"),
    );
    return h("header.editor-bar", {}, this.state, h("span.spring"), this.undoButton, this.redoButton, done);
  }

  tools() {
    const names = { brush: "B", eraser: "E", hand: "H" };
    this.toolButtons = TOOLS.map((tool) =>
      iconButton(tool, `${t(`editor.${tool}`)} (${names[tool]})`, () => this.setTool(tool)),
    );
    this.slider = h("input", {
      type: "range",
      min: SIZES.least,
      max: SIZES.most,
      "aria-label": t("editor.size"),
      title: `${t("editor.size")} ([ ])`,
      oninput: () => this.setSize(Number(this.slider.value)),
    });
    const button = (icon, text, run) => iconButton(icon, text, run);
    return h(
      "div.editor-tools",
      { role: "toolbar", "aria-label": t("editor.tools") },
      h("span.editor-group", {}, this.toolButtons),
      h("label.editor-size", {}, h("i.editor-dot.small"), this.slider, h("i.editor-dot")),
      h(
        "span.editor-group",
        {},
        button("invert", `${t("editor.invert")} (I)`, () => this.canvas.invert()),
        button("trash", `${t("editor.clear")} (Del)`, () => this.canvas.clear()),
      ),
      h(
        "span.editor-group",
        {},
        button("minus", `${t("editor.smaller")} (-)`, () => this.canvas.zoom(1 / ZOOM)),
        button("expand", `${t("editor.fit")} (0)`, () => this.canvas.fit()),
        button("plus", `${t("editor.larger")} (+)`, () => this.canvas.zoom(ZOOM)),
      ),
    );
  }

  setTool(tool) {
    this.canvas.tool = tool;
    this.canvas.node.dataset.tool = tool;
    TOOLS.forEach((name, i) => this.toolButtons[i].setAttribute("aria-pressed", String(name === tool)));
    this.canvas.paint();
  }

  setSize(size) {
    this.canvas.size = Math.min(SIZES.most, Math.max(SIZES.least, size));
    this.slider.value = this.canvas.size;
    const part = (this.canvas.size - SIZES.least) / (SIZES.most - SIZES.least);
    this.slider.style.setProperty("--part", `${100 * part}%`);
    this.canvas.paint();
  }

  // ---- the four edges ----

  edge(side) {
    const across = side === "left" || side === "right";
    const node = h("div.editor-edge", {
      className: `editor-edge ${side}`,
      role: "slider",
      tabIndex: 0,
      "aria-label": t(`editor.${side}`),
      "aria-orientation": across ? "horizontal" : "vertical",
      "aria-valuemin": 0,
      "aria-valuemax": widened(NOWHERE, side, Infinity, this.picture)[side],
      title: t("editor.pull"),
    });
    const set = (pixels, from) => {
      const next = widened(this.canvas.outpaint, side, pixels, this.picture);
      if (next[side] !== this.canvas.outpaint[side] || from) this.canvas.widen(next, from);
    };
    let before = null; // the widening when the pull began, and where in the edge it was taken
    node.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      if (event.isTrusted) node.setPointerCapture(event.pointerId);
      node.focus({ preventScroll: true });
      const place = across ? event.clientX : event.clientY;
      before = { outpaint: this.canvas.outpaint, grip: place - this.screenEdge(side) };
    });
    node.addEventListener("pointermove", (event) => {
      if (!before) return;
      const place = (across ? event.clientX : event.clientY) - before.grip;
      set(pulled(this.picture, side, this.pictureAt(place, across)));
    });
    const drop = () => {
      const from = before?.outpaint;
      before = null;
      if (from && from[side] !== this.canvas.outpaint[side]) set(this.canvas.outpaint[side], from);
      if (from) this.reveal();
    };
    node.addEventListener("pointerup", drop);
    node.addEventListener("pointercancel", drop);
    node.addEventListener("keydown", (event) => {
      const outward = { left: "ArrowLeft", right: "ArrowRight", top: "ArrowUp", bottom: "ArrowDown" }[side];
      const inward = { left: "ArrowRight", right: "ArrowLeft", top: "ArrowDown", bottom: "ArrowUp" }[side];
      const step = { [outward]: EDGE_STEP, [inward]: -EDGE_STEP, PageUp: EDGE_LEAP, PageDown: -EDGE_LEAP }[
        event.key
      ];
      const home = event.key === "Home";
      if (step === undefined && !home) return;
      event.preventDefault();
      event.stopPropagation();
      const now = this.canvas.outpaint;
      set(home ? 0 : now[side] + step, now);
      this.reveal();
    });
    return node;
  }

  screenEdge(side) {
    const at = edgeOf(this.picture, this.canvas.outpaint, side);
    const frame = this.canvas.node.getBoundingClientRect();
    const point = toScreen(this.canvas.lens, { x: at, y: at });
    return side === "left" || side === "right" ? point.x + frame.left : point.y + frame.top;
  }

  pictureAt(place, across) {
    const frame = this.canvas.node.getBoundingClientRect();
    const { lens } = this.canvas;
    return across ? (place - frame.left - lens.x) / lens.scale : (place - frame.top - lens.y) / lens.scale;
  }

  /** After a pull the whole is in view again. */
  reveal() {
    const { lens, screen, box } = this.canvas;
    const from = toScreen(lens, box);
    const outside =
      from.x < 0 ||
      from.y < 0 ||
      from.x + box.w * lens.scale > screen.w ||
      from.y + box.h * lens.scale > screen.h;
    if (outside) this.canvas.fit();
  }

  /** Each handle lies on the middle of what is seen of its edge. */
  placeEdges() {
    const { lens, screen, outpaint } = this.canvas;
    const box = outer(this.picture, outpaint);
    const from = toScreen(lens, box);
    const to = toScreen(lens, { x: box.x + box.w, y: box.y + box.h });
    const within = (value, room) => Math.min(room - 14, Math.max(14, value));
    const middle = (a, b, room) => (Math.max(0, a) + Math.min(room, b)) / 2;
    const x = middle(from.x, to.x, screen.w);
    const y = middle(from.y, to.y, screen.h);
    const places = { left: [from.x, y], right: [to.x, y], top: [x, from.y], bottom: [x, to.y] };
    SIDES.forEach((side, i) => {
      const [px, py] = places[side];
      this.edges[i].style.setProperty("--x", `${within(px, screen.w)}px`);
      this.edges[i].style.setProperty("--y", `${within(py, screen.h)}px`);
    });
  }

  // ---- keys, state, end ----

  key(event) {
    if (event.key === "Escape" && this.canvas.penDown) {
      event.preventDefault(); // it lifts the brush, and does not close
      this.pen();
      return;
    }
    const command = event.ctrlKey || event.metaKey;
    const run = command ? this.command(event) : this.plain(event);
    if (!run) return;
    event.preventDefault();
    run();
  }

  command({ key, shiftKey }) {
    const name = key.toLowerCase();
    if (name === "z") return () => (shiftKey ? this.canvas.redo() : this.canvas.undo());
    if (name === "y") return () => this.canvas.redo();
    if (name === "enter") return () => this.dialog.close();
    return null;
  }

  plain({ key, shiftKey, altKey, target }) {
    if (isTyping(target)) return null;
    const step = shiftKey ? 1 : STEP;
    const arrow = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key];
    if (target === this.canvas.node) {
      if (arrow && altKey) return () => this.canvas.pan(-4 * STEP * arrow[0], -4 * STEP * arrow[1]);
      if (arrow) return () => this.canvas.moveCursor(step * arrow[0], step * arrow[1]);
      if (key === " ") return () => this.pen();
    }
    if (altKey) return null;
    return {
      b: () => this.setTool("brush"),
      e: () => this.setTool("eraser"),
      h: () => this.setTool("hand"),
      "[": () => this.setSize(this.canvas.size / SIZES.factor),
      "]": () => this.setSize(this.canvas.size * SIZES.factor),
      i: () => this.canvas.invert(),
      Delete: () => this.canvas.clear(),
      Backspace: () => this.canvas.clear(),
      "+": () => this.canvas.zoom(ZOOM),
      "=": () => this.canvas.zoom(ZOOM),
      "-": () => this.canvas.zoom(1 / ZOOM),
      0: () => this.canvas.fit(),
    }[key];
  }

  pen() {
    if (this.canvas.tool === "hand") this.setTool("brush");
    this.canvas.togglePen();
    this.said.textContent = t(this.canvas.penDown ? "editor.penDown" : "editor.penUp");
  }

  changed() {
    const { history, outpaint, mask } = this.canvas;
    this.undoButton.disabled = !history.canUndo;
    this.redoButton.disabled = !history.canRedo;
    SIDES.forEach((side, i) => {
      this.edges[i].setAttribute("aria-valuenow", outpaint[side]);
      this.edges[i].setAttribute("aria-valuetext", t("editor.pixels", { px: outpaint[side] }));
    });
    this.marked = mask.coverage();
    const { w, h: height } = outer(this.picture, outpaint);
    const parts = [];
    if (this.marked > 0)
      parts.push(t("editor.marked", { percent: number(100 * this.marked, this.marked < 0.1 ? 1 : 0) }));
    if (isWidened(outpaint)) parts.push(t("editor.widened", { w, h: height }));
    this.state.textContent = parts.length ? parts.join(" · ") : t("editor.begin");
  }

  closed() {
    if (this.canvas.penDown) this.canvas.togglePen();
    this.canvas.close();
    this.dialog.remove();
    this.ondone({ marked: this.marked, outpaint: this.canvas.outpaint, mask: () => this.canvas.toBlob() });
  }
}
