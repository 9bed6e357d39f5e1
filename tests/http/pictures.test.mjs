// Pictures that clients of other APIs send, through the program itself with its demo model: the client of
// OpenAI, and requests as those of AUTOMATIC1111 and Fooocus-API send them; and what is no picture.

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import zlib from "node:zlib";
import { after, before, describe, test } from "node:test";
import OpenAI, { toFile } from "openai";
import { paint, png } from "../web/scenes.mjs";
import { ROOT, startProgram } from "../web/program.mjs";
import { call, DOCUMENT } from "./harness.mjs";

const RECORDED = JSON.parse(
  fs.readFileSync(path.join(ROOT, "tests/http/recorded/a1111_pictures.json"), "utf8"),
);
const SIDE = 128;
const PICTURE = png(paint(3, SIDE, SIDE), SIDE, SIDE);
const base64 = (bytes) => Buffer.from(bytes).toString("base64");
/** White in the middle third, black elsewhere. */
const inMiddle = (i) => [i % SIDE, Math.floor(i / SIDE)].every((at) => at >= SIDE / 3 && at < (2 * SIDE) / 3);
const MASK = png(
  Buffer.from(Array.from({ length: SIDE * SIDE }, (_, i) => Array(3).fill(inMiddle(i) ? 255 : 0)).flat()),
  SIDE,
  SIDE,
);

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type), data]);
  const ends = Buffer.alloc(8);
  ends.writeUInt32BE(data.length, 0);
  ends.writeUInt32BE(zlib.crc32(body), 4);
  return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)]);
}

