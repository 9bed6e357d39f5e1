#!/usr/bin/env python3
"""Trains the upscaler in the box: a small network of the ESRGAN family (src/model/esrgan.h), x2.

    train.py OUT.safetensors PHOTO ... [--cpu-seconds 900]

See README.md. Progress is measured in processor time, so that a busy machine gives the same training,
later. A number in the file OUT.safetensors.budget replaces --cpu-seconds while it runs."""
import argparse
import io
import math
import random
import time

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch.nn import functional as F

from network import Network, write_safetensors

PATCH = 40  # of the small picture
EDGE = 4  # pixels of the small picture whose results see zeros beyond the patch
POOL = 5000
LETTERS = "ABCDEFGHabcdefghiklmnorstuvwxyz0123456789"
DRAWN = 0.15  # share of patches with lines and letters of our own


def photo_patches(paths, count, rng):
    """Patches of photographs at half their size: a camera's blur and compression are hardly left."""
    pictures = []
    for path in paths:
        p = Image.open(path).convert("RGB")
        pictures.append(np.asarray(p.resize((p.width // 2, p.height // 2), Image.LANCZOS)))
    found = []
    while len(found) < count:
        p = pictures[rng.randrange(len(pictures))]
        y, x = rng.randrange(p.shape[0] - 2 * PATCH), rng.randrange(p.shape[1] - 2 * PATCH)
        patch = p[y : y + 2 * PATCH, x : x + 2 * PATCH]
        detail = np.abs(np.diff(patch[:, :, 1].astype(int), axis=0)).mean()
        if detail > 3 or rng.random() < detail / 6:  # of sky there is enough
            found.append(patch)
    return found


def drawn_patch(rng):
    size, colour = 8 * PATCH, lambda: tuple(rng.randrange(256) for _ in range(3))
    p = Image.new("RGB", (size, size), colour())
    draw = ImageDraw.Draw(p)
    for _ in range(rng.randrange(2, 7)):
        a = [rng.randrange(size) for _ in range(4)]
        kind = rng.randrange(3)
        if kind == 0:
            draw.line(a, colour(), rng.randrange(4, 24))
        elif kind == 1:
            box = [min(a[0], a[2]), min(a[1], a[3]), max(a[0], a[2]), max(a[1], a[3])]
            draw.ellipse(box, colour(), colour())
        else:
            word = Image.new("L", (60, 14))
            letters = "".join(rng.choice(LETTERS) for _ in range(9))
            ImageDraw.Draw(word).text((1, 1), letters, 255, ImageFont.load_default())
            zoom = rng.choice((4, 6, 8))
            word = word.resize((60 * zoom, 14 * zoom), Image.BICUBIC)
            p.paste(colour(), (a[0] - 120, a[1]), word)
    return np.asarray(p.resize((2 * PATCH, 2 * PATCH), Image.BOX))


def shrink(patch, rng):
    """Half its size, in one of the ways that programs do it; now and then through a JPEG file."""
    way = rng.choice((Image.BICUBIC, Image.BICUBIC, Image.LANCZOS, Image.BOX))
    small = Image.fromarray(patch).resize((PATCH, PATCH), way)
    if rng.random() < 0.2:
        file = io.BytesIO()
        small.save(file, "JPEG", quality=rng.randrange(80, 97))
        small = Image.open(file).convert("RGB")
    return np.asarray(small)


def make_pool(paths, rng):
    large = photo_patches(paths, int(POOL * (1 - DRAWN)), rng)
    large += [drawn_patch(rng) for _ in range(POOL - len(large))]
    small = [shrink(p, rng) for p in large]
    return torch.from_numpy(np.stack(small)), torch.from_numpy(np.stack(large))


def batch(pool, size, rng):
    picked = torch.tensor([rng.randrange(POOL) for _ in range(size)])
    turn, flip = rng.randrange(4), rng.random() < 0.5
    out = []
    for side in pool:
        x = side[picked].permute(0, 3, 1, 2).float() / 255
        x = torch.rot90(x, turn, (2, 3))
        out.append((x.flip(3) if flip else x).contiguous())
    return out


def budget(path, otherwise):
    try:
        with open(path + ".budget", encoding="ascii") as file:
            return float(file.read())
    except (OSError, ValueError):
        return otherwise


def main():
    args = argparse.ArgumentParser()
    args.add_argument("out")
    args.add_argument("photos", nargs="+")
    args.add_argument("--cpu-seconds", type=float, default=900)
    args.add_argument("--batch", type=int, default=8)
    args = args.parse_args()
    rng = random.Random(1)
    torch.manual_seed(1)
    torch.set_num_threads(1)
    pool = make_pool(args.photos, rng)
    net, mean = Network(), Network()
    mean.load_state_dict(net.state_dict())
    adam = torch.optim.Adam(net.parameters(), lr=1e-3, betas=(0.9, 0.99))
    start, step, sum_loss, part = time.process_time(), 0, 0.0, 0.0
    while part < 1:
        part = min(1.0, (time.process_time() - start) / budget(args.out, args.cpu_seconds))
        falling = 0.005 + 0.995 * (1 + math.cos(math.pi * part)) / 2
        adam.param_groups[0]["lr"] = 2e-3 * min(1.0, (step + 1) / 200) * falling
        small, large = batch(pool, args.batch, rng)
        with torch.autocast("cpu", torch.bfloat16):
            made = net(small)
        inner = slice(2 * EDGE, -2 * EDGE)
        loss = F.l1_loss(made.float()[:, :, inner, inner], large[:, :, inner, inner])
        adam.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 0.5)
        adam.step()
        with torch.no_grad():
            keep = min(0.995, step / (step + 10))
            for a, b in zip(mean.parameters(), net.parameters()):
                a.lerp_(b, 1 - keep)
        step, sum_loss = step + 1, sum_loss + loss.item()
        if step % 250 == 0 or part == 1:
            print(f"step {step}, {part:.1%}, loss {255 * sum_loss / 250:.3f} of 255", flush=True)
            sum_loss = 0.0
            write_safetensors(args.out, mean)


if __name__ == "__main__":
    main()
