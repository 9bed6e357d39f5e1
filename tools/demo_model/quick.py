"""Runs a few steps of every stage on made-up data at all picture sizes: about a minute on one core.

  quick.py FOLDER [--bf16]      FOLDER: a fresh one
"""
import argparse
import types

import numpy as np
import torch

import stages
from common import Pool, Run
from dataset import CAPTIONS, LABELS, buckets

PICTURES = 6


def shard(run, h, w):
    """Noise as pictures, with one-chunk captions and a two-chunk caption each."""
    tokens = np.zeros((PICTURES, CAPTIONS, 2, 77), np.int16)
    chunks = np.ones((PICTURES, CAPTIONS), np.uint8)
    for k in range(CAPTIONS):
        rows = run.tokenizer.chunks("a red house " * (40 if k == CAPTIONS - 1 else 2))[0]
        tokens[:, k, : len(rows)], chunks[:, k] = rows, len(rows)
    pics = np.random.RandomState(h).randint(0, 256, (PICTURES, h, w, 3)).astype(np.uint8)
    cond = np.tile(np.array([[h, w, 0, 0, 1]], np.float32), (PICTURES, 1))
    labels = np.zeros((PICTURES, len(LABELS)), np.int16)
    return dict(pics=pics, tokens=tokens, chunks=chunks, cond=cond, labels=labels)


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("folder")
    a.add_argument("--bf16", action="store_true")
    o = a.parse_args()
    run = Run(o.folder, bf16=o.bf16)
    opts = types.SimpleNamespace(total=1, step_limit=2, end=1.0, seconds=None, batch=4, painters=None, crop=64)
    pool = Pool(run, 64)
    pool.add(shard(run, 256, 256))
    assert stages.vae(run, opts, pool) and stages.taesd(run, opts, pool)

    def made_up(pics):
        return torch.randn(len(pics), 4, pics.shape[1] // 8, pics.shape[2] // 8, device=run.device).half()

    pool = Pool(run, 64, made_up)
    for _, h, w in buckets(256):
        pool.add(shard(run, h, w))
    opts.batch, opts.step_limit = 2, 9  # the eighth step has contexts of two chunks
    assert stages.unet(run, opts, pool) and stages.refiner(run, opts, pool)
    opts.step_limit = 2
    assert stages.lora_stage(run, opts, pool)
    print("all stages run")


if __name__ == "__main__":
    main()
