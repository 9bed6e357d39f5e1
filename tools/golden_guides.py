#!/usr/bin/env python3
"""Writes the part of the goldens of control, image prompts and prompt expansion that stands in tests/golden from the whole
ones in ../shared/golden. The tests use the whole files where they are; where they are not, what was left out is skipped.
No dependencies."""
import math
import re

from golden_pixels import PART, WHOLE, read, write

# file -> [(regular expression of the tensors that stay, how much of which dimension stays; None: all)], first match counts
KEEP = {
    "clipvision": [(r"image\.a|hidden(1|16)\.a\.tokens0_16", None), (r"hidden0\.a|penultimate\.(a|zero)", (1, 16))],
    "control": [(r"net\.(x|t|y|context|hint_u8|(canny|cpds)\.out[689])", None)],
    "expansion": [(r".*", None)],
    "ip": [(r"tokens\.a|kv\.([0-9]|1.|2[0-6])\.[kv]|kv\.0\.[kv]\.negative|kv\.sums\.f64", None), (r"resampler\..*", (0, 1))],
}


def cut(entry, data, part):
    """The first of the rows of a tensor whose dimensions before are 1."""
    shape = list(entry["shape"])
    if part is None or shape[part[0]] <= part[1]:
        return entry, data
    assert math.prod(shape[:part[0]]) == 1
    size = len(data) // shape[part[0]] * part[1]
    shape[part[0]] = part[1]
    return {"dtype": entry["dtype"], "shape": shape}, data[:size]


def main():
    for name, rules in KEEP.items():
        tensors = {}
        for tensor, (entry, data) in read(WHOLE / f"v25_{name}.safetensors").items():
            part = next((r for pattern, r in rules if re.fullmatch(pattern, tensor)), False)
            if part is not False:
                tensors[tensor] = cut(entry, data, part)
        path = PART / f"v25_{name}.safetensors"
        write(path, tensors)
        print(f"{path.name}: {len(tensors)} tensors, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
