"""Judges pictures of the demo model: a small classifier that shares nothing with it, trained on the painter's own
pictures from seeds that the model's training never uses.

  score.py train   --work DIR [--seconds 120]            paints, trains, reports accuracy on pictures kept aside
  score.py prompts --out prompts.jsonl [--n 500]          the test prompts: combinations never seen in training
  score.py judge   --work DIR --prompts prompts.jsonl --pictures FOLDER      0000.png, 0001.png, ... in order

Prints the share of right main objects, colours, times of day and styles beside the limits of the demo model.
"""
import argparse
import glob
import json
import os
import random
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

import captions
import world
from common import Budget, Run, Trainer, load_average
from dataset import LABELS, STYLE_IDS, Painters

SIDE = 64
ASIDE = 8  # shards kept for the accuracy report
CLASSES = dict(
    object=len(world.OBJECTS),
    colour=len(world.COLOURS),
    time=len(world.TIMES),
    style=len(STYLE_IDS),
    place=len(world.PLACES),
    weather=len(world.WEATHERS),
    count=4,
)
LIMITS = dict(object=0.85, colour=0.90, time=0.90, style=0.85)


class Norm(nn.GroupNorm):
    """In float32 also under autocast: PyTorch 1.13's bfloat16 norms are slow on CPUs."""

    def forward(self, x):
        return super().forward(x.float()).to(x.dtype)


class Judge(nn.Module):
    """A small residual network on 64x64 pictures with one head for each question."""

    def __init__(self, c=32):
        super().__init__()
        self.stem = nn.Conv2d(3, c, 5, stride=2, padding=2)
        widths = [c, 2 * c, 3 * c, 4 * c]
        self.down = nn.ModuleList(nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in zip(widths, widths[1:]))
        self.blocks = nn.ModuleList(nn.ModuleList(self.block(w) for _ in range(2)) for w in widths)
        self.heads = nn.ModuleDict({k: nn.Linear(widths[-1] * 2, n) for k, n in CLASSES.items()})

    @staticmethod
    def block(w):
        return nn.Sequential(
            Norm(8, w),
            nn.SiLU(),
            nn.Conv2d(w, w, 3, padding=1),
            Norm(8, w),
            nn.SiLU(),
            nn.Conv2d(w, w, 3, padding=1),
        )

    def forward(self, x):
        x = self.stem(x)
        for i, blocks in enumerate(self.blocks):
            for b in blocks:
                x = x + b(x)
            if i < len(self.down):
                x = self.down[i](F.silu(x))
        x = F.silu(x)
        x = torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1)
        return {k: head(x) for k, head in self.heads.items()}


def shrink(pics):
    """uint8 [n, h, w, 3] -> float [n, 3, 64, 64] in -1..1"""
    x = pics.permute(0, 3, 1, 2).float() / 127.5 - 1
    return (
        F.interpolate(x, (SIDE, SIDE), mode="area")
        if x.shape[-1] > SIDE
        else F.interpolate(x, (SIDE, SIDE), mode="bilinear")
    )


def disturb(x):
    """Blur, noise, contrast, small shifts: a generated picture must not look foreign."""
    n = len(x)
    soft = F.avg_pool2d(x, 3, 1, 1)
    x = x + torch.rand(n, 1, 1, 1, device=x.device) * (soft - x) * (
        torch.rand(n, 1, 1, 1, device=x.device) < 0.6
    )
    x = x * (0.9 + 0.2 * torch.rand(n, 1, 1, 1, device=x.device)) + 0.06 * torch.randn(
        n, 3, 1, 1, device=x.device
    )
    x = x + 0.12 * torch.rand(n, 1, 1, 1, device=x.device) * F.interpolate(
        torch.randn(n, 3, 16, 16, device=x.device), (SIDE, SIDE), mode="bilinear"
    )
    x = x + 0.05 * torch.rand(n, 1, 1, 1, device=x.device) * torch.randn_like(x)
    dy, dx = (int(v) for v in torch.randint(-4, 5, (2,)))
    return torch.roll(x, (dy, dx), (2, 3))


def answer_loss(out, labels):
    """Mean cross entropy over the questions; label -1 is not asked."""
    return sum(
        F.cross_entropy(out[k].float(), labels[:, i].long(), ignore_index=-1)
        for i, k in enumerate(LABELS)
        if bool((labels[:, i] >= 0).any())
    ) / len(LABELS)


def accuracy(model, pics, labels, device):
    model.eval()
    right = {k: [0, 0] for k in LABELS}
    with torch.no_grad():
        for a in range(0, len(pics), 128):
            out = model(shrink(pics[a : a + 128].to(device)))
            for i, k in enumerate(LABELS):
                want = labels[a : a + 128, i].to(device)
                asked = want >= 0
                right[k][0] += int((out[k].argmax(1) == want)[asked].sum())
                right[k][1] += int(asked.sum())
    model.train()
    return {k: v[0] / max(1, v[1]) for k, v in right.items()}


