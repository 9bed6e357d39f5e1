#!/usr/bin/env python3
"""Fails when a source file includes a higher or a sideways layer, or a higher room of its own layer, names a backend outside
the registry, or calls a function that belongs to one owner (malloc, printf, exit, ...). The layers, rooms and owners are the
tables below."""
import fnmatch
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# layer -> the layers it may include besides itself; fooocus.h is open to all
MAY_INCLUDE = {
    "base": set(),
    "format": {"base"},
    "picture": {"base", "format"},
    "text": {"base", "format"},
    "nn": {"base", "format"},
    "backend": {"base", "nn"},
    "model": {"base", "format", "nn"},
    "diffusion": {"base", "format", "text", "nn", "model"},
    "engine": {"base", "format", "picture", "text", "nn", "model", "diffusion"},
    "app": {"base", "format", "picture", "text", "diffusion", "engine"},
    "server": {"base", "format", "picture", "engine", "app"},
    "cli": {"base", "format", "picture", "nn", "model", "engine", "app", "server"},
}
# layer -> its rooms (folders) from the ground up, "" for the files that lie in the layer's own folder. A file includes its
# own room and those before it; rooms in one tuple do not know each other.
ROOMS = {
    "app": ["common", ("settings", "prompt"), "models", "plan", "output", "queue", ""],
    "server": ["http", "access", "api", "compat", ""],
    "diffusion": ["", "solvers"],
    "backend": ["", ("ref", "cpu", "vulkan")],
    "cli": ["", "bench"],
}
# what all rooms of its layer know, and the one file that knows all rooms
SHARED = {"server/server.h", "server/server_impl.h"}
KNOWS_ALL = {"backend/registry.c"}

BACKENDS = ("ref", "cpu", "vulkan", "cuda")

# regular expression of a call -> files (glob below src) that may contain it, and why
OWNERS = [
    (r"\b(malloc|calloc|realloc|free|aligned_alloc|posix_memalign|strdup|strndup)\s*\(", ["base/mem.c"], "use base/mem.h"),
    (r"\b(printf|puts|putchar|vprintf|perror)\s*\(", ["cli/*"], "only the command line prints"),
    (r"\bfprintf\s*\(\s*(stderr|stdout)", ["cli/*", "base/log.c"], "only the command line prints"),
    (r"\b(exit|_exit|abort|quick_exit)\s*\(", ["cli/*"], "return a status"),
    (r"\b(atoi|atol|atoll|atof|strtod|strtof|strtol|strtoll|strtoul|strtoull|sscanf)\s*\(",
     ["base/str.c", "base/dtype.c", "text/pyfloat.c"], "use fc_parse_* of base/str.h"),
    (r"\b(strtok|strtok_r|strcpy|strcat|sprintf|vsprintf|gets|alloca)\s*\(", [], "use snprintf, fc_buf or fc_arena"),
    (r"\b(rand|srand|random|srandom|drand48)\s*\(", [], "use diffusion/rng.h or base/random.h"),
    (r"\b(system|popen)\s*\(", [], "no shell"),
]


def code_of(text):
    """The text without comments and string contents, line structure kept."""
    def blank(m):
        s = m.group(0)
        if s.startswith("/"):
            return re.sub(r"[^\n]", " ", s)
        return s[0] + " " * (len(s) - 2) + s[-1]
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text, flags=re.S)


def floor_of(layer, room):
    """The number of the room's floor, counted from the ground; None: the layer has no such room."""
    for floor, rooms in enumerate(ROOMS[layer]):
        if room in (rooms if isinstance(rooms, tuple) else (rooms,)):
            return floor
    return None


def room_of(relative):
    """server/api/jobs.c -> api; server/server.c -> "" """
    parts = relative.split("/")
    return parts[1] if len(parts) > 2 else ""


def check_rooms(path, relative, text, problems):
    layer, room = relative.split("/")[0], room_of(relative)
    if layer not in ROOMS:
        if room:
            problems.append(f"{path}: {layer} has no rooms in tools/check_layers.py")
        return
    own = floor_of(layer, room)
    if own is None:
        problems.append(f"{path}: {layer}/{room} is in no order, see ROOMS in tools/check_layers.py")
        return
    for number, line in enumerate(text.splitlines(), 1):
        m = re.match(r'\s*#\s*include\s+"(%s/[^"]+)"' % layer, line)
        if not m or m.group(1) in SHARED or relative in KNOWS_ALL or room_of(m.group(1)) == room:
            continue
        target = floor_of(layer, room_of(m.group(1)))
        if target is None or target >= own:
            problems.append(f"{path}:{number}: {layer}/{room} must not include {m.group(1)}, which is above or beside it")


def check_includes(path, layer, text, problems):
    for number, line in enumerate(text.splitlines(), 1):
        m = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
        if not m or m.group(1) == "fooocus.h":
            continue
        target = m.group(1).split("/")[0] if "/" in m.group(1) else None
        if target is None or target == layer:
            continue
        if target not in MAY_INCLUDE:
            problems.append(f"{path}:{number}: includes {m.group(1)}, which is in no layer")
        elif target not in MAY_INCLUDE[layer]:
            problems.append(f"{path}:{number}: {layer} must not include {target}")


def check_backends(path, relative, text, problems):
    if relative.startswith("backend/"):
        own = relative.split("/")[1]
        for other in BACKENDS:
            if own != other and own != "registry.c" and f'"backend/{other}/' in text:
                problems.append(f"{path}: backend {own} includes backend {other}")
        return
    for number, line in enumerate(text.splitlines(), 1):
        if re.search(r"\bfc_backend_(ref|cpu|vulkan|cuda)\b|\bdnnl_", line):
            problems.append(f"{path}:{number}: names a backend outside backend/registry.c")


def main():
    problems = []
    src = ROOT / "src"
    for path in sorted(src.rglob("*.[ch]")):
        relative = path.relative_to(src).as_posix()
        layer = relative.split("/")[0]
        if layer not in MAY_INCLUDE:
            problems.append(f"{path.relative_to(ROOT)}: is in no layer")
            continue
        text = path.read_text()
        code = code_of(text)
        shown = path.relative_to(ROOT).as_posix()
        check_includes(shown, layer, text, problems)
        check_rooms(shown, relative, text, problems)
        check_backends(shown, relative, code, problems)
        for pattern, owners, advice in OWNERS:
            if any(fnmatch.fnmatch(relative, o) for o in owners):
                continue
            for m in re.finditer(pattern, code):
                before = code[:m.start()]
                if before.endswith((".", "->")):
                    continue
                number = before.count("\n") + 1
                problems.append(f"{shown}:{number}: {m.group(1)}: {advice}")
    for p in problems:
        print(p)
    print(f"check_layers: {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
