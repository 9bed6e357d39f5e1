"""Renders a scene in one of the visual styles.  Every renderer returns an RGB uint8 array [h, w, 3].

All of them draw with Pillow at twice the size and average down, which antialiases; pixel art draws small and blows up.
"""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from shapes import circle, dark, densify, light, luma, mix

SS = 2
_BANK = {}


def noise(cells, seed):
    """512x512 float texture in [-1, 1], smooth over 512 / cells pixels; built once per process."""
    if (cells, seed) not in _BANK:
        g = np.random.RandomState(seed).rand(cells, cells).astype(np.float32)
        big = np.array(Image.fromarray(np.pad(g, ((0, 1), (0, 1)), "wrap")).resize((512, 512), Image.BICUBIC))
        _BANK[cells, seed] = big * 2 - 1
    return _BANK[cells, seed]


def texture(rng, cells, h, w, seed=1):
    t = noise(cells, seed)
    y, x = rng.randrange(512 - min(h, 511)), rng.randrange(512 - min(w, 511))
    t = t[y : y + h, x : x + w]
    return t[:, ::-1] if rng.random() < 0.5 else t


def rgb(c):
    return int(c[0]), int(c[1]), int(c[2])


class Pen:
    """Draws shapes on a Pillow image at `scale` device pixels per logical pixel."""

    def __init__(self, w, h, scale, background=(0, 0, 0)):
        self.scale = scale
        self.size = (round(w * scale), round(h * scale))
        self.img = Image.new("RGB", self.size, rgb(background))
        self.draw = ImageDraw.Draw(self.img)

    def flat(self, pts):
        return (pts * self.scale).ravel().tolist()

    def box(self, pts):
        """Device bounding box clipped to the canvas, or None when outside."""
        x0, y0 = np.floor(pts.min(0) * self.scale).astype(int).tolist()
        x1, y1 = (np.ceil(pts.max(0) * self.scale).astype(int) + 1).tolist()
        x0, y0, x1, y1 = max(x0, 0), max(y0, 0), min(x1, self.size[0]), min(y1, self.size[1])
        return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None

    def mask(self, pts, box):
        m = Image.new("L", (box[2] - box[0], box[3] - box[1]), 0)
        ImageDraw.Draw(m).polygon((pts * self.scale - (box[0], box[1])).ravel().tolist(), fill=255)
        return m

    def fill(self, pts, colour, shade=None, alpha=1.0):
        if shade is None and alpha >= 0.999:
            self.draw.polygon(self.flat(pts), fill=rgb(colour))
            return
        box = self.box(pts)
        if box is None:
            return
        m = self.mask(pts, box)
        if alpha < 0.999:
            m = m.point([int(i * alpha) for i in range(256)])
        if shade is None:
            self.img.paste(rgb(colour), box[:2] + box[2:], m)
            return
        self.img.paste(self.gradient(pts, box, colour, shade), box[:2], m)

    def gradient(self, pts, box, colour, shade):
        """Runs over the unclipped bounding box of the shape, so what leaves the canvas keeps its look."""
        axis = 1 if shade[0] == "v" else 0
        lo, hi = pts[:, axis].min() * self.scale, pts[:, axis].max() * self.scale
        n = box[2 + axis] - box[axis]
        hi = min(hi, self.size[axis] * 1.05)
        t = np.clip((np.arange(n) + box[axis] - lo) / max(hi - lo, 1), 0, 1)[:, None]
        ramp = np.clip(np.array(colour)[None] * (1 - t) + np.array(shade[1])[None] * t, 0, 255).astype(
            np.uint8
        )
        strip = ramp[:, None] if axis == 1 else ramp[None]
        return Image.fromarray(strip).resize((box[2] - box[0], box[3] - box[1]), Image.NEAREST)

    def line(self, pts, colour, width, jitter=None, close=True):
        p = np.concatenate([pts, pts[:1]]) if close else pts
        self.draw.line(
            (p * self.scale).ravel().tolist(),
            fill=rgb(colour),
            width=max(1, round(width * self.scale)),
            joint="curve",
        )

    def array(self):
        """Antialiased float32 picture [h, w, 3], 0..255."""
        k = int(self.scale)
        img = self.img.reduce(k) if k > 1 else self.img
        return np.asarray(img, dtype=np.float32)


