"""Composes a scene: sky, landscape, weather and objects as a list of shapes, back to front, in logical pixels."""
import math

import numpy as np

import land
import objects
from shapes import (
    Frame,
    Shape,
    arc,
    circle,
    crescent,
    dark,
    ellipse,
    light,
    mix,
    mul,
    poly,
    puffs,
    spline,
    star,
    stroke,
)
from world import COLOURS, HABIT, OBJECTS

# sky: top, middle, horizon; tint: what the light does to the land; sun: disc colour
TIMES = dict(
    day=dict(
        sky=((70, 150, 232), (132, 196, 246), (206, 236, 250)),
        tint=(1.0, 1.0, 1.0),
        sun=(255, 244, 190),
        far=(176, 208, 236),
    ),
    morning=dict(
        sky=((148, 186, 226), (250, 214, 206), (255, 240, 206)),
        tint=(1.0, 0.93, 0.90),
        sun=(255, 238, 176),
        far=(244, 214, 206),
    ),
    sunset=dict(
        sky=((84, 52, 128), (232, 92, 92), (255, 186, 84)),
        tint=(1.0, 0.74, 0.62),
        sun=(255, 226, 120),
        far=(226, 120, 104),
    ),
    night=dict(
        sky=((8, 12, 40), (22, 34, 84), (50, 66, 128)),
        tint=(0.36, 0.43, 0.72),
        sun=(248, 244, 214),
        far=(40, 54, 112),
    ),
)
GREY = dict(day=(168, 180, 192), morning=(214, 200, 200), sunset=(164, 104, 112), night=(26, 32, 56))


class Scene:
    def __init__(self, w, h, spec):
        self.w, self.h, self.spec = w, h, spec
        self.unit = math.sqrt(w * h) / 256
        self.time = TIMES[spec.time]
        self.night = spec.time == "night"
        self.sky = list(self.time["sky"])
        self.shapes = []
        self.horizon = 0.62 * h
        self.glow = None  # (x, y, radius, colour) of the sun's or moon's halo
        self.haze = self.time["far"]  # what distance fades into
        self.fog = 0.0

    def add(self, *shapes):
        self.shapes.extend(shapes)

    def subject_x(self):
        """Where the main objects stand, in widths."""
        if self.spec.count == 1:
            return [dict(left=0.28, center=0.5, right=0.72)[self.spec.side]]
        return [0.29, 0.71] if self.spec.count == 2 else [0.19, 0.5, 0.81]

    def land(self, colour, depth):
        """Colour of something `depth` away (0 near, 1 at the horizon), in this light and fog."""
        c = mul(colour, self.time["tint"])
        return mix(c, self.haze, min(0.92, 0.62 * depth + self.fog * (0.35 + 0.6 * depth)))


def compose(spec, rng, w, h):
    """spec has no gaps (see world.settle)."""
    s = Scene(w, h, spec)
    weather_light(s)
    celestial(s, rng)
    clouds(s, rng)
    if spec.weather == "rainbow":
        rainbow(s, rng)
    land.PLACE[spec.place](s, rng)
    if spec.object:
        subjects(s, rng)
    foreground(s, rng)
    falling(s, rng)
    return s


# ---------------------------------------------------------------------------- sky and weather
def weather_light(s):
    grey = GREY[s.spec.time]
    amount = dict(rain=0.55, snowfall=0.45, fog=0.5, cloudy=0.15).get(s.spec.weather, 0)
    s.sky = [mix(c, grey, amount) for c in s.sky]
    s.haze = mix(s.haze, grey, amount)
    if s.spec.weather == "fog":
        s.fog = 0.62
        s.haze = mix(s.haze, (255, 255, 255), 0.15 if s.night else 0.4)
        s.sky[2] = mix(s.sky[2], s.haze, 0.8)


