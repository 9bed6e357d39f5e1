"""Trains the demo model.  Resumable: call it again with the same --work folder and it goes on where it stopped.

  train.py vae=270 taesd=40 unet=960 --work DIR [--call 560] [--pictures 200000] ...
  train.py vae@192=600 unet@128=3600 unet@192=1200 ... --work DIR [--pictures 10000] ...

Stages run in the order given; the number is the seconds a stage trains, over all calls.  Stages: vae, taesd,
unet (with both text encoders), refiner, lora.  @SIDE sets the picture side of a part; the parts of a stage
share one learning rate schedule.  decoder trains the VAE's decoder further, with the latents as they are.
"""
import argparse
import os
import subprocess
import sys
import time
from dataclasses import dataclass

import stages
from common import Pool, Run, Team, load_part
from dataset import SHARD, Painters

ORDER = ("vae", "decoder", "taesd", "unet", "refiner", "lora")
TOGETHER = ("unet", "refiner", "lora")  # stages that --processes speeds up
CHALK = 12000  # pictures of the LoRA's style


def options(argv):
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("stages", nargs="+", metavar="STAGE=SECONDS")
    a.add_argument("--work", required=True, help="folder of checkpoints, logs and caches")
    a.add_argument(
        "--steps",
        action="store_true",
        help="the numbers are steps instead of seconds: the same result on every run of one machine",
    )
    a.add_argument("--call", type=float, help="stop after this many seconds and save; call again to go on")
    a.add_argument("--side", type=int, default=256, help="picture side; other than 256 only for smoke tests")
    a.add_argument("--pictures", type=int, default=200000, help="how many pictures the painters make")
    a.add_argument("--first", type=int, default=12000, help="how many must be there before training starts")
    a.add_argument("--workers", type=int, default=0, help="painter processes (default: cores - 2)")
    a.add_argument("--batch", type=int, help="pictures a step")
    a.add_argument("--bf16", action="store_true", help="bfloat16 also without a GPU (to test it)")
    a.add_argument(
        "--crop", type=int, default=128, help="pixels the two decoders see; 128 adds whole pictures"
    )
    a.add_argument("--processes", type=int, default=1, help="that train the UNets together, on a CPU")
    a.add_argument("--helper", metavar="PART:RANK", help=argparse.SUPPRESS)  # how such a process is started
    a.add_argument("--device")
    o = a.parse_args(argv)
    o.plan = []
    for text in o.stages:
        what, _, amount = text.partition("=")
        name, _, side = what.partition("@")
        if name not in ORDER:
            a.error(f"unknown stage {name}")
        o.plan.append(Part(name, int(side or o.side), float(amount)))
    return o


@dataclass
class Part:
    """One entry of the plan: a stage, or a part of one at its own picture side."""

    stage: str
    side: int
    amount: float


class Supply:
    """The pictures for each stage: painted while training runs, kept as latents from the UNet on."""

    def __init__(self, run, opts):
        self.run, self.opts = run, opts
        self.pool = self.painters = self.kind = self.side = None

    def cache(self):
        return self.run.path(f"latents{self.side}.pt")

    def use(self, side):
        """Pictures of another size from here on; smaller ones in proportion more."""
        if side != self.side:
            self.keep()
            self.stop()
            self.pool, self.side, self.run.side = None, side, side
        self.pictures_wanted = int(self.opts.pictures * (self.opts.largest / side) ** 2)

    def paint(self, kind, pictures, first, latents):
        self.pool, self.kind = Pool(self.run, pictures, latents), kind
        if latents and kind == "train" and os.path.exists(self.cache()):
            self.pool.load(self.cache())
        if self.pool.total < pictures * 0.98:
            self.painters = Painters(
                kind,
                pictures - self.pool.total,
                self.run.side,
                self.run.merges,
                self.run.workers,
                first=self.pool.total // SHARD,
            )
            self.pool.wait(self.painters, max(self.pool.total, min(first, pictures)))
        self.run.log("painters", kind=kind, pictures=self.pool.total)

    def pictures(self):
        """Pixels, for the two decoders."""
        if self.pool is None or self.pool.latents:
            self.stop()
            self.paint("train", self.pictures_wanted, self.opts.first, None)
        return self.pool

    def latents(self):
        encode = stages.encoder(self.run)
        if self.pool is None:
            self.paint("train", self.pictures_wanted, self.opts.first, encode)
        elif self.pool.latents is None:
            self.pool.encode(encode)
            self.run.log("painters", encoded=self.pool.total)
        return self.pool

    def chalk(self):
        self.stop()
        self.paint(
            "chalk", min(CHALK, self.opts.pictures), min(CHALK, self.opts.first), stages.encoder(self.run)
        )
        return self.pool

    def complete(self):
        """Waits for the last picture."""
        if self.painters:
            self.pool.wait(self.painters, self.pictures_wanted)

    def keep(self):
        """Latents outlive the call when the machine does: the next call need not paint again."""
        if self.kind == "train" and self.pool.latents and self.painters:
            self.pool.save(self.cache())

    def stop(self):
        if self.painters:
            self.painters.stop()
        self.painters = None