def sky_gradient(pen, scene, bands=0):
    """Top, middle and horizon colour, either smooth or in flat bands."""
    h = pen.size[1]
    y = np.arange(h) / (scene.horizon * pen.scale)
    if bands:
        y = np.floor(y * bands) / bands
    t = np.clip(y, 0, 1)[:, None]
    a, b, c = (np.array(x, float)[None] for x in scene.sky)
    col = np.where(t < 0.55, a + (b - a) * (t / 0.55), b + (c - b) * ((t - 0.55) / 0.45))
    img = Image.fromarray(np.clip(col, 0, 255).astype(np.uint8)[:, None]).resize(pen.size, Image.NEAREST)
    pen.img.paste(img)


def sky_glow(pen, scene, strength=0.75):
    if not scene.glow:
        return
    x, y, r, colour = scene.glow
    k = pen.scale
    box = (int((x - r) * k), int((y - r) * k))
    n = int(2 * r * k)
    m = (
        Image.radial_gradient("L")
        .point([int(max(0, 255 - i * 1.35) ** 1.6 / 255**0.6 * strength) for i in range(256)])
        .resize((n, n), Image.BILINEAR)
    )
    pen.img.paste(rgb(colour), box, m)


def outline_colour(scene, shape):
    """A contour that keeps the subject apart from whatever is behind it."""
    if scene.night:
        return mix(shape.fill, (214, 224, 255), 0.40) if luma(shape.fill) < 96 else dark(shape.fill, 0.55)
    return dark(shape.fill, 0.50)


def finish(a):
    return np.clip(a + 0.5, 0, 255).astype(np.uint8)


# ---------------------------------------------------------------------------- storybook: the look without style words
def paint_soft(pen, scene, shapes, contour=1.1):
    for s in shapes:
        if s.kind == "object" and s.stroke and contour:
            pen.fill(s.pts, s.fill, s.shade, s.alpha)
            pen.line(s.pts, outline_colour(scene, s), contour * scene.unit)
        else:
            pen.fill(s.pts, s.fill, s.shade, s.alpha)


def storybook(scene, rng):
    pen = Pen(scene.w, scene.h, SS)
    sky_gradient(pen, scene)
    sky_glow(pen, scene)
    paint_soft(pen, scene, scene.shapes)
    return finish(pen.array())


# ---------------------------------------------------------------------------- flat poster
def flatten(c, sat=1.18):
    """Printer's inks: fewer, cleaner colours."""
    y = luma(c)
    c = [y + (v - y) * sat for v in c]
    return tuple(min(255, max(0, round(v / 24) * 24)) for v in c)


