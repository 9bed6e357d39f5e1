"""The training stages: vae, decoder, taesd, unet (with both text encoders), refiner, lora.

Each is a function (run, budget options) that resumes where it stopped, saves its state and returns True when its
budget is used up.  See README.md for what each one optimises and why.
"""
import math
import os
import time

import torch
import torch.nn.functional as F

import lora
import models
from common import Budget, Trainer, load_average
from dataset import CAPTIONS, unconditional_rows

SIGMA_NOISE = 0.07  # noise on latents in units of their own deviation: what the decoder must bear
LEAD = 0.25  # share of the VAE's training in which its latents are led to colours
UNCONDITIONAL = 0.12  # share of training captions replaced by "nothing said"
REFINER_STEPS = 260  # the refiner knows timesteps below this; Fooocus hands over near 117


def schedule(device):
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    return torch.cumprod(1 - betas, 0).float().to(device)


def start(run, stage, modules, lr, opts, **kw):
    for m in modules.values():
        m.to(run.device).train()
    trainer = Trainer(run, stage, modules, lr, **kw)
    head = trainer.resume()
    budget = Budget(
        opts.total, opts.step_limit, opts.seconds, head.get("elapsed", 0.0), head.get("step", 0), opts.end
    )
    if run.team:
        run.team.share(trainer.params + list(trainer.ema.values()))
        torch.manual_seed(1000 * budget.step + run.team.rank)
    if head:
        run.log(stage, resumed=head["step"], elapsed=head["elapsed"])
    return trainer, budget


def loop(trainer, budget, one_step, between=lambda: None, every=1.0, complete=True):
    """Steps until the budget or the call ends; saves every two minutes and at the end (see Trainer.save)."""
    saved = fed = time.time()
    while not budget.reached() and not budget.interrupted():
        one_step()
        now = time.time()
        if now - fed > every:
            between()
            fed = now
        if now - saved > 120:
            trainer.save(budget)
            saved = now
    trainer.save(budget, complete)
    return budget.reached()


def feeding(pool, opts):
    """Takes in newly painted pictures between steps."""
    return lambda: pool.feed(opts.painters) if opts.painters else None


def sheet(run, name, pictures):
    """Saves pictures [n, 3, h, w] in 0..1 side by side."""
    from PIL import Image
    from contact import grid

    a = (pictures.clamp(0, 1) * 255).byte().permute(0, 2, 3, 1).cpu().numpy()
    Image.fromarray(grid(list(a), 8)).save(run.path(name))


def to_float(pics):
    """uint8 [n, h, w, 3] -> float [n, 3, h, w] in -1..1"""
    return pics.permute(0, 3, 1, 2).float() / 127.5 - 1


def crops(run, pool, gen, n, size):
    """n random pictures, cropped to size x size at one random place (whole pictures when size is 0)."""
    _, table, have = pool.pick(gen)
    pics = table["pics"][torch.randint(have, (n,), device=run.device)]
    if size:
        y = int(torch.randint(pics.shape[1] - size + 1, (1,), generator=gen))
        x = int(torch.randint(pics.shape[2] - size + 1, (1,), generator=gen))
        pics = pics[:, y : y + size, x : x + size]
    return to_float(pics)


def picture_loss(out, x):
    """Absolute error of pixels, of edges, and of the picture at a quarter of its size."""
    dx = (out[..., 1:] - out[..., :-1]) - (x[..., 1:] - x[..., :-1])
    dy = (out[..., 1:, :] - out[..., :-1, :]) - (x[..., 1:, :] - x[..., :-1, :])
    low = F.avg_pool2d(out, 4) - F.avg_pool2d(x, 4)
    return (
        (out - x).abs().mean()
        + 0.5 * ((out - x) ** 2).mean()
        + dx.abs().mean()
        + dy.abs().mean()
        + 0.5 * low.abs().mean()
    )


