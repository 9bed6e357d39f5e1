// What other programs speak: the real client of OpenAI, and requests as clients of AUTOMATIC1111's
// web UI and of Fooocus-API send them (tests/http/recorded).

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import OpenAI from "openai";
import {
  call,
  checkAnswer,
  DOCUMENT,
  ROOT,
  seen,
  startServer,
  submit,
  installCaptioner,
} from "./harness.mjs";

const PNG = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
const recorded = (name) =>
  JSON.parse(fs.readFileSync(path.join(ROOT, `tests/http/recorded/${name}.json`), "utf8"));
const isPng = (bytes) => assert.deepEqual(Buffer.from(bytes).subarray(0, 8), PNG);
let server;
before(async () => (server = await startServer({ step_millis: 10 })));
after(() => server.close());
const get = (target, options) => call(server, "GET", target, options);
const post = (target, json, options) => call(server, "POST", target, { json, ...options });

/** fetch for the client, with every answer held against the description. */
async function watched(url, init) {
  const response = await fetch(url, init);
  const type = response.headers.get("content-type")?.split(";")[0];
  const copy = Buffer.from(await response.clone().arrayBuffer());
  checkAnswer(
    init?.method ?? "GET",
    decodeURIComponent(new URL(url).pathname),
    response.status,
    type,
    type?.includes("json") ? JSON.parse(copy) : copy,
  );
  return response;
}

describe("the openai client", () => {
  let client;
  before(
    () =>
      (client = new OpenAI({ apiKey: "none", baseURL: `${server.url}/v1`, fetch: watched, maxRetries: 0 })),
  );

  test("pictures by URL", async () => {
    const { data, created } = await client.images.generate({
      model: "dall-e-3",
      prompt: "a fox",
      n: 2,
      size: "1024x1024",
      response_format: "url",
    });
    assert.equal(data.length, 2);
    assert.ok(Math.abs(created - Date.now() / 1000) < 60);
    for (const { url } of data) isPng(await (await fetch(url)).arrayBuffer());
  });

  test("pictures as base64, by wish and as gpt-image models do", async () => {
    for (const wish of [
      { model: "dall-e-2", response_format: "b64_json" },
      { model: "gpt-image-1", quality: "high", moderation: "low" },
      { model: "gpt-image-1.5", background: "opaque" },
      { model: "chatgpt-image-latest", response_format: "b64_json" },
    ]) {
      const { data } = await client.images.generate({ prompt: "a fox", size: "512x512", ...wish });
      isPng(Buffer.from(data[0].b64_json, "base64"));
    }
  });

  test("a model of ours, and the list", async () => {
    const models = [];
    for await (const model of client.models.list()) models.push(model.id);
    assert.deepEqual(models, ["paint.safetensors"]);
    assert.equal((await client.models.retrieve("paint.safetensors")).object, "model");
    const { data } = await client.images.generate({
      model: "paint.safetensors",
      prompt: "x",
      seed: 5,
      negative_prompt: "y",
    });
    assert.equal(data.length, 1);
  });

  test("errors are the client's own kinds", async () => {
    const fails = (wish, kind, param) =>
      assert.rejects(client.images.generate({ prompt: "x", ...wish }), (error) => {
        assert.ok(error instanceof kind, `${error}`);
        assert.equal(error.param ?? null, param);
        return true;
      });
    await fails({ size: "13x13" }, OpenAI.BadRequestError, "size");
    await fails({ n: 11 }, OpenAI.BadRequestError, "n");
    await fails({ prompt: 7 }, OpenAI.BadRequestError, "prompt");
    await fails({ colour: "red" }, OpenAI.BadRequestError, "colour");
    await assert.rejects(client.models.retrieve("none"), OpenAI.NotFoundError);
  });
});

const A1111_INFO = (
  "prompt all_prompts negative_prompt all_negative_prompts seed all_seeds subseed all_subseeds " +
  "subseed_strength width height sampler_name cfg_scale steps batch_size restore_faces " +
  "face_restoration_model sd_model_name sd_model_hash sd_vae_name sd_vae_hash seed_resize_from_w " +
  "seed_resize_from_h denoising_strength extra_generation_params index_of_first_image infotexts " +
  "styles job_timestamp clip_skip is_using_inpainting_conditioning version"
).split(" ");

