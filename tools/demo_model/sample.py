"""Draws with the exported files, as the C program does: the same text encoding, size numbers, guidance and hand-over.

  sample.py sheet --model DIR --out sheet.png [--prompts FILE] [--cfg 4] [--negative TEXT] [--no-refiner] [--lora 1.0]
  sample.py prompts --model DIR --prompts FILE.jsonl --out FOLDER
"""
import argparse
import json
import os

import torch

import lora
import models
from bpe import Tokenizer
from export import CARD, FILES
from common import VOCABULARY_KEY, read_safetensors
from stages import encode_text, schedule

HERE = os.path.dirname(os.path.abspath(__file__))


def load(module, tensors, prefix):
    own = {k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)}
    module.load_state_dict(own, strict=True)
    return module


class Pipeline:
    """The exported demo model, ready to draw."""

    def __init__(self, folder, device=None):
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        base, metadata = read_safetensors(os.path.join(folder, FILES["base"]))
        self.tokenizer = Tokenizer.parse(metadata[VOCABULARY_KEY])
        p = models.parts(self.tokenizer.size)
        self.unet, self.vae = load(p["unet"], base, models.PREFIX["unet"]), load(
            p["vae"], base, models.PREFIX["vae"]
        )
        self.clip_l, self.clip_g = load(p["clip_l"], base, models.PREFIX["clip_l"]), load(
            p["clip_g"], base, models.PREFIX["clip_g"]
        )
        self.modules, self.refiner = [self.unet, self.vae, self.clip_l, self.clip_g], None
        if os.path.exists(os.path.join(folder, FILES["refiner"])):
            ref, _ = read_safetensors(os.path.join(folder, FILES["refiner"]))
            self.refiner, self.refiner_g = load(p["refiner"], ref, models.PREFIX["unet"]), load(
                p["refiner_g"], ref, models.PREFIX["refiner_g"]
            )
            self.modules += [self.refiner, self.refiner_g]
        for m in self.modules:
            m.to(self.device).eval().requires_grad_(False)
        self.patches = {}
        path = os.path.join(folder, FILES["lora"])
        if os.path.exists(path):
            self.attach(read_safetensors(path)[0])
        self.alphas = schedule(self.device)
        self.sigmas = ((1 - self.alphas) / self.alphas).sqrt()

    def attach(self, tensors):
        self.patches = lora.attach(self.unet)
        for name, patch in self.patches.items():
            patch.down.data = tensors[f"lora_unet_{name}.lora_down.weight"]
            patch.up.data = tensors[f"lora_unet_{name}.lora_up.weight"]
            patch.strength = 0.0
            patch.to(self.device).requires_grad_(False)

    def karras(self, n):
        a, b = float(self.sigmas[-1]) ** (1 / 7), float(self.sigmas[0]) ** (1 / 7)
        return [(a + i / (n - 1) * (b - a)) ** 7 for i in range(n)] + [0.0]

    def rows(self, texts):
        """Token rows [n, m, 77]; shorter texts repeat their chunks, which changes nothing in attention."""
        rows = [self.tokenizer.chunks(t)[0] for t in texts]
        m = 2 if any(len(r) == 2 for r in rows) else 1
        return torch.tensor([r if len(r) == m else r * m for r in rows], device=self.device)

    def conditions(self, texts, h, w, positive):
        """(context, adm) for the base and for the refiner."""
        rows, n = self.rows(texts), len(texts)
        end, k = self.tokenizer.end, 1.5 if positive else 0.8
        context, pooled = encode_text(self.clip_l, self.clip_g, rows, end)
        base = (
            context,
            models.adm_vector(
                pooled, torch.tensor([[h * k, w * k, 0, 0, h, w]], device=self.device).float().expand(n, 6)
            ),
        )
        if self.refiner is None:
            return base, None
        context, pooled = encode_text(None, self.refiner_g, rows, end)
        score = 6.0 if positive else 2.5
        return base, (
            context,
            models.adm_vector(
                pooled, torch.tensor([[h, w, 0, 0, score]], device=self.device).float().expand(n, 5)
            ),
        )

    @torch.no_grad()
    def draw(
        self,
        prompts,
        negative="",
        h=256,
        w=256,
        steps=30,
        cfg=None,
        seeds=None,
        switch=20,
        use_refiner=True,
        lora_strength=0.0,
    ):
        """Pictures [n, 3, h, w] in 0..1, by DPM-Solver++(2M) SDE on Karras' noise levels."""
        n, cfg = len(prompts), CARD["defaults"]["cfg"] if cfg is None else cfg
        seeds = seeds or list(range(1, n + 1))
        for p in self.patches.values() if self.patches else ():
            p.strength = lora_strength
        pos, neg = self.conditions(prompts, h, w, True), self.conditions([negative] * n, h, w, False)
        gens = [torch.Generator().manual_seed(s) for s in seeds]

        def noise():
            return torch.stack([torch.randn(4, h // 8, w // 8, generator=g) for g in gens]).to(self.device)

        def denoised(x, sigma, which):
            net = self.unet if which == 0 else self.refiner
            t = (self.sigmas.log() - torch.log(torch.tensor(sigma))).abs().argmin().expand(n)
            xin = x / (sigma * sigma + 1) ** 0.5
            e = (
                net(xin, t, *pos[which])
                if cfg == 1
                else self.guided(net, xin, t, pos[which], neg[which], cfg)
            )
            return x - sigma * e

        sig = self.karras(steps)
        x, old, h_last = noise() * (1 + sig[0] ** 2) ** 0.5, None, None
        for i in range(steps):
            which = 1 if use_refiner and self.refiner is not None and i > switch else 0
            d = denoised(x, sig[i], which)
            if sig[i + 1] == 0:
                x = d
                break
            hh = -torch.log(torch.tensor(sig[i + 1] / sig[i])).item()
            k = 1 - torch.exp(torch.tensor(-2.0 * hh)).item()
            x = sig[i + 1] / sig[i] * float(torch.exp(torch.tensor(-hh))) * x + k * d
            if old is not None:
                x = x + 0.5 * k * hh / h_last * (d - old)
            x = x + noise() * sig[i + 1] * k**0.5
            old, h_last = d, hh
        return self.vae.decode(x / models.SCALE).clamp(-1, 1) / 2 + 0.5

    @staticmethod
    def guided(net, x, t, pos, neg, cfg):
        if pos[0].shape != neg[0].shape:
            u, c = net(x, t, *neg), net(x, t, *pos)
        else:
            u, c = net(
                torch.cat([x, x]), torch.cat([t, t]), torch.cat([neg[0], pos[0]]), torch.cat([neg[1], pos[1]])
            ).chunk(2)
        return u + cfg * (c - u)


def to_images(pictures):
    from PIL import Image

    return [Image.fromarray(a) for a in (pictures * 255).byte().permute(0, 2, 3, 1).cpu().numpy()]


def draw_all(pipe, prompts, batch, **kw):
    out = []
    for i in range(0, len(prompts), batch):
        seeds = list(range(i + 1, i + 1 + len(prompts[i : i + batch])))
        out += to_images(pipe.draw(prompts[i : i + batch], seeds=seeds, **kw))
    return out


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("what", choices=("sheet", "prompts"))
    a.add_argument("--model", required=True)
    a.add_argument("--out", required=True)
    a.add_argument("--prompts", default=os.path.join(HERE, "sheet_prompts.txt"))
    a.add_argument("--side", type=int, default=192)
    a.add_argument("--cfg", type=float)
    a.add_argument("--steps", type=int, default=30)
    a.add_argument("--negative", default="")
    a.add_argument("--no-refiner", action="store_true")
    a.add_argument("--lora", type=float, default=0.0)
    a.add_argument("--limit", type=int)
    o = a.parse_args()
    pipe = Pipeline(o.model)
    kw = dict(
        negative=o.negative,
        h=o.side,
        w=o.side,
        cfg=o.cfg,
        steps=o.steps,
        use_refiner=not o.no_refiner,
        lora_strength=o.lora,
    )
    with open(o.prompts, encoding="utf-8") as f:
        lines = [x.strip() for x in f if x.strip() and not x.startswith("#")]
    prompts = [json.loads(x)["prompt"] if o.what == "prompts" else x for x in lines][: o.limit]
    images = draw_all(pipe, prompts, 64 if pipe.device.type == "cuda" else 8, **kw)
    if o.what == "sheet":
        import numpy as np
        from PIL import Image
        from contact import grid

        Image.fromarray(grid([np.asarray(i) for i in images], 8)).save(o.out, quality=92)
        return
    os.makedirs(o.out, exist_ok=True)
    for i, image in enumerate(images):
        image.save(os.path.join(o.out, f"{i:04d}.png"))


if __name__ == "__main__":
    main()
