"""Words for scenes: many ways to say the same picture, style phrases, quality words, and words that mean nothing here.

The style templates of the app are read from data/styles/*.json when they are there; each is assigned to the visual
style its name and words fit best, so that choosing a style in the app changes the picture.
"""
import json
import os
import re

from world import STYLES, pick

NOUNS = dict(
    house="house|house|cottage|home|little house",
    tree="tree|tree|big tree",
    boat="boat|boat|sailboat|ship|sailing boat",
    balloon="balloon|hot air balloon|hot-air balloon",
    lighthouse="lighthouse",
    castle="castle|castle|palace",
    rocket="rocket|rocket|spaceship|rocket ship",
    flower="flower|flower|blossom",
    fish="fish",
    cat="cat|cat|kitten|kitty",
    car="car|car|automobile",
    bird="bird|bird|little bird",
    mushroom="mushroom|mushroom|toadstool",
    windmill="windmill|windmill|mill",
    tent="tent|tent|camping tent",
    butterfly="butterfly",
    umbrella="umbrella|umbrella|parasol",
    robot="robot|robot|android",
    train="train|train|locomotive|steam train",
    whale="whale",
)
PLURAL = dict(
    house="houses",
    tree="trees",
    boat="boats",
    balloon="balloons",
    lighthouse="lighthouses",
    castle="castles",
    rocket="rockets",
    flower="flowers",
    fish="fish",
    cat="cats",
    car="cars",
    bird="birds",
    mushroom="mushrooms",
    windmill="windmills",
    tent="tents",
    butterfly="butterflies",
    umbrella="umbrellas",
    robot="robots",
    train="trains",
    whale="whales",
)
COLOUR_WORDS = dict(
    red="red|red|red|scarlet",
    orange="orange",
    yellow="yellow",
    green="green|green|green|emerald",
    blue="blue|blue|blue|azure",
    purple="purple|purple|violet",
    pink="pink|pink|pink|rose",
    white="white",
    black="black",
    brown="brown",
)
PLACE_WORDS = dict(
    mountains=(
        "in the mountains|in front of mountains|with snowy peaks behind|mountain landscape|"
        "in the alps|mountains"
    ),
    sea="at sea|by the sea|on the ocean|on the water|on an island in the sea|seascape|near the beach|sea",
    forest="in the forest|in the woods|in a dark forest|between the trees of a forest|woodland|forest",
    desert="in the desert|among sand dunes|in the hot desert|desert landscape|with cactus plants|desert",
    city="in the city|in a big city|downtown|on a city street|with a skyline behind|between skyscrapers|city",
    meadow="in a meadow|in a field|in the fields|on a grassy hill|in the countryside|flower meadow|field",
    snow="in the snow|in a snowy landscape|in winter|winter landscape|on a snowy hill|snowy field",
    sky="in the sky|above the clouds|high in the air|among the clouds|floating in the sky|sky",
)
TIME_WORDS = dict(
    day="by day|during the day|at noon|in bright daylight|on a sunny day|daytime",
    morning="in the morning|at dawn|at sunrise|early morning|in soft morning light|morning mood",
    sunset="at sunset|at dusk|in the evening|in the golden hour|evening light|sunset",
    night=(
        "at night|by night|under the stars|at midnight|under the moon|in the moonlight|night sky|"
        "night|starry night"
    ),
)
WEATHER_WORDS = dict(
    clear="clear sky|fine weather|sunny",
    cloudy="cloudy|with many clouds|overcast|cloudy sky",
    rain="in the rain|rainy|it is raining|rainy weather|heavy rain",
    snowfall="while it is snowing|snowfall|falling snow|with snowflakes",
    fog="in the fog|foggy|misty|in thick mist|hazy",
    rainbow="with a rainbow|under a rainbow|rainbow in the sky|and a colorful rainbow",
)
SIDE_WORDS = dict(
    left="on the left|on the left side|at the left",
    right="on the right|on the right side|at the right",
    center="in the center|in the middle|centered",
)
SIZE_WORDS = {True: "big|huge|large|giant", False: "small|tiny|little"}
COUNT_WORDS = {2: "two|two|a pair of|2", 3: "three|three|3|a group of three"}

