#!/usr/bin/env python3
"""Fails when a function handles errors in another dialect than the house's (docs/CONVENTIONS.md): the local variable is called
status, fc_err starts empty, what owns nothing returns early, what owns something goes to the one label out."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
RULES = [  # regular expression on the text of a function's body, advice
    (r"\n +fc_status (s|st|ret|rc|r|res|result)\b", "call it status"),
    (r"\n +fc_err \w+;", "= {0}: not every caller looks at the status first"),
    (r"\n    if \((status == FC_OK|!status)\b[^;{]*\)\s*status = [^;]*;\n(?!\s*else)", "return early, or goto out, instead of a ladder"),
    (r"\n(?!out:)\w+:", "the one label of a function is out"),
    (r"\nout:\n +(?!return\b|goto\b)(const |struct |enum )?\w+ \*?\w+( =|;|,|\[)", "no declaration behind a label: C11 has none there"),
]


def main():
    problems = 0
    for path in sorted((ROOT / "src").rglob("*.c")):
        text = path.read_text()
        for m in re.finditer(r"^\{\n.*?^\}$", text, flags=re.M | re.S):
            for pattern, advice in RULES:
                for hit in re.finditer(pattern, m.group(0)):
                    line = text.count("\n", 0, m.start() + hit.start()) + 2
                    print(f"{path.relative_to(ROOT)}:{line}: {advice}")
                    problems += 1
    print(f"check_errors: {problems} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
