// What the mock server answers from the repository's own data: the parameter table, the styles, the presets.

import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");

/** Cuts a C argument list at its top-level commas. */
function args(text) {
  const out = [];
  let depth = 0;
  let quoted = false;
  let now = "";
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (c === '"' && text[i - 1] !== "\\") quoted = !quoted;
    if (!quoted && c === "(") depth++;
    if (!quoted && c === ")") depth--;
    if (!quoted && depth === 0 && c === ",") {
      out.push(now.trim());
      now = "";
    } else now += c;
  }
  return [...out, now.trim()];
}

const text = (c) => (c === "NULL" ? null : [...c.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map((m) => m[1]).join(""));

/** The choices as docs/PARAMETERS.md, which is written from the same table, lists them. */
function choicesOf(name) {
  const doc = fs.readFileSync(path.join(ROOT, "docs/PARAMETERS.md"), "utf8");
  const row = doc.split("\n").find((line) => line.startsWith(`| \`${name}\` |`));
  return row.split(/(?<!\\)\|/)[4].split(",").map((s) => s.trim());
}

function parseDefault(kind, value) {
  if (value === null) return null;
  if (kind === "int" || kind === "num") return Number(value);
  if (kind === "bool") return value === "on";
  if (kind === "list" || kind === "loras") return value ? value.split("|") : [];
  return value;
}

export function parameters() {
  const source = fs.readFileSync(path.join(ROOT, "src/app/params.def"), "utf8").replace(/\/\*[\s\S]*?\*\//g, "");
  const list = [];
  for (const match of source.matchAll(/^FC_PARAM\(/gm)) {
    let depth = 1;
    let at = match.index + match[0].length;
    const start = at;
    for (let quoted = false; depth; at++) {
      if (source[at] === '"') quoted = !quoted;
      else if (!quoted && source[at] === "(") depth++;
      else if (!quoted && source[at] === ")") depth--;
    }
    const [kindName, name, group, marks, , , , first, second, limits, help] = args(source.slice(start, at - 1));
    const kind = kindName.toLowerCase();
    const range = /RANGE\(([^)]*)\)/.exec(limits);
    const [min, max, step] = range ? range[1].split(",").map(Number) : [];
    list.push({
      name, kind, group: group.toLowerCase(), help: text(help), min, max, step,
      default: { "1.0": parseDefault(kind, text(first)), 2.5: parseDefault(kind, text(second)) },
      choices: limits.startsWith("CHOICES") ? choicesOf(name) : undefined,
      private: marks.includes("PRIVATE"), auto: marks.includes("AUTO"), model: marks.includes("MODEL"), v25: marks.includes("V25"),
    });
  }
  const groups = [...new Set(list.map((p) => p.group))].map((id) => ({ id, title: id }));
  return { groups, parameters: list };
}

const GROUPS = { fooocus: "Fooocus", sai: "SAI", mre: "MRE", twri: "TWRI", diva: "Diva", marc_k3nt3l: "Marc K3nt3l" };

export function styles() {
  const out = [];
  for (const [file, group] of Object.entries(GROUPS)) {
    const list = JSON.parse(fs.readFileSync(path.join(ROOT, `data/styles/${file}.json`), "utf8"));
    for (const s of list) out.push({ name: s.name, group, has_positive: Boolean(s.prompt), has_negative: Boolean(s.negative_prompt), sample: null });
  }
  return out;
}

export function presets() {
  const dir = path.join(ROOT, "data/presets");
  return fs.readdirSync(dir).sort().map((file) => {
    const p = JSON.parse(fs.readFileSync(path.join(dir, file), "utf8"));
    const [width, height] = String(p.default_aspect_ratio || "1152*896").split("*").map(Number);
    return {
      name: file.replace(/\.json$/, ""),
      parameters: { styles: p.default_styles, cfg: p.default_cfg_scale, performance: String(p.default_performance || "Speed").toLowerCase().replace(/ /g, "-"), width, height },
    };
  });
}
