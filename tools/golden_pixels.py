#!/usr/bin/env python3
"""Writes the part of the pixel goldens that stands in tests/golden from the whole ones in ../shared/golden.

The tests use the whole files where they are; where they are not, what was left out here is skipped. Kept is one case of every
kind, the small ones, and every tensor whose result no checksum in the JSON file covers. No dependencies."""
import json
import pathlib
import re
import shutil
import struct

ROOT = pathlib.Path(__file__).resolve().parent.parent
WHOLE, PART = ROOT.parent / "shared/golden", ROOT / "tests/golden"

# file -> regular expression of the tensors that stay
KEEP = {
    "pictures": r"gradient|noise|photo|lines|sparse|flat|card|scene_a|portrait|generated|rgba|grey",
    "resize": r"lanczos\.(gradient|grey)\..*|lanczos\.(noise\.31x33|rgba\.60x36|photo\.(1x1|7x200))|"
              r"mode[012]\.gradient\..*|mode[12]\.noise\..*|mode\d\.grey\..*|hwc3\..*|shape_ceil\.card\..*|linear\..*",
    "inpaint": r"mask\.scene_a\..*|parts\.(fill\.(image|mask|out)|grey|open)|pool\..*|small_k0\.t128\.(image|mask)|"
               r"small_k0\.(latent_mask|grey_pixels_u8)",
    "masks": r"canvas|upload\.(small|colours)|out\.(plain|small|colours|dilate8|erode5|float3|invert_erode2|erode64)",
    "canny": r"plain\.(gradient|noise|lines)\..*|parts\.(input|edge)|(gradient|noise|photo|sparse|flat|card)\.[0-9.]*",
    "cpds": r"lab\..*|(gradient|noise|photo|lines|sparse|flat)(\.density)?|gradient\.blurred|big\.final\.sub8",
    "face": r".*\.crop\.224",
}


def read(path):
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    header.pop("__metadata__", None)
    return {name: (entry, data[8 + size:][slice(*entry["data_offsets"])]) for name, entry in header.items()}


def write(path, tensors):
    header, at = {}, 0
    for name, (entry, data) in tensors.items():
        header[name] = {"dtype": entry["dtype"], "shape": entry["shape"], "data_offsets": [at, at + len(data)]}
        at += len(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(data for _, data in tensors.values()))


def main():
    total = 0
    for name, pattern in KEEP.items():
        file = f"v25_pixels_{name}.safetensors"
        tensors = {k: v for k, v in read(WHOLE / file).items() if re.fullmatch(pattern, k)}
        write(PART / file, tensors)
        notes = WHOLE / f"v25_pixels_{name}.json"
        if notes.exists():
            shutil.copyfile(notes, PART / notes.name)
            (PART / notes.name).chmod(0o644)
        size = sum((PART / f).stat().st_size for f in (file, notes.name) if (PART / f).exists())
        print(f"{file}: {len(tensors)} tensors, {size} bytes")
        total += size
    print(f"{total} bytes")


if __name__ == "__main__":
    main()
