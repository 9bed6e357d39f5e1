// The editor's parts without a browser: strokes on a mask, undo, zooming, what pointers mean, widening.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Undo } from "../../web/js/core/undo.js";
import { Gestures } from "../../web/js/widgets/gestures.js";
import { fitted, moved, pinched, toPicture, toScreen, zoomed } from "../../web/js/widgets/lens.js";
import { Mask, MARKED, union } from "../../web/js/widgets/mask.js";
import {
  changes,
  inputOf,
  inputParameters,
  newInput,
  NOWHERE,
  SIDES,
  withSize,
} from "../../web/js/core/input.js";
import { edgeOf, outer, pulled, widened } from "../../web/js/widgets/outpaint.js";

/** Numbers 0..1 that are the same in every run. */
function dice(seed) {
  let a = seed;
  return () => {
    a = (Math.imul(a, 1664525) + 1013904223) >>> 0;
    return a / 4294967296;
  };
}

/** Distance from a point to the segment a b. */
function distance(p, a, b) {
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const long = dx * dx + dy * dy;
  const at = long ? Math.min(1, Math.max(0, ((p.x - a.x) * dx + (p.y - a.y) * dy) / long)) : 0;
  return Math.hypot(p.x - a.x - at * dx, p.y - a.y - at * dy);
}

test("a stroke marks the pixels whose middle is within the radius, and no other", () => {
  const next = dice(7);
  for (let round = 0; round < 300; round++) {
    const mask = new Mask(40, 30);
    const point = () => ({ x: next() * 70 - 15, y: next() * 60 - 15 });
    const a = point();
    const b = round % 5 === 0 ? a : round % 5 === 1 ? { x: a.x + 9, y: a.y } : point();
    const radius = 0.5 + next() * 12;
    const rect = mask.stroke(a, b, radius, MARKED);
    for (let y = 0; y < 30; y++)
      for (let x = 0; x < 40; x++) {
        const d = distance({ x: x + 0.5, y: y + 0.5 }, a, b);
        const marked = mask.data[y * 40 + x] === MARKED;
        if (Math.abs(d - radius) > 1e-9)
          assert.equal(marked, d < radius, `${x},${y} ${JSON.stringify([a, b, radius])}`);
        if (marked) assert.ok(x >= rect.x && x < rect.x + rect.w && y >= rect.y && y < rect.y + rect.h);
      }
  }
  assert.equal(
    new Mask(8, 8).stroke({ x: -9, y: 4 }, { x: -9, y: 5 }, 3, MARKED),
    null,
    "beside the picture",
  );
});

test("bounds, coverage, invert, clear, copy and put", () => {
  const mask = new Mask(50, 20);
  assert.equal(mask.bounds(), null);
  assert.equal(mask.clear(), null);
  mask.stroke({ x: 10, y: 10 }, { x: 30, y: 12 }, 4, MARKED);
  assert.deepEqual(mask.bounds(), { x: 6, y: 6, w: 28, h: 10 });
  mask.stroke({ x: 20, y: 10 }, { x: 20, y: 10 }, 2, 0);
  assert.equal(mask.data[10 * 50 + 20], 0, "the eraser");
  const before = mask.data.slice();
  const part = mask.coverage();
  assert.equal(part, before.filter(Boolean).length / 1000);
  mask.invert();
  assert.ok(Math.abs(mask.coverage() - (1 - part)) < 1e-12);
  mask.invert();
  assert.deepEqual(mask.data, before);
  const rect = { x: 8, y: 3, w: 20, h: 11 };
  const kept = mask.copy(rect);
  assert.deepEqual(mask.clear(), { x: 6, y: 6, w: 28, h: 10 });
  assert.equal(mask.coverage(), 0);
  mask.put(rect, kept);
  assert.deepEqual(mask.copy(rect), kept);
  assert.deepEqual(union({ x: 1, y: 2, w: 3, h: 4 }, { x: 2, y: 0, w: 9, h: 1 }), {
    x: 1,
    y: 0,
    w: 10,
    h: 6,
  });
  assert.deepEqual(union(null, rect), rect);
});

