#!/usr/bin/env python3
"""Checks everything under data/: styles, wildcards, presets, the model catalogue. Prints one line per fault, exits 1 if any.

The style names are an interface (people paste them, metadata carries them), so the exact set and order stands here a second
time. The texts are ours; the rules below are what we hold a good template to.
"""
import json
import re
import sys
from pathlib import Path

DATA = Path(__file__).resolve().parent.parent / "data"

# Files in load order; names in display order.
NAMES = {
    "fooocus": """
        Fooocus Enhance; Fooocus Semi Realistic; Fooocus Sharp; Fooocus Masterpiece; Fooocus Photograph; Fooocus
        Negative; Fooocus Cinematic; Fooocus Pony""",
    "sai": """
        SAI 3D Model; SAI Analog Film; SAI Anime; SAI Cinematic; SAI Comic Book; SAI Craft Clay; SAI Digital Art; SAI
        Enhance; SAI Fantasy Art; SAI Isometric; SAI Line Art; SAI Lowpoly; SAI Neonpunk; SAI Origami; SAI
        Photographic; SAI Pixel Art; SAI Texture""",
    "mre": """
        MRE Cinematic Dynamic; MRE Spontaneous Picture; MRE Artistic Vision; MRE Dark Dream; MRE Gloomy Art; MRE Bad
        Dream; MRE Underground; MRE Surreal Painting; MRE Dynamic Illustration; MRE Undead Art; MRE Elemental Art; MRE
        Space Art; MRE Ancient Illustration; MRE Brave Art; MRE Heroic Fantasy; MRE Dark Cyberpunk; MRE Lyrical
        Geometry; MRE Sumi E Symbolic; MRE Sumi E Detailed; MRE Manga; MRE Anime; MRE Comic""",
    "twri": """
        Ads Advertising; Ads Automotive; Ads Corporate; Ads Fashion Editorial; Ads Food Photography; Ads Gourmet Food
        Photography; Ads Luxury; Ads Real Estate; Ads Retail; Artstyle Abstract; Artstyle Abstract Expressionism;
        Artstyle Art Deco; Artstyle Art Nouveau; Artstyle Constructivist; Artstyle Cubist; Artstyle Expressionist;
        Artstyle Graffiti; Artstyle Hyperrealism; Artstyle Impressionist; Artstyle Pointillism; Artstyle Pop Art;
        Artstyle Psychedelic; Artstyle Renaissance; Artstyle Steampunk; Artstyle Surrealist; Artstyle Typography;
        Artstyle Watercolor; Futuristic Biomechanical; Futuristic Biomechanical Cyberpunk; Futuristic Cybernetic;
        Futuristic Cybernetic Robot; Futuristic Cyberpunk Cityscape; Futuristic Futuristic; Futuristic Retro
        Cyberpunk; Futuristic Retro Futurism; Futuristic Sci Fi; Futuristic Vaporwave; Game Bubble Bobble; Game
        Cyberpunk Game; Game Fighting Game; Game Gta; Game Mario; Game Minecraft; Game Pokemon; Game Retro Arcade;
        Game Retro Game; Game Rpg Fantasy Game; Game Strategy Game; Game Streetfighter; Game Zelda; Misc
        Architectural; Misc Disco; Misc Dreamscape; Misc Dystopian; Misc Fairy Tale; Misc Gothic; Misc Grunge; Misc
        Horror; Misc Kawaii; Misc Lovecraftian; Misc Macabre; Misc Manga; Misc Metropolis; Misc Minimalist; Misc
        Monochrome; Misc Nautical; Misc Space; Misc Stained Glass; Misc Techwear Fashion; Misc Tribal; Misc Zentangle;
        Papercraft Collage; Papercraft Flat Papercut; Papercraft Kirigami; Papercraft Paper Mache; Papercraft Paper
        Quilling; Papercraft Papercut Collage; Papercraft Papercut Shadow Box; Papercraft Stacked Papercut; Papercraft
        Thick Layered Papercut; Photo Alien; Photo Film Noir; Photo Glamour; Photo Hdr; Photo Iphone Photographic;
        Photo Long Exposure; Photo Neon Noir; Photo Silhouette; Photo Tilt Shift""",
    "diva": """
        Cinematic Diva; Abstract Expressionism; Academia; Action Figure; Adorable 3D Character; Adorable Kawaii; Art
        Deco; Art Nouveau; Astral Aura; Avant Garde; Baroque; Bauhaus Style Poster; Blueprint Schematic Drawing;
        Caricature; Cel Shaded Art; Character Design Sheet; Classicism Art; Color Field Painting; Colored Pencil Art;
        Conceptual Art; Constructivism; Cubism; Dadaism; Dark Fantasy; Dark Moody Atmosphere; Dmt Art Style; Doodle
        Art; Double Exposure; Dripping Paint Splatter Art; Expressionism; Faded Polaroid Photo; Fauvism; Flat 2d Art;
        Fortnite Art Style; Futurism; Glitchcore; Glo Fi; Googie Art Style; Graffiti Art; Harlem Renaissance Art; High
        Fashion; Idyllic; Impressionism; Infographic Drawing; Ink Dripping Drawing; Japanese Ink Drawing; Knolling
        Photography; Light Cheery Atmosphere; Logo Design; Luxurious Elegance; Macro Photography; Mandola Art; Marker
        Drawing; Medievalism; Minimalism; Neo Baroque; Neo Byzantine; Neo Futurism; Neo Impressionism; Neo Rococo;
        Neoclassicism; Op Art; Ornate And Intricate; Pencil Sketch Drawing; Pop Art 2; Rococo; Silhouette Art; Simple
        Vector Art; Sketchup; Steampunk 2; Surrealism; Suprematism; Terragen; Tranquil Relaxing Atmosphere; Sticker
        Designs; Vibrant Rim Light; Volumetric Lighting; Watercolor 2; Whimsical And Playful""",
    "marc_k3nt3l": """
        Mk Chromolithography; Mk Cross Processing Print; Mk Dufaycolor Photograph; Mk Herbarium; Mk Punk Collage; Mk
        Mosaic; Mk Van Gogh; Mk Coloring Book; Mk Singer Sargent; Mk Pollock; Mk Basquiat; Mk Andy Warhol; Mk Halftone
        Print; Mk Gond Painting; Mk Albumen Print; Mk Aquatint Print; Mk Anthotype Print; Mk Inuit Carving; Mk Bromoil
        Print; Mk Calotype Print; Mk Color Sketchnote; Mk Cibulak Porcelain; Mk Alcohol Ink Art; Mk One Line Art; Mk
        Blacklight Paint; Mk Carnival Glass; Mk Cyanotype Print; Mk Cross Stitching; Mk Encaustic Paint; Mk
        Embroidery; Mk Gyotaku; Mk Luminogram; Mk Lite Brite Art; Mk Mokume Gane; Pebble Art; Mk Palekh; Mk
        Suminagashi; Mk Scrimshaw; Mk Shibori; Mk Vitreous Enamel; Mk Ukiyo E; Mk Vintage Airline Poster; Mk Vintage
        Travel Poster; Mk Bauhaus Style; Mk Afrofuturism; Mk Atompunk; Mk Constructivism; Mk Chicano Art; Mk De Stijl;
        Mk Dayak Art; Mk Fayum Portrait; Mk Illuminated Manuscript; Mk Kalighat Painting; Mk Madhubani Painting; Mk
        Pictorialism; Mk Pichwai Painting; Mk Patachitra Painting; Mk Samoan Art Inspired; Mk Tlingit Art; Mk Adnate
        Style; Mk Ron English Style; Mk Shepard Fairey Style""",
    "v1": "None; Cinematic Default",
}