def celestial(s, rng):
    w, h, u = s.w, s.h, s.unit
    left = rng.random() < 0.5
    x = w * (rng.uniform(0.10, 0.26) if left else rng.uniform(0.74, 0.90))
    veiled = s.spec.weather in ("rain", "snowfall", "fog")
    if s.night:
        for _ in range(10 if veiled else 34):
            sx, sy, r = rng.uniform(0, w), rng.uniform(0, s.horizon * 0.95) ** 1.0, rng.uniform(0.5, 1.3) * u
            shape = star(sx, sy, r * 2.6, 0.30, 4) if rng.random() < 0.3 else circle(sx, sy, r, 8)
            s.add(
                Shape(shape, (255, 252, 228), "celestial", emit=True, stroke=False, alpha=rng.uniform(0.6, 1))
            )
        y, r = h * rng.uniform(0.12, 0.24), 17 * u
        full = rng.random() < 0.4
        moon = circle(x, y, r * 0.95, 32) if full else crescent(x, y, r)
        s.add(Shape(moon, s.time["sun"], "celestial", emit=True, alpha=0.75 if veiled else 1))
        if full:
            for dx, dy, k in ((-0.3, -0.2, 0.22), (0.28, 0.18, 0.17), (0.02, 0.45, 0.12)):
                s.add(
                    Shape(
                        circle(x + dx * r, y + dy * r, k * r, 12),
                        (222, 216, 186),
                        "celestial",
                        emit=True,
                        stroke=False,
                    )
                )
        s.glow = (x, y, 60 * u, (150, 170, 230))
        return
    if s.spec.time == "day":
        y, r = h * rng.uniform(0.12, 0.22), 16 * u
        s.glow = (x, y, 62 * u, (255, 250, 214))
    elif s.spec.time == "morning":
        y, r = s.horizon - h * rng.uniform(0.10, 0.17), 17 * u
        s.glow = (x, y, 95 * u, (255, 244, 200))
    else:
        y, r = s.horizon - h * rng.uniform(0.02, 0.08), 30 * u
        x = w * (0.5 + (x / w - 0.5) * 0.75)
        s.glow = (x, y, 120 * u, (255, 170, 90))
    if s.spec.time == "day" and not veiled:
        for i in range(12):
            a = i * math.pi / 6 + 0.2
            c, n = math.cos(a), math.sin(a)
            s.add(
                Shape(
                    poly(
                        x + c * r * 1.3 - n * r * 0.1,
                        y + n * r * 1.3 + c * r * 0.1,
                        x + c * r * 1.3 + n * r * 0.1,
                        y + n * r * 1.3 - c * r * 0.1,
                        x + c * r * 1.75,
                        y + n * r * 1.75,
                    ),
                    (255, 236, 150),
                    "celestial",
                    emit=True,
                    stroke=False,
                    alpha=0.8,
                )
            )
    s.add(Shape(circle(x, y, r, 36), s.time["sun"], "celestial", emit=True, alpha=0.6 if veiled else 1))


def clouds(s, rng):
    n = dict(clear=rng.choice((0, 1, 1, 2)), cloudy=5, rain=6, snowfall=4, fog=1, rainbow=3)[s.spec.weather]
    base = (255, 255, 255) if s.spec.weather in ("clear", "cloudy", "rainbow") else (206, 212, 222)
    if s.spec.weather == "rain":
        base = (150, 158, 172)
    lit = dict(day=(1, 1, 1), morning=(1, 0.90, 0.88), sunset=(1, 0.72, 0.70), night=(0.34, 0.40, 0.62))[
        s.spec.time
    ]
    top = mul(base, lit)
    under = mix(top, s.sky[1], 0.35)
    for i in range(n):
        cw = rng.uniform(46, 92) * s.unit
        x = s.w * ((i + rng.uniform(0.1, 0.9)) / n)
        y = s.h * rng.uniform(0.10, 0.34)
        c = [
            (rng.uniform(-0.34, -0.16), rng.uniform(0.16, 0.22)),
            (rng.uniform(-0.06, 0.08), rng.uniform(0.24, 0.32)),
            (rng.uniform(0.18, 0.32), rng.uniform(0.15, 0.2)),
        ]
        s.add(Shape(puffs(x, y, cw, cw * 0.62, c), top, "cloud", ("v", under), alpha=0.94, layer=True))


def rainbow(s, rng):
    cx, cy, r = s.w * rng.uniform(0.4, 0.6), s.h * 0.74, s.h * rng.uniform(0.52, 0.60)
    for i, c in enumerate(("red", "orange", "yellow", "green", "blue", "purple")):
        band = stroke(arc(cx, cy, r - i * 4.6 * s.unit, math.pi, 2 * math.pi, 40), 5.2 * s.unit)
        s.add(Shape(band, light(COLOURS[c], 0.12), "cloud", alpha=0.66, stroke=i in (0, 3, 5), emit=True))


def falling(s, rng):
    u = s.unit
    if s.spec.weather == "rain":
        for _ in range(70):
            x, y, n = rng.uniform(-10, s.w), rng.uniform(0, s.h), rng.uniform(8, 16) * u
            s.add(
                Shape(
                    stroke([(x, y), (x + n * 0.3, y + n)], 1.1 * u),
                    (216, 232, 250),
                    "weather",
                    alpha=0.62,
                    emit=True,
                )
            )
    if s.spec.weather == "snowfall":
        for _ in range(80):
            r = rng.uniform(0.9, 2.6) * u
            s.add(
                Shape(
                    circle(rng.uniform(0, s.w), rng.uniform(0, s.h), r, 10),
                    (255, 255, 255),
                    "weather",
                    alpha=0.9,
                    emit=True,
                    stroke=r > 1.9 * u,
                )
            )


