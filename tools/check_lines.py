#!/usr/bin/env python3
"""Line lengths where clang-format does not look: prose of *.md has at most 100 characters a line; js, mjs, css, def and
cmake files at most 110.

Exempt, because a break would change what is shown:
- in md: tables, fenced and indented code, HTML tags, and a line that is one link or picture;
- everywhere: a line with no place to break - one word, such as a URL, that is longer than the limit by itself."""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROSE, CODE = 100, 110
LIMITS = {".md": PROSE, ".js": CODE, ".mjs": CODE, ".css": CODE, ".def": CODE, ".cmake": CODE}
ONE_LINK = re.compile(r"!?\[[^]]*\]\([^)]*\)[.,:;]?")


def prose(lines):
    """(number, line) of what is neither a table nor code nor HTML nor one link."""
    fenced = False
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if text.startswith("```"):
            fenced = not fenced
        elif not (fenced or line.startswith("    ") or text.startswith(("|", "<")) or ONE_LINK.fullmatch(text)):
            yield number, line


def breakable(line, limit):
    """Whether there is a space between two words where the line could have ended in time."""
    return re.search(r"\S\s", line[: limit + 1]) is not None


def main():
    problems = files = 0
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for shown in listed.splitlines():
        path = pathlib.Path(shown)
        limit = CODE if path.name == "CMakeLists.txt" else LIMITS.get(path.suffix)
        if limit is None or not (ROOT / path).is_file():
            continue
        files += 1
        lines = (ROOT / path).read_text().splitlines()
        for number, line in prose(lines) if path.suffix == ".md" else enumerate(lines, 1):
            if len(line) > limit and breakable(line, limit):
                print(f"{shown}:{number}: {len(line)} characters, at most {limit}")
                problems += 1
    print(f"check_lines: {files} files, {problems} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
