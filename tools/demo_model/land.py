"""The eight landscapes.  Each function adds its shapes to a scene, from the horizon to the foreground."""
import numpy as np

from shapes import (
    Shape,
    circle,
    dark,
    ellipse,
    light,
    mix,
    mul,
    poly,
    puffs,
    rect,
    rrect,
    scallop,
    spline,
    stroke,
)
from world import OBJECTS, pick


def ridge(s, rng, y, amp, rough, steps=9, sharp=True):
    """A hilly outline from the left to the right edge, closed below the canvas."""
    x = np.linspace(-6, s.w + 6, steps)
    z = np.array([rng.uniform(-1, 1) for _ in range(steps)])
    if sharp:
        z = np.where(np.arange(steps) % 2 == rng.randrange(2), np.abs(z) * 0.6 + 0.4, -np.abs(z) * rough)
    pts = np.stack(
        [x + np.array([rng.uniform(-0.3, 0.3) for _ in range(steps)]) * (s.w / steps), y - z * amp], 1
    )
    pts[0, 0], pts[-1, 0] = -6, s.w + 6
    line = pts if sharp else spline(pts, 8, closed=False)
    return np.concatenate([line, poly(s.w + 6, s.h + 6, -6, s.h + 6)])


def hill(s, rng, y, amp, colour, depth, kind, steps=5, shade=0.18):
    c = s.land(colour, depth)
    s.add(
        Shape(
            ridge(s, rng, y, amp, 1, steps, sharp=False),
            light(c, 0.06),
            kind,
            ("v", dark(c, shade)),
            layer=True,
        )
    )


def peak(s, x, y, half, height, rock, depth, snow):
    c = s.land(rock, depth)
    s.add(
        Shape(
            poly(x - half, y, x, y - height, x + half, y),
            light(c, 0.10),
            "far",
            ("h", dark(c, 0.16)),
            layer=True,
        )
    )
    if snow:
        k = 0.34
        cap = poly(
            x - half * k,
            y - height * (1 - k),
            x,
            y - height,
            x + half * k,
            y - height * (1 - k),
            x + half * k * 0.5,
            y - height * (1 - k * 1.25),
            x + half * k * 0.12,
            y - height * (1 - k * 0.9),
            x - half * k * 0.4,
            y - height * (1 - k * 1.3),
        )
        s.add(Shape(cap, s.land((250, 252, 255), depth * 0.5), "far"))


def pine(s, x, y, size, colour, depth, snow=False):
    c = s.land(colour, depth)
    s.add(
        Shape(
            rect(x - size * 0.05, y - size * 0.2, x + size * 0.05, y),
            s.land((96, 66, 46), depth),
            "mid",
            stroke=False,
        )
    )
    pts = poly(
        x - size * 0.30,
        y - size * 0.14,
        x - size * 0.13,
        y - size * 0.42,
        x - size * 0.22,
        y - size * 0.42,
        x,
        y - size,
        x + size * 0.22,
        y - size * 0.42,
        x + size * 0.13,
        y - size * 0.42,
        x + size * 0.30,
        y - size * 0.14,
    )
    s.add(Shape(pts, light(c, 0.08), "mid", ("h", dark(c, 0.2)), layer=depth < 0.5))
    if snow:
        s.add(
            Shape(
                poly(
                    x - size * 0.13,
                    y - size * 0.66,
                    x,
                    y - size,
                    x + size * 0.13,
                    y - size * 0.66,
                    x + size * 0.04,
                    y - size * 0.72,
                    x - size * 0.05,
                    y - size * 0.64,
                ),
                s.land((250, 252, 255), depth),
                "mid",
                stroke=False,
            )
        )


def round_tree(s, rng, x, y, size, colour, depth):
    c = s.land(colour, depth)
    s.add(
        Shape(
            rect(x - size * 0.06, y - size * 0.5, x + size * 0.06, y),
            s.land((110, 76, 50), depth),
            "mid",
            stroke=False,
        )
    )
    s.add(
        Shape(
            scallop(x, y - size * 0.66, size * 0.34, size * 0.36, 8, 0.12, rng.uniform(0, 6), 40),
            light(c, 0.1),
            "mid",
            ("v", dark(c, 0.22)),
            layer=depth < 0.5,
        )
    )


def sprinkle_flowers(s, rng, n, y0, y1):
    for _ in range(n):
        x, y = rng.uniform(0, s.w), rng.uniform(y0, y1)
        r = (1.1 + 1.6 * (y - y0) / (y1 - y0)) * s.unit
        c = mul(
            pick(rng, ((250, 226, 90), (250, 250, 250), (240, 120, 150), (170, 130, 230))), s.time["tint"]
        )
        s.add(Shape(circle(x, y, r, 8), c, "near", stroke=False))


