"""The twenty things that can be the subject of a picture.

Every drawer gets a `Palette` (main colour and its shades) and a random generator and returns shapes in the object's own
frame: x to the right, y up, standing on y = 0, about one unit high.  A silhouette must be unmistakable at 60 pixels.
"""
import math

from shapes import (
    Shape,
    arc,
    circle,
    dark,
    ellipse,
    light,
    luma,
    mix,
    poly,
    rect,
    rrect,
    scallop,
    spline,
    stroke,
)
import numpy as np

WOOD, CREAM, INK = (124, 84, 52), (250, 242, 222), (44, 40, 52)
GLASS, GLOW, STEEL = (168, 216, 236), (255, 226, 128), (150, 158, 170)


class Palette:
    """Shades of the object's colour that stay readable as that colour."""

    def __init__(self, main, night):
        self.m = main
        pale = luma(main) > 215
        self.d = mix(main, (104, 104, 128), 0.32) if pale else dark(main, 0.34)
        self.l = light(main, 0.30 if luma(main) > 70 else 0.22)
        self.contrast = (196, 68, 60) if pale else CREAM  # stripes, sails, dots
        self.window = GLOW if night else GLASS
        self.night = night


def S(pts, fill, **kw):
    return Shape(pts, fill, "object", **kw)


def body(pts, p, **kw):
    """A main-coloured part, shaded from the light side to the dark side."""
    return S(pts, p.l, shade=("h", p.d if luma(p.m) > 215 else dark(p.m, 0.18)), layer=True, **kw)


def house(p, rng):
    roof = (104, 62, 50) if luma(p.m) > 90 else (170, 110, 84)
    out = [
        S(rect(0.20, 0.70, 0.31, 0.98), dark(roof, 0.2)),
        body(rect(-0.40, 0, 0.40, 0.56), p),
        S(poly(-0.52, 0.54, 0, 1.0, 0.52, 0.54), roof, shade=("v", dark(roof, 0.3)), layer=True),
        S(rrect(-0.09, 0, 0.11, 0.33, 0.04), WOOD),
        S(circle(0.07, 0.16, 0.018, 10), GLOW, stroke=False),
    ]
    for x in (-0.26, 0.27):
        out += [
            S(rect(x - 0.09, 0.26, x + 0.09, 0.45), CREAM),
            S(rect(x - 0.07, 0.28, x + 0.07, 0.43), p.window, emit=p.night),
            S(rect(x - 0.008, 0.28, x + 0.008, 0.43), CREAM, stroke=False),
        ]
    out.append(S(circle(0, 0.70, 0.07, 20), p.window, emit=p.night))
    return out


def tree(p, rng):
    ph = rng.uniform(0, 6)
    trunk = spline([(-0.07, 0.45), (-0.05, 0.18), (-0.11, 0), (0.11, 0), (0.05, 0.18), (0.07, 0.45)], 4)
    wood = WOOD if luma(p.m) > 60 else (150, 110, 76)
    return [
        S(trunk, wood, layer=True),
        S(scallop(0, 0.66, 0.43, 0.36, 9, 0.13, ph), p.m, shade=("v", p.d), layer=True),
        S(scallop(-0.14, 0.76, 0.20, 0.15, 6, 0.14, ph), p.l, stroke=False),
        S(scallop(0.17, 0.60, 0.14, 0.11, 6, 0.14, ph + 1), light(p.m, 0.15), stroke=False),
    ]


def boat(p, rng):
    hull = spline([(-0.50, 0.24), (-0.36, 0.02), (0, 0.0), (0.36, 0.02), (0.54, 0.25)], 5, closed=False)
    return [
        S(stroke([(0.02, 0.2), (0.02, 1.0)], 0.035), WOOD),
        S(
            spline([(0.05, 0.96), (0.28, 0.62), (0.42, 0.33), (0.05, 0.33)], 4),
            CREAM if p.contrast == CREAM else light(p.contrast, 0.5),
            shade=("h", (214, 206, 190)),
            layer=True,
        ),
        S(poly(-0.01, 0.92, -0.01, 0.33, -0.36, 0.33), p.m, shade=("h", p.d), layer=True),
        S(hull, p.l, shade=("v", p.d), layer=True),
        S(poly(-0.48, 0.21, 0.52, 0.22, 0.50, 0.17, -0.46, 0.16), p.contrast, stroke=False),
        S(poly(0.02, 1.0, 0.02, 0.94, 0.13, 0.97), p.m),
    ]


