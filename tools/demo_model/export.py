"""Writes the finished model: F16 safetensors under SDXL's names, the vocabulary in their metadata, the recipe, and checks the size.

  export.py --work DIR --out data/demo
  export.py --work DIR --unpack data/demo      a new work folder from finished files, to train them further
"""
import argparse
import json
import os

import torch

import lora
import models
from common import VOCABULARY_KEY, Run, load_average, read_safetensors, write_safetensors
from stages import load_vae

LIMIT = 16_000_000
LICENCE = dict(license="MIT", title="Fooocus in C demo model")

# The layout of a models/ folder: the program lists these files where the user has none.
FILES = dict(
    base="checkpoints/demo.safetensors",
    refiner="checkpoints/demo_refiner.safetensors",
    lora="loras/demo_chalk.safetensors",
    preview="vae_approx/demo_preview.safetensors",
)
# The card beside the base: what the program fills in when nothing else is said.
CARD = dict(
    fooocus_card=1,
    name="Demo",
    notice="This is the small demo model: it paints simple scenes only. fooocus setup fetches SDXL.",
    defaults=dict(width=192, height=192, cfg=4.0, sharpness=2.0, styles=[]),
    sizes=[[192, 192], [256, 192], [192, 256], [128, 128]],
    prompts=[
        "a red house in the mountains at sunset",
        "a blue boat at sea by night, watercolor",
        "a white lighthouse by the sea in the morning",
        "a purple rocket in the city, neon lights",
        "a black cat in the forest, pixel art",
        "an orange balloon in the desert, line drawing",
    ],
)


def write_card(folder, files):
    """The refiner is not on the card: it has to be asked for, until the judge says that it makes pictures better."""
    card = dict(CARD)
    if FILES["preview"] in files:
        card["preview_decoder"] = os.path.basename(FILES["preview"])
    with open(os.path.join(folder, os.path.splitext(FILES["base"])[0] + ".json"), "w") as f:
        json.dump(card, f, indent=2)
        f.write("\n")


def prefixed(module, prefix):
    return {prefix + k: v for k, v in module.state_dict().items()}


def collect(run, partial):
    """{file name: tensors} of all stages; a partial export leaves out what is not trained yet."""
    p = models.parts(run.tokenizer.size)
    out = {}

    def trained(stage, modules):
        if partial and not os.path.exists(run.path(f"{stage}.ema.pt")):
            return False
        load_average(run, stage, modules)
        return True

    p["vae"] = load_vae(run)
    load_average(run, "unet", {k: p[k] for k in ("unet", "clip_l", "clip_g")})
    base = {}
    for k in ("clip_l", "clip_g", "vae", "unet"):
        base.update(prefixed(p[k], models.PREFIX[k]))
    out[FILES["base"]] = base
    if trained("refiner", dict(refiner=p["refiner"], refiner_g=p["refiner_g"])):
        ref = prefixed(p["refiner"], models.PREFIX["unet"])
        out[FILES["refiner"]] = {**ref, **prefixed(p["refiner_g"], models.PREFIX["refiner_g"])}
    if trained("taesd", dict(taesd=p["taesd"])):
        out[FILES["preview"]] = prefixed(p["taesd"], models.PREFIX["taesd"])
    patches = lora.attach(p["unet"])
    if trained("lora", dict(lora=patches)):
        out[FILES["lora"]] = lora.kohya(patches)
    return out


def unpack(run, folder):
    """Every stage as if it had just begun with these weights; the VAE as finished, for the latents hang on it."""
    p = models.parts(run.tokenizer.size)
    stages = dict(vae=("base", ["vae"]), unet=("base", ["unet", "clip_l", "clip_g"]), taesd=("preview", ["taesd"]))
    stages["refiner"] = ("refiner", ["refiner", "refiner_g"])
    prefix = dict(models.PREFIX, refiner=models.PREFIX["unet"])
    for stage, (part, modules) in stages.items():
        path = os.path.join(folder, FILES[part])
        if not os.path.exists(path):
            continue
        tensors, data = read_safetensors(path)[0], {}
        for m in modules:
            own = dict(p[m].named_parameters())
            data.update({f"{m}.{n}": tensors[prefix[m] + n] for n in own if own[n].requires_grad})
        head = dict(step=0, elapsed=0.0, finished=stage == "vae")
        for file in ("ema", "model"):
            torch.save(dict(head=head, data=data), run.path(f"{stage}.{file}.pt"))


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--work", required=True)
    a.add_argument("--out", help="where the files go")
    a.add_argument("--unpack", metavar="FOLDER", help="make a work folder from these files instead")
    a.add_argument(
        "--partial", action="store_true", help="before all stages are trained, to look at pictures"
    )
    o = a.parse_args()
    if o.unpack:
        _, metadata = read_safetensors(os.path.join(o.unpack, FILES["base"]))
        os.makedirs(o.work, exist_ok=True)
        with open(os.path.join(o.work, "merges.txt"), "w", encoding="utf-8") as f:
            f.write(metadata[VOCABULARY_KEY])
        unpack(Run(o.work, device="cpu"), o.unpack)
        return
    run = Run(o.work, device="cpu")
    os.makedirs(o.out, exist_ok=True)
    total = 0
    with open(run.merges, encoding="utf-8") as f:
        vocabulary = {VOCABULARY_KEY: f.read()}
    files = collect(run, o.partial)
    for name, tensors in files.items():
        reads_text = name in (FILES["base"], FILES["refiner"])
        os.makedirs(os.path.dirname(os.path.join(o.out, name)), exist_ok=True)
        size = write_safetensors(os.path.join(o.out, name), tensors, {**LICENCE, **(vocabulary if reads_text else {})})
        total += size
        print(f"{name:24s} {len(tensors):4d} tensors {size / 1e6:6.2f} MB")
    write_card(o.out, files)
    print(f"together {total / 1e6:.2f} MB of {LIMIT / 1e6:.0f}")
    if total > LIMIT:
        raise SystemExit("too large for the repository")


if __name__ == "__main__":
    main()
