// Runs one test file with node's test runner; exit code 77 means skipped, with the reason, when
// something it needs is not installed. Usage: node tests/web/run.mjs FILE

import { spawnSync } from "node:child_process";
import fs from "node:fs";

function missing() {
  if (Number(process.versions.node.split(".")[0]) < 18)
    return `node ${process.versions.node} is too old, 18 is needed`;
  if (!fs.existsSync(new URL("../../node_modules/playwright-core", import.meta.url)))
    return "playwright-core is not installed (tools/deps.sh test)";
  return null;
}

const file = process.argv[2];
const reason =
  missing() ??
  (await import("./browser.mjs").then(({ CHROMIUM }) =>
    CHROMIUM ? null : "Chromium is not installed (tools/deps.sh test)",
  ));
if (reason && fs.readFileSync(file, "utf8").includes("browser.mjs")) {
  process.stdout.write(`skipped: ${reason}\n`);
  process.exit(77);
}
const { status } = spawnSync(process.execPath, ["--test", file], { stdio: "inherit" });
process.exit(status ?? 1);
