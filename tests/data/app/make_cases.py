#!/usr/bin/env python3
"""Writes the expected results of prompt handling beside this file, with Python's own str, re and random as the reference:
Fooocus is a Python program, and what users see depends on how these behave. Run it after changing the inputs below."""
import json
import random
import re
from pathlib import Path

HERE = Path(__file__).resolve().parent


def split_prompt(box):
    lines = [re.sub(" +", " ", line).strip(",. \r\n") for line in box.splitlines()]
    return [line for line in lines if line] or [""]


def tidy(line):
    items = re.sub(",+", ",", re.sub(" +", " ", line)).split(",")
    return ", ".join(i.strip() for i in items if i.strip())


TAG = re.compile(r"<lora:([^:]+):([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))>")


def lora_tags(line):
    tags, rest = [], []
    for item in line.split(","):
        for m in TAG.finditer(item):
            tags.append([m.group(1), float(m.group(2))])
        for text in [m.group(0) for m in TAG.finditer(item)]:
            item = item.replace(text, "")
        rest.append(item)
    return {"tags": tags, "prompt": tidy(",".join(rest))}


def arrays(text, index):
    def item(m):
        nonlocal index
        items = m.group(1).split(",")
        index, k = divmod(index, len(items))
        return items[k]
    return re.sub(r"\[\[(.*?)\]\]", item, text)


def wildcards(files, text, seed, image, in_order):
    rng = random.Random(seed)
    for _ in range(64):
        names = re.findall(r"__([\w-]+)__", text)
        if not names:
            break
        for name in names:
            options = [line for line in files.get(name, "").splitlines() if line]
            if not options:
                text = text.replace(f"__{name}__", name)
            else:
                word = options[image % len(options)] if in_order else rng.choice(options)
                text = text.replace(f"__{name}__", word, 1)
    return text


BOXES = ["", "a cat.", "  a   cat ,, ", "a\nb", "a\r\nb\rc", "one.\n\n  .,\ntwo,", "\n", "a \t b", ".,. ", "x\u2028y\x85z\x0bw\x0cv\x1cu",
         "tab\tend\t", "café,\nna\u00efve ", "a . b", "trailing\n", ",\n,", "  two  words\n second line. "]
LINES = ["", "a cat", "a,b,,c", "  a  ,   b ", ",,,", " , a , ", "a, ,b", "<lora:x:1>", "a <lora:x:0.5>, b", "<lora:x:1.><lora:y:.5>",
         "<lora:a b:-0.7> tail", "<lora:x:+2>", "<lora:x>", "<lora::1>", "<lora:x:>", "<lora:x:1e3>", "<lora:x:1>x<lora:x:1>",
         "<LORA:x:1>", "a <lora:sub/x:0.25>", "<lora:a,b:1>", "[[<lora:a:1>, <lora:b:1>]]", "<lora:a<lora:b:0.5>", "<lora:x:1.2.3>",
         "<lora:x:-.5>", "<lora:x:.>", "<lora:x:1 >", "(<lora:x:1>:1.2)", "<lora:名:0.5> 猫", "<lora:x:00012.5000>", "<lora:x:1><lora:x:0.5>",
         "a,\u00a0b\u3000, c", "<lora:<lora:x:1>:2>", "<lora:x:-0>", "<lora:x:123456789012345678901234567890>"]
ARRAYS = ["plain", "[[a, b, c]]", "a [[red,blue]] [[x, y ,z]] end", "[[one]]", "[[]]", "[[a]", "[[[a, b]]]", "[[a,b]]]", "[[a\n,b]] [[c,d]]",
          "[[a,[[b,c]]", "[[,]]", "[[a,b]][[a,b]]", "[ [a,b] ]", "[[a, b]] and [[a, b]] and [[1,2,3]]", "][[x,y", "[[é,ü]]"]
FILES = {"color": "red\ngreen\nblue\n", "animal": "cat\r\ndog\r\n\r\n  bird \n", "both": "__color__ __animal__", "empty": "\n\n", "loop": "a __loop__",
         "one": "single", "a____b": "joined", "a": "A1\nA2", "b": "B1\nB2\nB3", "grün": "ja\nnein", "x-y": "dash\nDASH", "_": "under\nscore",
         "swap": "__a__\n__b__\nplain", "sep": "u\u2028v\x0bw\x1cx\x85y", "many": "".join(f"{i}\n" for i in range(100))}
TEXTS = ["nothing here", "a __color__ car", "__color__ __color__ __color__", "__both__", "__both__, __swap__ and __many__", "__missing__ and __missing__",
         "__empty__!", "__a____b__", "__a__ __b__", "___a__", "__a___", "____", "_____", "x__a__y", "__a__-__b__", "__grün__", "__x-y__", "__color_",
         "__ color__", "__one__.__one__", "__sep__ __sep__", "__color__x __a__", "a__b__c __a__", "__swap____swap__", "__many____many__",
         "___", "__é__", "__a__\n__b__", "__COLOR__"]


def write(name, cases):
    (HERE / f"{name}.json").write_text(json.dumps(cases, indent=1, ensure_ascii=True) + "\n")


def main():
    write("prompt_lines", [{"in": b, "out": split_prompt(b)} for b in BOXES])
    write("lora_tags", [{"in": line, **lora_tags(line)} for line in LINES])
    write("arrays", [{"in": t, "out": [arrays(t, i) for i in range(14)]} for t in ARRAYS])
    cases = []
    for n, text in enumerate(TEXTS):
        for seed, image, in_order in ((12345, 0, False), (n, 1, False), (2**63 - 1 - n, 2, False), (7, n, True)):
            cases.append({"in": text, "seed": str(seed), "image": image, "in_order": in_order,
                          "out": wildcards(FILES, text, seed, image, in_order)})
    write("wildcards", {"files": FILES, "cases": cases})


if __name__ == "__main__":
    main()