NEGATIVE_ONLY = {"Fooocus Enhance", "Fooocus Semi Realistic", "Fooocus Negative"}
POSITIVE_ONLY = {"Mk Luminogram", "Mk Tlingit Art", "None"}
POSITIVE_WORDS = (12, 30)   # around {prompt}: what fits beside a real prompt into 75 tokens
NEGATIVE_TERMS = (5, 20)
WORDS_BEFORE_PROMPT = 9     # the subject comes early
CLIP_TOKENS_ROUGHLY = 60    # words and punctuation marks of one side

WILDCARD_LINES = {"animal": (100, 100), "artist": (100, 130), "color": (17, 17), "color_flower": (1, 1),
                  "extended-color": (147, 147), "flower": (140, 160), "nationality": (195, 195)}

PRESETS = ["anime", "default", "lcm", "lightning", "playground_v2.5", "pony_v6", "realistic", "sai"]
PRESET_TYPES = {
    "default_recipe": str,
    "default_model": str, "default_refiner": str, "default_refiner_switch": float, "default_loras": list,
    "default_cfg_scale": float, "default_sample_sharpness": float, "default_sampler": str, "default_scheduler": str,
    "default_performance": str, "default_prompt": str, "default_prompt_negative": str, "default_styles": list,
    "default_aspect_ratio": str, "default_overwrite_step": int, "default_inpaint_engine_version": str, "default_vae": str,
    "checkpoint_downloads": dict, "embeddings_downloads": dict, "lora_downloads": dict, "vae_downloads": dict,
    "previous_default_models": list}
