#!/usr/bin/env python3
"""Writes the part of the goldens of control, image prompts and prompt expansion that stands in tests/golden from the whole
ones in ../shared/golden. The tests use the whole files where they are; where they are not, what was left out is skipped.
No dependencies."""
import math
import re

from golden_pixels import PART, WHOLE, read, write

# file -> [(regular expression of the tensors that stay, how many rows of dimension 1 stay; None: all)], first match counts
KEEP = {
    "clipvision": [(r"image\.a|hidden(1|16)\.a\.tokens0_16", None), (r"hidden0\.a|penultimate\.(a|zero)", 16)],
}


def cut(entry, data, rows):
    """The first rows of dimension 1 of a tensor whose dimension 0 is 1."""
    shape = entry["shape"]
    if rows is None or shape[1] <= rows:
        return entry, data
    assert shape[0] == 1
    kept = [1, rows, *shape[2:]]
    size = len(data) // math.prod(shape) * math.prod(kept)
    return {"dtype": entry["dtype"], "shape": kept}, data[:size]


def main():
    for name, rules in KEEP.items():
        tensors = {}
        for tensor, (entry, data) in read(WHOLE / f"v25_{name}.safetensors").items():
            rows = next((r for pattern, r in rules if re.fullmatch(pattern, tensor)), False)
            if rows is not False:
                tensors[tensor] = cut(entry, data, rows)
        path = PART / f"v25_{name}.safetensors"
        write(path, tensors)
        print(f"{path.name}: {len(tensors)} tensors, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
