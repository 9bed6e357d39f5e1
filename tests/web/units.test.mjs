// The page's pure parts without a browser: weights, rows of the history, the event parser, the
// languages, house rules.

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { parameterTexts } from "../../web/js/core/parameter_texts.js";
import { unreadable, withoutChinese } from "../../web/js/core/script.js";
import { changeWeight } from "../../web/js/core/weights.js";
import { firstBelow, justify } from "../../web/js/widgets/justify.js";
import { ROOT } from "./program.mjs";

const WEB = path.join(ROOT, "web");
const files = (dir) =>
  fs
    .readdirSync(dir, { withFileTypes: true })
    .flatMap((e) => (e.isDirectory() ? files(path.join(dir, e.name)) : [path.join(dir, e.name)]));

test("weights: input -> expected", () => {
  const cases = [
    // text with [selection], direction, expected
    ["a [red] house", 1, "a ([red]:1.1) house"],
    ["a ([red]:1.1) house", 1, "a ([red]:1.2) house"],
    ["a ([red]:1.1) house", -1, "a [red] house"],
    ["a r[]ed house", 1, "a ([red]:1.1) house"],
    ["[red, ]blue", 1, "([red]:1.1), blue"],
    ["(a ([b]:1.5):0.5)", 1, "(a ([b]:1.6):0.5)"],
    ["(x:2) [y]", -1, "(x:2) ([y]:0.9)"],
    ["([x]:2)", 1, "([x]:2)"],
    ["([x]:0)", -1, "([x]:0)"],
    ["\\([x]:1.2)", 1, "\\(([x]:1.1):1.2)"],
    ["一只[狐狸]，秋叶", 1, "一只([狐狸]:1.1)，秋叶"],
  ];
  for (const [marked, direction, expected] of cases) {
    const start = marked.indexOf("[");
    const end = marked.indexOf("]") - 1;
    const result = changeWeight(marked.replace(/[[\]]/g, ""), start, end, direction);
    const { text, start: from, end: to } = result;
    const shown = `${text.slice(0, from)}[${text.slice(from, to)}]${text.slice(to)}`;
    assert.equal(shown, expected, marked);
  }
  assert.equal(changeWeight("a , b", 2, 2, 1), null);
});

test("words that the text encoders cannot read", () => {
  const cases = [
    ["a fox, soft rain", ""],
    ["Ein Fuchs im Café, señor, Łódź", ""],
    ["清晨的茶园", "清晨的茶园"],
    ["a 猫 asleep", "猫"],
    ["α particles, 5 µm", ""],
    ["a house, тихие холмы at night", "тихие холмы"],
    ["<lora:水彩:0.8> __颜色__ fox", ""],
    ["カフェ, 夜", "カフェ, 夜"],
    ["", ""],
  ];
  for (const [prompt, expected] of cases) assert.equal(unreadable(prompt), expected, prompt);
});

test("Chinese is taken out as the server translates it", () => {
  assert.equal(withoutChinese("a 猫, soft"), "a , soft");
  assert.equal(withoutChinese("猫と犬\n猫"), "猫と犬\n");
});

test("rows are full, keep the shapes and never overlap", () => {
  const items = Array.from({ length: 500 }, (_, i) => ({
    width: 64 * (8 + ((i * 7) % 12)),
    height: 64 * (8 + ((i * 5) % 9)),
    created: Math.floor(i / 37),
  }));
  for (const width of [320, 801, 1700]) {
    const { boxes, height } = justify(items, {
      width,
      target: 180,
      gap: 6,
      headingHeight: 40,
      dayOf: (p) => String(p.created),
    });
    boxes.forEach((box, i) => {
      assert.ok(box.x >= 0 && box.x + box.w <= width + 0.01, `box ${i} is inside`);
      assert.ok(
        Math.abs(box.w / box.h - items[i].width / items[i].height) < 1e-6,
        `box ${i} keeps its shape`,
      );
      const next = boxes[i + 1];
      if (next && next.y === box.y) assert.ok(next.x >= box.x + box.w + 5.99);
      else if (next) assert.ok(next.y >= box.y + box.h + 5.99);
    });
    assert.ok(height >= boxes.at(-1).y + boxes.at(-1).h);
    const y = height / 2;
    const at = firstBelow(boxes, y);
    assert.ok(boxes[at].y + boxes[at].h >= y && boxes[at - 1].y + boxes[at - 1].h < y);
  }
  const wild = justify([{ width: 0, height: 0, created: 0 }], {
    width: 100,
    target: 50,
    gap: 6,
    headingHeight: 40,
    dayOf: () => "",
  });
  assert.ok(Number.isFinite(wild.height));
});