# ---------------------------------------------------------------------------- subjects
def base_line(s, obj, size):
    """Where an object of this size (logical pixels) stands, floats or flies."""
    home, h = OBJECTS[obj], s.h
    if s.spec.place == "sea":
        if home == "water":
            return h * 0.80
        if home == "swim":
            return h * 0.84
    if s.spec.place == "sky":
        return h * 0.79 if home == "ground" else h * 0.50 + size / 2
    if home == "air":
        return h * 0.44 + size / 2
    if home == "swim":
        return h * 0.50 + size / 2  # fish and whales float through the air like balloons
    return h * 0.83


def subjects(s, rng):
    spec, h = s.spec, s.h
    xs = s.subject_x()
    span = min(h, s.w)
    size = span * (0.62 if spec.big else 0.36 if spec.big is False else rng.uniform(0.50, 0.57))
    size *= {1: 1.0, 2: 0.74, 3: 0.54}[spec.count] * HABIT[spec.object][0]
    placed = []
    if spec.second:
        side = {"left": 0.74, "right": 0.26}.get(spec.side, rng.choice((0.17, 0.83)))
        second = span * 0.30 * HABIT[spec.second][0]
        placed.append((spec.second, spec.second_colour, side, second))
        size *= 0.88
    placed += [(spec.object, spec.colour, x, size * rng.uniform(0.94, 1.04)) for x in xs]
    for obj, colour, x, sz in placed:
        draw_subject(s, rng, obj, colour, s.w * (x + rng.uniform(-0.02, 0.02)), sz)


def draw_subject(s, rng, obj, colour, x, size):
    y = base_line(s, obj, size) + rng.uniform(-0.012, 0.012) * s.h
    tint = mix((1, 1, 1), s.time["tint"], 0.24)
    main = COLOURS[colour]
    if OBJECTS[obj] == "ground" or (OBJECTS[obj] == "water" and s.spec.place not in ("sea", "sky")):
        s.add(
            Shape(
                ellipse(x, y, size * 0.48, size * 0.055), dark(s.haze, 0.75), "near", alpha=0.30, stroke=False
            )
        )
    frame = Frame(x, y, size, flip=rng.random() < 0.5 and obj not in ("house", "castle"))
    for part in objects.DRAW[obj](objects.Palette(main, s.night), rng):
        part.pts = frame.place(part.pts)
        if not part.emit:
            part.fill = subject_light(s, part.fill, tint)
            if part.shade:
                part.shade = (part.shade[0], subject_light(s, part.shade[1], tint))
        s.add(part)
    if s.spec.place == "sea" and OBJECTS[obj] in ("water", "swim"):
        splash(s, x, y, size)


def subject_light(s, colour, tint):
    return mix(mul(colour, tint), s.haze, 0.22 if s.fog else 0.0)


def splash(s, x, y, size):
    """Hides the waterline of something that floats."""
    u = s.unit
    water = mix(mix(s.land((34, 128, 190), 0.0), s.sky[1], 0.25), s.sky[2], 0.15)
    top = y - size * 0.075
    n = 9
    xs = np.linspace(x - size * 0.62, x + size * 0.62, n)
    ys = top + np.where(np.arange(n) % 2 == 0, 0, -2.2 * u)
    ys[0] = ys[-1] = top + size * 0.08
    crest = spline(np.stack([xs, ys], 1), 4, False)
    s.add(
        Shape(
            np.concatenate(
                [crest, [[x + size * 0.35, top + size * 0.16], [x - size * 0.35, top + size * 0.16]]]
            ),
            light(water, 0.14),
            "near",
            ("v", water),
            stroke=False,
        )
    )
    s.add(Shape(stroke(crest, 1.6 * u), mix(water, (255, 255, 255), 0.6), "near", alpha=0.9))


def foreground(s, rng):
    h, u = s.h, s.unit
    if s.spec.place in ("meadow", "mountains", "forest"):
        c = s.land((70, 140, 60), 0)
        for _ in range(9):
            x, y, n = rng.uniform(0, s.w), rng.uniform(h * 0.90, h * 1.0), rng.uniform(5, 10) * u
            for d in (-0.5, 0, 0.5):
                s.add(
                    Shape(
                        poly(x - 1.2 * u + d * 3 * u, y, x + d * n, y - n, x + 1.2 * u + d * 3 * u, y),
                        c,
                        "front",
                        stroke=False,
                    )
                )
    if s.spec.weather == "snowfall" and s.spec.place in ("meadow", "mountains", "forest", "city"):
        c = s.land((246, 250, 255), 0)
        s.add(Shape(land.ridge(s, rng, h * 0.94, 4 * u, 1, 5, sharp=False), c, "front", layer=True))