STYLE_WORDS = dict(
    storybook=[
        "storybook illustration",
        "children's book illustration",
        "digital art",
        "illustration",
        "concept art",
        "soft colors, illustration",
    ],
    flat=[
        "flat poster",
        "flat vector art",
        "vector illustration",
        "minimalist poster",
        "flat 2d art",
        "flat design, bold shapes, limited palette",
        "vintage travel poster",
        "screen print",
        "simple vector art",
        "bauhaus poster",
    ],
    watercolor=[
        "watercolor",
        "watercolor painting",
        "watercolour painting",
        "aquarelle",
        "watercolor on paper, soft washes, delicate",
        "wet on wet watercolor, paper texture",
        "impressionist painting",
        "hand painted watercolor",
    ],
    pixel=[
        "pixel art",
        "pixel-art",
        "8-bit pixel art",
        "16-bit game sprite",
        "low-res pixel art, blocky",
        "retro video game",
        "pixelated, retro arcade game",
    ],
    line=[
        "line drawing",
        "line art",
        "lineart",
        "ink drawing",
        "pen and ink drawing",
        "pencil sketch",
        "outline drawing",
        "coloring book page",
        "doodle, thin lines",
        "sketch",
    ],
    neon=[
        "neon",
        "neon lights",
        "neon art, glowing lines",
        "neonpunk, glowing, vibrant",
        "cyberpunk neon",
        "synthwave",
        "vaporwave neon glow",
        "glowing neon sign",
    ],
    cinematic=[
        "cinematic",
        "cinematic still",
        "cinematic photo, shallow depth of field, vignette",
        "film still, bokeh, film grain",
        "photograph",
        "photo, dramatic lighting",
        "movie scene, epic, moody",
    ],
    papercut=[
        "papercut",
        "paper cut",
        "papercraft",
        "paper cutout, layered paper",
        "layered paper art, drop shadow",
        "origami",
        "kirigami, paper layers",
        "paper collage",
    ],
    chalk=["chalk drawing", "chalkboard drawing", "chalk on a blackboard"],
)

QUALITY = (
    "beautiful|highly detailed|detailed|masterpiece|best quality|high quality|sharp|vibrant colors|"
    "colorful|lovely|elegant|intricate|award winning|professional|4k|8k|gorgeous|cozy|peaceful|dreamy|"
    "magical|cute|charming|atmospheric|harmonious|epic|trending|stunning|wallpaper|artwork|picture|"
    "scene|landscape|warm light|soft light|dramatic|high contrast|crisp|clean"
).split("|")
BAD = (
    "blurry|low quality|worst quality|bad quality|noisy|ugly|deformed|grainy|low contrast|washed out|"
    "low resolution|lowres|jpeg artifacts|out of focus|bad|poorly drawn|distorted|disfigured|dull|"
    "smudged|messy|amateur"
).split("|")
# common words of prompts that have no meaning in this world: the model learns to ignore them
EMPTY_WORDS = (
    "the of and with very some old new great nice pretty wonderful realistic fantasy artist style "
    "modern ancient famous quiet happy sad funny strange texture render rendering studio composition "
    "perspective symmetrical ultra hyper super lens camera shot wide angle close up portrait view "
    "scenery background foreground subject smooth rough shiny matte volumetric ambient occlusion "
    "octane unreal engine artstation deviantart popular intense deep emotional design designer logo "
    "icon game character person man woman girl boy child people dog horse dragon knight princess king "
    "queen street room kitchen table chair food apple cake music dance war love dream time future past "
    "world life light shadow color line shape form pattern gold silver metal glass stone wood water "
    "fire ice earth air north south east west hot cold warm cool dry wet loud silent fast slow"
).split()
NEGATIVE = (
    "text|watermark|signature|logo|frame|border|cropped|extra limbs|bad anatomy|nsfw|monochrome|"
    "grayscale|photo|photorealistic|painting|drawing|cartoon|anime|3d render|sketch|illustration|"
    "realistic|glitch|error|oversaturated|dark|boring|mutated|duplicate"
).split("|")