def balloon(p, rng):
    def gore(a, b):
        t = np.linspace(0.0, math.pi, 22)
        y = 0.64 + 0.36 * np.cos(t)
        w = 0.37 * np.sin(t) ** 0.85 * np.where(t > 1.7, 1 - 0.35 * (t - 1.7) / 1.44, 1)
        return np.concatenate([np.stack([a * w, y], 1), np.stack([b * w, y], 1)[::-1]])

    out = [
        S(poly(-0.13, 0.36, -0.12, 0.36, -0.07, 0.13, -0.09, 0.13), INK),
        S(poly(0.12, 0.36, 0.13, 0.36, 0.09, 0.13, 0.07, 0.13), INK),
        body(gore(-1, 1), p),
    ]
    for a, b in ((-0.72, -0.40), (-0.12, 0.12), (0.40, 0.72)):
        out.append(S(gore(a, b), light(p.contrast, 0.1), stroke=False, alpha=0.92))
    out.append(S(rrect(-0.10, 0.0, 0.10, 0.15, 0.03), WOOD, layer=True))
    out.append(S(rect(-0.115, 0.115, 0.115, 0.15), light(WOOD, 0.3)))
    return out


def lighthouse(p, rng):
    def band(y0, y1):
        w0, w1 = 0.19 - 0.09 * y0 / 0.7, 0.19 - 0.09 * y1 / 0.7
        return poly(-w0, y0, w0, y0, w1, y1, -w1, y1)

    out = []
    if p.night:
        out.append(
            S(poly(0, 0.81, 0.95, 0.98, 0.95, 0.70), (255, 240, 170), alpha=0.42, emit=True, stroke=False)
        )
    out.append(body(band(0, 0.70), p))
    for y in (0.15, 0.43):
        out.append(
            S(band(y, y + 0.14), p.contrast, shade=("h", mix(p.contrast, (120, 120, 140), 0.3)), stroke=False)
        )
    out += [
        S(rect(-0.15, 0.69, 0.15, 0.73), INK),
        S(rect(-0.085, 0.73, 0.085, 0.88), GLOW, emit=True),
        S(
            spline([(-0.115, 0.88), (-0.07, 0.96), (0, 1.0), (0.07, 0.96), (0.115, 0.88)], 4, False),
            p.d,
            layer=True,
        ),
        S(rrect(-0.05, 0, 0.05, 0.11, 0.04), INK),
        S(rect(-0.02, 0.33, 0.02, 0.39), INK, stroke=False),
    ]
    return out


def castle(p, rng):
    roof = (86, 70, 128) if luma(p.m) > 150 else mix(p.d, (30, 20, 40), 0.35)
    if luma(p.m) < 70:
        roof = (150, 60, 70)

    def tower(x, w, h, cone):
        t = [
            body(rect(x - w, 0, x + w, h), p),
            S(rect(x - w - 0.025, h - 0.03, x + w + 0.025, h + 0.03), p.d),
        ]
        t += [
            S(
                poly(x - w - 0.05, h + 0.03, x, h + cone, x + w + 0.05, h + 0.03),
                roof,
                shade=("h", dark(roof, 0.3)),
                layer=True,
            )
        ]
        t += [
            S(rrect(x - 0.03, h - 0.19, x + 0.03, h - 0.09, 0.03), p.window if p.night else INK, emit=p.night)
        ]
        return t

    out = tower(0.02, 0.13, 0.62, 0.30)
    out += [
        S(stroke([(0.02, 0.9), (0.02, 1.04)], 0.014), INK),
        S(poly(0.02, 1.04, 0.14, 1.0, 0.02, 0.96), (226, 72, 66)),
    ]
    wall = [(-0.36, 0), (-0.36, 0.40)]
    for i in range(6):
        x = -0.36 + i * 0.12
        wall += [(x, 0.40), (x + 0.06, 0.40), (x + 0.06, 0.34), (x + 0.12, 0.34)]
    wall += [(0.36, 0.40), (0.36, 0)]
    out.append(body(np.array(wall), p))
    out += tower(-0.37, 0.105, 0.46, 0.27) + tower(0.37, 0.105, 0.46, 0.27)
    out += [
        S(np.concatenate([poly(-0.10, 0), arc(0, 0.14, 0.10, math.pi, 0, 10), poly(0.10, 0)]), WOOD),
        S(stroke([(0, 0), (0, 0.23)], 0.014), INK, stroke=False),
    ]
    return out