test("events: any cut of the stream gives the same events", async () => {
  const { eventParser } = await import("../../web/js/core/events.js");
  const stream =
    ': hello\n\nevent: job\nid: 7\ndata: {"a":1}\n\ndata: one\r\ndata: two\r\n\r\n' +
    "id: 9\nevent: queue\ndata:{}\n\nevent: empty\n\n";
  const expected = [
    { type: "job", id: "7", data: '{"a":1}' },
    { type: "message", id: null, data: "one\ntwo" },
    { type: "queue", id: "9", data: "{}" },
  ];
  for (let size = 1; size <= stream.length; size++) {
    const seen = [];
    const feed = eventParser((event) => seen.push({ type: event.type, id: event.id, data: event.data }));
    for (let at = 0; at < stream.length; at += size) feed(stream.slice(at, at + size));
    assert.deepEqual(seen, expected, `pieces of ${size}`);
  }
});

test("languages: the same keys and the same blanks; every key used is there", () => {
  const read = (name) => JSON.parse(fs.readFileSync(path.join(WEB, `locales/${name}.json`), "utf8"));
  const parameters = read("params");
  const texts = (lang) => {
    const own = read(lang);
    for (const key of Object.keys(own))
      assert.ok(!/^(param|choice)\./.test(key), `${key}: words of parameters stand in locales/params.json`);
    return { ...own, ...parameterTexts(parameters, lang) };
  };
  const en = texts("en");
  const zh = texts("zh");
  const blanks = (text) =>
    [...text.matchAll(/\{(\w+)\}/g)]
      .map((m) => m[1])
      .sort()
      .join();
  for (const key of Object.keys(en)) {
    if (key.endsWith(".one")) continue; // Chinese has one form
    assert.ok(key in zh, `zh lacks ${key}`);
    assert.equal(blanks(zh[key]), blanks(en[key]), key);
  }
  assert.deepEqual(
    Object.keys(zh).filter((key) => !(key in en)),
    [],
  );
  const source = files(path.join(WEB, "js"))
    .map((f) => fs.readFileSync(f, "utf8"))
    .join("\n");
  const used = [...source.matchAll(/\bt\((?:[^"`()]*\? )?"([\w.-]+)"/g)].map((m) => m[1]);
  assert.ok(used.length > 100, "the keys are found in the source");
  for (const key of used) assert.ok(key in en || `${key}.other` in en, `no text for ${key}`);
});

test("languages: every parameter that the page may show has a label, and no other name has one", () => {
  const table = fs.readFileSync(path.join(ROOT, "src/app/settings/params.def"), "utf8");
  const rows = [...table.matchAll(/^FC_PARAM\(\w+, (\w+), \w+,([^"]*)/gm)];
  const shown = rows.filter((row) => !row[2].includes("FC_MARK_PRIVATE")).map((row) => row[1]);
  const parameters = JSON.parse(fs.readFileSync(path.join(WEB, "locales/params.json"), "utf8"));
  assert.ok(shown.length > 40, "the rows are found");
  for (const name of shown) assert.ok(parameters[name]?.en?.label, `no words for ${name} in params.json`);
  for (const name of Object.keys(parameters))
    assert.ok(shown.includes(name), `there is no parameter ${name}`);
});

test("house rules: no markup from text, nothing from elsewhere, nothing inline", () => {
  for (const file of files(WEB)) {
    const text = fs.readFileSync(file, "utf8");
    const name = path.relative(ROOT, file);
    assert.ok(
      !/innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function/.test(text),
      name,
    );
    assert.ok(
      !/(https?:)?\/\/[a-z0-9-]+\.[a-z]/i.test(text.replace(/http:\/\/www\.w3\.org\/2000\/svg/g, "")),
      `${name} names another host`,
    );
    if (name.endsWith(".html")) assert.ok(!/\sstyle=|\son\w+=|<script>|<style/.test(text), name);
  }
});
