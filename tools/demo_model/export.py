"""Writes the finished model: F16 safetensors under SDXL's names, the merges file, the recipe, and checks the size.

  export.py --work DIR --out data/demo
"""
import argparse
import json
import os
import shutil

import lora
import models
from common import Run, load_average, write_safetensors

LIMIT = 16_000_000
LICENCE = dict(license="MIT", title="Fooocus in C demo model")

# Read by the program; README.md beside it explains the fields.
RECIPE = dict(
    version=1,
    name="Demo",
    files=dict(
        base="base.safetensors",
        refiner="refiner.safetensors",
        lora="chalk_lora.safetensors",
        preview="taesd.safetensors",
        merges="merges.txt",
    ),
    sampler="dpmpp_2m_sde_gpu",
    scheduler="karras",
    steps=30,
    switch=20,
    cfg=4.0,
    sharpness=2.0,
    style="None",
    negative="",
    sizes=[[256, 256], [320, 192], [192, 320], [288, 224], [224, 288]],
    prompts=[
        "a red house in the mountains at sunset",
        "a blue boat at sea by night, watercolor",
        "three yellow balloons in the sky, papercut",
        "a white lighthouse by the sea in the morning",
        "a purple robot in the city, neon lights",
        "a black cat in the snow, pixel art",
    ],
)


def write_recipe(folder):
    with open(os.path.join(folder, "demo.json"), "w") as f:
        json.dump(RECIPE, f, indent=2)
        f.write("\n")


def prefixed(module, prefix):
    return {prefix + k: v for k, v in module.state_dict().items()}


def collect(run, partial):
    """{file name: tensors} of all stages; a partial export leaves out what is not trained yet."""
    p = models.parts(run.tokenizer.size)
    files, out = RECIPE["files"], {}

    def trained(stage, modules):
        if partial and not os.path.exists(run.path(f"{stage}.ema.pt")):
            return False
        load_average(run, stage, modules)
        return True

    load_average(run, "vae", dict(vae=p["vae"]))
    load_average(run, "unet", {k: p[k] for k in ("unet", "clip_l", "clip_g")})
    base = {}
    for k in ("clip_l", "clip_g", "vae", "unet"):
        base.update(prefixed(p[k], models.PREFIX[k]))
    out[files["base"]] = base
    if trained("refiner", dict(refiner=p["refiner"], refiner_g=p["refiner_g"])):
        ref = prefixed(p["refiner"], models.PREFIX["unet"])
        out[files["refiner"]] = {**ref, **prefixed(p["refiner_g"], models.PREFIX["refiner_g"])}
    if trained("taesd", dict(taesd=p["taesd"])):
        out[files["preview"]] = prefixed(p["taesd"], models.PREFIX["taesd"])
    patches = lora.attach(p["unet"])
    if trained("lora", dict(lora=patches)):
        out[files["lora"]] = lora.kohya(patches)
    return out


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--work", required=True)
    a.add_argument("--out", required=True)
    a.add_argument(
        "--partial", action="store_true", help="before all stages are trained, to look at pictures"
    )
    o = a.parse_args()
    run = Run(o.work, device="cpu")
    os.makedirs(o.out, exist_ok=True)
    total = 0
    for name, tensors in collect(run, o.partial).items():
        size = write_safetensors(os.path.join(o.out, name), tensors, LICENCE)
        total += size
        print(f"{name:24s} {len(tensors):4d} tensors {size / 1e6:6.2f} MB")
    shutil.copy(run.merges, os.path.join(o.out, RECIPE["files"]["merges"]))
    write_recipe(o.out)
    print(f"together {total / 1e6:.2f} MB of {LIMIT / 1e6:.0f}")
    if total > LIMIT:
        raise SystemExit("too large for the repository")


if __name__ == "__main__":
    main()
