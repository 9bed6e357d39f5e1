#!/usr/bin/env python3
"""Size budget: a function has at most 100 lines, a file at most 800. Works on clang-formatted C: a function's body opens with
'{' in column 0 and closes with '}' in column 0."""
import pathlib
import statistics
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
MAX_FUNCTION, MAX_FILE = 100, 800
ALLOWED = set()  # stays empty


def functions(lines):
    """(first line number, length) of every function body with its signature line."""
    start = None
    for i, line in enumerate(lines):
        if line.startswith("{"):
            start = i
        elif line.startswith("}") and start is not None:
            if line.rstrip() == "}":
                first = start
                while first > 0 and lines[first - 1].strip() and not lines[first - 1].startswith(("}", "#", "/*", " */")):
                    first -= 1
                yield first + 1, i - first + 1
            start = None


def main():
    problems, lengths = [], []
    for folder in ("src", "include", "tests", "tools", "bench"):
        for path in sorted((ROOT / folder).rglob("*.[ch]")):
            shown = path.relative_to(ROOT).as_posix()
            lines = path.read_text().splitlines()
            if len(lines) > MAX_FILE and shown not in ALLOWED:
                problems.append(f"{shown}: {len(lines)} lines, at most {MAX_FILE}")
            for first, length in functions(lines):
                if folder == "src":
                    lengths.append(length)
                if length > MAX_FUNCTION:
                    problems.append(f"{shown}:{first}: a function of {length} lines, at most {MAX_FUNCTION}")
    for folder, pattern in (("web", "*.js"), ("tests", "*.js"), ("tests", "*.mjs"), ("tools", "*.py")):
        for path in sorted((ROOT / folder).rglob(pattern)):
            count = len(path.read_text().splitlines())
            if count > MAX_FILE:
                problems.append(f"{path.relative_to(ROOT)}: {count} lines, at most {MAX_FILE}")
    for p in problems:
        print(p)
    median = statistics.median(lengths) if lengths else 0
    print(f"budget: {len(lengths)} functions, median {median:.0f} lines, longest {max(lengths, default=0)}; "
          f"{len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
