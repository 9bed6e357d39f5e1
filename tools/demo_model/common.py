"""What all training stages share: device, precision, time budgets, checkpoints, logs, safetensors."""
import json
import math
import os
import struct
import time

import numpy as np
import torch
import torch.distributed as dist

import bpe
import captions
from dataset import ROOT, buckets


class Team:
    """Processes that train one model together, each on its own pictures: on a CPU small networks keep one core
    busier than two threads keep two."""

    def __init__(self, rank, size, meeting):
        self.rank, self.size = rank, size
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // size))
        dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=size)

    def share(self, tensors):
        """All get the first process's values."""
        flat = torch.cat([t.detach().reshape(-1) for t in tensors])
        dist.broadcast(flat, 0)
        self.spread(flat, tensors)

    def average(self, tensors, clock):
        """The mean of everybody's values, in place; returns the first process's clock, so that all agree on it."""
        own = torch.tensor([clock if self.rank == 0 else 0.0])
        flat = torch.cat([t.reshape(-1) for t in tensors] + [own])
        dist.all_reduce(flat)
        self.spread(flat[:-1] / self.size, tensors)
        return float(flat[-1])

    @staticmethod
    @torch.no_grad()
    def spread(flat, tensors):
        at = 0
        for t in tensors:
            t.copy_(flat[at : at + t.numel()].view_as(t))
            at += t.numel()

    def leave(self):
        dist.destroy_process_group()
        torch.set_num_threads(os.cpu_count() or 1)


