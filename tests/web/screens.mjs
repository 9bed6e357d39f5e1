// Takes the pictures of docs/screens from the program itself, with a history of painted scenes.
//   node tests/web/screens.mjs [FOLDER] [NAME ...]

import fs from "node:fs";
import path from "node:path";
import { closeBrowser, draw, openBrowser } from "./browser.mjs";
import { ROOT, startProgram } from "./program.mjs";

const folder = path.resolve(process.argv[2] ?? path.join(ROOT, "docs/screens"));
const PHONE = { viewport: { width: 390, height: 780 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true };
const DARK = { colorScheme: "dark" };
// as the demo model wants it
const DEMO = { models: false, form: { width: undefined, height: undefined, steps: undefined } };

/** A canvas of the browser turns the PNG into a small WebP. */
async function save(page, name) {
  await page.waitForTimeout(700); // pictures are decoded, movements over
  const png = (await page.screenshot()).toString("base64");
  const webp = await page.evaluate(async (data) => {
    const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
    const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    canvas.getContext("2d").drawImage(bitmap, 0, 0);
    const blob = await canvas.convertToBlob({ type: "image/webp", quality: 0.82 });
    let text = "";
    for (const byte of new Uint8Array(await blob.arrayBuffer())) text += String.fromCharCode(byte);
    return btoa(text);
  }, png);
  fs.writeFileSync(path.join(folder, `${name}.webp`), Buffer.from(webp, "base64"));
  process.stdout.write(`${name}\n`);
}

const tab = async (page, name) => {
  await page.locator(".summary").click();
  await page.getByRole("tab", { name }).click();
};

/** The editor with the sun marked and the sky going on to the right. */
async function paintOver(page) {
  await page.locator(".strip-item").nth(3).click();
  await page.locator(".picture-button").click();
  await page.locator("dialog.viewer").getByRole("button", { name: "Edit" }).click();
  await page.waitForSelector("dialog.editor");
  const { x, y, width, height } = await page.locator(".editor-canvas").boundingBox();
  const at = (u, v) => [x + u * width, y + v * height];
  await page.mouse.move(...at(0.45, 0.35));
  await page.mouse.down();
  await page.mouse.move(...at(0.55, 0.4), { steps: 9 });
  await page.mouse.up();
  await page.locator(".editor-edge.right").focus();
  await page.keyboard.press("PageUp");
}

const SCENES = {
  "start-light": { ...DEMO, history: 0 },
  "desktop-light": {
    ...DEMO,
    run: async (page) => {
      await draw(page, "a lighthouse by the sea at sunset, watercolor");
      await tab(page, "Settings");
    },
  },
  "dark-styles": {
    ...DEMO,
    options: DARK,
    run: async (page) => {
      await draw(page, "a red house in the mountains at night");
      await tab(page, "Styles");
      await page.locator("#panel .search").fill("paint");
    },
  },
  models: {
    run: async (page) => {
      await tab(page, "Models");
      await page.getByRole("button", { name: "Add a LoRA" }).click();
      await page.getByText("Get more models").click();
      await page.locator(".catalog-row").nth(3).scrollIntoViewIfNeeded();
    },
  },
  advanced: {
    run: async (page) => {
      await tab(page, "Advanced");
      await page.getByRole("switch", { name: "Show every control" }).check();
    },
  },
  "dark-queue": {
    options: DARK,
    form: { steps: 1000 },
    run: async (page) => {
      for (const prompt of [
        "quiet hills after rain, long shadows",
        "tea fields in the morning haze",
        "a fox asleep in autumn leaves, soft rain",
        "desert dunes before dawn",
      ]) {
        await page.fill("#prompt", prompt);
        const before = Number(await page.locator(".badge").textContent());
        await page.keyboard.press("Control+Shift+Enter");
        await page.waitForFunction((n) => Number(document.querySelector(".badge").textContent) > n, before);
      }
      await page.waitForSelector(".preview:not([hidden])");
      await page.click("[aria-controls=queue]");
      await page.waitForFunction(() => document.querySelectorAll(".queue-row").length === 3);
    },
  },
  history: {
    run: async (page) => {
      await page.getByRole("button", { name: "History" }).click();
      await page.waitForSelector(".tile");
    },
  },
  viewer: {
    options: DARK,
    run: async (page) => {
      await page.getByRole("button", { name: "History" }).click();
      await page.locator(".tile-open").nth(5).click();
      await page.keyboard.press("i");
      await page.waitForSelector(".settings-list");
    },
  },
  compare: {
    run: async (page) => {
      await page.getByRole("button", { name: "History" }).click();
      await page.locator(".tile-open").nth(2).focus();
      await page.keyboard.press("c");
      await page.locator(".tile-open").nth(7).focus();
      await page.keyboard.press("c");
      await page.waitForSelector(".differences");
    },
  },
  vary: {
    run: async (page) => {
      await page.locator(".strip-item").nth(3).click();
      await page.hover(".frame");
      await page.getByRole("toolbar").getByRole("button", { name: "Vary" }).click();
      await page.waitForSelector(".input-card:not([hidden])");
    },
  },
  editor: { run: paintOver },
  "phone-editor": { options: PHONE, run: paintOver },
  chinese: {
    ...DEMO,
    query: "?lang=zh",
    history: 0,
    run: async (page) => {
      await draw(page, "海边的白色灯塔，清晨");
      await page.locator(".summary").click();
    },
  },
  phone: { options: PHONE, run: (page) => page.fill("#prompt", "a winter evening, far villages") },
  "phone-start": { ...DEMO, options: PHONE, history: 0 },
  "phone-panel": { options: PHONE, run: (page) => page.locator(".advanced-toggle").click() },
  "phone-history": {
    options: { ...PHONE, ...DARK },
    run: async (page) => {
      await page.getByRole("button", { name: "History" }).click();
      await page.waitForSelector(".tile");
    },
  },
};

const wanted = process.argv.slice(3);
for (const [
  name,
  { options = {}, form = {}, query = "", history = 60, models = true, run = null },
] of Object.entries(SCENES)) {
  if (wanted.length && !wanted.includes(name)) continue;
  const server = await startProgram({
    history,
    models,
    env: models ? {} : { FOOOCUS_DEMO: path.join(ROOT, "data/demo") },
  });
  const browser = await openBrowser(server.url, { form: { width: 384, height: 288, ...form }, ...options });
  const page = await browser.page(query);
  if (run) await run(page);
  await save(page, name);
  await browser.close();
  await server.close();
}
await closeBrowser();
