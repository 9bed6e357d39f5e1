// An ESLint rule: a script imports no room above its own, and no chain of imports comes back to
// where it began. The page's rooms, from the bottom: web/js/core, widgets, views, and above them
// main.js and live.js.

import fs from "node:fs";
import path from "node:path";

const ROOMS = ["core", "widgets", "views"];
const IMPORT = /^(?:import|export)\s[^;]*?from\s+"(\.[^"]+)"/gm;

/** core 0, widgets 1, views 2, the top 3; -1 outside the page. */
function heightOf(file) {
  const [, room] = /[\\/]web[\\/]js[\\/](?:(\w+)[\\/])?[^\\/]+$/.exec(file) ?? [null, null];
  if (room === null) return -1;
  return room === undefined ? ROOMS.length : ROOMS.indexOf(room);
}

const imports = new Map(); // file -> the files it imports
function importsOf(file) {
  if (!imports.has(file)) {
    const text = fs.existsSync(file) ? fs.readFileSync(file, "utf8") : "";
    imports.set(
      file,
      [...text.matchAll(IMPORT)].map((match) => path.resolve(path.dirname(file), match[1])),
    );
  }
  return imports.get(file);
}

/** The chain of imports from `from` to `to`, or null. */
function chain(from, to, seen = new Set()) {
  if (from === to) return [to];
  if (seen.has(from)) return null;
  seen.add(from);
  for (const next of importsOf(from)) {
    const rest = chain(next, to, seen);
    if (rest) return [from, ...rest];
  }
  return null;
}

export const onlyDownward = {
  meta: {
    type: "problem",
    schema: [],
    messages: {
      upward: "{{from}} is a room below {{to}} and must not import it",
      circle: "a circle of imports: {{names}}",
      missing: "there is no such file",
    },
  },
  create(context) {
    const here = context.filename;
    const check = (node) => {
      if (!node.source?.value.startsWith(".")) return;
      const target = path.resolve(path.dirname(here), node.source.value);
      if (!fs.existsSync(target)) return context.report({ node, messageId: "missing" });
      const [from, to] = [heightOf(here), heightOf(target)];
      if (from >= 0 && from < to) {
        const data = { from: ROOMS[from], to: ROOMS[to] ?? "the top" };
        context.report({ node, messageId: "upward", data });
      }
      const back = chain(target, here);
      const names = back && [here, ...back].map((file) => path.basename(file)).join(" -> ");
      if (back) context.report({ node, messageId: "circle", data: { names } });
    };
    return { ImportDeclaration: check, ExportNamedDeclaration: check, ExportAllDeclaration: check };
  },
};