def rocket(p, rng):
    fin = (222, 70, 62) if luma(p.m) > 200 or luma(p.m) < 60 else p.d
    return [
        S(
            spline([(-0.11, 0.20), (-0.08, 0.06), (0, -0.04), (0.08, 0.06), (0.11, 0.20)], 4, False),
            (255, 150, 50),
            emit=True,
        ),
        S(
            spline([(-0.06, 0.20), (0, 0.05), (0.06, 0.20)], 4, False),
            (255, 232, 130),
            emit=True,
            stroke=False,
        ),
        S(poly(-0.14, 0.42, -0.32, 0.16, -0.30, 0.08, -0.12, 0.22), fin, layer=True),
        S(poly(0.14, 0.42, 0.32, 0.16, 0.30, 0.08, 0.12, 0.22), fin, layer=True),
        body(
            spline(
                [
                    (-0.13, 0.20),
                    (-0.19, 0.45),
                    (-0.14, 0.74),
                    (0, 1.0),
                    (0.14, 0.74),
                    (0.19, 0.45),
                    (0.13, 0.20),
                ],
                5,
            ),
            p,
        ),
        S(spline([(-0.125, 0.78), (-0.07, 0.92), (0, 1.0), (0.07, 0.92), (0.125, 0.78)], 4, False), fin),
        S(circle(0, 0.60, 0.085), CREAM),
        S(circle(0, 0.60, 0.062), (92, 190, 232), emit=p.night),
        S(rect(-0.165, 0.345, 0.165, 0.385), p.contrast, stroke=False),
        S(rect(-0.125, 0.17, 0.125, 0.22), INK),
    ]


def flower(p, rng):
    green = (70, 150, 74)
    out = [
        S(
            stroke(spline([(0.0, 0.0), (0.03, 0.25), (0, 0.62)], 6, False), 0.05),
            green,
            shade=("h", dark(green, 0.3)),
        )
    ]
    for s in (-1, 1):
        out.append(
            S(
                spline([(0.0, 0.10), (0.16 * s, 0.15), (0.33 * s, 0.33), (0.13 * s, 0.30)], 5),
                green,
                shade=("v", dark(green, 0.3)),
                layer=True,
            )
        )
    a0 = rng.uniform(0, 1)
    for i in range(7):
        a = a0 + i * 2 * math.pi / 7
        out.append(
            S(
                ellipse(0.20 * math.cos(a), 0.70 + 0.20 * math.sin(a), 0.145, 0.095, a),
                p.m,
                shade=("v", p.d),
                layer=i == 0,
            )
        )
        out.append(
            S(ellipse(0.21 * math.cos(a), 0.70 + 0.21 * math.sin(a), 0.08, 0.035, a), p.l, stroke=False)
        )
    yellow = p.m[0] > 230 and p.m[1] > 180 and p.m[2] < 120
    out.append(
        S(circle(0, 0.70, 0.105), (150, 92, 44) if yellow else (252, 204, 60), shade=("v", (214, 140, 40)))
    )
    return out