# which app style looks like which visual style: the first hit decides
STYLE_KEYS = (
    (
        "pixel",
        (
            "pixel|8.bit|minecraft|retro arcade|retro game|bubble bobble|mario|zelda|pokemon|"
            "streetfighter|game.boy|cross.stitch|mosaic|lite brite|lego"
        ),
    ),
    (
        "neon",
        (
            "neon|cyberpunk|vaporwave|synthwave|blacklight|glo.fi|disco|cybernetic|tron|luminogram|aura|"
            "psychedelic|dmt|hologra"
        ),
    ),
    ("papercut", "paper|origami|kirigami|collage|quilling|felt|embroidery|clay|stained glass"),
    (
        "line",
        (
            "line art|lineart|line drawing|sketch|doodle|pencil|ink draw|japanese ink|zentangle|manga|"
            "coloring book|one line|blueprint|infographic|comic|etching|scrimshaw|marker|caricature|"
            "tattoo|graffiti|herbarium"
        ),
    ),
    (
        "watercolor",
        (
            "watercolo|aquarelle|impression|gouache|van gogh|expressionis|pointillis|fauv|alcohol ink|"
            "suminagashi|painting|rococo|baroque|renaissance|romantic|sargent|fresco|idyllic|whimsical|"
            "fairy|oil"
        ),
    ),
    (
        "flat",
        (
            "flat|vector|poster|minimal|bauhaus|pop art|constructiv|de stijl|art deco|art nouveau|"
            "suprematism|cubis|abstract|op art|halftone|warhol|logo|sticker|silhouette|ukiyo|advertis|"
            "lowpoly|isometric|cel shad|basquiat|fairey"
        ),
    ),
    (
        "cinematic",
        (
            "cinematic|photo|film|noir|hdr|analog|print|bokeh|long exposure|tilt.shift|dramatic|moody|"
            "realis|glamour|fashion|luxury|real estate|automotive|food|terragen|volumetric|polaroid|"
            "horror|gothic|dystopia"
        ),
    ),
)


def visual_style(name, text=""):
    """The visual style for an app style; None for those that look like the plain storybook pictures."""
    for where in (name.lower(), text.lower()):
        for style, keys in STYLE_KEYS:
            if re.search(keys, where):
                return style if style in STYLES else None
    return None


def load_templates(root):
    """{visual style or None: [(prompt template, negative)]} from the app's style files, empty when there are none."""
    out, folder = {}, os.path.join(root, "data", "styles")
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        if not name.endswith(".json"):
            continue
        with open(os.path.join(folder, name), encoding="utf-8") as f:
            entries = json.load(f)
        for e in entries if isinstance(entries, list) else entries.get("styles", []):
            text = " ".join((e.get("prompt") or "").split())
            if "{prompt}" in text:
                out.setdefault(visual_style(e.get("name", ""), text), []).append(
                    (text, e.get("negative_prompt") or "")
                )
    return out


def word(rng, table, key):
    return pick(rng, table[key].split("|"))


def article(rng, phrase):
    if rng.random() < 0.12:
        return phrase
    if rng.random() < 0.08:
        return "the " + phrase
    return ("an " if phrase[0] in "aeiou" else "a ") + phrase


def subject(rng, spec):
    if spec.object is None:
        return rng.choice(("a landscape", "a view", "scenery", "an empty landscape", "a landscape"))
    colour = word(rng, COLOUR_WORDS, spec.colour) if spec.colour else ""
    if spec.count > 1:
        text = " ".join(filter(None, (word(rng, COUNT_WORDS, spec.count), colour, PLURAL[spec.object])))
    else:
        size = word(rng, SIZE_WORDS, spec.big) if spec.big is not None else ""
        text = article(rng, " ".join(filter(None, (size, colour, word(rng, NOUNS, spec.object)))))
    if spec.side and spec.count == 1:
        text += " " + word(rng, SIDE_WORDS, spec.side)
    if spec.second:
        text += rng.choice((" and ", " with ", " next to ")) + article(
            rng, f"{word(rng, COLOUR_WORDS, spec.second_colour)} {pick(rng, NOUNS[spec.second].split('|'))}"
        )
    return text