PRESET_REQUIRED = ["default_model", "default_loras", "default_cfg_scale", "default_sampler", "default_scheduler",
                   "default_performance", "default_styles", "default_aspect_ratio"]
PERFORMANCES = ["Quality", "Speed", "Extreme Speed", "Lightning", "Hyper-SD"]
FOLDERS = ["checkpoints", "clip_vision", "controlnet", "inpaint", "loras", "prompt_expansion/fooocus_expansion",
           "safety_checker", "sam", "translation/opus-mt-zh-en", "upscale_models", "vae", "vae_approx"]

faults = []


def fault(where, text):
    faults.append(f"{where}: {text}")


def load(path):
    """JSON with duplicate keys refused and typographic characters reported."""
    def pairs(items):
        keys = [k for k, _ in items]
        for k in {k for k in keys if keys.count(k) > 1}:
            fault(path.name, f"key {k!r} appears twice")
        return dict(items)
    try:
        text = path.read_text(encoding="utf-8")
        for number, line in enumerate(text.splitlines(), 1):
            if not line.isascii():
                fault(f"{path.name}:{number}", "not ASCII")
        return json.loads(text, object_pairs_hook=pairs)
    except (OSError, ValueError) as e:
        fault(path.name, str(e))
        return None


def normalise(name):
    """The display rule of Fooocus; src/app/prompt/styles.c does the same."""
    words = name.replace("-", " ").split(" ")
    name = " ".join(w[:1].upper() + w[1:].lower() for w in words)
    for old, new in (("3d", "3D"), ("Sai", "SAI"), ("Mre", "MRE"), ("(s", "(S")):
        name = name.replace(old, new)
    return name


def words(text):
    return re.findall(r"[a-z0-9_']+", text.lower())


def check_text(where, text):
    if text != text.strip() or "  " in text:
        fault(where, "stray spaces")
    if re.search(r"[,.;:]\s*[,.;:]|\s[,.;:]|,(?! )|[,.]$", text):
        fault(where, "punctuation")
    plain = re.findall(r"[\w'-]+", text.lower())
    for a, b in zip(plain, plain[1:]):
        if a == b:
            fault(where, f"doubled word {a!r}")
    if len(re.findall(r"\w+|[^\w\s]", text)) > CLIP_TOKENS_ROUGHLY:
        fault(where, "too long for one chunk")


def check_positive(where, text):
    check_text(where, text)
    if text.count("{prompt}") != 1 or re.search(r"[{}]", text.replace("{prompt}", "")):
        fault(where, "wants {prompt} exactly once")
        return
    before, after = text.split("{prompt}")
    count = len((before + " " + after).replace(",", " ").split())
    if not POSITIVE_WORDS[0] <= count <= POSITIVE_WORDS[1]:
        fault(where, f"{count} words around {{prompt}}")
    if len(before.split()) > WORDS_BEFORE_PROMPT:
        fault(where, "{prompt} comes late")
    for denial in {"no", "not", "non", "without", "never"} & set(words(text)):
        fault(where, f"{denial!r}: a text encoder does not understand denials, use the negative prompt")


