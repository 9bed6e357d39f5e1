// The program itself as the tests run it: a home of its own with the tiny synthetic model, on a free port.

import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { paint, png } from "./scenes.mjs";

export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
export const BUILD = path.resolve(process.env.FC_BUILD || path.join(ROOT, "build/release"));
const SHAPES = [
  [288, 224],
  [224, 288],
  [256, 256],
  [336, 192],
  [208, 304],
];

export function runTool(name, args, options = {}) {
  const { status, stderr, stdout, error } = spawnSync(path.join(BUILD, name), args, {
    encoding: "utf8",
    ...options,
  });
  if (status !== 0) throw new Error(`${name} ended with ${status}: ${stderr || error}`);
  return stdout;
}

/** The folder of the synthetic models, made once; the name appears only when the file is whole. */
export function modelsFolder() {
  const folder = path.join(BUILD, "tmp/web-models");
  for (const [kind, name] of [
    ["tiny_base", "checkpoints/tiny.safetensors"],
    ["taesd_decoder", "vae_approx/taesdxl_decoder.safetensors"],
  ]) {
    const file = path.join(folder, name);
    if (fs.existsSync(file)) continue;
    fs.mkdirSync(path.dirname(file), { recursive: true });
    runTool("synth_ckpt", [kind, `${file}.${process.pid}`]);
    fs.renameSync(`${file}.${process.pid}`, file);
  }
  return folder;
}

/** Pictures of the past: `count` rows of the history that share a few painted scenes. */
export function fillHistory(home, count) {
  const files = SHAPES.flatMap(([w, h], i) =>
    Array.from({ length: 4 }, (_, k) => ({ w, h, seed: i * 4 + k, name: `${w}x${h}/${k}.png` })),
  );
  for (const { w, h, seed, name } of files) {
    const file = path.join(home, "outputs/seed", name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, png(paint(seed, w, h), w, h));
  }
  runTool("seed_history", [home, String(count), ...files.map((f) => f.name)]);
}

export function newHome({ models = true, history = 0, files = {} } = {}) {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), "fc-home-"));
  if (models) fs.symlinkSync(modelsFolder(), path.join(home, "models"));
  if (history) fillHistory(home, history);
  for (const [name, text] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(home, name)), { recursive: true });
    fs.writeFileSync(path.join(home, name), text);
  }
  return home;
}

/** {url, home, child, said() what it printed, close()}. A given home is kept. */
export async function startProgram({ home = null, args = [], env = {}, ...options } = {}) {
  const own = home ?? newHome(options);
  const child = spawn(path.join(BUILD, "fooocus"), ["serve", "--port", "0", "--home", own, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, OMP_WAIT_POLICY: "passive", ...env }, // the browser needs the processor too
  });
  let said = "";
  const url = await new Promise((resolve, reject) => {
    const hear = (data) => {
      said += data;
      const match = /ready: open (https?:\/\/\S+:\d+\/)/.exec(said);
      if (match) resolve(match[1]);
    };
    child.stdout.on("data", hear);
    child.stderr.on("data", hear);
    child.once("exit", (code) =>
      reject(new Error(`the program ended with ${code} before it listened: ${said}`)),
    );
  });
  const gone = new Promise((resolve) => child.once("exit", resolve));
  const close = async () => {
    child.kill("SIGTERM");
    const code = await gone;
    if (code !== 0) process.stderr.write(said);
    if (!home) fs.rmSync(own, { recursive: true, force: true, maxRetries: 3 });
    return code;
  };
  return { url, home: own, child, gone, said: () => said, close };
}
