"""The demo model's image prompts: an adapter ("plus") and the small CLIP vision encoder that it reads pictures with.

  image_prompt.py --work DIR --out data/demo [--pictures 2400] [--steps 1500]

DIR is a work folder with the finished UNet (`export.py --unpack`). Nothing of the UNet has to run: the adapter learns to
say with its tokens, attention by attention, what the text encoders would say for the picture in a few words ("red castle
forest night"), and for no picture what they say for the empty prompt. The encoder's weights are made by hand: mean colours
of patches, brightness steps across them, where they are, and random nonlinear functions of these. One core does both in a
few minutes.
"""
import argparse
import os
import random

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

import models
import painter
import world
from common import Run, load_average, write_safetensors
from dataset import LABELS, STYLE_IDS, label_row
from stages import encode_text

SEED = 900_000_000
TOKENS, VISION, LAYERS, PATCH, SIZE = 8, 80, 2, 28, 224
FILES = dict(adapter="controlnet/demo_ip-adapter.safetensors", vision="clip_vision/demo_vision.safetensors")
LICENCE = dict(license="MIT", title="Companions of the Fooocus in C demo model")


# ---------------------------------------------------------------------------- networks
class VisionLayer(nn.Module):
    def __init__(self, w):
        super().__init__()
        self.self_attn = nn.ModuleDict({k: nn.Linear(w, w) for k in ("k_proj", "v_proj", "q_proj", "out_proj")})
        self.layer_norm1, self.layer_norm2 = models.LayerNorm(w), models.LayerNorm(w)
        self.mlp = nn.ModuleDict(dict(fc1=nn.Linear(w, 4 * w), fc2=nn.Linear(4 * w, w)))

    def forward(self, x):
        a, h = self.self_attn, self.layer_norm1(x)
        q, k, v = (a[n](h)[:, None] for n in ("q_proj", "k_proj", "v_proj"))  # one head, as wide as ViT-H's
        x = x + a["out_proj"](F.scaled_dot_product_attention(q, k, v)[:, 0])
        return x + self.mlp["fc2"](F.gelu(self.mlp["fc1"](self.layer_norm2(x))))


