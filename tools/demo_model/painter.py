"""The painter: a settled Spec, a seed and a size give one picture, always the same."""
import random

import numpy as np
from PIL import Image, ImageFilter

import scene
import styles


def paint(spec, seed, w=256, h=256):
    """RGB uint8 [h, w, 3].  `spec` has no gaps (world.settle)."""
    rng = random.Random(seed)
    s = scene.compose(spec, rng, w, h)
    img = styles.RENDER[spec.style](s, rng)
    return spoil(img, rng) if spec.degraded else img


def spoil(img, rng):
    """What the words "blurry, low quality, noisy" stand for."""
    h, w = img.shape[:2]
    pic = Image.fromarray(img)
    k = rng.uniform(3, 6)
    pic = pic.resize((max(8, int(w / k)), max(8, int(h / k))), Image.BILINEAR).resize((w, h), Image.BILINEAR)
    a = np.asarray(pic.filter(ImageFilter.GaussianBlur(1.5)), np.float32)
    a = a.mean((0, 1)) + (a - a.mean((0, 1))) * rng.uniform(0.5, 0.8)
    a = a + np.random.RandomState(rng.randrange(1 << 30)).randn(h, w, 1).astype(np.float32) * rng.uniform(
        4, 14
    )
    return np.clip(a, 0, 255).astype(np.uint8)


def soften(img, k):
    """The picture as if its original had been only k times the size (k < 1): what small original sizes stand for."""
    h, w = img.shape[:2]
    pic = Image.fromarray(img).resize((max(8, round(w * k)), max(8, round(h * k))), Image.BOX)
    return np.asarray(pic.resize((w, h), Image.BICUBIC))
