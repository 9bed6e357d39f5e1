// Starts Debian's Chromium and opens pages whose every request and console message is watched.

import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { chromium } from "playwright-core";

const CANDIDATES = [process.env.FC_CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
export const CHROMIUM = CANDIDATES.find((file) => file && fs.existsSync(file)) || null;
const FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

/** A fresh profile per test; {context, page(), troubles, close}. */
export async function openBrowser(origin, options = {}) {
  const profile = fs.mkdtempSync(path.join(os.tmpdir(), "fc-web-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: CHROMIUM, args: FLAGS, viewport: { width: 1280, height: 800 }, locale: "en-GB", ...options,
  });
  const troubles = [];
  const host = new URL(origin).host;
  context.on("request", (request) => {
    const url = new URL(request.url());
    if (["http:", "https:", "ws:", "wss:"].includes(url.protocol) && url.host !== host) troubles.push(`request to ${url.host}`);
  });
  context.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) troubles.push(`${message.type()}: ${message.text()}`);
  });
  context.on("weberror", (error) => troubles.push(`exception: ${error.error().stack}`));
  return {
    context,
    troubles,
    async page(query = "") {
      const page = await context.newPage();
      page.setDefaultTimeout(15000);
      await page.goto(origin + query);
      await page.waitForSelector("body.ready");
      return page;
    },
    async close() {
      await context.close();
      fs.rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