def fish(p, rng):
    fin = p.d
    out = [
        S(spline([(-0.30, 0.5), (-0.56, 0.80), (-0.50, 0.5), (-0.56, 0.20)], 5), fin, layer=True),
        S(spline([(-0.12, 0.70), (0.02, 0.98), (0.20, 0.72)], 5), fin),
        S(spline([(-0.05, 0.28), (-0.10, 0.08), (0.12, 0.27)], 5), fin),
        body(
            spline([(-0.36, 0.5), (-0.12, 0.74), (0.20, 0.78), (0.50, 0.52), (0.22, 0.26), (-0.12, 0.28)], 6),
            p,
        ),
        S(
            spline([(-0.20, 0.36), (0.12, 0.27), (0.40, 0.40), (0.10, 0.36)], 5),
            light(p.l, 0.35),
            stroke=False,
            alpha=0.9,
        ),
    ]
    for x in (-0.10, 0.06):
        out.append(
            S(
                spline(
                    [
                        (x, 0.70),
                        (x + 0.05, 0.5),
                        (x, 0.30),
                        (x + 0.06, 0.30),
                        (x + 0.11, 0.5),
                        (x + 0.06, 0.72),
                    ],
                    4,
                ),
                p.contrast,
                stroke=False,
                alpha=0.9,
            )
        )
    out += [
        S(circle(0.32, 0.57, 0.062), (255, 255, 255)),
        S(circle(0.335, 0.57, 0.034), INK, stroke=False),
        S(stroke(spline([(0.47, 0.46), (0.42, 0.43), (0.38, 0.44)], 4, False), 0.016), INK, stroke=False),
    ]
    return out


def cat(p, rng):
    ear = (240, 170, 180) if luma(p.m) > 60 else (196, 120, 136)
    eye = (120, 220, 110) if not (p.m[1] > p.m[0] + 30) else (250, 214, 80)
    out = [
        S(
            stroke(spline([(0.20, 0.07), (0.44, 0.10), (0.46, 0.34), (0.36, 0.46)], 6, False), 0.09, 0.06),
            p.m,
            layer=True,
        ),
        body(
            spline([(-0.24, 0.0), (-0.25, 0.28), (-0.12, 0.56), (0.12, 0.56), (0.25, 0.28), (0.24, 0.0)], 5),
            p,
        ),
        S(
            spline([(-0.10, 0.03), (-0.11, 0.3), (0, 0.46), (0.11, 0.3), (0.10, 0.03)], 4),
            light(p.l, 0.35),
            stroke=False,
        ),
    ]
    for s in (-1, 1):
        out += [
            S(poly(0.26 * s, 0.74, 0.25 * s, 1.02, 0.06 * s, 0.90), p.m, layer=True),
            S(poly(0.21 * s, 0.80, 0.21 * s, 0.95, 0.10 * s, 0.89), ear, stroke=False),
            S(ellipse(0.13 * s, 0.03, 0.10, 0.045), p.l),
        ]
    out.append(S(ellipse(0, 0.72, 0.28, 0.225), p.l, shade=("v", p.m), layer=True))
    for s in (-1, 1):
        out += [
            S(ellipse(0.115 * s, 0.75, 0.060, 0.066), eye, emit=p.night),
            S(ellipse(0.115 * s, 0.75, 0.020, 0.055), INK, stroke=False),
        ]
        for k in (-0.02, 0.03):
            out.append(
                S(
                    stroke([(0.08 * s, 0.63), (0.34 * s, 0.62 + k * 2)], 0.012),
                    INK if luma(p.m) > 90 else CREAM,
                    stroke=False,
                )
            )
    out.append(S(poly(-0.035, 0.675, 0.035, 0.675, 0, 0.635), (236, 120, 140)))
    return out


