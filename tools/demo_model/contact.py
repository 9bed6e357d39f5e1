"""Contact sheets of the painter's pictures, to look at the world with one's own eyes.

  contact.py objects OUT.png        every object in its place, colours in turn
  contact.py styles OUT.png         every style x time of day
  contact.py places OUT.png         every place x time of day
  contact.py random OUT.png [seed]  what training sees
"""
import random
import sys
import time

import numpy as np
from PIL import Image

import painter
import world
from world import Spec


def grid(pictures, columns, gap=4):
    h, w = pictures[0].shape[:2]
    rows = -(-len(pictures) // columns)
    out = np.full((rows * (h + gap) + gap, columns * (w + gap) + gap, 3), 30, np.uint8)
    for i, p in enumerate(pictures):
        y, x = gap + i // columns * (h + gap), gap + i % columns * (w + gap)
        out[y : y + p.shape[0], x : x + p.shape[1]] = p
    return out


def specs(what, seed):
    rng = random.Random(seed)
    colours = tuple(world.COLOURS)
    if what == "objects":
        return [Spec(object=o, colour=colours[(i + seed) % 10]) for i, o in enumerate(world.OBJECTS)], 5
    if what == "styles":
        out = []
        for st in world.STYLES + (world.LORA_STYLE,):
            o, c, p = rng.choice(tuple(world.OBJECTS)), rng.choice(colours), rng.choice(world.PLACES)
            out += [Spec(object=o, colour=c, place=p, time=t, style=st) for t in world.TIMES]
        return out, 4
    if what == "places":
        out = []
        for p in world.PLACES:
            o = rng.choice(tuple(world.OBJECTS))
            out += [
                Spec(object=o, place=p, time=t, weather=rng.choice((None, None, rng.choice(world.WEATHERS))))
                for t in world.TIMES
            ]
        return out, 4
    return [world.random_spec(rng) for _ in range(48)], 8


def main():
    what, path = sys.argv[1:3]
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    todo, columns = specs(what, seed)
    rng = random.Random(seed + 99)
    start = time.time()
    pics = [painter.paint(world.settle(s, rng)[1], seed * 1000 + i) for i, s in enumerate(todo)]
    print(f"{len(pics)} pictures, {len(pics) / (time.time() - start):.0f} a second")
    Image.fromarray(grid(pics, columns)).save(path)


if __name__ == "__main__":
    main()