def mountains(s, rng):
    h, u = s.h, s.unit
    rock = pick(rng, ((112, 122, 150), (128, 116, 140), (104, 128, 146)))
    base = h * 0.68
    for depth, n, lo, hi in ((0.8, 4, 0.22, 0.34), (0.42, 3, 0.26, 0.42)):
        off = rng.uniform(0, 1)
        for i in sorted(range(n + 1), key=lambda _: rng.random()):
            x = s.w * (i + off - 0.5) / n
            ht = h * rng.uniform(lo, hi)
            peak(s, x, base, ht * rng.uniform(0.85, 1.15), ht, rock, depth, True)
    hill(s, rng, h * 0.68, 5 * u, (96, 160, 84), 0.25, "mid")
    for _ in range(rng.randrange(5, 9)):
        x = rng.uniform(0, s.w)
        pine(s, x, h * rng.uniform(0.68, 0.71), rng.uniform(18, 30) * u, (44, 110, 78), 0.3)
    hill(s, rng, h * 0.76, 6 * u, (108, 172, 82), 0.0, "near")


def sea(s, rng):
    h, w, u = s.h, s.w, s.unit
    y = s.horizon
    water = mix(s.land((34, 128, 190), 0.0), s.sky[1], 0.25)
    s.add(
        Shape(
            rect(-6, y, w + 6, h + 6), mix(water, s.sky[2], 0.45), "mid", ("v", dark(water, 0.10)), layer=True
        )
    )
    if s.glow and s.spec.weather in ("clear", "cloudy", "rainbow"):
        for i in range(9):
            t = i / 8
            half = (4 + 15 * t) * u * rng.uniform(0.6, 1.1)
            gx = s.glow[0] + rng.uniform(-4, 4) * u
            yy = y + 3 * u + t * (h * 0.26)
            s.add(
                Shape(
                    ellipse(gx, yy, half, 1.3 * u, 0, 12),
                    mix(s.time["sun"], water, 0.15),
                    "mid",
                    alpha=0.75,
                    stroke=False,
                    emit=True,
                )
            )
    for _ in range(16):
        yy = rng.uniform(y + 4 * u, h * 0.97)
        t = (yy - y) / (h - y)
        half, x = (5 + 12 * t) * u, rng.uniform(0, w)
        wave = spline(
            [
                (x - half, yy),
                (x - half / 2, yy - 1.5 * u),
                (x, yy),
                (x + half / 2, yy - 1.5 * u),
                (x + half, yy),
            ],
            4,
            False,
        )
        s.add(
            Shape(
                stroke(wave, 1.3 * u),
                mix(water, (255, 255, 255) if not s.night else (120, 150, 220), 0.42),
                "mid",
                alpha=0.8,
            )
        )
    home = OBJECTS.get(s.spec.object)
    if home == "ground":
        x0 = s.subject_x()[0]
        half = 0.36 * w if s.spec.count > 1 else 0.27 * w
        cx = w * 0.5 if s.spec.count > 1 or s.spec.second else x0 * w
        half = 0.46 * w if s.spec.count > 1 or s.spec.second else half
        sand = s.land((238, 214, 156), 0)
        isle = spline(
            [
                (cx - half, h * 0.845),
                (cx - half * 0.6, h * 0.775),
                (cx, h * 0.752),
                (cx + half * 0.6, h * 0.772),
                (cx + half, h * 0.845),
                (cx, h * 0.885),
            ],
            6,
        )
        s.add(Shape(isle + (0, 3 * u), mix(water, (255, 255, 255), 0.5), "near", alpha=0.8, stroke=False))
        s.add(Shape(isle, sand, "near", ("v", dark(sand, 0.2)), layer=True))


def forest(s, rng):
    h, u = s.h, s.unit
    hill(s, rng, h * 0.60, 4 * u, (70, 120, 84), 0.75, "far")
    for depth, n, y, lo, hi, col in (
        (0.72, 13, 0.63, 52, 82, (58, 116, 84)),
        (0.36, 9, 0.69, 66, 108, (46, 118, 70)),
    ):
        for i in range(n):
            x = s.w * (i + rng.uniform(0, 1)) / n
            size = rng.uniform(lo, hi) * u
            if rng.random() < 0.6:
                pine(s, x, h * y, size, col, depth)
            else:
                round_tree(s, rng, x, h * y, size * 0.85, mix(col, (130, 170, 60), 0.3), depth)
    hill(s, rng, h * 0.71, 4 * u, (86, 146, 70), 0.05, "near")
    path = s.land((206, 178, 128), 0)
    cx = s.w * rng.uniform(0.4, 0.6)
    s.add(
        Shape(
            spline(
                [
                    (cx - 4 * u, h * 0.72),
                    (cx + 4 * u, h * 0.72),
                    (cx + 12 * u, h * 0.84),
                    (cx + 34 * u, h * 1.03),
                    (cx - 34 * u, h * 1.03),
                    (cx - 10 * u, h * 0.84),
                ],
                4,
            ),
            path,
            "near",
        )
    )


