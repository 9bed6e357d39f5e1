// Pictures for the tests' history: hills under a sky, painted from a seed, and written as PNG with
// nothing but zlib.

import zlib from "node:zlib";

function random(seed) {
  let a = (Number(seed) >>> 0) + 0x6d2b79f5;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const SKIES = [
  [
    [28, 42, 76],
    [214, 120, 96],
    [250, 206, 148],
  ],
  [
    [92, 142, 178],
    [178, 208, 214],
    [244, 232, 206],
  ],
  [
    [20, 24, 48],
    [52, 62, 108],
    [142, 120, 152],
  ],
  [
    [70, 96, 92],
    [162, 182, 150],
    [236, 224, 178],
  ],
  [
    [122, 62, 80],
    [222, 142, 110],
    [250, 222, 170],
  ],
  [
    [40, 76, 96],
    [98, 150, 156],
    [214, 220, 196],
  ],
];
const mix = (a, b, t) => a.map((v, i) => v + (b[i] - v) * t);

function ridge(next) {
  const waves = Array.from({ length: 6 }, (_, i) => ({
    f: (1 + i * 1.7) * (0.7 + next() * 0.6),
    p: next() * 6.28,
    a: 1 / (1 + i * 1.35),
  }));
  return (x) => waves.reduce((sum, w) => sum + Math.sin(x * 6.28 * w.f + w.p) * w.a, 0) / 2.2;
}

/** RGB bytes of w x h; noise 0..1 hides the scene, as an unfinished preview. */
export function paint(seed, w, h, noise = 0) {
  const next = random(seed);
  const sky = SKIES[Math.floor(next() * SKIES.length)];
  const sun = { x: 0.15 + next() * 0.7, y: 0.22 + next() * 0.3, r: 0.04 + next() * 0.05 };
  const layers = Array.from({ length: 5 }, (_, i) => ({
    y: 0.46 + i * 0.115 + next() * 0.03,
    a: 0.04 + i * 0.018,
    at: ridge(next),
  }));
  const ground = mix([24, 30, 40], sky[0], 0.35);
  const out = Buffer.alloc(w * h * 3);
  const grain = random(Number(seed) + 99);
  for (let x = 0; x < w; x++) {
    const edges = layers.map((l) => l.y + l.at(x / w) * l.a);
    for (let y = 0; y < h; y++) {
      const v = y / h;
      let c = v < 0.4 ? mix(sky[0], sky[1], v / 0.4) : mix(sky[1], sky[2], Math.min(1, (v - 0.4) / 0.3));
      const d = Math.hypot((x / w - sun.x) * (w / h), v - sun.y);
      c = mix(c, [255, 244, 220], d < sun.r ? 0.95 : Math.max(0, 0.45 - (d - sun.r) * 1.6) * 0.7);
      for (let i = 0; i < layers.length; i++) {
        if (v <= edges[i]) continue;
        const far = mix(sky[2], ground, 0.25 + i * 0.18);
        c = mix(far, sky[2], Math.max(0, 0.28 - (v - edges[i]) * 2.2));
      }
      const at = (y * w + x) * 3;
      const g = (grain() - 0.5) * (6 + noise * 220);
      for (let k = 0; k < 3; k++)
        out[at + k] = Math.max(
          0,
          Math.min(255, c[k] * (1 - noise * 0.55) + 70 * noise + g * (noise ? 0.6 + 0.4 * k : 1)),
        );
    }
  }
  return out;
}

const CRC = new Uint32Array(256).map((_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n >>> 0;
});

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  let crc = 0xffffffff;
  for (const byte of body) crc = CRC[(crc ^ byte) & 255] ^ (crc >>> 8);
  const out = Buffer.alloc(body.length + 8);
  out.writeUInt32BE(data.length, 0);
  body.copy(out, 4);
  out.writeUInt32BE((crc ^ 0xffffffff) >>> 0, body.length + 4);
  return out;
}

export function png(rgb, w, h, text = null) {
  const head = Buffer.alloc(13);
  head.writeUInt32BE(w, 0);
  head.writeUInt32BE(h, 4);
  head.set([8, 2, 0, 0, 0], 8);
  const raw = Buffer.alloc((w * 3 + 1) * h);
  for (let y = 0; y < h; y++) rgb.copy(raw, y * (w * 3 + 1) + 1, y * w * 3, (y + 1) * w * 3);
  return Buffer.concat([
    Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]),
    chunk("IHDR", head),
    ...(text ? [chunk("tEXt", Buffer.from(`parameters\0${text}`, "latin1"))] : []),
    chunk("IDAT", zlib.deflateSync(raw, { level: 1 })),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

/** The text that png() put in, or null. */
export function pngText(bytes) {
  for (let at = 8; at + 12 <= bytes.length; ) {
    const size = bytes.readUInt32BE(at);
    const type = bytes.toString("latin1", at + 4, at + 8);
    if (type === "tEXt") return bytes.toString("latin1", at + 8 + "parameters\0".length, at + 8 + size);
    at += size + 12;
  }
  return null;
}