describe("AUTOMATIC1111's clients", () => {
  for (const { client, request } of recorded("a1111_txt2img"))
    test(`txt2img as ${client} sends it`, async () => {
      const { status, body } = await post("/sdapi/v1/txt2img", request);
      assert.equal(status, 200, JSON.stringify(body));
      const count = (request.batch_size ?? 1) * (request.n_iter ?? 1);
      assert.equal(body.images.length, count);
      body.images.forEach((image) => isPng(Buffer.from(image, "base64")));
      const info = JSON.parse(body.info);
      assert.equal(info.prompt, request.prompt ?? "");
      assert.equal(info.all_seeds.length, count);
      if (request.seed >= 0) assert.equal(info.seed, request.seed);
      assert.equal(info.infotexts.length, count);
      assert.equal(info.all_subseeds.length, count);
      for (const text of info.infotexts)
        assert.match(text, /Steps: \d+, Sampler: [^,]+, .*CFG scale: .*Seed: \d+/);
      const missing = A1111_INFO.filter((key) => !(key in info));
      assert.deepEqual(missing, [], "all that its API answers with");
    });

  test("progress, skip and interrupt", async () => {
    assert.equal((await get("/sdapi/v1/progress?skip_current_image=false")).body.progress, 0);
    const work = post("/sdapi/v1/txt2img", { prompt: "long", n_iter: 90 });
    const until = async (fits) => {
      for (;;) {
        const { body } = await get("/sdapi/v1/progress");
        if (fits(body)) return body;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    };
    await until((p) => p.state.job_no > 0);
    const seen_ = await until((p) => p.current_image);
    assert.ok(seen_.progress > 0 && seen_.state.job_count === 90 && seen_.state.sampling_steps > 0);
    assert.equal(Buffer.from(seen_.current_image, "base64").readUInt16BE(0), 0xffd8);
    assert.equal((await post("/sdapi/v1/skip")).status, 200);
    assert.equal((await post("/sdapi/v1/interrupt")).status, 200);
    const { status, body } = await work;
    assert.equal(status, 200, "what was made is given");
    assert.ok(body.images.length > 0 && body.images.length < 90);
    for (const off of ["True", "true", "1", "yes"])
      assert.equal((await get(`/sdapi/v1/progress?skip_current_image=${off}`)).body.current_image, null);
    assert.equal((await post("/sdapi/v1/interrupt")).status, 200, "with nothing to interrupt too");
  });

  test("lists and options", async () => {
    const models = (await get("/sdapi/v1/sd-models")).body;
    assert.equal(models[0].title, "paint.safetensors");
    const samplers = (await get("/sdapi/v1/samplers")).body.map((s) => s.name);
    for (const name of ["Euler a", "DPM++ 2M", "DPM++ 2M SDE", "LCM", "UniPC"])
      assert.ok(samplers.includes(name), name);
    const all = (await get("/sdapi/v1/schedulers")).body;
    assert.equal(new Set(all.map((s) => s.name)).size, all.length, "each name once");
    const schedulers = all.map((s) => s.label);
    for (const name of ["Automatic", "Karras", "SGM Uniform"]) assert.ok(schedulers.includes(name), name);
    const lists = "sd-vae loras upscalers prompt-styles latent-upscale-modes hypernetworks face-restorers";
    for (const list of `${lists} realesrgan-models extensions script-info`.split(" "))
      assert.ok(Array.isArray((await get(`/sdapi/v1/${list}`)).body), list);
    for (const list of ["embeddings", "memory", "cmd-flags"])
      assert.equal((await get(`/sdapi/v1/${list}`)).status, 200);
    assert.deepEqual((await get("/sdapi/v1/scripts")).body, { txt2img: [], img2img: [] });
    assert.deepEqual((await get("/internal/ping")).body, {});
    for (const what of ["unload", "reload"])
      assert.equal((await post(`/sdapi/v1/${what}-checkpoint`)).status, 200);
    for (const what of ["checkpoints", "loras", "vae", "embeddings"])
      assert.equal((await post(`/sdapi/v1/refresh-${what}`)).status, 200);
    const options = (await get("/sdapi/v1/options")).body;
    assert.equal(options.sd_model_checkpoint, "paint.safetensors");
    assert.equal(
      (await post("/sdapi/v1/options", { ...options, sd_model_checkpoint: "paint" })).status,
      200,
      "as Open WebUI chooses a model",
    );
    assert.equal((await get("/sdapi/v1/options")).body.sd_model_checkpoint, "paint");
    for (const wish of [{ sd_model_checkpoint: "none" }, { sd_vae: "nope.safetensors" }]) {
      const { status, body } = await post("/sdapi/v1/options", wish);
      assert.equal(status, 404);
      assert.match(body.detail, new RegExp(Object.keys(wish)[0]));
    }
    assert.equal(
      (await post("/sdapi/v1/txt2img", { prompt: "x" })).status,
      200,
      "nobody's pictures are harmed",
    );
    const set = {
      send_seed: !options.send_seed,
      CLIP_stop_at_last_layers: 4,
      no_such_option: 7,
      send_size: "odd",
    };
    assert.equal((await post("/sdapi/v1/options", set)).status, 200);
    const { body: after_ } = await get("/sdapi/v1/options");
    assert.deepEqual([after_.send_seed, after_.CLIP_stop_at_last_layers], [set.send_seed, 4], "they stick");
    assert.ok(!("no_such_option" in after_) && after_.send_size === true);
    await post("/sdapi/v1/options", { CLIP_stop_at_last_layers: 2, send_seed: true });
  });

  test("png-info reads a picture", async () => {
    const { paint, png } = await import("../web/scenes.mjs");
    const text =
      "a fox\nNegative prompt: blur\n" +
      "Steps: 12, Sampler: Euler a, CFG scale: 6, Seed: 42, Size: 64x64, Model: paint";
    const image = png(paint(1, 8, 8), 8, 8, text).toString("base64");
    for (const form of [image, `data:image/png;base64,${image}`]) {
      const { body } = await post("/sdapi/v1/png-info", { image: form });
      assert.equal(body.info, text);
      assert.equal(body.items.parameters, text);
    }
    assert.equal((await post("/sdapi/v1/png-info", { image: "%%%" })).status, 400);
    assert.equal(
      (await post("/sdapi/v1/png-info", { image: png(paint(1, 8, 8), 8, 8).toString("base64") })).body.info,
      "",
    );
  });

  test("what is not offered is refused by name, in the form of that API", async () => {
    for (const [wish, status] of [
      [{ enable_hr: true }, 422],
      [{ restore_faces: "True" }, 422],
      [{ subseed: 7, subseed_strength: 0.5 }, 422],
      [{ script_name: "X/Y/Z plot" }, 422],
      [{ alwayson_scripts: { ADetailer: { args: [true, false, { ad_model: "face.pt" }] } } }, 422],
      [{ alwayson_scripts: { controlnet: { args: [{ enabled: true, model: "canny" }] } } }, 400],
      [{ alwayson_scripts: { ControlNet: { args: [{ image: "x" }] } } }, 400],
      [{ sampler_name: "None such" }, 404],
      [{ scheduler: "None such" }, 404],
      [{ batch_size: 0 }, 400],
      [{ n_iter: 101 }, 400],
      [{ cfg_scale: "much" }, 400],
      [{ cfg_scale: 900 }, 400],
      [{ width: 9000 }, 400],
      [{ steps: 0 }, 400],
    ]) {
      const answer = await post("/sdapi/v1/txt2img", { prompt: "x", ...wish });
      assert.equal(answer.status, status, JSON.stringify([wish, answer.body]));
      assert.match(answer.body.detail, new RegExp(`^${Object.keys(wish).at(-1)}: `));
      assert.ok(answer.body.error && answer.body.errors === answer.body.detail);
    }
    assert.equal((await post("/sdapi/v1/interrogate", {})).status, 422); // no picture
    const { paint, png } = await import("../web/scenes.mjs");
    const image = png(paint(1, 8, 8), 8, 8).toString("base64");
    const none = await post("/sdapi/v1/interrogate", { image });
    assert.equal(none.status, 404); // no captioner is installed
    assert.match(none.body.detail, /fooocus models get/);
    installCaptioner(server.home);
    assert.match((await post("/sdapi/v1/interrogate", { image, model: "clip" })).body.caption, /word/);
    for (const target of ["/sdapi/v1/txt2img/", "/sdapi/v1/none", "/v1/chat/completions", "/none"])
      assert.equal((await post(target, {}, { check: false })).status, 404, target);
    const wrong = await call(server, "DELETE", "/sdapi/v1/txt2img", { check: false });
    assert.deepEqual([wrong.status, typeof wrong.body.error], [405, "string"]);
  });

  test("numbers as texts, odd sizes and the like are taken, and told", async () => {
    const odd = {
      prompt: "x",
      width: "900",
      height: 513,
      steps: 2.0,
      cfg_scale: "7.5",
      seed: "12",
      batch_size: "1",
      send_images: false,
      tiling: "False",
      styles: ["no such style"],
      sampler_name: "PLMS",
      eta: 0.5,
      override_settings: { unknown_option: 1 },
      alwayson_scripts: {
        ADetailer: { args: [false, false, { ad_model: "face.pt" }] },
        ControlNet: { args: [{ enabled: false, model: "canny" }] },
        empty: { args: [] },
      },
    };
    const { status, body } = await post("/sdapi/v1/txt2img", odd);
    assert.equal(status, 200, JSON.stringify(body));
    const info = JSON.parse(body.info);
    assert.deepEqual([info.steps, info.cfg_scale, info.seed, body.images.length], [2, 7.5, 12, 0]);
    const told = info.warnings.join("\n");
    for (const part of [
      "width: 900 is rounded to 904",
      "height: 513 is rounded to 512",
      "no such style",
      "PLMS",
    ])
      assert.ok(told.includes(part), `${part}: ${told}`);
    for (const part of ["eta", "override_settings.unknown_option"]) assert.ok(told.includes(part), part);
    assert.equal((await post("/sdapi/v1/txt2img", { prompt: "x", cfg_scale: 0, steps: 1 })).status, 200);
  });

  test("all spellings of samplers and schedulers are known", async () => {
    const names = (await get("/sdapi/v1/samplers")).body.flatMap((s) => [s.name, ...s.aliases]);
    const more = ["DPM++ 2M Karras", "DPM++ 3M SDE", "k_euler_a", "k_dpmpp_2m_ka", "DDIM CFG++", "euler a"];
    for (const sampler_name of [...names, ...more])
      assert.equal(
        (await post("/sdapi/v1/txt2img", { prompt: "x", steps: 1, sampler_name })).status,
        200,
        sampler_name,
      );
    const schedulers = (await get("/sdapi/v1/schedulers")).body.flatMap((s) => [
      s.name,
      s.label,
      ...s.aliases,
    ]);
    for (const scheduler of [...schedulers, "SGM uniform", ""])
      assert.equal(
        (await post("/sdapi/v1/txt2img", { prompt: "x", steps: 1, scheduler })).status,
        200,
        scheduler,
      );
  });
});

describe("Fooocus-API's clients", () => {
  for (const { client, request } of recorded("fooocus_api_text_to_image"))
    test(`text-to-image as ${client} sends it`, async () => {
      const { status, body } = await post("/v1/generation/text-to-image", request);
      assert.equal(status, 200, JSON.stringify(body));
      const results = request.async_process ? await polled(body.job_id) : body;
      assert.equal(results.length, request.image_number ?? 1);
      for (const result of results) {
        assert.equal(result.finish_reason, "SUCCESS");
        assert.equal(typeof result.seed, "string");
        isPng(await (await fetch(result.url)).arrayBuffer());
        if (request.require_base64) isPng(Buffer.from(result.base64.split(",")[1], "base64"));
        else assert.equal(result.base64, null);
      }
    });

  async function polled(id) {
    for (;;) {
      const { body } = await get(`/v1/generation/query-job?job_id=${id}&require_step_preview=true`);
      assert.equal(body.job_type, "Text to Image");
      if (body.job_stage === "SUCCESS") return body.job_result;
      assert.ok(["WAITING", "RUNNING"].includes(body.job_stage), body.job_stage);
    }
  }

  test("the raw picture", async () => {
    for (const [target, headers] of [
      ["/v1/generation/text-to-image", { Accept: "image/png" }],
      ["/v1/generation/text-to-image?accept=image/png", {}],
    ]) {
      const {
        status,
        body,
        headers: got,
      } = await post(target, { prompt: "raw", image_number: 3 }, { headers });
      assert.equal(status, 200);
      assert.equal(got.get("content-type"), "image/png");
      isPng(body);
    }
  });

  test("jobs, lists, stop", async () => {
    assert.equal((await get("/v1/generation/query-job?job_id=none")).body.job_type, "Not Found");
    const running = await submit(server, { count: 90 });
    const queue = (await get("/v1/generation/job-queue")).body;
    assert.ok(queue.running_size >= 1 && queue.finished_size >= 1 && queue.last_job_id);
    assert.ok((await get("/v1/generation/job-history")).body.queue.length >= 1);
    assert.equal((await post("/v1/generation/stop")).body.msg, "success");
    assert.equal(
      (await get(`/v1/generation/job-history?job_id=${running.id}`)).body.queue.length +
        (await get(`/v1/generation/job-history?job_id=${running.id}`)).body.history.length >=
        1,
      true,
    );
    assert.equal((await get("/v1/generation/job-history?page=0&page_size=2")).body.history.length, 2);
    assert.deepEqual((await get("/v1/engines/all-models")).body.model_filenames, ["paint.safetensors"]);
    assert.ok((await get("/v1/engines/styles")).body.includes("Fooocus V2"));
    assert.equal((await get("/v1/engines/clean_vram")).body.message, "ok");
    assert.equal((await get("/ping")).body, "pong");
  });

  test("what is not offered says so", async () => {
    for (const target of [
      "/v1/generation/image-enhance",
      "/v2/generation/image-enhance",
      "/v1/tools/describe-image",
    ])
      assert.equal((await post(target, {})).status, 501, target);
    for (const [wish, field] of [
      [{ image_number: 33 }, "image_number"],
      [{ aspect_ratios_selection: "wide" }, "aspect_ratios_selection"],
      [{ sharpness: 400 }, "sharpness"],
    ]) {
      const answer = await post("/v1/generation/text-to-image", { prompt: "x", ...wish });
      assert.ok(answer.status >= 400 && answer.status < 500, field);
      assert.match(JSON.stringify(answer.body), new RegExp(field));
    }
  });
});

test("errors tell nobody where the server keeps its files", async () => {
  const wrong = { prompt: "x <lora:../nope:1>" };
  for (const [target, wish] of [
    ["/v1/images/generations", { prompt: "x", model: "nope" }],
    ["/v1/images/edits", { prompt: "x", image: "nope" }],
    ["/sdapi/v1/txt2img", { ...wrong, override_settings: { sd_model_checkpoint: "nope" } }],
    ["/sdapi/v1/options", { sd_vae: "nope" }],
    ["/sdapi/v1/extra-single-image", { image: "nope" }],
    ["/v1/generation/text-to-image", { prompt: "x", performance_selection: "Lightning" }],
    ["/api/v1/jobs", { parameters: { prompt: "x", model: "nope" } }],
  ]) {
    const { body } = await post(target, wish, { check: false });
    assert.ok(!JSON.stringify(body).includes(server.home), `${target}: ${JSON.stringify(body)}`);
  }
});

test("the model of --model stands in every list once, first", async () => {
  const own = await startServer({ model: "paint.safetensors" });
  const lists = {
    "/v1/models": (body) => body.data.map((m) => m.id),
    "/sdapi/v1/sd-models": (body) => body.map((m) => m.title),
    "/v1/engines/all-models": (body) => body.model_filenames,
    "/api/v1/models": (body) => body.checkpoints.map((m) => m.name),
  };
  fs.writeFileSync(path.join(own.home, "models/checkpoints/alpha.safetensors"), "no model, only its name");
  for (const [target, names] of Object.entries(lists)) {
    const { body } = await call(own, "GET", target);
    assert.deepEqual(names(body), ["paint.safetensors", "alpha.safetensors"], target);
  }
  const [first] = (await call(own, "GET", "/api/v1/models")).body.checkpoints;
  assert.ok(first.default && first.size > 0, "the file that the name means");
  const { body: options } = await call(own, "GET", "/sdapi/v1/options");
  assert.equal(options.sd_model_checkpoint, "paint.safetensors");
  await own.close();
});

/** What pictures.test.mjs does, with the program itself. */
const PICTURES_IN =
  /img2img|extra-(single|batch)|images\/(edits|variations)|upscale-vary|inpaint-outpaint|image-prompt|^\/v2/;

test("every described success of the clients' part was met", () => {
  const missing = [];
  for (const [template, methods] of Object.entries(DOCUMENT.paths))
    for (const [method, { responses }] of Object.entries(methods))
      for (const status of Object.keys(responses ?? {}))
        if (
          /^\/(v1|v2|sdapi|ping)/.test(template) &&
          !PICTURES_IN.test(template) &&
          !seen.has(`${method} ${template} ${status}`) &&
          (!["default", "4XX"].includes(status) || !responses[200]) &&
          status !== "4XX"
        )
          missing.push(`${method} ${template} ${status}`);
  assert.deepEqual(missing, []);
});