def car(p, rng):
    out = [
        S(
            spline(
                [(-0.30, 0.36), (-0.22, 0.58), (-0.08, 0.64), (0.12, 0.63), (0.24, 0.54), (0.33, 0.36)], 5
            ),
            p.m,
            shade=("v", p.d),
            layer=True,
        ),
        S(
            poly(-0.24, 0.38, -0.18, 0.55, -0.01, 0.585, -0.01, 0.38),
            p.window if p.night else GLASS,
            emit=p.night,
        ),
        S(
            poly(0.03, 0.38, 0.03, 0.585, 0.13, 0.57, 0.26, 0.38),
            p.window if p.night else GLASS,
            emit=p.night,
        ),
        body(
            spline(
                [
                    (-0.52, 0.12),
                    (-0.54, 0.30),
                    (-0.40, 0.385),
                    (0.0, 0.395),
                    (0.36, 0.375),
                    (0.54, 0.28),
                    (0.54, 0.12),
                    (0, 0.10),
                ],
                5,
            ),
            p,
        ),
        S(stroke([(-0.50, 0.235), (0.52, 0.235)], 0.02), p.contrast, stroke=False),
        S(ellipse(0.51, 0.27, 0.035, 0.045), (255, 240, 170), emit=True),
        S(ellipse(-0.52, 0.28, 0.025, 0.04), (230, 50, 50), emit=True),
    ]
    if p.night:
        out.append(
            S(poly(0.54, 0.28, 0.95, 0.36, 0.95, 0.10), (255, 240, 170), alpha=0.35, emit=True, stroke=False)
        )
    for x in (-0.30, 0.31):
        out += [S(circle(x, 0.12, 0.13), (38, 38, 44), layer=True), S(circle(x, 0.12, 0.06), (206, 210, 216))]
    return out


def bird(p, rng):
    beak = (246, 160, 44) if not (p.m[0] > 220 and 90 < p.m[1] < 215 and p.m[2] < 80) else (110, 80, 60)
    return [
        S(poly(-0.26, 0.42, -0.56, 0.40, -0.54, 0.28, -0.24, 0.26), p.d, layer=True),
        S(
            spline([(-0.16, 0.55), (-0.34, 0.98), (-0.10, 0.86), (0.10, 0.58)], 6),
            p.d,
            shade=("v", p.m),
            layer=True,
        ),
        body(
            spline(
                [(-0.34, 0.36), (-0.10, 0.56), (0.14, 0.58), (0.24, 0.40), (0.10, 0.20), (-0.14, 0.16)], 6
            ),
            p,
        ),
        S(
            spline([(-0.10, 0.22), (0.10, 0.22), (0.22, 0.38), (0.05, 0.34)], 5),
            light(p.l, 0.4),
            stroke=False,
        ),
        S(circle(0.25, 0.60, 0.165), p.l, shade=("v", p.m), layer=True),
        S(poly(0.39, 0.66, 0.58, 0.585, 0.39, 0.53), beak),
        S(
            spline([(-0.02, 0.48), (-0.24, 0.90), (-0.44, 0.92), (-0.30, 0.52)], 6),
            p.m,
            shade=("h", p.d),
            layer=True,
        ),
        S(circle(0.29, 0.64, 0.045), (255, 255, 255)),
        S(circle(0.30, 0.64, 0.026), INK, stroke=False),
    ]


def mushroom(p, rng):
    dots = [
        (-0.22, 0.70, 0.065),
        (0.03, 0.82, 0.08),
        (0.26, 0.68, 0.065),
        (-0.06, 0.62, 0.05),
        (0.14, 0.60, 0.04),
        (-0.36, 0.57, 0.04),
        (0.39, 0.56, 0.035),
    ]
    cap = np.concatenate(
        [
            arc(0, 0.48, 0.5, 0, math.pi, 24) * (1, 1.0),
            spline([(-0.5, 0.48), (-0.25, 0.42), (0, 0.40), (0.25, 0.42), (0.5, 0.48)], 4, False),
        ]
    )
    return [
        S(
            spline([(-0.13, 0.48), (-0.15, 0.2), (-0.20, 0.0), (0.20, 0.0), (0.15, 0.2), (0.13, 0.48)], 4),
            CREAM,
            shade=("h", (206, 190, 164)),
            layer=True,
        ),
        S(poly(-0.19, 0.38, 0.19, 0.38, 0.14, 0.30, -0.14, 0.30), (226, 212, 188)),
        body(cap, p),
    ] + [S(ellipse(x, y, r, r * 0.85), p.contrast, stroke=False) for x, y, r in dots]