def check_negative(where, negative, positive):
    check_text(where, negative)
    if "{prompt}" in negative:
        fault(where, "{prompt} in the negative prompt")
    terms = [t.strip().lower() for t in negative.split(",")]
    if not NEGATIVE_TERMS[0] <= len(terms) <= NEGATIVE_TERMS[1]:
        fault(where, f"{len(terms)} negative terms")
    for t in {t for t in terms if terms.count(t) > 1}:
        fault(where, f"negative term {t!r} twice")
    wanted = f" {' '.join(words(positive))} "
    for t in terms:
        if f" {' '.join(words(t))} " in wanted:
            fault(where, f"{t!r} is wanted and forbidden")


def check_style(where, style):
    if not isinstance(style, dict) or set(style) - {"name", "prompt", "negative_prompt"}:
        fault(where, "unknown keys")
        return
    if not all(isinstance(v, str) and v for v in style.values()):
        fault(where, "empty or not a string")
        return
    name = style["name"]
    if ("prompt" in style) == (name in NEGATIVE_ONLY):
        fault(where, "positive text is " + ("not wanted" if "prompt" in style else "missing"))
    if ("negative_prompt" in style) == (name in POSITIVE_ONLY):
        fault(where, "negative text is " + ("not wanted" if "negative_prompt" in style else "missing"))
    if name != "None":
        for line in style.get("prompt", "").splitlines():
            check_positive(where, line)
        if "negative_prompt" in style:
            check_negative(where, style["negative_prompt"], style.get("prompt", ""))
    elif style.get("prompt") != "{prompt}":
        fault(where, "must be {prompt} alone")


def check_styles():
    """Returns all legal style names."""
    seen, texts = {}, {}
    for stem, wanted in NAMES.items():
        styles = load(DATA / "styles" / f"{stem}.json")
        if not isinstance(styles, list):
            fault(stem, "not an array")
            continue
        names = [s.get("name", "") if isinstance(s, dict) else "" for s in styles]
        wanted = [" ".join(n.split()) for n in wanted.split(";")]
        for n in set(wanted) ^ set(names):
            fault(stem, f"{'missing' if n in wanted else 'unknown'} style {n!r}")
        if sorted(names) == sorted(wanted) and names != wanted:
            fault(stem, "wrong order")
        for name, style in zip(names, styles):
            where = f"{stem}: {name}"
            check_style(where, style)
            if name != normalise(name):
                fault(where, f"stored name should be {normalise(name)!r}")
            if name in seen:
                fault(where, f"name already in {seen[name]}")
            seen[name] = stem
            for key in ("prompt", "negative_prompt"):
                if key in style and texts.setdefault(style[key], where) != where:
                    fault(where, f"same {key} as {texts[style[key]]}")
    check_order_v1(set(seen))
    return set(seen) | {"Fooocus V2", "Random Style"}


def check_order_v1(names):
    rows = load(DATA / "styles" / "order_v1.json") or []
    if len(rows) != 184:
        fault("order_v1", f"{len(rows)} names instead of 184")
    if [r["name"] for r in rows[:3]] != ["None", "cinematic-default", "sai-3d-model"]:
        fault("order_v1", "must begin with None, cinematic-default, sai-3d-model")
    if len({r["name"] for r in rows}) != len(rows) or len({r["style"] for r in rows}) != len(rows):
        fault("order_v1", "a name appears twice")
    for row in rows:
        if row["style"] != normalise(row["name"]) or row["style"] not in names:
            fault("order_v1", f"{row['name']!r} does not resolve to {row['style']!r}")