def desert(s, rng):
    h, u = s.h, s.unit
    sand = (238, 190, 112)
    if rng.random() < 0.6:
        for _ in range(2):
            x, half, ht = rng.uniform(0.1, 0.9) * s.w, rng.uniform(22, 40) * u, rng.uniform(22, 44) * u
            c = s.land((200, 116, 76), 0.5)
            s.add(
                Shape(
                    poly(
                        x - half,
                        h * 0.64,
                        x - half * 0.7,
                        h * 0.64 - ht,
                        x + half * 0.65,
                        h * 0.64 - ht * 0.96,
                        x + half,
                        h * 0.64,
                    ),
                    light(c, 0.08),
                    "far",
                    ("h", dark(c, 0.2)),
                    layer=True,
                )
            )
    hill(s, rng, h * 0.64, 9 * u, sand, 0.45, "far", 5)
    hill(s, rng, h * 0.71, 8 * u, mix(sand, (226, 156, 86), 0.5), 0.16, "mid", 4, 0.22)
    for _ in range(rng.randrange(2, 5)):
        cactus(s, rng.uniform(0, s.w), h * rng.uniform(0.70, 0.75), rng.uniform(20, 34) * u)
    hill(s, rng, h * 0.78, 5 * u, sand, 0.0, "near", 4)


def cactus(s, x, y, size):
    c = s.land((74, 142, 86), 0.08)
    s.add(
        Shape(
            rrect(x - size * 0.10, y - size, x + size * 0.10, y, size * 0.1),
            light(c, 0.08),
            "mid",
            ("h", dark(c, 0.2)),
            layer=True,
        )
    )
    for d, t in ((-1, 0.45), (1, 0.6)):
        arm = stroke(
            spline(
                [
                    (x + d * size * 0.05, y - size * (t - 0.12)),
                    (x + d * size * 0.28, y - size * (t - 0.10)),
                    (x + d * size * 0.30, y - size * (t + 0.20)),
                ],
                5,
                False,
            ),
            size * 0.13,
        )
        s.add(Shape(arm, c, "mid"))


def city(s, rng):
    h, u = s.h, s.unit
    for depth, y, lo, hi, col, kind in (
        (0.78, 0.70, 44, 104, (120, 132, 160), "far"),
        (0.34, 0.74, 30, 86, (126, 116, 140), "mid"),
    ):
        x = -rng.uniform(0, 20) * u
        while x < s.w:
            bw, bh = rng.uniform(18, 34) * u, rng.uniform(lo, hi) * u
            building(
                s,
                rng,
                x,
                h * y,
                bw,
                bh,
                pick(rng, (col, mix(col, (206, 130, 110), 0.35), mix(col, (90, 120, 170), 0.4))),
                depth,
                kind,
            )
            x += bw + rng.uniform(0, 5) * u
    road = s.land((104, 106, 118), 0)
    walk = s.land((190, 186, 184), 0)
    s.add(Shape(rect(-6, h * 0.735, s.w + 6, h + 6), walk, "near", ("v", dark(walk, 0.12)), layer=True))
    s.add(Shape(rect(-6, h * 0.86, s.w + 6, h + 6), road, "near", ("v", dark(road, 0.2))))
    for i in range(6):
        x = s.w * (i + 0.3) / 6
        s.add(
            Shape(
                poly(x, h * 0.925, x + 20 * u, h * 0.925, x + 19 * u, h * 0.945, x - 1 * u, h * 0.945),
                s.land((240, 232, 200), 0),
                "near",
                stroke=False,
            )
        )


def building(s, rng, x, y, bw, bh, colour, depth, kind):
    c = s.land(colour, depth)
    s.add(Shape(rect(x, y - bh, x + bw, y), light(c, 0.08), kind, ("h", dark(c, 0.14)), layer=True))
    if rng.random() < 0.35:
        s.add(Shape(rect(x + bw * 0.45, y - bh - 9 * s.unit, x + bw * 0.52, y - bh), c, kind, stroke=False))
    step = 8.5 * s.unit
    lit, unlit = (255, 220, 120), mix(c, (220, 236, 250), 0.5)
    share = dict(night=0.55, sunset=0.35).get(s.spec.time, 0)
    for i in range(int((bw - 3 * s.unit) / step)):
        for j in range(int((bh - 3 * s.unit) / (step * 1.15))):
            on = rng.random() < share
            if not on and (s.night or depth > 0.5) and rng.random() < 0.6:
                continue
            wx, wy = x + 3.5 * s.unit + i * step, y - bh + 4 * s.unit + j * step * 1.15
            s.add(
                Shape(
                    rect(wx, wy, wx + 4 * s.unit, wy + 5 * s.unit),
                    mix(lit, c, 0.3 * depth) if on else unlit,
                    kind,
                    emit=on,
                    stroke=False,
                )
            )


