// What pointers mean in the editor: one draws, two fingers move and zoom, the middle button moves.
// A finger that draws a little before the second one comes down has not drawn.

const SECOND_FINGER = 30; // pixels that the first one may have moved

/** handlers: start(point), draw(point), end(), cancel(), move(dx, dy), pinch(before, after). A point is
 *  {x, y, pressure 0..1, eraser}. `moving` says whether one pointer moves the picture in place of drawing. */
export class Gestures {
  constructor(handlers, moving = () => false) {
    this.on = handlers;
    this.moving = moving;
    this.pointers = new Map(); // id -> where it is
    this.mode = null; // "draw", "move", "pinch"
    this.travelled = 0;
  }

  static pointOf({ x, y, pointerType, pressure, buttons }) {
    const pen = pointerType === "pen";
    // right button, or the pen's other end
    return { x, y, pressure: pen && pressure > 0 ? pressure : 1, eraser: Boolean(buttons & (pen ? 32 : 2)) };
  }

  down(event) {
    this.pointers.set(event.id, { x: event.x, y: event.y });
    if (this.pointers.size === 1) {
      this.mode = this.moving() || event.buttons & 4 ? "move" : "draw";
      this.travelled = 0;
      if (this.mode === "draw") this.on.start(Gestures.pointOf(event));
    } else if (this.pointers.size === 2 && event.pointerType === "touch") {
      if (this.mode === "draw") this.travelled < SECOND_FINGER ? this.on.cancel() : this.on.end();
      this.mode = "pinch";
    }
  }

  move(event) {
    const before = this.pointers.get(event.id);
    if (!before) return;
    const now = { x: event.x, y: event.y };
    this.travelled += Math.hypot(now.x - before.x, now.y - before.y);
    const old = [...this.pointers.values()];
    this.pointers.set(event.id, now);
    if (this.mode === "draw") this.on.draw(Gestures.pointOf(event));
    else if (this.mode === "move") this.on.move(now.x - before.x, now.y - before.y);
    else if (this.mode === "pinch" && old.length === 2) this.on.pinch(old, [...this.pointers.values()]);
  }

  up(event) {
    if (!this.pointers.delete(event.id)) return;
    if (this.mode === "draw") this.on.end();
    if (this.mode !== "pinch" || !this.pointers.size) this.mode = null; // the finger left over does not draw
  }

  lost(event) {
    if (!this.pointers.delete(event.id)) return;
    if (this.mode === "draw") this.on.cancel();
    this.mode = null;
  }
}