def train(o):
    run = Run(o.work, o.side, o.workers, o.device, seed=77, bf16=o.bf16)
    model = Judge().to(run.device)
    trainer = Trainer(run, "judge", dict(judge=model), 2e-3, decay=0.998, weight_decay=0.02)
    head = trainer.resume()
    if head.get("finished"):
        return
    budget = Budget(o.seconds, o.steps, None, head.get("elapsed", 0.0), head.get("step", 0))
    painters = Painters("score", o.pictures, o.side, run.merges, run.workers)
    aside, small, labels = [], [], []
    try:
        while not budget.finished():
            for shard in painters.ready(8):
                pics, row = torch.from_numpy(shard["pics"]), torch.from_numpy(shard["labels"])
                if len(aside) < ASIDE:
                    aside.append((pics, row))
                    continue
                small.append((shrink(pics.to(run.device)) * 127).to(torch.int8))
                labels.append(row.to(run.device))
            if painters.failed():
                raise SystemExit("a painter process failed; see its message above")
            if len(small) >= 4:
                many(trainer, budget, run, model, small, labels, o, 50)
            else:
                time.sleep(0.1)
                budget.start += 0.1  # waiting for the first pictures is not training
    finally:
        painters.stop()
    trainer.use_average()
    trainer.save(budget)
    run.log(
        "judge",
        **accuracy(model, torch.cat([p for p, _ in aside]), torch.cat([q for _, q in aside]), run.device),
    )


def many(trainer, budget, run, model, small, labels, o, n):
    for _ in range(n):
        if budget.finished():
            return
        k = torch.randint(len(small), (8,)).tolist()
        idx = [torch.randint(len(small[j]), (o.batch // 8,), device=run.device) for j in k]
        x = torch.cat([small[j][i] for j, i in zip(k, idx)]).float() / 127
        with run.autocast():
            out = model(disturb(x))
        trainer.step(answer_loss(out, torch.cat([labels[j][i] for j, i in zip(k, idx)])), budget)


def prompts(o):
    rng = random.Random(20240607)
    with open(o.out, "w") as f:
        for i, spec in enumerate(world.test_specs(rng, o.n)):
            row = dict(
                prompt=captions.test_caption(rng, spec),
                seed=i + 1,
                object=spec.object,
                colour=spec.colour,
                time=spec.time,
                style=spec.style or "storybook",
                place=spec.place,
            )
            f.write(json.dumps(row) + "\n")


def judge(o):
    from PIL import Image

    run = Run(o.work, device=o.device)
    model = Judge().to(run.device)
    load_average(run, "judge", dict(judge=model))
    with open(o.prompts) as f:
        rows = [json.loads(x) for x in f if x.strip()]
    files = sorted(glob.glob(os.path.join(o.pictures, "*.png")))
    rows = rows[: len(files)]
    pics = [torch.from_numpy(np.asarray(Image.open(p).convert("RGB"))) for p in files[: len(rows)]]
    with torch.no_grad():
        outs = [{k: v[0] for k, v in model(shrink(p[None].to(run.device))).items()} for p in pics]
    names = dict(
        object=list(world.OBJECTS),
        colour=list(world.COLOURS),
        time=list(world.TIMES),
        style=list(STYLE_IDS),
        place=list(world.PLACES),
    )
    result, wrong = {}, {}
    for k, values in names.items():
        seen = [values[int(out[k].argmax())] for out in outs]
        result[k] = sum(s == r[k] for s, r in zip(seen, rows)) / len(rows)
        for s, r in zip(seen, rows):
            if s != r[k]:
                wrong[f"{k}: {r[k]} seen as {s}"] = wrong.get(f"{k}: {r[k]} seen as {s}", 0) + 1
    for k, v in result.items():
        limit = LIMITS.get(k)
        print(
            f"{k:8s} {v:6.1%}" + (f"  limit {limit:.0%} {'ok' if v >= limit else 'MISSED'}" if limit else "")
        )
    for text, n in sorted(wrong.items(), key=lambda x: -x[1])[:20]:
        print(f"  {n:3d} x {text}")
    run.log("score", pictures=len(rows), **result)


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("what", choices=("train", "prompts", "judge"))
    a.add_argument("--work")
    a.add_argument("--out")
    a.add_argument("--prompts")
    a.add_argument("--pictures")
    a.add_argument("--seconds", type=float, default=120)
    a.add_argument("--steps", type=int)
    a.add_argument("--n", type=int, default=500)
    a.add_argument("--side", type=int, default=256)
    a.add_argument("--batch", type=int, default=256)
    a.add_argument("--workers", type=int, default=0)
    a.add_argument("--bf16", action="store_true", help="bfloat16 also without a GPU")
    a.add_argument("--device")
    o = a.parse_args()
    if o.what == "train":
        o.pictures = int(o.pictures or 50000)
    dict(train=train, prompts=prompts, judge=judge)[o.what](o)


if __name__ == "__main__":
    main()