class Vision(nn.Module):
    """CLIP's picture encoder in transformers' layout."""

    def __init__(self, w=VISION, layers=LAYERS):
        super().__init__()
        self.embeddings = nn.Module()
        self.embeddings.class_embedding = nn.Parameter(torch.randn(w) * 0.05)
        self.embeddings.patch_embedding = nn.Conv2d(3, w, PATCH, stride=PATCH, bias=False)
        self.embeddings.position_embedding = nn.Embedding((SIZE // PATCH) ** 2 + 1, w)
        nn.init.normal_(self.embeddings.position_embedding.weight, std=0.05)
        self.pre_layrnorm = models.LayerNorm(w)
        self.encoder = nn.Module()
        self.encoder.layers = nn.ModuleList(VisionLayer(w) for _ in range(layers))
        self.post_layernorm = models.LayerNorm(w)

    def forward(self, x):
        """-> the state before the last layer, and the picture's own token behind it."""
        e = self.embeddings
        p = e.patch_embedding(x).flatten(2).transpose(1, 2)
        x = torch.cat([e.class_embedding.to(p.dtype).expand(len(p), 1, -1), p], 1) + e.position_embedding.weight
        x = self.pre_layrnorm(x)
        for layer in self.encoder.layers[:-1]:
            x = layer(x)
        return x, self.post_layernorm(self.encoder.layers[-1](x)[:, 0])


class ResamplerAttention(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.norm1, self.norm2 = models.LayerNorm(c), models.LayerNorm(c)
        self.to_q, self.to_kv = nn.Linear(c, c, bias=False), nn.Linear(c, 2 * c, bias=False)
        self.to_out = nn.Linear(c, c, bias=False)

    def forward(self, picture, x):
        picture, x = self.norm1(picture), self.norm2(x)
        k, v = self.to_kv(torch.cat([picture, x], 1)).chunk(2, -1)
        return self.to_out(models.attention(self.to_q(x), k, v))


class Resampler(nn.Module):
    def __init__(self, seen, c, out, layers=2):
        super().__init__()
        self.latents = nn.Parameter(torch.randn(1, TOKENS, c) * c**-0.5)
        self.proj_in, self.proj_out, self.norm_out = nn.Linear(seen, c), nn.Linear(c, out), models.LayerNorm(out)
        self.layers = nn.ModuleList(
            nn.ModuleList([ResamplerAttention(c), nn.Sequential(
                models.LayerNorm(c), nn.Linear(c, 4 * c, bias=False), nn.GELU(), nn.Linear(4 * c, c, bias=False))])
            for _ in range(layers))

    def forward(self, state):
        picture = self.proj_in(state)
        x = self.latents.to(picture.dtype).expand(len(picture), -1, -1)
        for attn, mlp in self.layers:
            x = x + attn(picture, x)
            x = x + mlp(x)
        return self.norm_out(self.proj_out(x))


class PictureKeys(nn.Module):
    """Keys and values of the picture's tokens in one cross attention."""

    def __init__(self, attn, ctx):
        super().__init__()
        c = attn.to_k.out_features
        self.to_k_ip, self.to_v_ip = nn.Linear(ctx, c, bias=False), nn.Linear(ctx, c, bias=False)
        self.to_k_ip.weight.data.copy_(attn.to_k.weight.data)
        self.to_v_ip.weight.data.copy_(attn.to_v.weight.data)


def crosses(unet):
    """The cross attentions in the order of published files."""
    found = [(n, m) for n, m in unet.named_modules() if n.endswith("attn2")]
    return [m for part in ("input_blocks", "output_blocks", "middle_block") for n, m in found if n.startswith(part)]


class Adapter(nn.Module):
    def __init__(self, unet, ctx):
        super().__init__()
        self.image_proj = Resampler(VISION, 64, ctx)
        self.tokens = None
        found = crosses(unet)
        self.ip_adapter = nn.ModuleDict({str(2 * i + 1): PictureKeys(m, ctx) for i, m in enumerate(found)})
        for attn, keys in zip(found, self.ip_adapter.values()):
            attn.forward = self.wrap(attn, keys)

    def wrap(self, attn, keys):
        def forward(x, context):
            q = attn.to_q(x)
            out = models.attention(q, attn.to_k(context), attn.to_v(context))
            if self.tokens is not None:
                out = out + models.attention(q, keys.to_k_ip(self.tokens), keys.to_v_ip(self.tokens))
            return attn.to_out[0](out)

        return forward


# ---------------------------------------------------------------------------- by hand
def handmade():
    """The encoder: its first layer is random, its last one is not used by image prompts."""
    v, half = Vision(VISION, LAYERS), PATCH // 2
    with torch.no_grad():
        e, c = v.embeddings, 0
        k, pos = e.patch_embedding.weight.zero_(), e.position_embedding.weight.zero_()
        e.class_embedding.zero_()
        for y in range(2):
            for x in range(2):
                for rgb in range(3):
                    k[c, rgb, y * half : (y + 1) * half, x * half : (x + 1) * half] = 1.0 / half**2
                    c += 1
        for i in range(8):
            wave = torch.arange(PATCH) * (i // 2 + 1) * 3.14159 / PATCH * 2
            wave = (torch.sin if i % 2 == 0 else torch.cos)(wave) * 2 / (PATCH * PATCH * 3)
            k[c], k[c + 1] = wave[None, None, :].expand(3, PATCH, PATCH), wave[None, :, None].expand(3, PATCH, PATCH)
            c += 2
        side = SIZE // PATCH
        g = torch.arange(side * side)
        y, x = (g // side).float() / (side - 1) * 2 - 1, (g % side).float() / (side - 1) * 2 - 1
        places = [y, x, y * y, x * x, y * x]
        places += [torch.cos(3.14159 * a * y) for a in (1, 2)] + [torch.cos(3.14159 * a * x) for a in (1, 2)]
        for f in places:
            pos[1:, c] = f * 0.7
            c += 1
        pos[:, c], pos[:, c + 1], pos[0, c + 2] = 4.0, -4.0, 3.0  # nearly the same scale for all patches
        random_layer(v, c + 3)
    return v.requires_grad_(False)


def random_layer(v, first):
    """Channels from `first` on get random functions of the others, most of all of the colours."""
    for name, p in v.encoder.named_parameters():
        if "norm" not in name:
            p.zero_()
    mlp, gen = v.encoder.layers[0].mlp, torch.Generator().manual_seed(5)
    w = torch.randn(4 * VISION, VISION, generator=gen) * 0.5
    w[:, 12:] *= 0.25
    w[:, first:] = 0
    mlp["fc1"].weight.copy_(w * 3)
    mlp["fc1"].bias.copy_(torch.randn(4 * VISION, generator=gen))
    o = torch.randn(VISION, 4 * VISION, generator=gen) * (4 * VISION) ** -0.5
    o[:first] = 0
    mlp["fc2"].weight.copy_(o)


# ---------------------------------------------------------------------------- training
MEAN, DEVIATION = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


def seen_by_clip(pics):
    """uint8 [n, h, w, 3] -> what the encoder reads"""
    x = pics.permute(0, 3, 1, 2).float() / 255
    x = F.interpolate(x, (SIZE, SIZE), mode="bilinear", antialias=True)
    return (x - torch.tensor(MEAN)[:, None, None]) / torch.tensor(DEVIATION)[:, None, None]


def cut(pics):
    """One random part of the pictures, mirrored or not: what is to be carried is not the place."""
    side = pics.shape[1]
    k = int(side * random.uniform(0.75, 1.0))
    y, x = random.randrange(side - k + 1), random.randrange(side - k + 1)
    pics = pics[:, y : y + k, x : x + k]
    return pics.flip(2) if random.random() < 0.5 else pics


def base(run):
    p = models.parts(run.tokenizer.size)
    mods = {k: p[k] for k in ("unet", "clip_l", "clip_g")}
    load_average(run, "unet", mods)
    for m in mods.values():
        m.requires_grad_(False)
    return mods


def said(labels):
    """The few words that a picture is to be taken for."""
    names = dict(object=list(world.OBJECTS), colour=list(world.COLOURS), time=world.TIMES, style=STYLE_IDS,
                 place=world.PLACES)
    of = {k: names[k][int(labels[LABELS.index(k)])] for k in names}
    style = "" if of["style"] == "storybook" else of["style"]
    return f"{of['colour']} {of['object']} {of['place']} {of['time']} {style}"


def targets(run, mods, rows):
    """Keys and values of the first tokens of these texts in every cross attention [n, tokens, 2c]."""
    context, _ = encode_text(mods["clip_l"], mods["clip_g"], rows, run.tokenizer.end)
    context = context[:, :TOKENS]
    return torch.stack([torch.cat([m.to_k(context), m.to_v(context)], 2) for m in crosses(mods["unet"])], 1)


def paint(n, side=128):
    """Pictures with one kind of thing in them, and what they show."""
    rng, pics, labels = random.Random(SEED), [], []
    while len(pics) < n:
        full = world.train_spec(rng)[1]
        full.degraded = False
        row = label_row(full)
        if row[LABELS.index("object")] >= 0:
            pics.append(painter.paint(full, SEED + len(pics), side, side))
            labels.append(row)
    return torch.from_numpy(np.stack(pics)), torch.tensor(labels)


@torch.no_grad()
def states(vision, pics):
    """What the encoder sees, of the whole pictures and of parts of them."""
    return torch.stack(
        [torch.cat([vision(seen_by_clip(f(p)))[0] for p in pics.split(32)]) for f in (lambda p: p, cut)], 1
    )


def train(run, o):
    mods, vision = base(run), handmade()
    adapter = Adapter(mods["unet"], 2 * 64)
    pics, labels = paint(o.pictures)
    n, seen = len(pics), states(vision, pics)
    with torch.no_grad():
        none = vision(torch.zeros(1, 3, SIZE, SIZE))[0]
        rows = [run.tokenizer.chunks(text)[0][:1] for text in [said(x) for x in labels] + [""]]
        wanted = torch.cat([targets(run, mods, r) for r in torch.tensor(rows).split(64)])
    params = [p for p in adapter.parameters() if p.requires_grad]
    opt = torch.optim.AdamW(params, lr=2e-3, betas=(0.9, 0.98), weight_decay=0.01)
    plan = torch.optim.lr_scheduler.OneCycleLR(opt, 2e-3, total_steps=o.steps, pct_start=0.05)
    for step in range(o.steps):
        idx = torch.randint(n, (48,))
        state = seen[idx, torch.randint(2, (48,))]
        state[0], idx[0] = none[0], n  # no picture: the empty text
        tokens = adapter.image_proj(state)
        keys = [torch.cat([k.to_k_ip(tokens), k.to_v_ip(tokens)], 2) for k in adapter.ip_adapter.values()]
        loss = F.mse_loss(torch.stack(keys, 1), wanted[idx])
        opt.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(params, 1.0)
        opt.step()
        plan.step()
        if step % 100 == 99:
            print(step + 1, round(float(loss.detach()), 4), flush=True)
    return vision, adapter


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--work", required=True)
    a.add_argument("--out", required=True)
    a.add_argument("--pictures", type=int, default=2400)
    a.add_argument("--steps", type=int, default=1500)
    o = a.parse_args()
    vision, adapter = train(Run(o.work), o)
    seen = {"vision_model." + k: v for k, v in vision.state_dict().items()}
    for name, tensors in dict(adapter=adapter.state_dict(), vision=seen).items():
        path = os.path.join(o.out, FILES[name])
        os.makedirs(os.path.dirname(path), exist_ok=True)
        print(f"{FILES[name]} {write_safetensors(path, tensors, LICENCE) / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