test("undo and redo, within a budget", () => {
  const log = [];
  const undo = new Undo(25);
  const deed = (name, bytes = 10) => ({
    bytes,
    undo: () => log.push(`-${name}`),
    redo: () => log.push(`+${name}`),
  });
  ["a", "b", "c"].forEach((name) => undo.push(deed(name))); // 30 bytes: a is forgotten
  assert.ok(undo.undo() && undo.undo() && !undo.undo());
  assert.ok(undo.redo());
  undo.push(deed("d"));
  assert.equal(undo.redo(), false, "what was undone is gone after a new deed");
  assert.deepEqual(log, ["-c", "-b", "+b"]);
  undo.push(deed("large", 99));
  assert.ok(undo.canUndo, "the last deed can be undone, whatever its size");
  undo.undo();
  assert.equal(undo.canUndo, false);
});

test("zooming keeps what is under the pointer, pinching what the fingers hold", () => {
  const box = { x: -100, y: 0, w: 900, h: 600 };
  const screen = { w: 1000, h: 700 };
  const close = (a, b) => assert.ok(Math.hypot(a.x - b.x, a.y - b.y) < 1e-6, `${JSON.stringify([a, b])}`);
  const lens = fitted(box, screen);
  close(toScreen(lens, { x: 350, y: 300 }), { x: 500, y: 350 });
  const point = { x: 420, y: 260 };
  close(toPicture(lens, point), toPicture(zoomed(lens, point, 3, box, screen), point));
  const before = [
    { x: 400, y: 300 },
    { x: 500, y: 300 },
  ];
  const after = [
    { x: 380, y: 330 },
    { x: 580, y: 330 },
  ];
  const held = pinched(lens, before, after, box, screen);
  before.forEach((p, i) => close(toPicture(lens, p), toPicture(held, after[i])));
  assert.ok(Math.abs(held.scale / lens.scale - 2) < 1e-9);
  let tiny = lens;
  for (let i = 0; i < 99; i++) tiny = zoomed(tiny, { x: 3, y: 3 }, 0.5, box, screen);
  assert.ok(Math.abs(tiny.scale - lens.scale / 2) < 1e-9, "it does not vanish");
  for (const [dx, dy] of [
    [1e6, 0],
    [-1e6, 0],
    [0, 1e6],
    [0, -1e6],
  ]) {
    const far = moved(lens, dx, dy, box, screen);
    const [a, b] = [toScreen(far, box), toScreen(far, { x: box.x + box.w, y: box.y + box.h })];
    assert.ok(
      Math.min(b.x, screen.w) - Math.max(a.x, 0) >= screen.w / 4 - 1e-6,
      "it cannot be lost sideways",
    );
    assert.ok(Math.min(b.y, screen.h) - Math.max(a.y, 0) >= screen.h / 4 - 1e-6, "nor up and down");
  }
});

