// Starts Debian's Chromium once and opens windows whose every request and console message is watched.

import fs from "node:fs";
import { chromium } from "playwright-core";

const CANDIDATES = [
  process.env.FC_CHROMIUM,
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
];
export const CHROMIUM = CANDIDATES.find((file) => file && fs.existsSync(file)) || null;
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
// small and quick pictures, unless a test asks for others
const FORM = { width: 128, height: 128, steps: 6 };
let browser = null;

export async function closeBrowser() {
  await browser?.close();
  browser = null;
}

/** A fresh profile per test; {context, page(), troubles, close}. form: what is set on the page at first. */
export async function openBrowser(origin, { form = {}, ...options } = {}) {
  browser ??= await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    locale: "en-GB",
    ...options,
  });
  await context.addInitScript(
    (values) => {
      if (location.protocol !== "about:" && !localStorage.getItem("fooocus.form"))
        localStorage.setItem("fooocus.form", JSON.stringify(values));
    },
    { ...FORM, ...form },
  );
  const troubles = [];
  const host = new URL(origin).host;
  context.on("request", (request) => {
    const url = new URL(request.url());
    if (["http:", "https:", "ws:", "wss:"].includes(url.protocol) && url.host !== host)
      troubles.push(`request to ${url.host}`);
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
      page.setDefaultTimeout(40000);
      await page.goto(origin + query);
      await page.waitForSelector("body.ready");
      return page;
    },
    close: () => context.close(),
  };
}

export async function generate(page, prompt) {
  await page.fill("#prompt", prompt);
  await page.click("#generate");
}

/**
 * Waits for what comes when drawing is over, however slow the machine is: it gives up only when the step that
 * the page tells stays the same for as long as any other wait.
 */
export async function drawn(page, done, argument) {
  const step = () => page.evaluate(() => document.querySelector(".progress-what")?.textContent);
  for (;;) {
    const before = await step();
    try {
      return await page.waitForFunction(done, argument);
    } catch (error) {
      if (error.name !== "TimeoutError" || (await step()) === before) throw error;
    }
  }
}

/** Makes a picture and waits until it is on the stage. */
export async function draw(page, prompt) {
  await generate(page, prompt);
  await drawn(
    page,
    (text) => {
      const img = document.querySelector(".picture.final:not([hidden])");
      return img && img.alt === text && img.complete && img.naturalWidth > 0;
    },
    prompt,
  );
}

/** Waits until drawing is over and the picture on the stage has been decoded. */
export async function finished(page) {
  await drawn(page, () => !document.querySelector("#generate").hidden);
  await page.waitForFunction(() => {
    const img = document.querySelector(".picture.final");
    return img && !img.hidden && img.complete && img.naturalWidth > 0;
  });
}
