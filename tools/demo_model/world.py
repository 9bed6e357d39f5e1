"""The world the demo model learns: what exists, and how a random scene is drawn from it.

A `Spec` says everything a caption may say about a picture.  Attributes that are None are left to habit: a tree is green,
the weather is fine, it is day, and the caption does not mention them.
"""
import hashlib
import os
from dataclasses import dataclass
from typing import Optional

COLOURS = dict(
    red=(216, 46, 48),
    orange=(242, 132, 34),
    yellow=(250, 208, 48),
    green=(66, 164, 74),
    blue=(46, 106, 218),
    purple=(134, 72, 190),
    pink=(247, 138, 178),
    white=(247, 247, 243),
    black=(42, 42, 50),
    brown=(130, 84, 50),
)

# where an object is at home: on the ground, on water, in the air
OBJECTS = dict(
    house="ground",
    tree="ground",
    boat="water",
    balloon="air",
    lighthouse="ground",
    castle="ground",
    rocket="air",
    flower="ground",
    fish="swim",
    cat="ground",
    car="ground",
    bird="air",
    mushroom="ground",
    windmill="ground",
    tent="ground",
    butterfly="air",
    umbrella="ground",
    robot="ground",
    train="ground",
    whale="swim",
)

# (relative size at full height, habit colours)
HABIT = dict(
    house=(1.0, "red white yellow brown blue"),
    tree=(1.12, "green"),
    boat=(1.0, "red white blue brown"),
    balloon=(1.1, "red yellow orange purple blue"),
    lighthouse=(1.2, "red white blue"),
    castle=(1.1, "white brown pink purple"),
    rocket=(1.12, "white red blue"),
    flower=(1.05, "red yellow pink white purple"),
    fish=(0.85, "orange blue yellow red"),
    cat=(0.95, "black white orange brown"),
    car=(0.85, "red blue yellow green"),
    bird=(0.85, "blue red yellow brown"),
    mushroom=(0.95, "red brown"),
    windmill=(1.1, "white brown red"),
    tent=(0.95, "orange green blue yellow"),
    butterfly=(0.85, "orange blue purple yellow"),
    umbrella=(1.0, "red yellow blue pink"),
    robot=(1.0, "blue white red green"),
    train=(0.9, "green red black blue"),
    whale=(0.95, "blue black"),
)

PLACES = ("mountains", "sea", "forest", "desert", "city", "meadow", "snow", "sky")
HOME = dict(
    house="meadow mountains snow forest",
    tree="meadow mountains forest",
    boat="sea",
    balloon="sky meadow mountains desert",
    lighthouse="sea",
    castle="mountains meadow forest",
    rocket="sky desert city",
    flower="meadow forest",
    fish="sea",
    cat="meadow city forest",
    car="city desert mountains",
    bird="sky forest sea",
    mushroom="forest meadow",
    windmill="meadow sea",
    tent="forest mountains desert snow",
    butterfly="meadow forest",
    umbrella="sea city meadow",
    robot="city desert",
    train="mountains meadow desert snow",
    whale="sea",
)
TIMES = ("day", "morning", "sunset", "night")
WEATHERS = ("clear", "cloudy", "rain", "snowfall", "fog", "rainbow")
STYLES = ("storybook", "flat", "watercolor", "pixel", "line", "neon", "cinematic", "papercut")
LORA_STYLE = "chalk"
SIDES = ("left", "center", "right")

# What can be learned in two hours on two CPU cores.  DEMO_WORLD=full keeps everything above, for a GPU.
if os.environ.get("DEMO_WORLD", "small") == "small":
    keep = "house tree boat balloon lighthouse castle rocket flower cat car mushroom tent".split()
    OBJECTS = {o: OBJECTS[o] for o in keep}
    COLOURS = {c: COLOURS[c] for c in "red orange yellow green blue purple white black".split()}
    PLACES = ("mountains", "sea", "forest", "desert", "city", "meadow")
    WEATHERS = ("clear", "cloudy", "rainbow")
    STYLES = ("storybook", "watercolor", "pixel", "line", "neon")
    HABIT = {o: (h, " ".join(c for c in cs.split() if c in COLOURS) or "red") for o, (h, cs) in HABIT.items()}
    HOME = {o: " ".join(p for p in ps.split() if p in PLACES) for o, ps in HOME.items()}
