// Pictures as input on the page: dropped, pasted, taken from the history; the editor by mouse,
// fingers and keys.

import assert from "node:assert/strict";
import fs from "node:fs";
import { createRequire } from "node:module";
import { after, afterEach, describe, test } from "node:test";
import { CHROMIUM, closeBrowser, drawn, openBrowser } from "./browser.mjs";
import { startProgram } from "./program.mjs";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const NAMES = ["image", "mask", "vary", "upscale", "fast_upscale", "edit", "outpaint"];
const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };
const skip = CHROMIUM ? false : "Chromium is not installed (apt-get install chromium)";

describe("pictures", { skip, concurrency: false }, () => {
  let server;
  let browser;
  let sent; // the part of each job's parameters that speaks of a picture
  const start = async ({ form, ...options } = {}) => {
    server = await startProgram({ history: 3 });
    browser = await openBrowser(server.url, { form, ...options });
    sent = [];
    browser.context.on("request", (request) => {
      if (request.method() !== "POST" || !request.url().endsWith("/api/v1/jobs")) return;
      const { parameters } = request.postDataJSON();
      sent.push(Object.fromEntries(Object.entries(parameters).filter(([name]) => NAMES.includes(name))));
    });
    return browser.page();
  };
  after(closeBrowser);
  afterEach(async () => {
    // pictures without settings
    const troubles = (browser?.troubles ?? []).filter((text) => !/404/.test(text));
    await browser?.close();
    assert.equal(await server?.close(), 0, "the program ends well");
    browser = server = null;
    assert.deepEqual(troubles, [], "no console error and no request to another host");
  });

  const input = (page) => page.evaluate(() => JSON.parse(localStorage.getItem("fooocus.form")).input);
  /** Waits until what the page remembers of the picture fits. */
  const waitForInput = async (page, check) => {
    for (const end = Date.now() + 20000; Date.now() < end; await page.waitForTimeout(50)) {
      if (check((await input(page)) ?? {})) return;
    }
    assert.fail(`the input stays ${JSON.stringify(await input(page))}`);
  };

  const generateAndWait = async (page) => {
    const old = await page.getAttribute(".picture.final", "src");
    await page.click("#generate");
    await drawn(
      page,
      (src) => {
        const img = document.querySelector(".picture.final:not([hidden])");
        return img && img.getAttribute("src") !== src && img.complete && img.naturalWidth > 0;
      },
      old,
    );
  };

  /** The newest picture of the history, dropped or pasted as a file. */
  const give = (page, kind) =>
    page.evaluate(async (type) => {
      const blob = await (await fetch(document.querySelector(".picture.final").src)).blob();
      const data = new DataTransfer();
      data.items.add(new File([blob], "picture.png", { type: "image/png" }));
      const event =
        type === "drop"
          ? new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true })
          : new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true });
      document.body.dispatchEvent(event);
    }, kind);

  const openEditor = async (page) => {
    await page.locator(".picture-button").click(); // a tap opens the viewer, whatever the screen
    await page.locator("dialog.viewer").getByRole("button", { name: "Edit" }).click();
    await page.waitForSelector("dialog.editor");
    await page.waitForFunction(() => document.querySelector(".editor-edge").style.getPropertyValue("--x"));
  };
  const close = async (page) => {
    await page.locator("dialog.editor").getByRole("button", { name: "Done" }).click();
    await page.waitForSelector("dialog.editor", { state: "detached" });
  };
  /** A point of the picture, 0..1 across and down, on the screen: between the handles of its edges. */
  const place = async (page, u, v) => {
    const middle = async (side) => {
      const { x, y, width, height } = await page.locator(`.editor-edge.${side}`).boundingBox();
      return { x: x + width / 2, y: y + height / 2 };
    };
    const [left, right, top, bottom] = [
      await middle("left"),
      await middle("right"),
      await middle("top"),
      await middle("bottom"),
    ];
    return { x: left.x + u * (right.x - left.x), y: top.y + v * (bottom.y - top.y) };
  };
  const drag = async (page, from, to, options = {}) => {
    await page.mouse.move(from.x, from.y);
    await page.mouse.down(options);
    await page.mouse.move(to.x, to.y, { steps: 6 });
    await page.mouse.up(options);
  };
  /** The mask that the server got, at these points of the picture; null where there is none. */
  const maskAt = (page, points) =>
    page.evaluate(async (list) => {
      const { mask } = JSON.parse(localStorage.getItem("fooocus.form")).input;
      if (!mask) return null;
      const bitmap = await createImageBitmap(await (await fetch(`api/v1/uploads/${mask}/file`)).blob());
      const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
      const context = canvas.getContext("2d", { willReadFrequently: true });
      context.drawImage(bitmap, 0, 0);
      const value = ([u, v]) => context.getImageData(u * bitmap.width, v * bitmap.height, 1, 1).data[0];
      return { size: [bitmap.width, bitmap.height], values: list.map(value) };
    }, points);
  const size = (page) =>
    page
      .locator(".input-thumb img")
      .first()
      .evaluate((img) => [img.naturalWidth, img.naturalHeight]);

  test("dropped or pasted, a picture asks what should happen with it", async () => {
    const page = await start();
    for (const [kind, choice] of [
      ["drop", "Vary"],
      ["paste", "Enlarge"],
    ]) {
      await give(page, kind);
      const dialog = page.getByRole("dialog", { name: "What should happen with this picture?" });
      await dialog.getByText("holds no settings").waitFor();
      await dialog.getByRole("button", { name: choice }).click();
      await dialog.waitFor({ state: "detached" });
      const card = page.getByRole("region", { name: "Picture to begin from" });
      assert.ok(await card.getByRole("radio", { name: choice, exact: true }).isChecked());
    }
    const card = page.getByRole("region", { name: "Picture to begin from" });
    await card.getByRole("radio", { name: "1.5 ×" }).check();
    await waitForInput(page, ({ use, upscale }) => use === "upscale" && upscale === "1.5");
    await page.reload();
    await page.waitForSelector(".input-card:not([hidden]) .input-thumb img");
    await card.getByRole("button", { name: "Begin without this picture" }).click();
    await card.waitFor({ state: "hidden" });
  });

  test("a job says what is to be done with which picture; before and after lie over each other", async () => {
    const page = await start();
    await openEditor(page);
    await page.locator(".editor-edge.left").focus();
    await page.keyboard.press("PageUp");
    await drag(page, await place(page, 0.5, 0.5), await place(page, 0.6, 0.5));
    await close(page);
    await page.fill("#prompt", "a hot air balloon");
    await generateAndWait(page); // the mask may still be on its way
    const { image, mask, outpaint } = await input(page);
    assert.match(image, /^picture:\d+$/, "a picture of the history is named, not sent once more");
    assert.deepEqual(sent, [{ image, mask, edit: "inpaint", outpaint: "left=64" }]);
    assert.equal(outpaint.left, 64);
    const [w, h] = await size(page);
    const made = () =>
      page.locator(".picture.final").evaluate((img) => [img.naturalWidth, img.naturalHeight]);
    assert.deepEqual(await made(), [w + 64, h], "it goes on to the left");
    await page.hover(".frame");
    await page.getByRole("toolbar").getByRole("button", { name: "Before and after" }).click();
    const area = page.locator(".compare-area.exact");
    await area.waitFor();
    const [whole, before] = [await area.boundingBox(), await area.locator("img").first().boundingBox()];
    const beyond = (before.x - whole.x) / whole.width;
    assert.ok(Math.abs(beyond - 64 / (w + 64)) < 0.01, `what is new lies left of what was there: ${beyond}`);
    await page.getByRole("slider", { name: "Line between the pictures" }).fill("20");
    assert.equal(await area.evaluate((el) => el.style.getPropertyValue("--cut")), "20%");
    await page.keyboard.press("Escape");
    await page.hover(".frame");
    await page.getByRole("toolbar").getByRole("button", { name: "Use these settings" }).click();
    await waitForInput(page, (now) => now.use === "edit" && now.mask === mask && now.outpaint.left === 64);
    await page.getByRole("radio", { name: "Enlarge", exact: true }).check();
    await page.getByRole("radio", { name: "2 ×, fast" }).check();
    await generateAndWait(page);
    const { image: kept, ...more } = sent[1];
    assert.deepEqual(more, { upscale: 2, fast_upscale: true });
    assert.match(kept, /^[0-9a-f]{64}$/, "settings name the bytes that were drawn from");
    assert.deepEqual(await made(), [2 * w, 2 * h]);
  });

  test("from the history: by the buttons of a picture and by keys; its words come along", async () => {
    const page = await start();
    await page.hover(".frame");
    await page.getByRole("toolbar").getByRole("button", { name: "Enlarge" }).click();
    await waitForInput(page, ({ use }) => use === "upscale");
    const words = await page.inputValue("#prompt");
    assert.ok(words.length > 5, "the words of the picture are there");
    await page.getByRole("button", { name: "History" }).click();
    await page.locator(".tile-open").nth(1).focus();
    const before = (await input(page)).image;
    await page.keyboard.press("v");
    await waitForInput(page, ({ use }) => use === "vary");
    assert.notEqual((await input(page)).image, before);
    assert.equal(await page.inputValue("#prompt"), words, "what is written stays");
    assert.ok(await page.locator("#stage").isVisible(), "the page is back where pictures are made");
  });

  test("from the history's buttons: varied, and drawn over 1.5 and 2 times as large", async () => {
    const page = await start();
    const made = () =>
      page.locator(".picture.final").evaluate((img) => [img.naturalWidth, img.naturalHeight]);
    const [w, h] = await made();
    const first = (await page.getAttribute(".picture.final", "src")).match(/pictures\/(\d+)/)[1];
    const rows = [
      ["Vary", "Strong", { vary: "strong" }, 1],
      ["Enlarge", "1.5 ×", { upscale: 1.5 }, 1.5],
      ["Enlarge", "2 ×", { upscale: 2 }, 2],
    ];
    for (const [at, [button, choice, wanted, factor]] of rows.entries()) {
      await page.getByRole("button", { name: "History" }).click();
      const tile = page.locator(`.tile:has(img[src*="pictures/${first}/"])`);
      await tile.hover();
      await tile.getByRole("button", { name: new RegExp(`^${button} \\(`) }).click();
      await page.getByRole("radio", { name: choice, exact: true }).check();
      await generateAndWait(page);
      assert.deepEqual(sent[at], { image: `picture:${first}`, ...wanted });
      const [newW, newH] = await made();
      const ratio = [newW / w / factor, newH / h / factor];
      assert.ok(
        ratio.every((r) => r > 0.9 && r < 1.1),
        `${button} ${choice}: ${w}x${h} became ${newW}x${newH}`,
      );
    }
  });

  test("on a phone: dropped, varied, an edge pulled outward by a finger and taken back", async () => {
    const page = await start(PHONE);
    await give(page, "drop");
    await page.getByRole("dialog").getByRole("button", { name: "Edit" }).click();
    await page.waitForSelector("dialog.editor");
    await page.waitForFunction(() => document.querySelector(".editor-edge").style.getPropertyValue("--x"));
    const client = await browser.context.newCDPSession(page);
    const touch = (type, ...points) =>
      client.send("Input.dispatchTouchEvent", { type, touchPoints: points.map((p, id) => ({ ...p, id })) });
    const right = page.locator(".editor-edge.right");
    const pull = async (by) => {
      const { x, y, width, height } = await right.boundingBox();
      const from = { x: x + width / 2, y: y + height / 2 };
      await touch("touchStart", from);
      for (let i = 1; i <= 4; i++) await touch("touchMove", { x: from.x + (i * by) / 4, y: from.y });
      await touch("touchEnd");
      return Number(await right.getAttribute("aria-valuenow"));
    };
    const near = await pull(20);
    assert.ok(near >= 8 && near % 8 === 0, `${near} pixels, a multiple of 8`);
    const wide = await pull(20);
    assert.ok(wide > near, `${wide} is further out than ${near}`);
    await page.getByRole("button", { name: /^Undo/ }).click();
    assert.equal(Number(await right.getAttribute("aria-valuenow")), near, "the last pull was taken back");
    await close(page);
    assert.deepEqual((await input(page)).outpaint, { left: 0, top: 0, right: near, bottom: 0 });
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= 360), "nothing sideways");
  });

  test("the editor by mouse: strokes, eraser, undo, redo, invert, clear", async () => {
    const page = await start();
    await openEditor(page);
    await drag(page, await place(page, 0.3, 0.3), await place(page, 0.6, 0.3));
    await drag(page, await place(page, 0.5, 0.3), await place(page, 0.5, 0.3), { button: "right" });
    await close(page);
    await waitForInput(page, ({ mask }) => mask);
    const points = [
      [0.35, 0.3],
      [0.5, 0.3],
      [0.6, 0.3],
      [0.3, 0.8],
    ];
    let mask = await maskAt(page, points);
    assert.deepEqual(mask.size, await size(page), "the mask has the picture's size");
    assert.deepEqual(mask.values, [255, 0, 255, 0], "painted, rubbed out, painted, untouched");
    const first = (await input(page)).mask;

    await page.getByRole("button", { name: /% marked/ }).click();
    await page.waitForSelector("dialog.editor");
    assert.match(
      await page.locator(".editor-state").textContent(),
      /% marked/,
      "what was painted is there again",
    );
    await page.keyboard.press("i");
    await page.keyboard.press("Control+z");
    await drag(page, await place(page, 0.3, 0.8), await place(page, 0.4, 0.8));
    await page.keyboard.press("Control+z");
    await page.keyboard.press("Control+Shift+z");
    await page.keyboard.press("e");
    await drag(page, await place(page, 0.35, 0.3), await place(page, 0.35, 0.3));
    await close(page);
    await page.waitForFunction((old) => {
      const { mask: now } = JSON.parse(localStorage.getItem("fooocus.form")).input;
      return now && now !== old;
    }, first);
    mask = await maskAt(page, points);
    assert.deepEqual(mask.values, [0, 0, 255, 255]);

    await page.getByRole("button", { name: /% marked/ }).click();
    await page.waitForSelector("dialog.editor");
    await page.keyboard.press("Delete");
    await close(page);
    await waitForInput(page, ({ mask: now }) => now === null);
    assert.match(await page.locator(".input-card").textContent(), /Mark what should change/);
  });

  test("the editor by keyboard alone: paint, widen, finish", async () => {
    const page = await start();
    await page.getByRole("button", { name: "History" }).click();
    await page.locator(".tile-open").first().focus();
    await page.keyboard.press("e");
    await page.waitForSelector("dialog.editor");
    const canvas = page.getByRole("application", { name: "Picture with its mask" });
    assert.ok(await canvas.evaluate((node) => node === document.activeElement), "the brush is at hand");
    await page.keyboard.press("Space"); // in the middle
    for (let i = 0; i < 6; i++) await page.keyboard.press("ArrowRight");
    await page.keyboard.press("Escape"); // lifts the brush, and does not close
    await page.waitForSelector("dialog.editor");
    for (let i = 0; i < 8; i++) await page.keyboard.press("ArrowDown");
    await page.keyboard.press("]");
    const left = page.getByRole("slider", { name: "Beyond the left edge" });
    await left.focus();
    await page.keyboard.press("PageUp");
    await page.keyboard.press("ArrowLeft");
    await page.keyboard.press("ArrowRight");
    assert.equal(await left.getAttribute("aria-valuenow"), "64");
    await page.keyboard.press("Control+z");
    await page.keyboard.press("Escape"); // closes, and keeps everything
    await page.waitForSelector("dialog.editor", { state: "detached" });
    await waitForInput(page, ({ mask }) => mask);
    assert.equal((await input(page)).outpaint.left, 72, "the last step was taken back");
    const mask = await maskAt(page, [
      [0.5, 0.5],
      [0.1, 0.5],
      [0.5, 0.85],
    ]);
    assert.deepEqual(mask.values, [255, 0, 0]);
  });

  test("edges are pulled outward, not inward, and the whole comes back into view", async () => {
    const page = await start();
    await openEditor(page);
    const right = page.locator(".editor-edge.right");
    const middle = async (edge) => {
      const { x, y, width, height } = await edge.boundingBox();
      return { x: x + width / 2, y: y + height / 2 };
    };
    const from = await middle(right);
    await drag(page, from, { x: from.x + 90, y: from.y + 10 });
    const wide = Number(await right.getAttribute("aria-valuenow"));
    assert.ok(wide >= 16 && wide % 8 === 0, `${wide} pixels, a multiple of 8`);
    const bottom = page.locator(".editor-edge.bottom");
    const low = await middle(bottom);
    await drag(page, low, { x: low.x, y: low.y - 80 });
    assert.equal(await bottom.getAttribute("aria-valuenow"), "0", "nothing is cut off");
    const top = page.locator(".editor-edge.top");
    const high = await middle(top);
    await drag(page, high, { x: high.x, y: -400 });
    const tall = Number(await top.getAttribute("aria-valuenow"));
    assert.ok(tall > 8, "far beyond the screen");
    const there = await middle(top);
    assert.ok(there.y > 0, "the edge is in view again");
    await close(page);
    const { outpaint, mask } = await input(page);
    assert.deepEqual(outpaint, { left: 0, top: tall, right: wide, bottom: 0 });
    assert.equal(mask, null);
    const [w, h] = await size(page);
    await page.getByText(`widened to ${w + wide} × ${h + tall}`).waitFor();
  });

  test("the wheel zooms where it points, and strokes follow the picture", async () => {
    const page = await start();
    await openEditor(page);
    const at = await place(page, 0.25, 0.25);
    await page.mouse.move(at.x, at.y);
    for (let i = 0; i < 5; i++) await page.mouse.wheel(0, -240);
    await page.waitForTimeout(100);
    await drag(page, at, { x: at.x + 2, y: at.y });
    await close(page);
    await waitForInput(page, ({ mask }) => mask);
    const { marked } = await input(page);
    assert.ok(marked > 0 && marked < 0.01, `a fine stroke: ${marked}`);
    assert.deepEqual(
      (
        await maskAt(page, [
          [0.25, 0.25],
          [0.35, 0.25],
        ])
      ).values,
      [255, 0],
    );
  });

  test("on a phone: one finger paints, two fingers move and zoom and leave no stroke", async () => {
    const page = await start(PHONE);
    await openEditor(page);
    const fits = await page.evaluate(() => document.documentElement.scrollWidth <= 360);
    assert.ok(fits, "nothing sideways");
    for (const button of await page.locator(".editor-tools button, .editor-bar button").all()) {
      const box = await button.boundingBox();
      assert.ok(box.x >= 0 && box.x + box.width <= 360 && box.y + box.height <= 740, JSON.stringify(box));
    }
    const client = await browser.context.newCDPSession(page);
    const touch = (type, ...points) =>
      client.send("Input.dispatchTouchEvent", { type, touchPoints: points.map((p, id) => ({ ...p, id })) });
    const scale = () =>
      page.evaluate(() => {
        const box = (side) => document.querySelector(`.editor-edge.${side}`).getBoundingClientRect();
        return box("right").x - box("left").x;
      });
    const [a, b] = [await place(page, 0.4, 0.6), await place(page, 0.6, 0.6)];
    await touch("touchStart", a);
    await touch("touchMove", { x: b.x, y: b.y });
    await touch("touchEnd");
    const before = await scale();
    const c = await place(page, 0.45, 0.2);
    await touch("touchStart", c);
    await touch("touchStart", c, { x: c.x + 40, y: c.y });
    for (let i = 1; i <= 5; i++)
      await touch("touchMove", { x: c.x - 4 * i, y: c.y }, { x: c.x + 40 + 4 * i, y: c.y });
    await touch("touchEnd");
    await page.waitForTimeout(100);
    await close(page);
    await waitForInput(page, ({ mask }) => mask);
    const mask = await maskAt(page, [
      [0.5, 0.6],
      [0.45, 0.2],
    ]);
    assert.deepEqual(mask.values, [255, 0], "the finger's stroke, and nothing of the pinch");
    assert.ok(before > 0);
    const card = await page.locator(".input-card").boundingBox();
    assert.ok(card.x >= 0 && card.x + card.width <= 360);
  });

  for (const colorScheme of ["light", "dark"]) {
    test(`axe finds nothing serious, ${colorScheme}`, async () => {
      const page = await start({ colorScheme, bypassCSP: true, reducedMotion: "reduce" });
      await page.addScriptTag({ content: fs.readFileSync(AXE, "utf8") });
      const check = async (state) => {
        await page.waitForTimeout(400); // transitions of colours end
        const { violations } = await page.evaluate(() =>
          window.axe.run(document, { resultTypes: ["violations"] }),
        );
        const bad = violations.filter((v) => ["serious", "critical", "moderate"].includes(v.impact));
        const said = (v) =>
          `${v.id}: ${v.nodes
            .slice(0, 3)
            .map((n) => `${n.target} ${n.any[0]?.message ?? ""}`)
            .join("; ")}`;
        assert.deepEqual(bad.map(said), [], state);
      };
      await give(page, "drop");
      await page.locator("dialog .found > *").first().waitFor();
      await check("what should happen");
      await page.getByRole("dialog").getByRole("button", { name: "Edit" }).click();
      await page.waitForSelector("dialog.editor");
      await drag(page, await place(page, 0.3, 0.3), await place(page, 0.6, 0.3));
      await check("editor");
      await close(page);
      await page.getByRole("button", { name: /% marked/ }).waitFor();
      await check("card");
    });
  }
});