/** A PNG of one colour, kind 2 (RGB) or 6 (RGBA); rows(y): the bytes of a row. */
function rawPng(w, h, kind, data) {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(w, 0);
  header.writeUInt32BE(h, 4);
  header.set([8, kind, 0, 0, 0], 8);
  const signature = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
  return Buffer.concat([
    signature,
    chunk("IHDR", header),
    chunk("IDAT", data),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

/** PICTURE's pixels with the middle transparent. */
function transparent() {
  const rgb = paint(3, SIDE, SIDE);
  const rows = Array.from({ length: SIDE }, (_, y) => [
    0,
    ...Array.from({ length: SIDE }, (__, x) => [
      ...rgb.subarray((y * SIDE + x) * 3, (y * SIDE + x) * 3 + 3),
      inMiddle(y * SIDE + x) ? 0 : 255,
    ]).flat(),
  ]).flat();
  return rawPng(SIDE, SIDE, 6, zlib.deflateSync(Buffer.from(rows)));
}

/** Of a PNG that the program wrote or `png` made: {width, height, at(x, y)}. */
function decode(bytes) {
  const width = bytes.readUInt32BE(16);
  const height = bytes.readUInt32BE(20);
  const parts = [];
  for (let at = 8; at < bytes.length; ) {
    const size = bytes.readUInt32BE(at);
    if (bytes.toString("latin1", at + 4, at + 8) === "IDAT")
      parts.push(bytes.subarray(at + 8, at + 8 + size));
    at += size + 12;
  }
  const raw = zlib.inflateSync(Buffer.concat(parts));
  const stride = width * 3;
  const rows = Buffer.alloc(stride * height);
  const before = (y, i) => (i >= 3 ? rows[y * stride + i - 3] : 0);
  const above = (y, i) => (y > 0 ? rows[(y - 1) * stride + i] : 0);
  const corner = (y, i) => (y > 0 && i >= 3 ? rows[(y - 1) * stride + i - 3] : 0);
  const paeth = (a, b, c) => {
    const [pa, pb, pc] = [a, b, c].map((v) => Math.abs(a + b - c - v));
    return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
  };
  for (let y = 0; y < height; y++)
    for (let i = 0; i < stride; i++) {
      const [a, b, c] = [before(y, i), above(y, i), corner(y, i)];
      const add = [0, a, b, (a + b) >> 1, paeth(a, b, c)][raw[y * (stride + 1)]];
      rows[y * stride + i] = raw[y * (stride + 1) + 1 + i] + add;
    }
  return { width, height, at: (x, y) => [...rows.subarray(y * stride + x * 3, y * stride + x * 3 + 3)] };
}

const ORIGINAL = decode(PICTURE);
const CORNERS = [0, 1, SIDE - 2, SIDE - 1].flatMap((x) => [0, SIDE - 1].map((y) => [x, y]));
const size = (picture) => [picture.width, picture.height];

/** Outside of the mask every pixel is as it was; inside it is not. */
function assertPaintedInside(picture) {
  assert.deepEqual(size(picture), [SIDE, SIDE]);
  for (const [x, y] of CORNERS) assert.deepEqual(picture.at(x, y), ORIGINAL.at(x, y), `${x},${y}`);
  const inside = Array.from({ length: 20 }, (_, i) => [54 + i, 64]);
  assert.ok(
    inside.some(([x, y]) => String(picture.at(x, y)) !== String(ORIGINAL.at(x, y))),
    "the middle changed",
  );
}

let server;
before(async () => {
  server = await startProgram({ models: false, env: { FOOOCUS_DEMO: path.join(ROOT, "data/demo") } });
});
after(() => server.close());
const post = (target, json) => call(server, "POST", target, { json });

describe("OpenAI's client", () => {
  let client;
  before(
    () => (client = new OpenAI({ apiKey: "none", baseURL: new URL("v1", server.url).href, maxRetries: 0 })),
  );
  const file = (bytes, name) => toFile(bytes, name, { type: "image/png" });
  const first = ({ data }) => decode(Buffer.from(data[0].b64_json, "base64"));

  test("edit: the mask's transparent pixels, the picture's own, and none", async () => {
    const image = await file(PICTURE, "photo.png");
    const mask = await file(transparent(), "mask.png");
    const wish = { prompt: "a boat", response_format: "b64_json", model: "dall-e-2" };
    assertPaintedInside(first(await client.images.edit({ image, mask, ...wish })));
    assertPaintedInside(first(await client.images.edit({ image: mask, ...wish })));
    const whole = first(await client.images.edit({ image: [image], prompt: "a boat", model: "gpt-image-1" }));
    assert.notDeepEqual(
      CORNERS.map((p) => whole.at(...p)),
      CORNERS.map((p) => ORIGINAL.at(...p)),
    );
  });

  test("variations", async () => {
    const image = await file(PICTURE, "photo.png");
    const answer = await client.images.createVariation({
      image,
      n: 2,
      size: "128x128",
      response_format: "b64_json",
    });
    assert.equal(answer.data.length, 2);
    assert.notEqual(answer.data[0].b64_json, answer.data[1].b64_json);
  });

  test("what is missing or is no picture", async () => {
    const refuses = (wish, param) =>
      assert.rejects(client.images.edit({ prompt: "x", ...wish }), (error) => {
        assert.ok(error.status >= 400 && error.status < 500, `${error}`);
        assert.equal(error.param, param, `${error}`);
        return true;
      });
    await refuses({ image: await file(Buffer.from("no picture"), "photo.png") }, "image");
    await refuses({}, "image");
    const both = { image: await file(PICTURE, "a.png"), mask: await file(Buffer.from("GIF89a"), "mask.png") };
    await refuses(both, "mask");
  });
});

describe("AUTOMATIC1111's clients", () => {
  const picture = (answer) => decode(Buffer.from(answer.body.images[0], "base64"));
  const img2img = async (wish) => {
    const answer = await post("/sdapi/v1/img2img", {
      prompt: "a boat",
      steps: 4,
      seed: 5,
      width: SIDE,
      height: SIDE,
      ...wish,
    });
    assert.equal(answer.status, 200, JSON.stringify(answer.body).slice(0, 400));
    return answer;
  };

  test("img2img: the strength decides how much changes", async () => {
    const distance = (a) =>
      CORNERS.reduce(
        (sum, p) => sum + a.at(...p).reduce((s, v, i) => s + Math.abs(v - ORIGINAL.at(...p)[i]), 0),
        0,
      );
    const weak = picture(await img2img({ init_images: [base64(PICTURE)], denoising_strength: 0.05 }));
    const data = `data:image/png;base64,${base64(PICTURE)}`;
    const strong = picture(await img2img({ init_images: [data], denoising_strength: 0.95 }));
    assert.ok(distance(weak) < distance(strong), `${distance(weak)} < ${distance(strong)}`);
  });

  test("inpainting: outside of the mask nothing changes, whatever the mask's size", async () => {
    const wish = { init_images: [base64(PICTURE)], mask: base64(MASK), denoising_strength: 0.9 };
    for (const inpainting_fill of [0, 1, 2, 3])
      assertPaintedInside(
        picture(await img2img({ ...wish, inpainting_fill, inpaint_full_res: inpainting_fill !== 0 })),
      );
    const inverted = picture(await img2img({ ...wish, inpainting_mask_invert: 1, inpaint_full_res: false }));
    const moved = CORNERS.some((p) => String(inverted.at(...p)) !== String(ORIGINAL.at(...p)));
    assert.ok(moved, "the other way round it is the corners that change");
    const small = png(Buffer.alloc(64 * 64 * 3, 0), 64, 64);
    const black = await post("/sdapi/v1/img2img", { ...wish, prompt: "x", steps: 2, mask: base64(small) });
    assert.ok(
      black.status >= 400 || black.body.images.length === 1,
      "an empty mask is told or changes nothing",
    );
  });

  test("mask_blur: 0 is a hard edge, more reaches out of the mask", async () => {
    const whole = { inpaint_full_res: false, denoising_strength: 1 };
    const wish = { init_images: [base64(PICTURE)], mask: base64(MASK), ...whole };
    const column = Array.from({ length: 30 }, (_, i) => 48 + i);
    /** How far out of the mask, whose left edge is at 43, something changed. */
    const reach = async (mask_blur) => {
      const made = picture(await img2img({ ...wish, mask_blur }));
      const changed = (x) => column.some((y) => String(made.at(x, y)) !== String(ORIGINAL.at(x, y)));
      return 43 - Array.from({ length: 44 }, (_, x) => x).find(changed);
    };
    assert.equal(await reach(0), 0);
    const [soft, softer] = [await reach(2), await reach(10)];
    assert.ok(soft > 0 && soft <= 4 && softer > soft && softer <= 20, `${soft}, ${softer}`);
  });

  test("another size, and what the answer echoes", async () => {
    for (const resize_mode of [0, 1, 2]) {
      const answer = await img2img({ init_images: [base64(PICTURE)], width: 192, height: 128, resize_mode });
      assert.deepEqual(size(picture(answer)), [192, 128]);
      assert.equal(answer.body.parameters.init_images, null);
      assert.equal(JSON.parse(answer.body.info).denoising_strength, 0.75);
    }
  });

  for (const { client, target, request } of RECORDED)
    test(`as ${client} sends it`, async () => {
      const { status, body } = await post(target, request);
      assert.equal(status, 200, JSON.stringify(body).slice(0, 400));
      const made = decode(Buffer.from(body.image ?? body.images[0], "base64"));
      assert.ok(made.width > 0 && made.height > 0);
    });

  test("a picture that is interrupted half-way is given as far as it is", async () => {
    const wish = { prompt: "a boat", steps: 90, sampler_name: "Euler", n_iter: 2, width: SIDE, height: SIDE };
    const asked = post("/sdapi/v1/txt2img", wish);
    for (;;) {
      const { body } = await call(server, "GET", "/sdapi/v1/progress?skip_current_image=1");
      if (body.state.sampling_step > 2) break;
    }
    await post("/sdapi/v1/interrupt");
    const { status, body } = await asked;
    assert.equal(status, 200, JSON.stringify(body).slice(0, 300));
    assert.equal(body.images.length, 1, "the one in work, and no other");
    assert.deepEqual(size(picture({ body })), [SIDE, SIDE]);
  });

  test("the picture's own text has the prompts as they were typed, and no empty one", async () => {
    const wish = { prompt: "a boat", seed: 5, steps: 2, width: 64, height: 64 };
    for (const [negative_prompt, line] of [
      ["night", "Negative prompt: night\n"],
      ["", ""],
    ]) {
      const { body } = await post("/sdapi/v1/txt2img", { ...wish, negative_prompt });
      const { info } = (await post("/sdapi/v1/png-info", { image: body.images[0] })).body;
      assert.ok(info.startsWith(`a boat\n${line}Steps: 2, `), info);
      assert.ok(JSON.parse(body.info).infotexts[0].startsWith(`a boat\n${line}Steps: 2, `));
    }
  });

  test("extra-single-image, upscalers", async () => {
    const { status, body } = await post("/sdapi/v1/extra-single-image", {
      image: base64(PICTURE),
      upscaling_resize: 2,
    });
    assert.equal(status, 200, JSON.stringify(body).slice(0, 300));
    assert.deepEqual(size(decode(Buffer.from(body.image, "base64"))), [2 * SIDE, 2 * SIDE]);
    assert.equal(body.html_info, "", "nothing was left out");
    const names = (await call(server, "GET", "/sdapi/v1/upscalers")).body.map((u) => u.name);
    assert.deepEqual(names, ["None", "Lanczos", "photo_2x.safetensors"], "and the one in the box");
    const wrong = await post("/sdapi/v1/extra-single-image", { image: "%%%" });
    assert.deepEqual([wrong.status, wrong.body.detail], [400, "image: want a picture in base64"]);
  });

  test("extra-batch-images: one after the other, and what is not done is told", async () => {
    const image = { data: base64(PICTURE), name: "a.png" };
    const { status, body } = await post("/sdapi/v1/extra-batch-images", {
      resize_mode: 1,
      upscaling_resize_w: 192,
      upscaling_resize_h: 100,
      upscaler_1: "Lanczos",
      gfpgan_visibility: 0.5,
      upscaler_2: "Lanczos",
      extras_upscaler_2_visibility: 0.5,
      imageList: [image, { ...image, data: `data:image/png;base64,${image.data}` }],
    });
    assert.equal(status, 200, JSON.stringify(body).slice(0, 300));
    assert.deepEqual(
      body.images.map((data) => size(decode(Buffer.from(data, "base64")))),
      [
        [192, 192],
        [192, 192],
      ],
    );
    for (const told of ["gfpgan_visibility", "upscaler_2", "upscaling_crop"])
      assert.match(body.html_info, new RegExp(`<p>${told}.*</p>`));
    for (const imageList of [undefined, [], [{}], [image, { data: "%%%" }]]) {
      const wrong = await post("/sdapi/v1/extra-batch-images", { imageList });
      assert.equal(wrong.status, 400, JSON.stringify(wrong.body));
      assert.match(wrong.body.detail, /^imageList: /);
    }
  });
});

describe("what AUTOMATIC1111's own tests ask for", () => {
  const off = { enable_hr: false, restore_faces: false, tiling: false, styles: [], override_settings: {} };
  const usual = { eta: 0, s_churn: 0, s_noise: 1, s_tmin: 0, s_tmax: 0, subseed: -1, subseed_strength: 0 };
  const wish = { ...off, ...usual, prompt: "an example", steps: 3, width: 64, height: 64, cfg_scale: 7 };
  const more = { sampler_index: "Euler a", seed: -1, seed_resize_from_w: -1, seed_resize_from_h: -1 };
  const text = { ...wish, ...more, denoising_strength: 0, firstphase_width: 0, firstphase_height: 0 };
  const from = { ...wish, ...more, init_images: [base64(PICTURE)], mask: null, mask_blur: 4, resize_mode: 0 };
  const served = {
    "negative prompt": ["txt2img", { ...text, negative_prompt: "another example" }],
    "all of the syntax": [
      "txt2img",
      { ...text, prompt: "((a)), (b:1.1), [to:1], [from::2], [a:b:0.3], [c|d]" },
    ],
    "not square": ["txt2img", { ...text, height: 128 }],
    PLMS: ["txt2img", { ...text, sampler_index: "PLMS" }],
    DDIM: ["txt2img", { ...text, sampler_index: "DDIM" }],
    UniPC: ["txt2img", { ...text, sampler_index: "UniPC" }],
    "two batches": ["txt2img", { ...text, n_iter: 2 }],
    "a batch of two": ["txt2img", { ...text, batch_size: 2 }],
    "a picture": ["img2img", from],
    "a mask": ["img2img", { ...from, mask: base64(MASK), inpaint_full_res: false }],
    "a mask, inverted": ["img2img", { ...from, mask: base64(MASK), inpainting_mask_invert: true }],
    Lanczos: ["extra-single-image", { image: base64(PICTURE), upscaler_1: "Lanczos", upscaling_resize: 2 }],
    "a picture alone": ["extra-single-image", { image: base64(PICTURE) }],
    "no picture model": ["extra-single-image", { image: base64(PICTURE), model: "clip" }],
  };
  for (const [name, [target, request]] of Object.entries(served))
    test(`${target}: ${name}`, async () => {
      const { status, body } = await post(`/sdapi/v1/${target}`, request);
      assert.equal(status, 200, JSON.stringify(body).slice(0, 400));
      const images = body.images ?? [body.image];
      assert.equal(images.length, (request.n_iter ?? 1) * (request.batch_size ?? 1));
      assert.ok(images.every((image) => size(decode(Buffer.from(image, "base64")))[0] >= 64));
    });
  for (const [target, wrong] of [
    ["txt2img", { ...text, enable_hr: true }],
    ["txt2img", { ...text, tiling: true }],
    ["txt2img", { ...text, restore_faces: true }],
    ["img2img", { ...from, script_name: "sd upscale", script_args: ["", 8, "Lanczos", 2] }],
  ])
    test(`${target}: ${Object.keys(wrong).at(-1)} is not offered, and that is said`, async () => {
      const { status, body } = await post(`/sdapi/v1/${target}`, wrong);
      assert.equal(status, 422);
      assert.match(body.detail, /^(enable_hr|tiling|restore_faces|script_name): /);
    });
});

test("what was not done as asked is told by every API", async () => {
  const told = 'there is no LoRA "nope"; the tag in the prompt was left out';
  const wish = { prompt: "a boat <lora:nope:1>" };
  const openai = await post("/v1/images/generations", { ...wish, size: "64x64" });
  assert.deepEqual(openai.body.warnings, [told]);
  const a1111 = await post("/sdapi/v1/txt2img", { ...wish, width: 64, height: 64, steps: 2 });
  assert.deepEqual(JSON.parse(a1111.body.info).warnings, [told]);
  const small = { ...wish, aspect_ratios_selection: "64*64", advanced_params: { overwrite_step: 2 } };
  const fooocus = await post("/v1/generation/text-to-image", small);
  assert.deepEqual(fooocus.body[0].warnings, [told]);
  const png_ = await post("/v1/generation/text-to-image?accept=image/png", small);
  for (const { headers } of [openai, a1111, fooocus, png_])
    assert.deepEqual(JSON.parse(headers.get("x-fooocus-warnings")).slice(-1), [told]);
  const plain = await post("/v1/images/generations", { prompt: "a boat", size: "64x64" });
  assert.ok(!("warnings" in plain.body));
});

test("a form that names its picture three times: the first is used, and that is said", async () => {
  const form = new FormData();
  for (const [key, value] of Object.entries({ prompt: "a red hat", size: "64x64" })) form.append(key, value);
  for (let i = 0; i < 3; i++) form.append("image", new Blob([PICTURE], { type: "image/png" }), `${i}.png`);
  const response = await fetch(`${server.url}v1/images/edits`, { method: "POST", body: form });
  const body = await response.json();
  assert.equal(response.status, 200, JSON.stringify(body));
  assert.deepEqual(body.warnings, ["image: only the first is used"]);
});

test("what fails is told to whoever asked, and on the server's own output", async () => {
  const name = "nan.safetensors"; // numbers that are none
  fs.mkdirSync(path.join(server.home, "models/loras"), { recursive: true });
  fs.copyFileSync(
    path.join(ROOT, "tests/data/field/loras", name),
    path.join(server.home, "models/loras", name),
  );
  const { status, body } = await post("/v1/images/generations", {
    prompt: "a boat <lora:nan:1>",
    size: "64x64",
  });
  assert.equal(status, 422);
  assert.match(body.error.message, /the LoRA .*nan\.safetensors is damaged/);
  assert.ok(!body.error.message.includes(server.home), "without the server's folder");
  assert.match(server.said(), /error: job \w+: the LoRA .*nan\.safetensors is damaged/);
});

describe("Fooocus-API's clients", () => {
  const fast = { overwrite_step: 4, inpaint_engine: "v2.6" };
  const result = async (answer) => {
    assert.equal(answer.status, 200, JSON.stringify(answer.body).slice(0, 300));
    return decode(Buffer.from(await (await fetch(answer.body[0].url)).arrayBuffer()));
  };

  test("v2: vary, enlarge, paint in and beyond the edge", async () => {
    const input_image = base64(PICTURE);
    const vary = (uov_method, more) =>
      post("/v2/generation/image-upscale-vary", {
        prompt: "a boat",
        input_image,
        uov_method,
        advanced_params: fast,
        ...more,
      });
    assert.deepEqual(size(await result(await vary("Upscale (Fast 2x)"))), [2 * SIDE, 2 * SIDE]);
    await result(await vary("Vary (Subtle)"));
    const wish = { prompt: "a boat", input_image, advanced_params: fast };
    const inpaint = (more) => post("/v2/generation/image-inpaint-outpaint", { ...wish, ...more });
    assertPaintedInside(
      await result(await inpaint({ input_mask: base64(MASK), inpaint_additional_prompt: "red" })),
    );
    const wide = await result(
      await inpaint({ outpaint_selections: ["Left", "Top"], outpaint_distance_left: 64 }),
    );
    assert.ok(wide.width >= SIDE + 64 && wide.height > SIDE, `${size(wide)}`);
    const odd = await vary("Upscale (9x)");
    assert.deepEqual([odd.status, odd.body.field], [422, "uov_method"]);
  });

  test("v1: forms with files", async () => {
    const form = new FormData();
    form.set("input_image", new Blob([PICTURE], { type: "image/png" }), "photo.png");
    for (const [name, value] of Object.entries({
      prompt: "5",
      uov_method: "Vary (Strong)",
      image_number: "1",
      image_seed: "7",
      require_base64: "true",
      loras: "[]",
      advanced_params: JSON.stringify(fast),
    }))
      form.set(name, value);
    const response = await fetch(new URL("/v1/generation/image-upscale-vary", server.url), {
      method: "POST",
      body: form,
    });
    const body = await response.json();
    assert.equal(response.status, 200, JSON.stringify(body).slice(0, 300));
    assert.equal(body[0].seed, "7");
    assert.ok(body[0].base64.startsWith("data:image/png;base64,"));
  });

  test("asynchronous: the kind of the job is told", async () => {
    const { body } = await post("/v2/generation/image-upscale-vary", {
      input_image: base64(PICTURE),
      uov_method: "Upscale (Fast 2x)",
      async_process: true,
    });
    assert.equal(body.job_type, "Image Upscale or Variation");
  });
});

describe("guiding pictures", () => {
  const image = base64(PICTURE);
  const unit = (more) => ({
    prompt: "a boat",
    steps: 2,
    alwayson_scripts: { ControlNet: { args: [{ enabled: true, image, ...more }, { enabled: false }, {}] } },
  });

  test("the ControlNet extension's lists", async () => {
    const get = async (name) => (await call(server, "GET", `/controlnet/${name}`)).body;
    assert.equal((await get("version")).version, 3);
    const { module_list: modules, module_detail: detail } = await get("module_list");
    assert.deepEqual(Object.keys(detail).sort(), [...modules].sort());
    assert.ok(["none", "canny", "cpds", "ip-adapter-auto"].every((name) => modules.includes(name)));
    assert.ok(Array.isArray((await get("model_list?update=true")).model_list));
    assert.equal((await get("control_types")).control_types.Canny.default_option, "canny");
    assert.equal((await get("settings")).control_net_unit_count, 8);
  });

  test("a picture's drawing", async () => {
    const wish = { controlnet_module: "canny", controlnet_input_images: [image] };
    const { status, body } = await post("/controlnet/detect", wish);
    assert.equal(status, 200, JSON.stringify(body).slice(0, 300));
    const made = decode(Buffer.from(body.images[0], "base64"));
    assert.deepEqual(size(made), [SIDE, SIDE]);
    const pixels = Array.from({ length: SIDE * SIDE }, (_, i) => made.at(i % SIDE, Math.floor(i / SIDE)));
    assert.ok(
      pixels.every(([r, g, b]) => r === g && g === b),
      "grey",
    );
    const lines = pixels.filter(([r]) => r > 100).length;
    assert.ok(lines > 0 && lines < pixels.length / 2, "lines on black");
    const odd = await post("/controlnet/detect", { ...wish, controlnet_module: "openpose" });
    assert.match(odd.body.errors, /controlnet_module: openpose/);
    assert.equal((await post("/controlnet/detect", { controlnet_module: "canny" })).status, 400);
  });

  test("units that cannot be used are refused by name", async () => {
    for (const [more, told] of [
      [{ module: "canny", model: "nothing [0123abcd]" }, /canny: there is no file nothing/],
      [{ module: "openpose_full", model: "None" }, /module openpose_full is not offered/],
      [{ module: "none", model: "None" }, /which control network/],
      [{ module: "canny", weight: 5 }, /weight of 5/],
      [{ module: "canny", image: "%%%" }, /alwayson_scripts/],
    ]) {
      const { status, body } = await post("/sdapi/v1/txt2img", unit(more));
      assert.ok(status >= 400 && status < 500, `${status} ${told}`);
      assert.match(JSON.stringify(body), told);
    }
  });

  test("Fooocus-API's image prompts: kinds are checked; without pictures it is words alone", async () => {
    const wish = { prompt: "a boat", advanced_params: { overwrite_step: 2 }, async_process: true };
    const odd = await post("/v2/generation/image-prompt", {
      ...wish,
      image_prompts: [{ cn_img: image, cn_type: "Sketch" }],
    });
    assert.deepEqual([odd.status, odd.body.field], [422, "cn_type"]);
    const plain = await post("/v2/generation/text-to-image-with-ip", { ...wish, image_prompts: [] });
    assert.equal(plain.body.job_type, "Text to Image");
  });

  test("our own API takes ids of uploads, and says what a weight may be", async () => {
    const { id } = (
      await call(server, "POST", "/api/v1/uploads", {
        body: PICTURE,
        headers: { "Content-Type": "image/png" },
      })
    ).body;
    for (const [guide, told] of [
      [{ image: id, weight: 3 }, /weight of 3/],
      [{ image: id, model: "nothing" }, /there is no file nothing/],
      [{ image: "/etc/hostname" }, /id that an upload/],
      [{ picture: id }, /image/],
    ]) {
      const answer = await post("/api/v1/jobs", { parameters: { prompt: "x", canny: [guide] } });
      assert.ok(answer.status >= 400 && answer.status < 500, `${answer.status} ${told}`);
      assert.match(JSON.stringify(answer.body), told);
    }
  });
});

describe("our own API", () => {
  const start = async (json) => {
    const answer = await post("/api/v1/jobs", { parameters: json });
    assert.equal(answer.status, 201, JSON.stringify(answer.body).slice(0, 300));
    for (;;) {
      const { body } = await call(server, "GET", `/api/v1/jobs/${answer.body.id}`);
      if (["done", "failed", "cancelled"].includes(body.state)) {
        const made = await call(server, "GET", `/api/v1/pictures?job=${body.id}`);
        return { ...body, pictures: made.body.pictures };
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };

  test("picture:ID names one of the history, also as a mask, and is kept as it is now", async () => {
    const first = await start({ prompt: "a boat", steps: 2, width: SIDE, height: SIDE, seed: 3 });
    const name = `picture:${first.pictures[0].id}`;
    const fast = { image: name, upscale: 2, fast_upscale: true };
    const larger = await start(fast);
    assert.equal(larger.state, "done", JSON.stringify(larger.error));
    const made = larger.pictures[0];
    assert.deepEqual([made.width, made.height], [2 * SIDE, 2 * SIDE]);
    const kept = larger.parameters.image;
    assert.match(kept, /^[0-9a-f]{64}$/, "the job names bytes, not a row that may go");
    const file = (target) => fetch(new URL(target, server.url)).then((r) => r.arrayBuffer());
    assert.deepEqual(
      Buffer.from(await file(`/api/v1/uploads/${kept}/file`)),
      Buffer.from(await file(`/api/v1/pictures/${first.pictures[0].id}/file`)),
    );
    const masked = await start({ prompt: "x", steps: 2, image: name, mask: name });
    assert.equal(masked.parameters.mask, kept);
    await call(server, "DELETE", `/api/v1/pictures/${first.pictures[0].id}`);
    assert.equal((await start({ ...fast, upscale: 1.5 })).state, "done", "from the trash as well");
  });

  test("picture:ID that is none is told, with its field", async () => {
    const asked = async (json) => {
      const parameters = { upscale: 2, fast_upscale: true, ...json };
      const { status, body } = await post("/api/v1/jobs", { parameters });
      return [status, body.field ?? body.detail];
    };
    assert.deepEqual(await asked({ image: "picture:999999" }), [404, "image"]);
    for (const image of ["picture:", "picture:0", "picture:-1", "picture:1x", "picture:../x", "/etc/passwd"])
      assert.deepEqual(await asked({ image }), [400, "image"], image);
  });
});

test("hostile pictures: each API says what is wrong", async () => {
  const bomb = rawPng(8200, 8200, 2, zlib.deflateSync(Buffer.alloc((8200 * 3 + 1) * 8200), { level: 1 }));
  const cases = {
    "no picture": [Buffer.from("hello"), [400, 415, 422]],
    "a PNG that is cut in half": [PICTURE.subarray(0, PICTURE.length >> 1), [422]],
    "a PNG whose pixels are nonsense": [rawPng(64, 64, 2, Buffer.from("nonsense")), [422]],
    "40,000 x 40,000": [rawPng(40000, 40000, 2, zlib.deflateSync(Buffer.alloc(1000))), [413]],
    "67 million pixels out of a few KB": [bomb, [413]],
    "sides of 0": [rawPng(0, 64, 2, zlib.deflateSync(Buffer.alloc(64))), [422]],
    "a GIF": [Buffer.from("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7", "base64"), [415, 422]],
  };
  for (const [name, [bytes, wanted]] of Object.entries(cases)) {
    const image = base64(bytes);
    const answers = {
      upload: await call(server, "POST", "/api/v1/uploads", { body: bytes, check: false }),
      img2img: await post("/sdapi/v1/img2img", {
        init_images: [image],
        prompt: "x",
        steps: 1,
        width: 64,
        height: 64,
      }),
      edits: await post("/v1/images/edits", { image, prompt: "x", size: "64x64" }),
      vary: await post("/v2/generation/image-upscale-vary", {
        input_image: image,
        uov_method: "Upscale (Fast 2x)",
      }),
    };
    for (const [api, { status, body }] of Object.entries(answers)) {
      const about = `${name}, ${api}: ${status} ${JSON.stringify(body).slice(0, 300)}`;
      assert.ok(wanted.includes(status) || (api === "upload" && status === 400), about);
      assert.ok((body.detail ?? body.error.message).length > 10, about);
    }
  }
  for (const body of ["", "--x\r\n", "--x\r\nContent-Disposition: form-data\r\n\r\n\r\n--x--"]) {
    const headers = { "Content-Type": "multipart/form-data; boundary=x" };
    const answer = await call(server, "POST", "/v1/images/edits", { body, headers });
    assert.ok(answer.status >= 400 && answer.status < 500, `${JSON.stringify(body)} ${answer.status}`);
  }
  const large = Buffer.alloc(2 << 20, 0x20);
  assert.equal((await call(server, "POST", "/v1/images/generations", { body: large })).status, 413);
  assert.equal(
    (await call(server, "POST", "/v1/images/edits", { body: large })).status,
    400,
    "its cap is higher",
  );
  assert.ok(DOCUMENT.paths["/v1/images/edits"]);
});