def windmill(p, rng):
    a0 = rng.uniform(0.2, 1.3)
    out = [
        body(poly(-0.24, 0, 0.24, 0, 0.14, 0.62, -0.14, 0.62), p),
        S(
            spline([(-0.18, 0.61), (-0.10, 0.74), (0, 0.79), (0.10, 0.74), (0.18, 0.61)], 4, False),
            p.d if luma(p.m) > 90 else (150, 96, 80),
            layer=True,
        ),
        S(rrect(-0.07, 0, 0.07, 0.18, 0.06), WOOD),
        S(circle(0, 0.40, 0.045, 14), p.window, emit=p.night),
    ]
    sail = light(p.contrast, 0.1) if p.contrast == CREAM else CREAM
    for i in range(4):
        a = a0 + i * math.pi / 2
        c, s = math.cos(a), math.sin(a)

        def at(u, v):
            return (u * c - v * s, 0.64 + u * s + v * c)

        out += [
            S(
                np.array([at(0.10, 0.0), at(0.46, 0.0), at(0.46, 0.13), at(0.12, 0.10)]),
                sail,
                shade=("v", (206, 200, 186)),
                layer=True,
            ),
            S(np.array([at(0, -0.012), at(0.48, -0.012), at(0.48, 0.018), at(0, 0.018)]), WOOD, stroke=False),
            S(np.array([at(0.27, 0), at(0.29, 0), at(0.29, 0.12), at(0.27, 0.12)]), WOOD, stroke=False),
        ]
    out.append(S(circle(0, 0.64, 0.045, 14), INK))
    return out


def tent(p, rng):
    return [
        body(poly(-0.56, 0, 0, 0.80, 0.56, 0), p),
        S(poly(0, 0.80, -0.38, 0, -0.24, 0), p.contrast, stroke=False),
        S(poly(0, 0.80, 0.38, 0, 0.24, 0), p.contrast, stroke=False),
        S(poly(0, 0.62, -0.17, 0, 0.17, 0), GLOW if p.night else (74, 58, 60), emit=p.night),
        S(spline([(0, 0.62), (0.10, 0.22), (0.25, 0.0), (0.14, 0.0), (0.06, 0.25)], 4), p.l),
        S(stroke([(0, 0.78), (0, 0.97)], 0.02), INK),
        S(poly(0, 0.97, 0.16, 0.92, 0, 0.86), p.m),
    ]


def butterfly(p, rng):
    out = []
    for s in (-1, 1):
        out += [
            S(
                spline(
                    [
                        (0.03 * s, 0.55),
                        (0.20 * s, 0.95),
                        (0.50 * s, 0.98),
                        (0.50 * s, 0.66),
                        (0.20 * s, 0.50),
                    ],
                    6,
                ),
                p.m,
                shade=("v", p.d),
                layer=True,
            ),
            S(
                spline(
                    [
                        (0.03 * s, 0.50),
                        (0.28 * s, 0.46),
                        (0.42 * s, 0.24),
                        (0.26 * s, 0.06),
                        (0.08 * s, 0.26),
                    ],
                    6,
                ),
                p.d,
                shade=("v", p.m),
                layer=True,
            ),
            S(ellipse(0.36 * s, 0.80, 0.085, 0.085), p.contrast, stroke=False),
            S(ellipse(0.20 * s, 0.68, 0.045, 0.06), p.contrast, stroke=False),
            S(ellipse(0.25 * s, 0.28, 0.065, 0.065), p.contrast, stroke=False),
            S(stroke(spline([(0.01 * s, 0.80), (0.06 * s, 0.94), (0.14 * s, 1.0)], 5, False), 0.018), INK),
        ]
    body_colour = INK if luma(p.m) > 80 else (150, 150, 166)
    return out + [
        S(ellipse(0, 0.50, 0.048, 0.30), body_colour, layer=True),
        S(circle(0, 0.80, 0.06, 16), body_colour),
    ]