HELD_OUT_PERCENT = 10
SECOND = 0.10 if len(OBJECTS) == 20 else 0.02  # share of pictures with a second object


@dataclass
class Spec:
    object: Optional[str] = None  # None: a landscape without a main object
    colour: Optional[str] = None
    place: Optional[str] = None
    time: Optional[str] = None
    weather: Optional[str] = None
    style: Optional[str] = None  # None: storybook, the look without style words
    count: int = 1
    side: Optional[str] = None
    big: Optional[bool] = None
    second: Optional[str] = None  # a second, smaller object
    second_colour: Optional[str] = None
    degraded: bool = False  # a bad picture: the thing negative prompts ask to avoid


def held_out(obj, colour, place):
    """True for the combinations that training never sees; the 500 test prompts are made of these alone."""
    digest = hashlib.sha256(f"{obj}|{colour}|{place}".encode()).digest()
    return int.from_bytes(digest[:4], "little") % 100 < HELD_OUT_PERCENT


def pick(rng, items):
    return items[rng.randrange(len(items))]


def random_spec(rng, style=None):
    """A scene for training: mostly one coloured object in a place, often with time, weather and style."""
    s = Spec(style=style)
    if rng.random() > 0.05:
        s.object = pick(rng, tuple(OBJECTS))
        s.colour = pick(rng, tuple(COLOURS)) if rng.random() < 0.72 else None
        s.count = rng.choices((1, 2, 3), (0.88, 0.07, 0.05))[0]
        if s.count == 1:
            s.side = pick(rng, SIDES) if rng.random() < 0.22 else None
            s.big = rng.random() < 0.5 if rng.random() < 0.14 else None
            if rng.random() < SECOND:
                s.second = pick(rng, [o for o in OBJECTS if o != s.object])
                s.second_colour = pick(rng, tuple(COLOURS))
    s.place = pick(rng, PLACES) if rng.random() < 0.80 else None
    s.time = pick(rng, TIMES) if rng.random() < 0.72 else None
    if rng.random() < 0.32:
        s.weather = pick(rng, WEATHERS[1:])
    if s.weather == "rainbow" and s.time not in (None, "day", "morning"):
        s.weather = None
    if style is None:
        s.style = pick(rng, STYLES[1:]) if rng.random() < 0.66 else None
    s.degraded = rng.random() < 0.03
    return s


def train_spec(rng, style=None):
    """random_spec without the held-out combinations, also when habit fills the gaps (see `settle`)."""
    while True:
        s = settle(random_spec(rng, style), rng)
        f = s[1]
        if not (
            f.object
            and held_out(f.object, f.colour, f.place)
            or f.second
            and held_out(f.second, f.second_colour, f.place)
        ):
            return s


def settle(spec, rng):
    """(spec, the same spec with every gap filled by habit): what the caption may say and what the painter paints."""
    f = Spec(**vars(spec))
    if f.object and not f.colour:
        f.colour = pick(rng, HABIT[f.object][1].split())
    if not f.place:
        f.place = pick(rng, HOME[f.object].split()) if f.object else pick(rng, PLACES)
    f.time = f.time or ("day" if rng.random() < 0.9 else "morning")
    f.weather = f.weather or ("clear" if rng.random() < 0.8 else "cloudy")
    f.style = f.style or "storybook"
    f.side = f.side or "center"
    return spec, f


def test_specs(rng, n, styles=STYLES):
    """Scenes of held-out combinations with every judged attribute set."""
    combos = [(o, c, p) for o in OBJECTS for c in COLOURS for p in PLACES if held_out(o, c, p)]
    out = []
    for i in range(n):
        o, c, p = combos[(i * 7919) % len(combos)] if n <= len(combos) else pick(rng, combos)
        style = None if rng.random() < 0.34 else pick(rng, [x for x in styles if x != "storybook"])
        out.append(
            Spec(
                object=o,
                colour=c,
                place=p,
                time=pick(rng, TIMES),
                style=style,
                weather=pick(rng, WEATHERS[1:]) if rng.random() < 0.10 else None,
            )
        )
    return out
