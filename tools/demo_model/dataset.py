"""Pictures and captions for training: worker processes paint shards, a Pool takes them in and serves random batches.

A shard is one .npz file of pictures of one size with their token rows, size numbers and labels.  Workers write into a
spool folder (a RAM disk where there is one), the trainer eats the files, so nothing large ever rests on the disk.
"""
import glob
import os
import queue
import random
import shutil
import subprocess
import sys
import threading
import time

import numpy as np

import bpe
import captions
import painter
import world

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
CAPTIONS = 6  # wordings kept for each picture; the last one is long (two chunks)
SHARD = 128
MAX_WAITING = 96  # shards in the spool before workers pause
SPARE = 400_000_000  # bytes left free in the spool's file system
SEED_BASE = dict(train=1_000_000, chalk=500_000_000, score=700_000_000)
LABELS = ("object", "colour", "time", "style", "place", "weather", "count")
STYLE_IDS = world.STYLES + (world.LORA_STYLE,)


SIZES = {
    256: [(0.60, 256, 256), (0.10, 192, 320), (0.10, 320, 192), (0.10, 224, 288), (0.10, 288, 224)],
    192: [(0.50, 192, 192), (0.20, 192, 256), (0.15, 256, 192), (0.15, 128, 128)],
    128: [(0.60, 128, 128), (0.20, 128, 160), (0.20, 160, 128)],
}


def buckets(side):
    """[(share, h, w)] of the picture sizes of a stage; sides without a list of their own have only the square."""
    return SIZES.get(side, [(1.0, side, side)])


def label_row(spec):
    """What the scorer must read off the picture; -1 where it is not judged (no or several kinds of objects)."""
    plain = spec.object is not None and spec.second is None and not spec.degraded
    return (
        list(world.OBJECTS).index(spec.object) if plain else -1,
        list(world.COLOURS).index(spec.colour) if plain else -1,
        -1 if spec.degraded else world.TIMES.index(spec.time),
        -1 if spec.degraded else STYLE_IDS.index(spec.style),
        -1 if spec.degraded else world.PLACES.index(spec.place),
        -1 if spec.degraded else world.WEATHERS.index(spec.weather),
        spec.count if plain else -1,
    )


def draw_picture(rng, said, full, seed, h, w):
    """(picture, [original height, original width, top, left, free]): now and then soft or cropped, as SDXL's size numbers say.

    free = 1: nothing is wrong with the picture, training may claim other original sizes.
    """
    r = rng.random()
    if r < 0.08:
        f = rng.uniform(1.12, 1.45)
        ch, cw = round(h * f), round(w * f)
        top, left = rng.randrange(ch - h + 1), rng.randrange(cw - w + 1)
        return painter.paint(full, seed, cw, ch)[top : top + h, left : left + w], (ch, cw, top, left, 0)
    img = painter.paint(full, seed, w, h)
    if r < 0.20 and not said.degraded:
        k = rng.uniform(0.3, 0.97)
        return painter.soften(img, k), (h * k, w * k, 0, 0, 0)
    return img, (h, w, 0, 0, 1)


def make_shard(kind, index, n, side, tokenizer, templates):
    rng = random.Random(SEED_BASE[kind] + index)
    share, h, w = (
        rng.choices(buckets(side), [b[0] for b in buckets(side)])[0] if kind != "score" else buckets(side)[0]
    )
    pics = np.zeros((n, h, w, 3), np.uint8)
    tokens = np.zeros((n, CAPTIONS, 2, bpe.CHUNK), np.int16)
    chunks = np.ones((n, CAPTIONS), np.uint8)
    cond, labels = np.zeros((n, 5), np.float32), np.zeros((n, len(LABELS)), np.int16)
    for i in range(n):
        if kind == "score":
            said, full = world.settle(world.random_spec(rng), rng)
        else:
            said, full = world.train_spec(rng, world.LORA_STYLE if kind == "chalk" else None)
        pics[i], cond[i] = draw_picture(rng, said, full, SEED_BASE[kind] * 7 + index * n + i, h, w)
        labels[i] = label_row(full)
        for k in range(CAPTIONS if kind != "score" else 0):
            said_now = world.Spec(**vars(said))
            if kind == "chalk" and rng.random() < 0.7:  # the LoRA works without trigger words
                said_now.style = None
            rows = tokenizer.chunks(captions.caption(rng, said_now, templates, long=k == CAPTIONS - 1))[0]
            tokens[i, k, : len(rows)] = rows
            chunks[i, k] = len(rows)
    return dict(pics=pics, tokens=tokens, chunks=chunks, cond=cond, labels=labels)


