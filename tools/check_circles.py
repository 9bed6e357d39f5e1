#!/usr/bin/env python3
"""Fails when files call each other in a circle: reads from the object files of a build which file needs a name of which
other one. usage: check_circles.py BUILD_FOLDER"""
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# circles that are meant, and why
MEANT = [
    {"src/base/dtype.c", "src/base/dtype_avx2.c"},  # the vector loop leaves its last elements to the scalar function
]


def symbols(objects):
    """object -> names it defines, names it needs"""
    out = subprocess.run(["nm", "-A", "-g", *objects], capture_output=True, text=True, check=True).stdout
    defined, needed = {}, {}
    for line in out.splitlines():
        path, rest = line.split(":", 1)
        kind, name = rest.split()[-2:]
        if kind == "U":
            needed.setdefault(path, set()).add(name)
        else:
            defined[name] = path
    return defined, needed


def circles(graph):
    """Strongly connected parts of more than one file (Tarjan)."""
    index, low, stack, found = {}, {}, [], []

    def visit(v):
        index[v] = low[v] = len(index)
        stack.append(v)
        for w in graph[v]:
            if w not in index:
                visit(w)
                low[v] = min(low[v], low[w])
            elif w in stack:
                low[v] = min(low[v], index[w])
        if low[v] == index[v]:
            part = {stack.pop()}
            while v not in part:
                part.add(stack.pop())
            if len(part) > 1:
                found.append(part)

    sys.setrecursionlimit(10000)
    for v in graph:
        if v not in index:
            visit(v)
    return found


def main():
    build = pathlib.Path(sys.argv[1])
    sources = {}
    for path in build.glob("CMakeFiles/*.dir/src/**/*.c.o"):
        source = "src/" + str(path).split(".dir/src/", 1)[1][:-2]
        if (ROOT / source).exists():  # not left over from before a file moved
            sources[str(path)] = source
    if not sources:
        sys.exit(f"check_circles: there are no object files of src/ in {build}")
    defined, needed = symbols(sorted(sources))
    graph = {p: {defined[n] for n in needed.get(p, ()) if n in defined} - {p} for p in sources}
    problems = 0
    for part in circles(graph):
        names = {sources[p] for p in part}
        if names in MEANT:
            continue
        problems += 1
        print("a circle: " + ", ".join(sorted(names)))
        for p in sorted(part):
            for n in sorted(needed.get(p, ())):
                if defined.get(n) in part - {p}:
                    print(f"  {sources[p]} calls {n} of {sources[defined[n]]}")
    print(f"check_circles: {len(sources)} files, {problems} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