def finished(run, part, end, steps):
    saved = load_part(run, part.stage, "model")
    head = saved["head"] if saved else dict(finished=False, step=0, elapsed=0)
    return head["finished"] or head["step" if steps else "elapsed"] >= end


def run_part(run, supply, opts, part, deadline):
    """Trains one entry of the plan; True when it is finished."""
    name, same = part.stage, [p for p in opts.plan if p.stage == part.stage]
    total, end = sum(p.amount for p in same), sum(p.amount for p in same[: same.index(part) + 1])
    if finished(run, part, end, opts.steps):
        return True
    supply.use(part.side)
    pool = (
        supply.pictures()
        if name in ("vae", "decoder", "taesd")
        else supply.chalk()
        if name == "lora"
        else supply.latents()
    )
    opts.total, opts.step_limit, opts.end = total, int(total) if opts.steps else None, end / total
    opts.seconds = max(1.0, deadline - time.time()) if deadline else None
    opts.painters = supply.painters
    if opts.processes > 1 and name in TOGETHER:
        supply.complete()
        return train_together(run, opts, pool, part)
    return stage_of(name)(run, opts, pool)


def stage_of(name):
    return getattr(stages, dict(lora="lora_stage").get(name, name))


def train_together(run, opts, pool, part):
    """The stage in opts.processes processes, of which this is the first."""
    meeting, shared = os.path.abspath(run.path("meeting")), run.path("shared.pt")
    if os.path.exists(meeting):
        os.remove(meeting)
    pool.save(shared)
    helpers = [
        subprocess.Popen(
            [sys.executable, *sys.argv, "--helper", f"{opts.plan.index(part)}:{rank}"]
            + (["--call", str(opts.seconds)] if opts.seconds else [])
        )
        for rank in range(1, opts.processes)
    ]
    run.team = Team(0, opts.processes, meeting)
    try:
        return stage_of(part.stage)(run, opts, pool)
    finally:
        run.team.leave()
        run.team = None
        for h in helpers:
            h.wait()
        os.remove(shared)


def help_out(run, opts):
    """What a helper does: the same stage, on its own share of the pictures."""
    index, rank = map(int, opts.helper.split(":"))
    part = opts.plan[index]
    run.side = part.side
    run.team = Team(rank, opts.processes, os.path.abspath(run.path("meeting")))
    pool = Pool(run, opts.pictures * (opts.largest / part.side) ** 2, latents=True)
    pool.load(run.path("shared.pt"))
    same = [p for p in opts.plan if p.stage == part.stage]
    total, end = sum(p.amount for p in same), sum(p.amount for p in same[: same.index(part) + 1])
    opts.total, opts.step_limit, opts.end = total, int(total) if opts.steps else None, end / total
    opts.seconds, opts.painters = opts.call, None
    stage_of(part.stage)(run, opts, pool)
    run.team.leave()


def main():
    opts = options(sys.argv[1:])
    deadline = time.time() + opts.call if opts.call else None
    run = Run(opts.work, opts.side, opts.workers, opts.device, bf16=opts.bf16)
    supply = Supply(run, opts)
    opts.largest = max(p.side for p in opts.plan)
    if opts.helper:
        help_out(run, opts)
        return
    done = True
    try:
        for part in opts.plan:
            done = run_part(run, supply, opts, part, deadline)
            run.log(part.stage, side=part.side, finished=done)
            if not done:
                break
            if part.stage == "unet":
                supply.keep()
        supply.keep()
    finally:
        supply.stop()
    print("all stages finished" if done else "time is up: call again to go on", flush=True)


if __name__ == "__main__":
    main()