def meadow(s, rng):
    h, u = s.h, s.unit
    hill(s, rng, h * 0.62, 12 * u, (120, 176, 104), 0.6, "far")
    for _ in range(rng.randrange(3, 7)):
        round_tree(
            s,
            rng,
            rng.uniform(0, s.w),
            h * rng.uniform(0.64, 0.67),
            rng.uniform(18, 32) * u,
            (66, 140, 72),
            0.4,
        )
    hill(s, rng, h * 0.68, 9 * u, (126, 188, 88), 0.22, "mid", 4)
    hill(s, rng, h * 0.76, 6 * u, (104, 178, 74), 0.0, "near", 4)
    sprinkle_flowers(s, rng, 34, h * 0.80, h * 0.99)


def snow(s, rng):
    h, u = s.h, s.unit
    white = (244, 249, 255)
    hill(s, rng, h * 0.62, 14 * u, (206, 222, 244), 0.35, "far", 5, 0.10)
    for i in range(7):
        pine(
            s,
            s.w * (i + rng.uniform(0, 1)) / 7,
            h * rng.uniform(0.64, 0.71),
            rng.uniform(30, 58) * u,
            (62, 118, 104),
            0.28,
            True,
        )
    hill(s, rng, h * 0.70, 7 * u, (228, 238, 252), 0.10, "mid", 4, 0.10)
    hill(s, rng, h * 0.77, 5 * u, white, 0.0, "near", 4, 0.16)


def sky(s, rng):
    w, h, u = s.w, s.h, s.unit
    lit = dict(day=(1, 1, 1), morning=(1, 0.91, 0.89), sunset=(1, 0.74, 0.72), night=(0.40, 0.46, 0.72))[
        s.spec.time
    ]
    for depth, y, n in ((0.5, 0.80, 5), (0.25, 0.90, 4), (0.0, 1.02, 4)):
        c = mix(mul((255, 255, 255), lit), s.sky[1], depth * 0.7)
        for i in range(n):
            cw = rng.uniform(90, 130) * u
            x = w * (i + rng.uniform(0.2, 0.8)) / n
            bumps = [(-0.28, 0.2), (rng.uniform(-0.1, 0.1), 0.3), (0.27, 0.2)]
            s.add(
                Shape(
                    puffs(x, h * y, cw, cw * 0.6, bumps),
                    c,
                    "far" if depth else "near",
                    ("v", mix(c, s.sky[1], 0.3)),
                    layer=True,
                )
            )
    if OBJECTS.get(s.spec.object) == "ground" or OBJECTS.get(s.spec.second) == "ground":
        island(s, rng)


def island(s, rng):
    """A floating piece of meadow for things that need ground in the sky."""
    w, h, u = s.w, s.h, s.unit
    wide = s.spec.count > 1 or s.spec.second
    cx, half = (w * 0.5, w * 0.46) if wide else (s.subject_x()[0] * w, w * 0.29)
    rock, grass = s.land((150, 112, 84), 0), s.land((104, 178, 78), 0)
    y = h * 0.775
    s.add(
        Shape(
            poly(
                cx - half,
                y,
                cx - half * 0.7,
                y + h * 0.06,
                cx - half * 0.35,
                y + h * 0.09,
                cx - half * 0.1,
                y + h * 0.17,
                cx + half * 0.2,
                y + h * 0.10,
                cx + half * 0.6,
                y + h * 0.07,
                cx + half,
                y,
            ),
            rock,
            "near",
            ("v", dark(rock, 0.35)),
            layer=True,
        )
    )
    s.add(
        Shape(
            spline(
                [
                    (cx - half * 1.03, y + 2 * u),
                    (cx - half * 0.5, y - h * 0.03),
                    (cx, y - h * 0.035),
                    (cx + half * 0.5, y - h * 0.03),
                    (cx + half * 1.03, y + 2 * u),
                    (cx, y + h * 0.035),
                ],
                6,
            ),
            grass,
            "near",
            ("v", dark(grass, 0.25)),
            layer=True,
        )
    )


PLACE = dict(
    mountains=mountains, sea=sea, forest=forest, desert=desert, city=city, meadow=meadow, snow=snow, sky=sky
)