def content(rng, spec):
    """The scene without style: subject first, then place, time and weather in any order."""
    parts = [(PLACE_WORDS, spec.place), (TIME_WORDS, spec.time), (WEATHER_WORDS, spec.weather)]
    parts = [word(rng, table, key) for table, key in parts if key]
    rng.shuffle(parts)
    joint = rng.choice((" ", ", ", ", "))
    text = joint.join([subject(rng, spec)] + parts)
    if rng.random() < 0.06 and parts:
        text = f"{parts[0]}, {joint.join([subject(rng, spec)] + parts[1:])}"
    return text


def filler(rng, n, sources=(QUALITY, EMPTY_WORDS)):
    return [pick(rng, rng.choice(sources)) for _ in range(n)]


def styled(rng, spec, text, templates):
    """Puts the words of the style around the content, in the manner of prompts, templates or plain talk."""
    known = templates.get(spec.style)
    if known and rng.random() < 0.45:
        return pick(rng, known)[0].replace("{prompt}", text)
    if spec.style is None:
        return text
    s = pick(rng, STYLE_WORDS[spec.style])
    form = rng.randrange(6)
    if form == 0:
        return f"{s}, {text}"
    if form == 1:
        return f"{text}, {s}"
    if form == 2:
        return f"{s} of {text}"
    if form == 3:
        return f"{text}, {s} style"
    if form == 4:
        return f"{s} {text} . {', '.join([pick(rng, STYLE_WORDS[spec.style])] + filler(rng, 3))}"
    return f"{text} in {s} style"


def caption(rng, spec, templates=None, long=False):
    """One caption.  `long` ones run over 75 tokens, so that the model meets contexts of two chunks."""
    text = content(rng, spec)
    templates = templates or {}
    if spec.degraded:
        bad = ", ".join(pick(rng, BAD) for _ in range(rng.randrange(1, 6)))
        text = (
            bad
            if rng.random() < 0.3
            else f"{styled(rng, spec, text, templates)}, {bad}"
            if rng.random() < 0.6
            else f"{bad}, {text}"
        )
    else:
        text = styled(rng, spec, text, templates)
        if rng.random() < 0.30:
            text += ", " + ", ".join(filler(rng, rng.randrange(1, 7)))
        if rng.random() < 0.05:
            text = " ".join(filler(rng, rng.randrange(1, 4))) + " " + text
    if long:
        extra = filler(rng, 60, (QUALITY, EMPTY_WORDS, EMPTY_WORDS))
        text = (
            f"{text}, {', '.join(extra)}"
            if rng.random() < 0.7
            else f"{', '.join(extra[:30])}, {text}, {', '.join(extra[30:])}"
        )
    return text


def unconditional(rng, templates=None):
    """What stands for "nothing said": the empty prompt, lone commas, and the negative prompts people paste."""
    r = rng.random()
    if r < 0.55:
        return ""
    if r < 0.70:
        return rng.choice((",", ", ", ".", ", ,"))
    negatives = [n for group in (templates or {}).values() for _, n in group if n]
    if negatives and r < 0.85:
        return pick(rng, negatives) + rng.choice(("", ", "))
    return ", ".join(pick(rng, rng.choice((NEGATIVE, BAD, NEGATIVE))) for _ in range(rng.randrange(2, 12)))


def test_caption(rng, spec):
    """Plain wording for the 500 test prompts: every judged attribute is named."""
    text = content(rng, spec)
    return (
        text
        if spec.style is None
        else rng.choice((f"{{s}}, {text}", f"{text}, {{s}}", f"{{s}} of {text}")).format(
            s=pick(rng, STYLE_WORDS[spec.style])
        )
    )


def corpus(rng, n, templates=None):
    """Lines for learning the byte-pair merges."""
    import world

    lines = [caption(rng, world.random_spec(rng), templates) for _ in range(n)]
    lines += [unconditional(rng, templates) for _ in range(n // 10)]
    every = [
        w
        for table in (NOUNS, COLOUR_WORDS, PLACE_WORDS, TIME_WORDS, WEATHER_WORDS, SIDE_WORDS)
        for v in table.values()
        for w in v.split("|")
    ]
    every += (
        list(PLURAL.values())
        + [w for v in STYLE_WORDS.values() for w in v]
        + list(QUALITY)
        + list(BAD)
        + list(EMPTY_WORDS)
        + list(NEGATIVE)
    )
    return lines + every * max(1, n // 2000)


assert set(STYLE_WORDS) >= set(STYLES)