def umbrella(p, rng):
    scallops = [arc(0.375 - 0.25 * i, 0, 0.125, 0, math.pi, 8) * (1, 0.45) + (0, 0.48) for i in range(4)]
    canopy = np.concatenate([arc(0, 0.48, 0.5, math.pi, 0, 30)] + scallops)
    out = [
        S(stroke([(0, 0.98), (0, 0.10)], 0.030), (104, 84, 74)),
        S(stroke(arc(0.075, 0.10, 0.075, math.pi, 2.15 * math.pi, 14), 0.045), (104, 84, 74)),
        body(canopy, p),
    ]
    for s in (-1, 1):
        x = 0.25 * s
        seg = np.concatenate(
            [
                spline([(0, 0.98), (x * 0.75, 0.80), (x, 0.48)], 6, False),
                spline([(0, 0.50), (0, 0.8), (0, 0.98)], 2, False),
            ]
        )
        out.append(
            S(seg, p.contrast, stroke=False, alpha=0.85) if s < 0 else S(seg, p.d, stroke=False, alpha=0.5)
        )
    out.append(S(stroke([(0, 0.96), (0, 1.05)], 0.03), INK))
    return out


def robot(p, rng):
    eye = (120, 240, 255) if not (p.m[2] > 180 and p.m[0] < 100) else (255, 224, 100)
    out = [
        S(stroke([(0, 0.9), (0, 1.0)], 0.03), STEEL),
        S(circle(0, 1.02, 0.045, 14), (250, 90, 80), emit=True),
    ]
    for s in (-1, 1):
        out += [
            S(rrect(0.08 * s - 0.065, 0.0, 0.08 * s + 0.065, 0.18, 0.03), STEEL, layer=True),
            S(
                stroke(spline([(0.24 * s, 0.48), (0.40 * s, 0.40), (0.42 * s, 0.24)], 5, False), 0.085),
                STEEL,
                layer=True,
            ),
            S(circle(0.42 * s, 0.22, 0.065, 16), p.d),
        ]
    out += [
        body(rrect(-0.26, 0.14, 0.26, 0.56, 0.07), p),
        S(rrect(-0.15, 0.26, 0.15, 0.45, 0.03), light(p.l, 0.35)),
        S(circle(-0.07, 0.36, 0.035, 12), (250, 90, 80)),
        S(circle(0.06, 0.36, 0.035, 12), (250, 210, 80)),
        S(rect(-0.07, 0.55, 0.07, 0.62), STEEL),
        body(rrect(-0.29, 0.60, 0.29, 0.91, 0.09), p),
        S(rrect(-0.23, 0.66, 0.23, 0.85, 0.07), (40, 44, 60)),
    ]
    for s in (-1, 1):
        out += [
            S(circle(0.11 * s, 0.77, 0.058, 18), eye, emit=True),
            S(rect(0.29 * s - 0.03, 0.70, 0.29 * s + 0.03, 0.82), STEEL),
        ]
    out.append(
        S(stroke(arc(0, 0.715, 0.05, math.pi * 1.15, math.pi * 1.85, 8), 0.018), eye, emit=True, stroke=False)
    )
    return out