def flat(scene, rng):
    w, h = scene.w, scene.h
    pen = Pen(w, h, SS)
    scene.sky = [flatten(c) for c in scene.sky]
    sky_gradient(pen, scene, 4)
    if scene.glow:
        x, y, r, colour = scene.glow
        for k, a in ((0.62, 0.22), (0.42, 0.35)):
            pen.fill(circle(x, y, r * k), colour, None, a)
    for s in scene.shapes:
        small = not s.stroke and s.kind in ("near", "front", "mid") and not s.emit
        if small and rng.random() < 0.5:
            continue
        pen.fill(s.pts, flatten(s.fill), None, 1.0 if s.alpha > 0.7 else s.alpha)
    border = (250, 241, 220)
    a = pen.array()
    m = round(0.050 * min(w, h))
    a[:m], a[-m * 2 :], a[:, :m], a[:, -m:] = border, border, border, border
    ink = flatten(scene.sky[0]) if not scene.night else (30, 40, 90)
    y0, x0 = h - round(m * 1.35), round(w * 0.30)
    a[y0 : y0 + max(2, m // 3), x0 : w - x0] = ink
    return finish(a)


# ---------------------------------------------------------------------------- watercolour
def wobble(pts, rng, amount):
    """Uneven hand-made edges."""
    p = densify(pts, 7.0)
    t = noise(64, 9)
    k, j = rng.randrange(512), rng.randrange(512)
    ix = (p[:, 0] * 2.1 + k).astype(int) % 512
    iy = (p[:, 1] * 2.1 + j).astype(int) % 512
    return p + np.stack([t[iy, ix], t[ix, iy]], 1) * amount


def watercolor(scene, rng):
    w, h = scene.w, scene.h
    pen = Pen(w, h, SS)
    scene.sky = [light(c, 0.10 if scene.night else 0.34) for c in scene.sky]
    sky_gradient(pen, scene)
    sky_glow(pen, scene, 0.9)
    for s in scene.shapes:
        subject = s.kind == "object"
        c = s.fill if subject else light(s.fill, 0.05 if scene.night else 0.22)
        big = len(s.pts) > 3 and (s.layer or subject)
        pts = wobble(s.pts, rng, (1.3 if subject else 2.4) * scene.unit) if big else s.pts
        if big and s.alpha > 0.8:
            pen.line(pts, dark(c, 0.22), 1.3 * scene.unit)
        pen.fill(
            pts,
            light(c, 0.10),
            (s.shade[0], light(s.shade[1], 0.05))
            if s.shade and subject
            else ("v", dark(c, 0.14))
            if big
            else None,
            s.alpha * (0.93 if subject else 0.86),
        )
    img = pen.img.reduce(SS).filter(ImageFilter.GaussianBlur(0.7))
    a = np.asarray(img, np.float32)
    soft = np.asarray(img.filter(ImageFilter.BoxBlur(4)), np.float32)
    a = a + 0.38 * (a - soft)  # pigment gathers at the edges
    bloom = texture(rng, 16, h, w, 2) * 12 + texture(rng, 48, h, w, 3) * 9 + texture(rng, 256, h, w, 4) * 5
    a = a + bloom[:, :, None]
    paper = np.array((252, 248, 238), np.float32)
    x, y = np.arange(w, dtype=np.float32), np.arange(h, dtype=np.float32)[:, None]
    edge = np.minimum(np.minimum(x, x[::-1]), np.minimum(y, y[::-1]))
    rough = texture(rng, 16, h, w, 6) * 5 + texture(rng, 96, h, w, 7) * 3.5
    dry = np.clip((edge + rough - 8) / 4.0, 0, 1)[:, :, None]
    return finish(paper + (a - paper) * dry)


# ---------------------------------------------------------------------------- pixel art
def pixel(scene, rng):
    cell = 4
    w, h = scene.w // cell, scene.h // cell
    pen = Pen(scene.w, scene.h, 2 / cell)
    sky_gradient(pen, scene, 7)
    for s in scene.shapes:
        if s.kind == "object" or s.alpha > 0.5:
            pen.fill(s.pts, s.fill, None)
            if s.kind == "object" and s.layer:
                pen.line(s.pts, outline_colour(scene, s), 2.0)
    small = pen.img.resize((w, h), Image.BOX)
    small = small.quantize(28, method=Image.MEDIANCUT, dither=Image.NONE).convert("RGB")
    return np.asarray(small.resize((scene.w, scene.h), Image.NEAREST))


# ---------------------------------------------------------------------------- line drawing
PAPER = dict(day=(252, 250, 244), morning=(252, 226, 214), sunset=(250, 186, 128), night=(112, 122, 172))


def line(scene, rng):
    w, h = scene.w, scene.h
    paper = PAPER[scene.spec.time]
    pen = Pen(w, h, SS, paper)
    ink = (26, 28, 52) if scene.night else (50, 46, 54)
    for s in scene.shapes:
        subject = s.kind == "object"
        if not s.stroke and not subject and not (s.kind == "celestial" or s.emit):
            continue
        if subject:
            c = mix(s.fill, paper, 0.22)
        elif s.kind == "celestial":
            c = mix(s.fill, (255, 255, 255), 0.1) if scene.night else mix(s.fill, (255, 206, 84), 0.5)
        elif s.emit and s.kind != "weather":
            c = s.fill
        else:
            c = mix(paper, s.fill, 0.07)
        if s.kind == "weather":
            pen.line(s.pts, mix(ink, paper, 0.35), 0.8)
            continue
        if s.alpha > 0.25:
            pen.fill(s.pts, c, None, 1.0 if subject else max(0.75, s.alpha))
        if s.stroke or subject and s.layer:
            pts = wobble(s.pts, rng, 0.7 * scene.unit) if len(s.pts) > 2 else s.pts
            far = s.kind in ("far", "cloud")
            pen.line(
                pts,
                mix(ink, paper, 0.45 if far else 0.15 if not subject else 0.0),
                (1.5 if subject else 1.0) * scene.unit,
            )
    a = pen.array()
    a += (texture(rng, 256, h, w, 4) * 2.5 + texture(rng, 24, h, w, 3) * 2.5)[:, :, None]
    return finish(a)


# ---------------------------------------------------------------------------- neon
NIGHTSKY = dict(
    day=((8, 44, 70), (12, 66, 92), (20, 104, 120)),
    morning=((44, 22, 70), (88, 36, 98), (170, 84, 110)),
    sunset=((26, 8, 54), (78, 14, 86), (190, 44, 66)),
    night=((3, 3, 12), (5, 5, 20), (10, 10, 34)),
)


def tube(c):
    """The glowing version of a colour: full brightness, high saturation."""
    m, n = max(c), min(c)
    if m - n < 26:  # greys: white stays white, black becomes a dim violet tube
        return (240, 244, 255) if m > 150 else (92, 84, 112)
    k = 255 / m if m > 150 else 190 / m
    c = [v * k for v in c]
    y = luma(c)
    return tuple(min(255, max(0, y + (v - y) * 1.35)) for v in c)


def neon(scene, rng):
    w, h = scene.w, scene.h
    pen = Pen(w, h, SS)
    scene.sky = list(NIGHTSKY[scene.spec.time])
    sky_gradient(pen, scene)
    lights = Pen(w, h, SS)
    base = scene.sky[2]
    for s in scene.shapes:
        subject = s.kind == "object"
        if s.alpha < 0.3 or not (s.stroke or subject or s.emit):
            continue
        c = tube(s.fill)
        if not subject and s.kind != "celestial":
            c = mix(c, base, 0.5 if s.kind in ("far", "cloud") else 0.35)
        if s.kind == "cloud" and s.emit:  # a rainbow's bands
            pen.fill(s.pts, c, None, 0.7)
            continue
        if len(s.pts) < 13 and s.emit and not subject:  # stars, windows, rain
            pen.fill(s.pts, mix(c, base, 0.3))
            lights.fill(s.pts, mix(c, (0, 0, 0), 0.3))
            continue
        pen.fill(
            s.pts,
            mix((6, 6, 16), c, 0.26)
            if subject
            else mix(scene.sky[1], (6, 6, 16), 0.55)
            if s.kind != "celestial"
            else mix(scene.sky[1], c, 0.35),
        )
        lights.fill(s.pts, (0, 0, 0))
        if s.stroke:
            wid = (2.1 if subject else 1.2) * scene.unit
            pen.line(s.pts, c, wid)
            lights.line(s.pts, c if subject or s.kind == "celestial" else mix(c, (0, 0, 0), 0.5), wid)
    a = pen.array()
    small = lights.img.reduce(SS)
    near = np.asarray(small.filter(ImageFilter.GaussianBlur(2.2)), np.float32)
    wide = np.asarray(small.filter(ImageFilter.BoxBlur(8)).filter(ImageFilter.BoxBlur(6)), np.float32)
    return finish(a + near * 0.75 + wide * 1.1)


# ---------------------------------------------------------------------------- cinematic
def cinematic(scene, rng):
    w, h = scene.w, scene.h
    pen = Pen(w, h, SS)
    sky_gradient(pen, scene)
    sky_glow(pen, scene, 1.0)
    cut = next((i for i, s in enumerate(scene.shapes) if s.kind == "object"), len(scene.shapes))
    paint_soft(pen, scene, scene.shapes[:cut], 0)
    back = pen.img.reduce(SS).filter(ImageFilter.GaussianBlur(2.4 * scene.unit))
    pen.img.paste(back.resize(pen.size, Image.BILINEAR))
    for _ in range(7):  # bokeh
        x, y, r = rng.uniform(0, w), rng.uniform(0, h), rng.uniform(3, 9) * scene.unit
        pen.fill(circle(x, y, r), light(scene.time["sun"], 0.3), None, rng.uniform(0.10, 0.26))
    paint_soft(pen, scene, scene.shapes[cut:], 0.6)
    a = pen.array() / 255
    y = a.mean(2, keepdims=True)
    a = a * a * (3 - 2 * a) * 0.7 + a * 0.3  # contrast
    a = (
        a
        + (0.5 - y) * np.array((-0.05, 0.025, 0.07), np.float32)
        + y * np.array((0.05, 0.012, -0.06), np.float32)
    )  # teal and orange
    yy, xx = np.mgrid[0:h, 0:w].astype(np.float32)
    d = ((xx / w - 0.5) ** 2 + (yy / h - 0.5) ** 2) * 2
    a = a * (1.06 - 0.86 * d**1.25)[:, :, None]
    a = a * 255
    a += (texture(rng, 256, h, w, 5) * 4)[:, :, None]
    return finish(a)


# ---------------------------------------------------------------------------- papercut
def papercut(scene, rng):
    w, h = scene.w, scene.h
    pen = Pen(w, h, SS)
    scene.sky = [flatten(c, 1.0) for c in scene.sky]
    sky_gradient(pen, scene, 3)
    u = scene.unit
    dx, dy = 2.2 * u, 3.0 * u
    for s in scene.shapes:
        if s.kind == "weather" and s.alpha < 0.7:
            continue
        if s.layer or (s.kind == "celestial" and len(s.pts) > 20):
            box = pen.box(s.pts + (dx, dy))
            if box:
                pad = int(5 * u * SS)
                box = (
                    max(0, box[0] - pad),
                    max(0, box[1] - pad),
                    min(pen.size[0], box[2] + pad),
                    min(pen.size[1], box[3] + pad),
                )
                m = (
                    pen.mask(s.pts + (dx, dy), box)
                    .reduce(2)
                    .filter(ImageFilter.BoxBlur(2.0 * u))
                    .resize((box[2] - box[0], box[3] - box[1]), Image.BILINEAR)
                )
                pen.img.paste((14, 12, 34), box[:2], m.point([int(i * 0.42) for i in range(256)]))
        pen.fill(
            s.pts,
            s.fill if s.kind == "object" else flatten(s.fill, 1.05),
            None,
            s.alpha if s.alpha < 0.6 else 1.0,
        )
        if s.layer:
            pen.line(s.pts, light(s.fill, 0.34), 0.8 * u)
    a = pen.array()
    fibre = texture(rng, 256, h, w, 7) * 3 + texture(rng, 96, h, w, 8) * 3
    return finish(a + fibre[:, :, None])


# ---------------------------------------------------------------------------- chalkboard: the LoRA's style
def chalk(scene, rng):
    w, h = scene.w, scene.h
    board = (36, 70, 58)
    pen = Pen(w, h, SS, board)
    for s in scene.shapes:
        subject = s.kind == "object"
        if s.alpha < 0.3 or not (s.stroke or subject or s.emit):
            continue
        c = light(s.fill, 0.22) if luma(s.fill) > 60 or not subject else (24, 26, 28)
        if s.kind == "weather" or (len(s.pts) < 13 and s.emit and not subject):
            pen.fill(s.pts, mix(c, board, 0.2))
            continue
        pen.fill(s.pts, mix(board, c, 0.80 if subject else 0.6 if s.kind == "celestial" else 0.07))
        if s.stroke:
            pen.line(
                wobble(s.pts, rng, 1.0 * scene.unit),
                mix(light(s.fill, 0.62), board, 0.0 if subject else 0.3),
                (1.8 if subject else 1.2) * scene.unit,
            )
    a = pen.array()
    dust = np.clip(texture(rng, 128, h, w, 7) * 0.4 + texture(rng, 64, h, w, 8) * 0.3 + 0.95, 0.45, 1)[
        :, :, None
    ]
    b = np.array(board, np.float32)
    smear = (texture(rng, 8, h, w, 2) * 7 + texture(rng, 24, h, w, 3) * 4)[:, :, None]
    a = b + (a - b) * dust + smear
    m = round(0.035 * min(w, h))
    for sl in (np.s_[:m], np.s_[-m:], np.s_[:, :m], np.s_[:, -m:]):
        a[sl] = (150, 104, 62)
    return finish(a)


RENDER = dict(
    storybook=storybook,
    flat=flat,
    watercolor=watercolor,
    pixel=pixel,
    line=line,
    neon=neon,
    cinematic=cinematic,
    papercut=papercut,
    chalk=chalk,
)