def check_wildcards():
    stems = {p.stem for p in (DATA / "wildcards").glob("*.txt")}
    if stems != set(WILDCARD_LINES):
        fault("wildcards", f"files differ: {sorted(stems ^ set(WILDCARD_LINES))}")
    for stem in sorted(stems & set(WILDCARD_LINES)):
        text = (DATA / "wildcards" / f"{stem}.txt").read_text(encoding="utf-8")
        lines = text.splitlines()
        low, high = WILDCARD_LINES[stem]
        if not low <= len(lines) <= high:
            fault(stem, f"{len(lines)} lines")
        if not text.isascii() or not text.endswith("\n"):
            fault(stem, "not ASCII or no newline at the end")
        if lines != sorted(set(lines)) or any(not x or x != x.strip() or "  " in x for x in lines):
            fault(stem, "lines must be sorted, unique and trimmed")
        for name in re.findall(r"__([\w-]+?)__", text):
            if name not in stems:
                fault(stem, f"nested wildcard {name!r} does not exist")


def check_preset(name, preset, style_names, urls):
    for key, value in preset.items():
        if key not in PRESET_TYPES:
            fault(name, f"unknown key {key!r}")
        elif type(value) is not PRESET_TYPES[key]:
            fault(name, f"{key} must be a {PRESET_TYPES[key].__name__}")
    for key in PRESET_REQUIRED:
        if key not in preset:
            fault(name, f"{key} is missing")
            return
    for style in set(preset["default_styles"]) - style_names:
        fault(name, f"unknown style {style!r}")
    if preset["default_performance"] not in PERFORMANCES:
        fault(name, "unknown performance")
    if not re.fullmatch(r"\d{3,4}\*\d{3,4}", preset["default_aspect_ratio"]):
        fault(name, "aspect ratio must read W*H")
    downloads = {}
    for kind, folder in (("checkpoint", "checkpoints"), ("lora", "loras"), ("vae", "vae"), ("embeddings", "embeddings")):
        for file, url in preset.get(f"{kind}_downloads", {}).items():
            downloads[file] = url
            if urls.get((folder, file)) != url:
                fault(name, f"{file}: the catalogue has another address or none")
    wanted = {preset["default_model"], preset.get("default_refiner", "None"), preset.get("default_vae", "Default (model)")}
    wanted |= {row[1] for row in preset["default_loras"]}
    for file in wanted - {"None", "Default (model)"} - set(downloads):
        fault(name, f"{file} has no download")
    if len(preset["default_loras"]) != 5 or any([type(x) for x in r] != [bool, str, float] for r in preset["default_loras"]):
        fault(name, "default_loras wants five rows [on, file, weight]")


def check_catalog():
    """Returns {(folder, name): url}."""
    catalog = load(DATA / "catalog.json") or {}
    urls = {}
    required = {"name": str, "folder": str, "url": str, "approx_bytes": int, "needed_for": str, "licence": str, "note": str}
    for m in catalog.get("models", []):
        where = f"catalog: {m.get('name')}"
        if any(type(m.get(k)) is not t or not m[k] for k, t in required.items()) or set(m) - set(required) - {"sha256"}:
            fault(where, "wrong or missing keys")
            continue
        if m["folder"] not in FOLDERS or "/" in m["name"]:
            fault(where, "folder or name")
        if not re.fullmatch(r"https://(huggingface\.co|github\.com)/[\w./-]+", m["url"]):
            fault(where, "url")
        if "sha256" in m and not re.fullmatch(r"[0-9a-f]{64}", m["sha256"]):
            fault(where, "sha256")
        if (m["folder"], m["name"]) in urls:
            fault(where, "twice")
        urls[m["folder"], m["name"]] = m["url"]
    return urls


def main():
    style_names = check_styles()
    check_wildcards()
    urls = check_catalog()
    found = sorted(p.stem for p in (DATA / "presets").glob("*.json"))
    if found != PRESETS:
        fault("presets", f"files differ: {found}")
    for name in found:
        check_preset(name, load(DATA / "presets" / f"{name}.json") or {}, style_names, urls)
    for line in faults:
        print(f"check_data: {line}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