def train(p, rng):
    smoke = (236, 236, 240)
    out = [
        S(scallop(0.30, 0.84, 0.11, 0.085, 6, 0.15), smoke, alpha=0.95, layer=True),
        S(scallop(0.12, 0.95, 0.15, 0.10, 6, 0.15, 1), smoke, alpha=0.8),
        body(rect(-0.50, 0.14, -0.10, 0.70), p),
        S(rrect(-0.55, 0.68, -0.05, 0.76, 0.03), p.d if luma(p.m) > 60 else (120, 60, 60), layer=True),
        S(rect(-0.42, 0.44, -0.19, 0.62), p.window if p.night else GLASS, emit=p.night),
        S(poly(0.23, 0.48, 0.37, 0.48, 0.40, 0.74, 0.20, 0.74), INK, layer=True),
        S(rect(-0.01, 0.46, 0.10, 0.58), GLOW),
        body(rrect(-0.14, 0.18, 0.46, 0.50, 0.10), p),
        S(rect(0.02, 0.18, 0.06, 0.50), p.contrast, stroke=False),
        S(rect(0.24, 0.18, 0.28, 0.50), p.contrast, stroke=False),
        S(circle(0.46, 0.36, 0.05, 14), (255, 240, 160), emit=True),
        S(poly(0.42, 0.18, 0.60, 0.02, 0.42, 0.02), (190, 60, 56)),
        S(rect(-0.52, 0.12, 0.46, 0.19), INK),
    ]
    for x, r in ((-0.36, 0.125), (-0.07, 0.125), (0.15, 0.095), (0.34, 0.095)):
        out += [
            S(
                circle(x, r, r, 22),
                (196, 56, 52) if not (p.m[0] > 190 and p.m[1] < 80) else (60, 60, 70),
                layer=True,
            ),
            S(circle(x, r, r * 0.4, 12), (232, 216, 170)),
        ]
    return out


def whale(p, rng):
    water = (190, 230, 250)
    out = []
    for s in (-1, 1):
        out.append(
            S(
                stroke(
                    spline(
                        [
                            (0.16, 0.70),
                            (0.16 + 0.05 * s, 0.92),
                            (0.16 + 0.17 * s, 0.97),
                            (0.16 + 0.22 * s, 0.86),
                        ],
                        5,
                        False,
                    ),
                    0.05,
                    0.03,
                ),
                water,
            )
        )
    out += [
        S(
            spline(
                [(-0.44, 0.40), (-0.52, 0.66), (-0.70, 0.76), (-0.54, 0.50), (-0.60, 0.48), (-0.48, 0.34)], 5
            ),
            p.d,
            layer=True,
        ),
        S(
            spline([(-0.46, 0.42), (-0.46, 0.74), (-0.34, 0.80), (-0.38, 0.58), (-0.40, 0.42)], 5),
            p.d,
            layer=True,
        ),
        body(
            spline(
                [
                    (-0.50, 0.40),
                    (-0.34, 0.34),
                    (-0.12, 0.58),
                    (0.22, 0.68),
                    (0.52, 0.52),
                    (0.55, 0.24),
                    (0.36, 0.06),
                    (-0.08, 0.04),
                    (-0.40, 0.20),
                ],
                6,
            ),
            p,
        ),
        S(
            spline([(-0.22, 0.09), (0.10, 0.03), (0.38, 0.07), (0.55, 0.24), (0.24, 0.20)], 6),
            light(p.l, 0.55) if p.contrast == CREAM else (206, 214, 226),
            stroke=False,
        ),
        S(spline([(0.12, 0.22), (0.02, 0.04), (-0.12, -0.02), (0.0, 0.20)], 5), p.d),
        S(circle(0.37, 0.35, 0.042, 16), (255, 255, 255)),
        S(circle(0.38, 0.35, 0.025, 12), INK, stroke=False),
        S(stroke(spline([(0.54, 0.27), (0.42, 0.24), (0.30, 0.27)], 4, False), 0.016), INK, stroke=False),
    ]
    return out


DRAW = dict(
    house=house,
    tree=tree,
    boat=boat,
    balloon=balloon,
    lighthouse=lighthouse,
    castle=castle,
    rocket=rocket,
    flower=flower,
    fish=fish,
    cat=cat,
    car=car,
    bird=bird,
    mushroom=mushroom,
    windmill=windmill,
    tent=tent,
    butterfly=butterfly,
    umbrella=umbrella,
    robot=robot,
    train=train,
    whale=whale,
)
