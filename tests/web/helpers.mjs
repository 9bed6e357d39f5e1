// Where the page under test comes from: the mock server, or the real program when FC_BINARY names it.

import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { startMock } from "./mock.mjs";

export const REAL = Boolean(process.env.FC_BINARY);

/** {url, mock (null with the real program), close}. The real program gets a home of its own; a demo or tiny model is
 *  linked in from FC_MODELS when that is set. */
export async function startServer(options = {}) {
  if (!REAL) return startMock(options);
  const home = fs.mkdtempSync(path.join(os.tmpdir(), "fc-home-"));
  if (process.env.FC_MODELS) fs.symlinkSync(path.resolve(process.env.FC_MODELS), path.join(home, "models"));
  const child = spawn(path.resolve(process.env.FC_BINARY), ["serve", "--port", "0", "--home", home], { stdio: ["ignore", "pipe", "inherit"] });
  const url = await new Promise((resolve, reject) => {
    let said = "";
    child.stdout.on("data", (data) => {
      said += data;
      const match = /http:\/\/127\.0\.0\.1:\d+\//.exec(`${said}/`.replace(/(:\d+)\s/g, "$1/"));
      if (match) resolve(match[0]);
    });
    child.once("exit", (code) => reject(new Error(`the program ended with ${code} before it listened: ${said}`)));
  });
  const close = async () => {
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGTERM");
    await gone;
    fs.rmSync(home, { recursive: true, force: true });
  };
  return { url, mock: null, close };
}

export async function generate(page, prompt) {
  await page.fill("#prompt", prompt);
  await page.click("#generate");
}

/** Waits until the picture on the stage has been decoded. */
export async function finished(page) {
  await page.waitForSelector("#generate:not([hidden])");
  await page.waitForFunction(() => {
    const img = document.querySelector(".picture.final");
    return img && !img.hidden && img.complete && img.naturalWidth > 0;
  });
}
