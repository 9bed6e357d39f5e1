"""Draws the sample picture of every style of the app with the demo model: web/styles/NAME.webp, which the page shows.

  style_samples.py [--program build/release/fooocus] [--prompt "a red castle in the mountains"]
"""
import argparse
import json
import os
import re
import subprocess
import tempfile

from PIL import Image

from dataset import ROOT

SIDE = 96  # pixels; the page shows them at half of that on ordinary screens


def style_names():
    folder = os.path.join(ROOT, "data", "styles")
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), encoding="utf-8") as f:
            yield from (e["name"] for e in json.load(f) if e.get("prompt"))


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--program", default=os.path.join(ROOT, "build", "release", "fooocus"))
    a.add_argument("--prompt", default="a red castle in the mountains")
    a.add_argument("--seed", default="11")
    o = a.parse_args()
    out = os.path.join(ROOT, "web", "styles")
    os.makedirs(out, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for name in style_names():
            picture = os.path.join(folder, "sample.png")
            command = [o.program, "generate", o.prompt, "--style", name, "--seed", o.seed, "--output", picture, "-q", "--no-log"]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            file = re.sub("[^a-z0-9]", "-", name.lower()) + ".webp"
            Image.open(picture).convert("RGB").resize((SIDE, SIDE), Image.LANCZOS).save(os.path.join(out, file), quality=70, method=6)
            os.remove(picture)


if __name__ == "__main__":
    main()
