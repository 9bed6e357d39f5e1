// Where a picture lies on a screen: screen = picture * scale + (x, y). Pure arithmetic for zooming
// and panning.

const MOST = 32; // pixels of the screen for one of the picture
const MARGIN = 24; // pixels around a picture that fits

/** box: {x, y, w, h} in picture pixels; screen: {w, h}. The whole box in the middle of the screen. */
export function fitted(box, screen, margin = MARGIN) {
  const free = { w: Math.max(1, screen.w - 2 * margin), h: Math.max(1, screen.h - 2 * margin) };
  const scale = Math.min(free.w / box.w, free.h / box.h, MOST);
  return {
    scale,
    x: (screen.w - box.w * scale) / 2 - box.x * scale,
    y: (screen.h - box.h * scale) / 2 - box.y * scale,
  };
}

export function toPicture(lens, point) {
  return { x: (point.x - lens.x) / lens.scale, y: (point.y - lens.y) / lens.scale };
}

export function toScreen(lens, point) {
  return { x: point.x * lens.scale + lens.x, y: point.y * lens.scale + lens.y };
}

/** What is under the point stays there. Never smaller than half of fitting. */
export function zoomed(lens, point, factor, box, screen) {
  const least = fitted(box, screen).scale / 2;
  const scale = Math.min(MOST, Math.max(least, lens.scale * factor));
  const at = toPicture(lens, point);
  return held({ scale, x: point.x - at.x * scale, y: point.y - at.y * scale }, box, screen);
}

export function moved(lens, dx, dy, box, screen) {
  return held({ ...lens, x: lens.x + dx, y: lens.y + dy }, box, screen);
}

/** Two fingers went from `before` to `after` (two points each): what they hold follows them. */
export function pinched(lens, before, after, box, screen) {
  const middle = ([p, q]) => ({ x: (p.x + q.x) / 2, y: (p.y + q.y) / 2 });
  const apart = ([p, q]) => Math.max(1, Math.hypot(p.x - q.x, p.y - q.y));
  const [from, to] = [middle(before), middle(after)];
  const there = moved(lens, to.x - from.x, to.y - from.y, box, screen);
  return zoomed(there, to, apart(after) / apart(before), box, screen);
}

/** A quarter of the screen, or the whole box where it is smaller, stays in view. */
function held(lens, box, screen) {
  const keep = (position, start, size, room) => {
    const least = Math.min(size * lens.scale, room / 4);
    const low = least - (start + size) * lens.scale;
    const high = room - least - start * lens.scale;
    return Math.min(high, Math.max(low, position));
  };
  return { ...lens, x: keep(lens.x, box.x, box.w, screen.w), y: keep(lens.y, box.y, box.h, screen.h) };
}