# ---------------------------------------------------------------------------- VAE
def vae(run, opts, pool):
    model = models.parts(run.tokenizer.size)["vae"]
    trainer, budget = start(run, "vae", dict(vae=model), 1.2e-3, opts, decay=0.998, weight_decay=1e-4)
    gen = torch.Generator().manual_seed(100 + budget.step)
    size = min(opts.crop, run.side)
    batch = opts.batch or (64 if run.gpu else 16)

    def one_step():
        # Norms see whole pictures in use, so training must not know small crops alone.
        large = run.side > size and (budget.progress() > 0.8 or budget.step % 8 == 7)
        x = crops(run, pool, gen, batch // 4, 2 * size if size < 128 else 0) if large else crops(run, pool, gen, batch, size)
        with run.autocast():
            mean, seen = model.encode(x)[0], x
            z = mean + SIGMA_NOISE * torch.randn_like(mean)
            # Halved latents must mean the halved picture: smooth latents, good previews.
            if budget.step % 5 == 4:
                z, x = F.avg_pool2d(z, 2), F.avg_pool2d(x, 2)
            out = model.decode(z)
        rec = picture_loss(out.float(), x)
        size_cost = 2e-3 * (mean.float() ** 2).mean() + 2e-3 * mean.float().mean((0, 2, 3)).pow(2).mean()
        # At first three channels are led to mean colour: without it luminance alone is learned for a long while.
        lead = max(0.0, 1 - budget.progress() / LEAD)
        colour = (mean[:, :3].float() - 2 * F.avg_pool2d(seen, 8)).pow(2).mean()
        trainer.step(
            rec + size_cost + lead * colour,
            budget,
            l1=(out.float() - x).abs().mean(),
            std=mean.float().std(),
            colour=colour,
        )

    done = loop(trainer, budget, one_step, feeding(pool, opts), complete=False)
    trainer.use_average()
    if budget.finished():
        calibrate(run, model, pool, gen)
        trainer.ema = {n: p.detach().clone() for n, p in trainer.named.items()}
        trainer.save(budget)
        show_vae(run, model, pool, gen)
    return done


def decoder(run, opts, pool):
    """More training for the VAE's decoder alone: latents stay what they are, so nothing else has to be trained again."""
    model = load_vae(run)
    mods = dict(decoder=model.decoder, post=model.post_quant_conv)
    trainer, budget = start(run, "decoder", mods, 6e-4, opts, decay=0.998, weight_decay=1e-4)
    gen = torch.Generator().manual_seed(150 + budget.step)
    size, batch = min(opts.crop, run.side), opts.batch or (64 if run.gpu else 16)

    def one_step():
        large = run.side > size and (budget.progress() > 0.8 or budget.step % 8 == 7)
        x = crops(run, pool, gen, batch // 4, 2 * size) if large else crops(run, pool, gen, batch, size)
        with run.autocast():
            with torch.no_grad():
                mean = model.encode(x)[0]
            out = model.decode(mean + SIGMA_NOISE / models.SCALE * torch.randn_like(mean))
        trainer.step(picture_loss(out.float(), x), budget, l1=(out.float() - x).abs().mean())

    done = loop(trainer, budget, one_step, feeding(pool, opts))
    trainer.use_average()
    show_vae(run, model, pool, gen)
    return done


def load_vae(run):
    """The VAE with the best decoder there is."""
    model = models.parts(run.tokenizer.size)["vae"]
    load_average(run, "vae", dict(vae=model))
    if os.path.exists(run.path("decoder.ema.pt")):
        load_average(run, "decoder", dict(decoder=model.decoder, post=model.post_quant_conv))
    return model


def calibrate(run, model, pool, gen):
    """Scales the latents: zero mean and deviation 1 / SCALE for each channel, by the two 1x1 convolutions alone."""
    total = []
    with torch.no_grad():
        for _ in range(24 if run.gpu else 3):
            total.append(model.encode(crops(run, pool, gen, 16, 0))[0].float().transpose(0, 1).flatten(1))
        z = torch.cat(total, 1)
        mean, std = z.mean(1), z.std(1)
        k = 1 / (std * models.SCALE)
        q, p = model.quant_conv, model.post_quant_conv
        q.weight[:4] *= k[:, None, None, None]
        q.bias[:4] = (q.bias[:4] - mean) * k
        q.weight[4:] = 0  # a constant posterior: the noise the decoder was trained with
        q.bias[4:] = 2 * torch.log(SIGMA_NOISE * k)
        p.bias += (p.weight[:, :, 0, 0] * mean[None]).sum(1)
        p.weight /= k[None, :, None, None]
    run.log(
        "vae", latent_std=[round(float(s), 4) for s in std], latent_mean=[round(float(m), 4) for m in mean]
    )


def show_vae(run, model, pool, gen):
    with torch.no_grad():
        x = crops(run, pool, gen, 8, 0)
        y = model.decode(model.encode(x)[0])
        psnr = -10 * math.log10(float(((y.clamp(-1, 1) - x) ** 2).mean()) / 4)
        run.log("vae", psnr=psnr)
        sheet(run, "vae.png", torch.cat([x, y]) / 2 + 0.5)


def encoder(run):
    """pictures uint8 [n, h, w, 3] -> latents of unit variance, float16."""
    model = load_vae(run)

    @torch.no_grad()
    def encode(pics):
        with run.autocast():
            parts = [model.encode(to_float(p))[0] for p in pics.split(64)]
        return (torch.cat(parts).float() * models.SCALE).half()

    return encode


# ---------------------------------------------------------------------------- preview decoder
def taesd(run, opts, pool):
    big, model = load_vae(run), models.parts(run.tokenizer.size)["taesd"]
    trainer, budget = start(run, "taesd", dict(taesd=model), 1.5e-3, opts, decay=0.998, weight_decay=1e-4)
    gen = torch.Generator().manual_seed(200 + budget.step)
    size, batch = min(opts.crop, run.side), opts.batch or (64 if run.gpu else 16)

    def one_step():
        x = crops(run, pool, gen, batch, size)
        with run.autocast():
            with torch.no_grad():
                z = big.encode(x)[0] * models.SCALE
            if budget.step % 2:  # previews are decoded at half size
                z, x = F.avg_pool2d(z, 2), F.avg_pool2d(x, 2)
            out = model(z)
        trainer.step(picture_loss(out.float() * 2 - 1, x), budget)

    done = loop(trainer, budget, one_step)
    trainer.use_average()
    with torch.no_grad():
        x = crops(run, pool, gen, 8, 0)
        z = big.encode(x)[0] * models.SCALE
        sheet(run, "taesd.png", torch.cat([x / 2 + 0.5, model(z)]))
    return done


# ---------------------------------------------------------------------------- text and UNet
class Words:
    """Token rows for a batch of pictures, in one or two chunks, with dropout to "nothing said"."""

    def __init__(self, run):
        self.run, self.end = run, run.tokenizer.end
        self.nothing = (
            torch.from_numpy(unconditional_rows(run.tokenizer, run.templates)).to(run.device).long()
        )

    def rows(self, table, idx, two):
        """[n, m, 77] token rows (m = 2 when `two`) and whether the pooled states of the chunks are summed."""
        n, dev = len(idx), idx.device
        pick = torch.randint(CAPTIONS - 1, (n,), device=dev)
        rows = table["tokens"][idx, pick].long()
        join = False
        if not two:
            rows = rows[:, :1]
        elif torch.rand(1).item() < 0.5:  # one long text
            rows = table["tokens"][idx, CAPTIONS - 1].long()
            one = table["chunks"][idx, CAPTIONS - 1] < 2
            rows[one, 1] = rows[one, 0]
        else:  # two texts side by side, as later styles compose them
            other = torch.randint(CAPTIONS - 1, (n,), device=dev)
            rows[:, 1] = table["tokens"][idx, other, 0].long()
            join = True
        drop = torch.rand(n, device=dev) < UNCONDITIONAL
        nothing = self.nothing[torch.randint(len(self.nothing), (n,), device=dev)]
        plain = torch.rand(n, device=dev) < 0.5
        nothing = torch.where(plain[:, None], self.nothing[:1], nothing)
        return torch.where(drop[:, None, None], nothing[:, None], rows), join and two


def pooled_of(pooled, n, m, join):
    """Pooled states [n * m, c] of all chunks -> [n, c]: the first chunk's, or the sum."""
    p = pooled.view(n, m, -1)
    return p.sum(1) if join else p[:, 0]


def encode_text(clip_l, clip_g, rows, end, join=False):
    """rows [n, m, 77] -> context [n, 77 m, L | G], pooled [n, c].  clip_l may be None (refiner)."""
    n, m, _ = rows.shape
    flat = rows.reshape(n * m, 77)
    g, pooled = clip_g(models.pad_g(flat, end))
    parts = [g] if clip_l is None else [clip_l(flat).to(g.dtype), g]
    return torch.cat(parts, 2).reshape(n, 77 * m, -1), pooled_of(pooled, n, m, join)


def sizes(table, idx, h, w):
    """The six numbers of the base: original size, crop, target.  Faultless pictures claim an original of 0.7x..2x.

    Below 1x they overlap with soft pictures, so that the 0.8x that Fooocus gives the negative side is a gentle push.
    """
    c = table["cond"][idx]
    k = torch.where(
        c[:, 4:] > 0, 0.7 + 1.3 * torch.rand(len(idx), 1, device=c.device), torch.ones_like(c[:, 4:])
    )
    target = torch.tensor([[h, w]], device=c.device, dtype=c.dtype).expand(len(idx), 2)
    return torch.cat([c[:, :2] * k, c[:, 2:4], target], 1)


def weighted(out, noise, alpha):
    """Squared error of the noise, weighted by min(SNR, 5) / SNR: all noise levels count alike."""
    snr = alpha / (1 - alpha)
    err = ((out.float() - noise) ** 2).mean((1, 2, 3))
    return (err * snr.clamp(max=5) / snr).mean(), err.mean()


def batch_size(run, gpu):
    """Pictures a step: as many as keep a GPU busy; on a CPU many small steps learn more in
    the same time, so it is what has the pixels of 32 at side 128."""
    team = run.team.size if run.team else 1
    return gpu if run.gpu else max(8, round(32 / team * (128 / run.side) ** 2))


def unet(run, opts, pool):
    p = models.parts(run.tokenizer.size)
    mods = {k: p[k] for k in ("unet", "clip_l", "clip_g")}
    trainer, budget = start(run, "unet", mods, 1e-3, opts, decay=0.9995 if run.gpu else 0.999)
    gen = torch.Generator().manual_seed(300 + budget.step)
    words, alphas, batch = Words(run), schedule(run.device), opts.batch or batch_size(run, 512)

    def one_step():
        (h, w), table, have = pool.pick(gen)
        idx = torch.randint(have, (batch,), device=run.device)
        two = budget.step % 8 == 7
        rows, join = words.rows(table, idx, two)
        z = table["z"][idx].float()
        t = torch.randint(1000, (batch,), device=run.device)
        noise, a = torch.randn_like(z), alphas[t]
        x = a.sqrt()[:, None, None, None] * z + (1 - a).sqrt()[:, None, None, None] * noise
        with run.autocast():
            context, pooled = encode_text(mods["clip_l"], mods["clip_g"], rows, words.end, join)
            adm = models.adm_vector(pooled, sizes(table, idx, h, w))
            out = mods["unet"](x, t, context, adm)
            loss, plain = weighted(out, noise, a)
        trainer.step(loss, budget, eps=plain)

    return loop(trainer, budget, one_step, feeding(pool, opts))


# ---------------------------------------------------------------------------- refiner
def refiner(run, opts, pool):
    p = models.parts(run.tokenizer.size)
    mods = dict(refiner=p["refiner"], refiner_g=p["refiner_g"])
    trainer, budget = start(run, "refiner", mods, 1e-3, opts, decay=0.999)
    gen = torch.Generator().manual_seed(400 + budget.step)
    words, alphas, batch = Words(run), schedule(run.device), opts.batch or batch_size(run, 512)

    def one_step():
        (h, w), table, have = pool.pick(gen)
        idx = torch.randint(have, (batch,), device=run.device)
        rows, join = words.rows(table, idx, budget.step % 8 == 7)
        z = table["z"][idx].float()
        t = (torch.rand(batch, device=run.device) ** 1.5 * REFINER_STEPS).long()
        noise, a = torch.randn_like(z), alphas[t]
        x = a.sqrt()[:, None, None, None] * z + (1 - a).sqrt()[:, None, None, None] * noise
        with run.autocast():
            context, pooled = encode_text(None, mods["refiner_g"], rows, words.end, join)
            out = mods["refiner"](x, t, context, models.adm_vector(pooled, scores(table, idx, h, w)))
            loss, plain = weighted(out, noise, a)
        trainer.step(plain, budget, snr=loss)

    return loop(trainer, budget, one_step)


def scores(table, idx, h, w):
    """The five numbers of the refiner: size, crop, score.

    Faultless pictures score 6, soft or bad ones 3, both give or take 1.6: at 2.5, the negative side, they are mixed.
    """
    c, n = table["cond"][idx], len(idx)
    bad = (c[:, 0] < h) | (table["labels"][idx, 3] < 0)
    score = 6 - 3 * bad.float() + 1.6 * torch.randn(n, device=c.device)
    size = torch.tensor([[h, w]], device=c.device, dtype=c.dtype).expand(n, 2)
    return torch.cat([size, c[:, 2:4], score[:, None]], 1)


# ---------------------------------------------------------------------------- LoRA
def lora_stage(run, opts, pool):
    p = models.parts(run.tokenizer.size)
    mods = {k: p[k] for k in ("unet", "clip_l", "clip_g")}
    load_average(run, "unet", mods)
    for m in mods.values():
        m.requires_grad_(False)
    patches = lora.attach(mods["unet"])
    trainer, budget = start(run, "lora", dict(lora=patches), 2e-3, opts, decay=0.995, weight_decay=0.0)
    gen = torch.Generator().manual_seed(500 + budget.step)
    words, alphas, batch = Words(run), schedule(run.device), opts.batch or batch_size(run, 256)

    def one_step():
        (h, w), table, have = pool.pick(gen)
        idx = torch.randint(have, (batch,), device=run.device)
        rows, join = words.rows(table, idx, False)
        z = table["z"][idx].float()
        t = torch.randint(1000, (batch,), device=run.device)
        noise, a = torch.randn_like(z), alphas[t]
        x = a.sqrt()[:, None, None, None] * z + (1 - a).sqrt()[:, None, None, None] * noise
        with run.autocast():
            context, pooled = encode_text(mods["clip_l"], mods["clip_g"], rows, words.end)
            loss, plain = weighted(
                mods["unet"](x, t, context, models.adm_vector(pooled, sizes(table, idx, h, w))), noise, a
            )
        trainer.step(loss, budget, eps=plain)

    return loop(trainer, budget, one_step, feeding(pool, opts))
