#!/usr/bin/env python3
"""What the upscaler is worth beside interpolation, on photographs that it has not seen.

    measure.py FILE.safetensors PHOTO ...

From each photograph the middle 512 x 512 (of one longer than 1400 after bringing it to that), shrunk
to half by Pillow's bicubic filter, is enlarged again. PSNR and SSIM of the luma, 8 pixels at the
edges left out."""
import argparse
import os

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

from network import Network, read_safetensors

SIDE, LONGEST, EDGE = 512, 1400, 8
WINDOW = torch.exp(-((torch.arange(11.0) - 5) ** 2) / 4.5)  # sigma 1.5
WINDOW /= WINDOW.sum()


def middle(path):
    p = Image.open(path).convert("RGB")
    part = min(1.0, LONGEST / max(p.size))
    p = p.resize((round(p.width * part), round(p.height * part)), Image.LANCZOS)
    w, h = min(SIDE, p.width // 4 * 4), min(SIDE, p.height // 4 * 4)
    x, y = (p.width - w) // 2, (p.height - h) // 2
    return p.crop((x, y, x + w, y + h))


def luma(picture):
    inner = np.asarray(picture)[EDGE:-EDGE, EDGE:-EDGE].astype(np.float32)
    return inner @ np.array([65.481, 128.553, 24.966], np.float32) / 255 + 16


def blur(x):
    return F.conv2d(F.conv2d(x, WINDOW.view(1, 1, 1, -1)), WINDOW.view(1, 1, -1, 1))


def ssim(a, b):
    a, b = (torch.from_numpy(v)[None, None] for v in (a, b))
    ma, mb = blur(a), blur(b)
    va, vb, both = blur(a * a) - ma * ma, blur(b * b) - mb * mb, blur(a * b) - ma * mb
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    above, below = (2 * ma * mb + c1) * (2 * both + c2), (ma * ma + mb * mb + c1) * (va + vb + c2)
    return (above / below).mean().item()


def psnr(a, b):
    return 10 * np.log10(255**2 / np.mean((a - b) ** 2))


def enlarge(net, small):
    x = torch.from_numpy(np.array(small)).permute(2, 0, 1)[None].float() / 255
    y = (net(x)[0].permute(1, 2, 0) * 255).round().clamp(0, 255)
    return Image.fromarray(y.byte().numpy())


@torch.no_grad()
def main():
    args = argparse.ArgumentParser()
    args.add_argument("file")
    args.add_argument("photos", nargs="+")
    args = args.parse_args()
    net = Network()
    net.load_state_dict(read_safetensors(args.file))
    rows = {"bicubic": [], "Lanczos": [], "upscaler": []}
    for path in args.photos:
        whole = middle(path)
        small = whole.resize((whole.width // 2, whole.height // 2), Image.BICUBIC)
        made = {
            "bicubic": small.resize(whole.size, Image.BICUBIC),
            "Lanczos": small.resize(whole.size, Image.LANCZOS),
            "upscaler": enlarge(net, small),
        }
        for name, picture in made.items():
            rows[name].append((psnr(luma(whole), luma(picture)), ssim(luma(whole), luma(picture))))
        told = "  ".join(f"{name} {row[-1][0]:.2f} {row[-1][1]:.4f}" for name, row in rows.items())
        print(f"{os.path.basename(path)}: {told}", flush=True)
    for name, row in rows.items():
        print(f"{name}: {np.mean(row, 0)[0]:.2f} dB, {np.mean(row, 0)[1]:.4f}")
    better = sum(a[0] > b[0] for a, b in zip(rows["upscaler"], rows["Lanczos"]))
    print(f"better than Lanczos in {better} of {len(args.photos)}")


if __name__ == "__main__":
    main()
