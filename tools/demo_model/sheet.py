"""Draws with the program itself: the contact sheet of the docs, and the pictures that the judge looks at.

  sheet.py sheet --out docs/demo.jpg [--prompts sheet_prompts.txt] [--columns 8] [-- FLAGS of fooocus generate]
  sheet.py prompts --prompts prompts.jsonl --out FOLDER [-- FLAGS]

Picture i has seed i + 1 where nothing else is said.  A line of a .txt file may bring flags of its own behind a tab.
"""
import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile

import numpy as np
from PIL import Image

from contact import grid
from dataset import ROOT


def read_lines(path):
    """[(prompt, seed, flags)]"""
    out = []
    with open(path, encoding="utf-8") as f:
        for line in f:
            line = line.rstrip("\n")
            if not line or line.startswith("#"):
                continue
            if path.endswith(".jsonl"):
                row = json.loads(line)
                out.append((row["prompt"], row["seed"], []))
            else:
                prompt, _, flags = line.partition("\t")
                out.append((prompt, len(out) + 1, shlex.split(flags)))
    return out


def draw(program, lines, folder, flags):
    """One picture a line, FOLDER/0000.png and so on; those that are there already stay."""
    for i, (prompt, seed, own) in enumerate(lines):
        path = os.path.join(folder, f"{i:04d}.png")
        if not os.path.exists(path):
            flags_here = ["--output", path, "--quiet", "--no-log", *own, *flags]
            if "--seed" not in flags_here:
                flags_here += ["--seed", str(seed)]
            subprocess.run([program, "generate", prompt, *flags_here], check=True, stdout=subprocess.DEVNULL)
        print(f"\r{i + 1} of {len(lines)}", end="", flush=True, file=sys.stderr)
    print(file=sys.stderr)


def main():
    argv, flags = sys.argv[1:], []
    if "--" in argv:
        argv, flags = argv[: argv.index("--")], argv[argv.index("--") + 1 :]
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("what", choices=("sheet", "prompts"))
    a.add_argument("--out", required=True)
    a.add_argument("--prompts", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "sheet_prompts.txt"))
    a.add_argument("--columns", type=int, default=8)
    a.add_argument("--program", default=os.path.join(ROOT, "build", "release", "fooocus"))
    o = a.parse_args(argv)
    lines = read_lines(o.prompts)
    if o.what == "prompts":
        os.makedirs(o.out, exist_ok=True)
        draw(o.program, lines, o.out, flags)
        return
    with tempfile.TemporaryDirectory() as folder:
        draw(o.program, lines, folder, flags)
        pictures = [np.asarray(Image.open(os.path.join(folder, f"{i:04d}.png")).convert("RGB")) for i in range(len(lines))]
    Image.fromarray(grid(pictures, o.columns)).save(o.out, quality=88)


if __name__ == "__main__":
    main()