class Run:
    """Folder, device and options of a training run.  Everything a later call needs lies in `folder`."""

    team = None  # while several processes train together

    def __init__(self, folder, side=256, workers=0, device=None, seed=1, bf16=False):
        self.folder, self.side, self.bf16 = folder, side, bf16
        os.makedirs(folder, exist_ok=True)
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.gpu = self.device.type == "cuda"
        self.workers = workers or max(1, (os.cpu_count() or 2) - 2)
        torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1))  # Debian's build starts with one
        torch.manual_seed(seed)
        if self.gpu:
            torch.backends.cuda.matmul.allow_tf32 = True
            torch.backends.cudnn.allow_tf32 = True
            torch.backends.cudnn.benchmark = True
        self.templates = captions.load_templates(ROOT)
        self.merges = os.path.join(folder, "merges.txt")
        if not os.path.exists(self.merges):
            learn_merges(self.merges, self.templates)
        self.tokenizer = bpe.Tokenizer.load(self.merges)

    def autocast(self):
        """bfloat16 on a GPU (or when asked for), plain float32 elsewhere."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.gpu or self.bf16)

    def path(self, name):
        return os.path.join(self.folder, name)

    def leads(self):
        """Whether this process saves and reports: all but one of a team do not."""
        return self.team is None or self.team.rank == 0

    def log(self, stage, **values):
        if not self.leads():
            return
        line = dict(
            stage=stage,
            at=round(time.time(), 1),
            **{k: round(v, 6) if isinstance(v, float) else v for k, v in values.items()},
        )
        with open(self.path("log.jsonl"), "a") as f:
            f.write(json.dumps(line) + "\n")
        print(" ".join(f"{k}={v}" for k, v in line.items() if k != "at"), flush=True)


MERGES = 560


def learn_merges(path, templates):
    import random

    lines = captions.corpus(random.Random(11), 12000, templates)
    bpe.Tokenizer(bpe.learn(lines, MERGES)).save(path)


class Budget:
    """A stage ends after `total` seconds of its own time, spread over any number of calls, or after `steps` steps.

    progress() drives the learning rate, so the schedule ends where the budget ends, however fast the machine is.
    `end` < 1: only this share of it is wanted now (another part of the stage follows).
    """

    def __init__(self, total, steps=None, call=None, elapsed=0.0, step=0, end=1.0):
        self.total, self.steps, self.call, self.end = total, steps, call, end
        self.before, self.step, self.start = elapsed, step, time.time()
        self.agreed = None  # what a team takes for the elapsed time

    def elapsed(self):
        return self.agreed if self.agreed is not None else self.before + time.time() - self.start

    def agree(self, team, grads):
        self.agreed = team.average(grads, self.before + time.time() - self.start)

    def progress(self):
        p = self.step / self.steps if self.steps else self.elapsed() / self.total
        return min(1.0, p)

    def finished(self):
        return self.progress() >= 1.0

    def reached(self):
        return self.progress() >= self.end

    def interrupted(self):
        return self.call is not None and self.elapsed() - self.before >= self.call

    def lr(self, peak, floor=0.02, warmup=0.02):
        p = self.progress()
        if p < warmup:
            return peak * max(p / warmup, 0.02)
        q = (p - warmup) / (1 - warmup)
        return peak * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * q)))


class Trainer:
    """Optimizer, averaged weights and checkpoints of one stage over several modules."""

    def __init__(self, run, stage, modules, lr, decay=0.999, weight_decay=0.01, clip=1.0):
        self.run, self.stage, self.modules, self.peak, self.decay, self.clip = (
            run,
            stage,
            modules,
            lr,
            decay,
            clip,
        )
        self.named = {
            f"{m}.{n}": p for m, mod in modules.items() for n, p in mod.named_parameters() if p.requires_grad
        }
        self.params = list(self.named.values())
        fused = dict(fused=True) if run.gpu else {}
        self.opt = torch.optim.AdamW(
            self.params, lr=lr, betas=(0.9, 0.99), weight_decay=weight_decay, **fused
        )
        self.ema = {n: p.detach().clone() for n, p in self.named.items()}
        self.sums, self.count, self.shown = {}, 0, time.time()

    def step(self, loss, budget, **extra):
        """One optimizer step; logs the mean of the losses about every 10 seconds."""
        lr = budget.lr(self.peak)
        for g in self.opt.param_groups:
            g["lr"] = lr
        self.opt.zero_grad(set_to_none=True)
        loss.backward()
        if self.run.team:
            budget.agree(self.run.team, [p.grad for p in self.params if p.grad is not None])
        torch.nn.utils.clip_grad_norm_(self.params, self.clip)
        self.opt.step()
        budget.step += 1
        self.average(min(self.decay, (1 + budget.step) / (10 + budget.step)))
        for k, v in dict(loss=loss, **extra).items():
            self.sums[k] = self.sums.get(k, 0) + v.detach()
        self.count += 1
        if time.time() - self.shown > 10 or budget.step == 1:
            self.show(budget, lr)

    def show(self, budget, lr):
        rate = self.count / max(time.time() - self.shown, 1e-3)
        if not math.isfinite(float(self.sums["loss"])):
            raise SystemExit(
                f"{self.stage}: the loss is not a number; call again to go on from the last checkpoint"
            )
        self.run.log(
            self.stage,
            step=budget.step,
            elapsed=budget.elapsed(),
            lr=lr,
            steps_per_s=rate,
            **{k: float(v) / self.count for k, v in self.sums.items()},
        )
        self.sums, self.count, self.shown = {}, 0, time.time()

    def average(self, decay):
        with torch.no_grad():
            if hasattr(torch, "_foreach_lerp_"):
                torch._foreach_lerp_(list(self.ema.values()), self.params, 1 - decay)
            else:
                for e, p in zip(self.ema.values(), self.params):
                    e.lerp_(p, 1 - decay)

    # Three files, each below 16 MB: averages (float16, as exported), weights, optimizer moments (bfloat16).
    def save(self, budget, complete=True):
        """A finished stage keeps its averages alone.  `complete` = False: something is left to do after its last step."""
        if not self.run.leads():
            return
        finished = complete and budget.finished()
        head = dict(step=budget.step, elapsed=budget.elapsed(), finished=finished)
        parts = dict(ema={n: e.to(torch.float16).cpu() for n, e in self.ema.items()}, model={}, opt={})
        if not finished:
            parts["model"] = {n: p.detach().cpu() for n, p in self.named.items()}
            parts["opt"] = {n: self.moments(p) for n, p in self.named.items() if self.opt.state.get(p)}
        for part, data in parts.items():
            path = self.run.path(f"{self.stage}.{part}.pt")
            torch.save(dict(head=head, data=data), path + ".part")
            os.replace(path + ".part", path)

    def moments(self, p):
        st = self.opt.state[p]
        small = torch.bfloat16
        return float(st["step"]), st["exp_avg"].to(small).cpu(), st["exp_avg_sq"].to(small).cpu()

    def resume(self):
        """Restores a saved state; returns its head ({} when there is none).  A missing optimizer file starts it afresh."""
        model = load_part(self.run, self.stage, "model")
        if model is None:
            return {}
        with torch.no_grad():
            for n, v in model["data"].items():
                self.named[n].copy_(v)
            for n, v in load_part(self.run, self.stage, "ema")["data"].items():
                self.ema[n].copy_(v)
        opt = load_part(self.run, self.stage, "opt")
        if opt:
            for n, (step, m, v) in opt["data"].items():
                p = self.named[n]
                self.opt.state[p] = dict(
                    step=torch.tensor(step, device=p.device if self.run.gpu else "cpu"),
                    exp_avg=m.to(p),
                    exp_avg_sq=v.to(p),
                )
        return model["head"]

    def use_average(self):
        with torch.no_grad():
            for n, e in self.ema.items():
                self.named[n].copy_(e)


def load_part(run, stage, part):
    path = run.path(f"{stage}.{part}.pt")
    return torch.load(path, map_location="cpu") if os.path.exists(path) else None


def load_average(run, stage, modules):
    """Puts the averaged weights of a finished (or running) stage into the modules."""
    saved = load_part(run, stage, "ema")
    if saved is None:
        raise SystemExit(f"{run.path(stage)}.ema.pt is missing: run the stage '{stage}' first")
    with torch.no_grad():
        for m, mod in modules.items():
            own = dict(mod.named_parameters())
            for n, v in saved["data"].items():
                if n.startswith(m + "."):
                    own[n[len(m) + 1 :]].copy_(v)
            mod.to(run.device).eval()
    return saved["head"]


class Pool:
    """Everything painted so far, on the training device, one table for each picture size.

    `latents`: a function pictures -> latents; when given, pictures are encoded as they come in and not kept.
    """

    FIELDS = ("tokens", "chunks", "cond", "labels")

    def __init__(self, run, capacity, latents=None):
        self.run, self.latents, self.capacity = run, latents, capacity
        self.tables = {(h, w): [] for _, h, w in buckets(run.side)}
        self.total = 0

    def add(self, shard):
        key = shard["pics"].shape[1:3]
        pics = torch.from_numpy(shard["pics"]).to(self.run.device)
        row = {f: torch.from_numpy(shard[f]).to(self.run.device) for f in self.FIELDS}
        row["pics" if self.latents is None else "z"] = pics if self.latents is None else self.latents(pics)
        self.append(key, row)

    def append(self, key, row):
        """Copies rows {field: tensor} into the table of a picture size; what no longer fits is dropped."""
        if not self.tables[key]:
            share = next(s for s, h, w in buckets(self.run.side) if (h, w) == key)
            room = int(self.capacity * min(1.0, share * 1.15 + 0.02)) + 2048
            empty = {
                f: torch.empty((room,) + v.shape[1:], dtype=v.dtype, device=v.device) for f, v in row.items()
            }
            self.tables[key] = [empty, 0]
        fields, have = self.tables[key]
        n = min(len(row["cond"]), len(fields["cond"]) - have)
        for f, v in row.items():
            fields[f][have : have + n] = v[:n]
        self.tables[key][1] = have + n
        self.total += n

    def feed(self, painters, most=16):
        for shard in painters.ready(most):
            self.add(shard)
        if painters.failed():
            raise SystemExit("a painter process failed; see its message above")

    def wait(self, painters, pictures):
        while self.total < pictures and not painters.done():
            self.feed(painters, 16)
            time.sleep(0.05)

    def pick(self, gen):
        """A random picture size, by how many pictures there are: (key, table, rows)."""
        keys = [k for k, t in self.tables.items() if t]
        weights = torch.tensor([float(self.tables[k][1]) for k in keys])
        k = keys[int(torch.multinomial(weights, 1, generator=gen))]
        return k, self.tables[k][0], self.tables[k][1]

    def encode(self, latents):
        """Turns pictures into latents, in place."""
        self.latents = latents
        for table in filter(None, self.tables.values()):
            pics, have = table[0].pop("pics"), table[1]
            z = torch.cat([latents(p) for p in pics[:have].split(1024)])
            table[0]["z"] = torch.empty((len(pics),) + z.shape[1:], dtype=z.dtype, device=z.device)
            table[0]["z"][:have] = z
            del pics

    def save(self, path):
        torch.save(
            {k: {f: v[: t[1]].cpu() for f, v in t[0].items()} for k, t in self.tables.items() if t}, path
        )

    def load(self, path):
        for key, fields in torch.load(path, map_location="cpu").items():
            self.append(key, {f: v.to(self.run.device) for f, v in fields.items()})


# ---------------------------------------------------------------------------- safetensors
VOCABULARY_KEY = "fooocus.clip_merges"  # where a model file carries its merges.txt


def write_safetensors(path, tensors, metadata=None):
    """Writes {name: tensor} as F16.  Names in sorted order, header padded to 8 bytes."""
    header, blobs, at = {}, [], 0
    if metadata:
        header["__metadata__"] = metadata
    for name in sorted(tensors):
        a = tensors[name].detach().float().cpu().numpy().astype(np.float16)
        if not np.isfinite(a).all():
            raise SystemExit(f"{name} does not fit into float16")
        header[name] = dict(dtype="F16", shape=list(a.shape), data_offsets=[at, at + a.nbytes])
        at += a.nbytes
        blobs.append(a.tobytes())
    h = json.dumps(header, separators=(",", ":")).encode()
    h += b" " * (-len(h) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(h)) + h + b"".join(blobs))
    return 8 + len(h) + at


def read_safetensors(path):
    """({name: tensor}, metadata)"""
    with open(path, "rb") as f:
        (n,) = struct.unpack("<Q", f.read(8))
        header, data = json.loads(f.read(n)), f.read()
    out = {}
    for name, t in header.items():
        if name != "__metadata__":
            a, b = t["data_offsets"]
            out[name] = torch.from_numpy(
                np.frombuffer(data[a:b], np.float16).reshape(t["shape"]).astype(np.float32)
            )
    return out, header.get("__metadata__", {})