def unconditional_rows(tokenizer, templates, n=1024):
    """Token rows of "nothing said" captions; the first is the empty prompt."""
    rng = random.Random(4242)
    texts = [""] + [captions.unconditional(rng, templates) for _ in range(n - 1)]
    return np.array([tokenizer.chunks(t)[0][0] for t in texts], np.int16)


def full(spool):
    waiting = len(glob.glob(os.path.join(spool, "*.npz")))
    return waiting > MAX_WAITING or waiting > 2 and shutil.disk_usage(spool).free < SPARE


def worker(kind, spool, merges, side, first, step, until):
    os.nice(5)
    tokenizer, templates = bpe.Tokenizer.load(merges), captions.load_templates(ROOT)
    for index in range(first, until, step):
        while full(spool):
            time.sleep(0.2)
        path = os.path.join(spool, f"{kind}-{index:06d}")
        with open(path + ".part", "wb") as f:
            np.savez(f, **make_shard(kind, index, SHARD, side, tokenizer, templates))
        os.rename(path + ".part", path + ".npz")


class Painters:
    """Starts and stops the worker processes of one kind of pictures."""

    def __init__(self, kind, pictures, side, merges, workers, first=0):
        base = "/dev/shm" if os.path.isdir("/dev/shm") and os.access("/dev/shm", os.W_OK) else "/tmp"
        self.spool = os.path.join(base, f"demo-{kind}-{os.getpid()}")
        os.makedirs(self.spool, exist_ok=True)
        until = first + -(-pictures // SHARD)
        env = dict(os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
        self.procs = [
            subprocess.Popen(
                [
                    sys.executable,
                    os.path.abspath(__file__),
                    kind,
                    self.spool,
                    merges,
                    str(side),
                    str(first + i),
                    str(workers),
                    str(until),
                ],
                env=env,
            )
            for i in range(workers)
        ]

        self.read, self.closing = queue.Queue(6), False
        self.reader = threading.Thread(target=self.read_all, daemon=True)
        self.reader.start()

    def read_all(self):
        """Background thread: reads finished shards and removes their files."""
        while not self.closing:
            for path in sorted(glob.glob(os.path.join(self.spool, "*.npz"))):
                with np.load(path) as z:
                    shard = {k: z[k] for k in z.files}
                os.remove(path)
                while not self.closing:
                    try:
                        self.read.put(shard, timeout=0.2)
                        break
                    except queue.Full:
                        pass
            time.sleep(0.05)

    def ready(self, most):
        """Yields up to `most` finished shards, without waiting."""
        for _ in range(most):
            try:
                yield self.read.get_nowait()
            except queue.Empty:
                return

    def done(self):
        """No worker is left and nothing waits to be taken."""
        idle = all(p.poll() is not None for p in self.procs) and not glob.glob(
            os.path.join(self.spool, "*.npz")
        )
        time.sleep(0.1 if idle else 0)  # the reader may hold one shard between file and queue
        return idle and self.read.empty()

    def failed(self):
        return any(p.poll() not in (None, 0) for p in self.procs)

    def stop(self):
        self.closing = True
        for p in self.procs:
            if p.poll() is None:
                p.terminate()
        for p in self.procs:
            p.wait()
        self.reader.join()
        for path in glob.glob(os.path.join(self.spool, "*")):
            os.remove(path)
        os.rmdir(self.spool)


if __name__ == "__main__":
    worker(sys.argv[1], sys.argv[2], sys.argv[3], *map(int, sys.argv[4:]))
