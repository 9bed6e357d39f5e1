"""Geometry of the painter: outlines as float arrays [n, 2], and the Shape that a style renders.

Pictures are measured in logical pixels, y downwards.  Objects are drawn in their own frame first (x to the right,
y up, standing on y = 0, about one unit high) and then placed with `Frame`.
"""
import math

import numpy as np


class Shape:
    """One filled outline.  `kind` says what it belongs to, which is what the styles care about."""

    __slots__ = ("pts", "fill", "kind", "shade", "alpha", "stroke", "emit", "layer")

    def __init__(self, pts, fill, kind="object", shade=None, alpha=1.0, stroke=True, emit=False, layer=False):
        self.pts = pts  # [n, 2]
        self.fill = fill  # (r, g, b), 0..255
        self.kind = kind  # celestial, cloud, far, mid, near, object, front, weather
        self.shade = shade  # None, or ('v' | 'h', second colour): a gradient over the bounding box
        self.alpha = alpha
        self.stroke = stroke  # drawn as a line by the styles that draw lines
        self.emit = emit  # gives light: never tinted by the time of day
        self.layer = layer  # throws a shadow in the papercut style


class Frame:
    """Places object coordinates on the canvas: base point (x, y), size in logical pixels, optional mirroring."""

    def __init__(self, x, y, size, flip=False):
        self.x, self.y, self.size, self.flip = x, y, size, flip

    def place(self, pts):
        out = np.array(pts, dtype=np.float64)
        out[:, 0] = self.x + (-out[:, 0] if self.flip else out[:, 0]) * self.size
        out[:, 1] = self.y - out[:, 1] * self.size
        return out


def mix(a, b, t):
    """Colour between a (t = 0) and b (t = 1)."""
    return (a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t)


def light(c, t):
    return mix(c, (255, 255, 255), t)


def dark(c, t):
    return mix(c, (12, 12, 30), t)


def mul(c, m):
    return (min(255, c[0] * m[0]), min(255, c[1] * m[1]), min(255, c[2] * m[2]))


def luma(c):
    return 0.299 * c[0] + 0.587 * c[1] + 0.114 * c[2]


_RING = {}


def _ring(n):
    if n not in _RING:
        a = np.linspace(0, 2 * math.pi, n, endpoint=False)
        _RING[n] = np.stack([np.cos(a), np.sin(a)], 1)
    return _RING[n]


def ellipse(cx, cy, rx, ry, rot=0.0, n=28):
    p = _ring(n) * (rx, ry)
    if rot:
        c, s = math.cos(rot), math.sin(rot)
        p = p @ np.array([[c, s], [-s, c]])
    return p + (cx, cy)


def circle(cx, cy, r, n=28):
    return _ring(n) * r + (cx, cy)


def rect(x0, y0, x1, y1):
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], float)


def poly(*xy):
    return np.array(xy, float).reshape(-1, 2)


def rrect(x0, y0, x1, y1, r):
    """Rectangle with round corners."""
    r = min(r, abs(x1 - x0) / 2, abs(y1 - y0) / 2)
    q = np.linspace(0, math.pi / 2, 6)
    c, s = np.cos(q) * r, np.sin(q) * r
    return np.concatenate(
        [
            np.stack([x1 - r + c, y1 - r + s], 1),
            np.stack([x0 + r - s, y1 - r + c], 1),
            np.stack([x0 + r - c, y0 + r - s], 1),
            np.stack([x1 - r + s, y0 + r - c], 1),
        ]
    )


def scallop(cx, cy, rx, ry, bumps, depth, phase=0.0, n=72):
    """A cloud-like closed outline with round bumps: foliage, smoke."""
    a = np.linspace(0, 2 * math.pi, n, endpoint=False)
    r = 1 - depth + depth * np.abs(np.cos(bumps * (a + phase) / 2)) ** 0.7
    return np.stack([cx + rx * r * np.cos(a), cy + ry * r * np.sin(a)], 1)


def puffs(cx, cy, w, h, circles, n=40):
    """Cloud: flat underside, the upper edge is the envelope of `circles`, each (x, r) in units of w and h."""
    x = np.linspace(-0.5, 0.5, n)
    top = np.zeros(n)
    for px, r in circles:
        d = 1 - ((x - px) / r) ** 2
        top = np.maximum(top, np.sqrt(np.maximum(d, 0)) * r * 1.6)
    top[0] = top[-1] = 0
    return np.concatenate([np.stack([cx + x * w, cy - top * h], 1), poly(cx + w / 2, cy, cx - w / 2, cy)])


def spline(points, n=6, closed=True):
    """Catmull-Rom curve through the points."""
    p = np.array(points, float)
    if closed:
        p = np.concatenate([p[-1:], p, p[:2]])
    else:
        p = np.concatenate([2 * p[:1] - p[1:2], p, 2 * p[-1:] - p[-2:-1]])
    t = (np.arange(n) / n)[None, :, None]
    a, b, c, d = (p[i : len(p) - 3 + i][:, None, :] for i in range(4))
    out = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t * t + (3 * b - a - 3 * c + d) * t**3)
    out = out.reshape(-1, 2)
    return out if closed else np.concatenate([out, p[-2:-1]])


def stroke(points, width, end=None):
    """A line of the given width (tapering to `end`) as a closed outline."""
    p = np.array(points, float)
    d = np.gradient(p, axis=0)
    d /= np.maximum(np.hypot(d[:, 0], d[:, 1]), 1e-9)[:, None]
    w = np.linspace(width, width if end is None else end, len(p))[:, None] / 2
    nrm = np.stack([-d[:, 1], d[:, 0]], 1) * w
    return np.concatenate([p + nrm, (p - nrm)[::-1]])


def arc(cx, cy, r, a0, a1, n=16):
    a = np.linspace(a0, a1, n)
    return np.stack([cx + r * np.cos(a), cy + r * np.sin(a)], 1)


def crescent(cx, cy, r, n=20):
    """Moon: outer arc of radius r, inner arc moved to the right."""
    outer = arc(cx, cy, r, math.pi * 0.32, math.pi * 1.68, n)
    inner = arc(cx + r * 0.42, cy, r * 0.80, math.pi * 1.60, math.pi * 0.40, n)
    return np.concatenate([outer, inner])


def star(cx, cy, r, inner=0.4, points=5, rot=-math.pi / 2):
    a = rot + np.arange(points * 2) * math.pi / points
    rr = np.where(np.arange(points * 2) % 2 == 0, r, r * inner)
    return np.stack([cx + rr * np.cos(a), cy + rr * np.sin(a)], 1)


def densify(pts, step):
    """Adds points so that no edge is longer than `step`."""
    nxt = np.roll(pts, -1, 0)
    length = np.hypot(*(nxt - pts).T)
    k = np.clip(np.ceil(length / step).astype(int), 1, 64)
    idx = np.repeat(np.arange(len(pts)), k)
    start = np.repeat(np.cumsum(k) - k, k)
    t = (np.arange(len(idx)) - start) / k[idx]
    return pts[idx] + (nxt[idx] - pts[idx]) * t[:, None]