test("what pointers mean", () => {
  const log = [];
  const note =
    (name) =>
    (...args) =>
      log.push([name, ...args]);
  let moving = false;
  const make = () =>
    new Gestures(
      {
        start: note("start"),
        draw: note("draw"),
        end: note("end"),
        cancel: note("cancel"),
        move: note("move"),
        pinch: note("pinch"),
      },
      () => moving,
    );
  const event = (id, x, y, more = {}) => ({
    id,
    x,
    y,
    pointerType: "touch",
    pressure: 0.5,
    buttons: 1,
    ...more,
  });
  const names = () => log.splice(0).map(([name]) => name);

  const fingers = make();
  fingers.down(event(1, 0, 0));
  fingers.move(event(1, 5, 0));
  fingers.down(event(2, 100, 0));
  assert.deepEqual(
    names(),
    ["start", "draw", "cancel"],
    "a finger that waited for the second one has not drawn",
  );
  fingers.move(event(2, 120, 0));
  fingers.up(event(2, 120, 0));
  fingers.move(event(1, 9, 9));
  fingers.up(event(1, 9, 9));
  assert.deepEqual(names(), ["pinch"], "the finger left over does not draw");
  fingers.down(event(1, 0, 0));
  fingers.move(event(1, 200, 0));
  fingers.down(event(2, 100, 0));
  assert.deepEqual(names(), ["start", "draw", "end"], "a long stroke stays");
  fingers.lost(event(1, 0, 0));
  fingers.lost(event(2, 0, 0));

  const mouse = make();
  mouse.down(event(1, 1, 2, { pointerType: "mouse", buttons: 2 }));
  assert.deepEqual(log.splice(0), [["start", { x: 1, y: 2, pressure: 1, eraser: true }]]);
  mouse.lost(event(1, 0, 0));
  assert.deepEqual(names(), ["cancel"]);
  mouse.down(event(1, 1, 2, { pointerType: "mouse", buttons: 4 }));
  mouse.move(event(1, 4, 6, { pointerType: "mouse", buttons: 4 }));
  mouse.up(event(1, 4, 6));
  assert.deepEqual(log.splice(0), [["move", 3, 4]]);
  moving = true;
  mouse.down(event(1, 0, 0));
  mouse.move(event(1, 1, 1));
  mouse.up(event(1, 1, 1));
  assert.deepEqual(names(), ["move"]);

  moving = false;
  const pen = make();
  pen.down(event(1, 0, 0, { pointerType: "pen", pressure: 0.2 }));
  pen.move(event(1, 0, 0, { pointerType: "pen", pressure: 0.9, buttons: 32 }));
  assert.deepEqual(log.splice(0), [
    ["start", { x: 0, y: 0, pressure: 0.2, eraser: false }],
    ["draw", { x: 0, y: 0, pressure: 0.9, eraser: true }],
  ]);
});

test("widening: whole steps, not inward, not beyond the picture's own size", () => {
  const picture = { width: 640, height: 360 };
  for (const [side, pixels, expected] of [
    ["left", 13, 16],
    ["top", 11, 8],
    ["right", -50, 0],
    ["bottom", 9999, 360],
    ["left", Infinity, 640],
  ])
    assert.equal(widened(NOWHERE, side, pixels, picture)[side], expected);
  const wide = { left: 64, top: 8, right: 0, bottom: 128 };
  assert.deepEqual(outer(picture, wide), { x: -64, y: -8, w: 704, h: 496 });
  for (const side of SIDES) assert.equal(pulled(picture, side, edgeOf(picture, wide, side)), wide[side] + 0);
});

test("an input and the parameters that say it", () => {
  const input = newInput({ id: "aa", width: 640, height: 480 }, "vary");
  const upscale = { ...input, use: "upscale" };
  const edit = { ...input, use: "edit", mask: "bb", outpaint: { ...NOWHERE, left: 64, bottom: 8 } };
  const cases = [
    [null, {}],
    [input, { image: "aa", vary: "subtle" }],
    [upscale, { image: "aa", upscale: 2 }],
    [
      { ...upscale, upscale: "1.5" },
      { image: "aa", upscale: 1.5 },
    ],
    [
      { ...upscale, upscale: "fast-2" },
      { image: "aa", upscale: 2, fast_upscale: true },
    ],
    [edit, { image: "aa", edit: "inpaint", mask: "bb", outpaint: "left=64,bottom=8" }],
  ];
  for (const [one, parameters] of cases) {
    assert.deepEqual(inputParameters(one), parameters);
    assert.deepEqual(inputParameters(inputOf(parameters)), parameters, "there and back");
  }
  assert.ok(changes(edit) && !changes({ ...edit, mask: null, outpaint: NOWHERE }));
});

test("a widening in parts of a side waits for the picture's size", () => {
  const parameters = { image: "aa", edit: "modify", outpaint: "left=20%,top,right=8" };
  const input = inputOf(parameters);
  assert.deepEqual(inputParameters(input), parameters);
  assert.ok(changes(input));
  const { outpaint, width } = withSize(input, { width: 640, height: 480 });
  assert.deepEqual(outpaint, { left: 128, top: 144, right: 8, bottom: 0 });
  assert.equal(width, 640);
});
