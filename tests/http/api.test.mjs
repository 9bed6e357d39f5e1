// The API's own part, /api/v1: jobs, events, pictures, settings. Every answer is held against the
// description.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { Validator } from "@seriousme/openapi-schema-validator";
import { paint, png } from "../web/scenes.mjs";
import { startHub } from "./hub.mjs";
import {
  call,
  checkAnswer,
  DOCUMENT,
  listen,
  over,
  ROOT,
  seen,
  startServer,
  submit,
  installCaptioner,
} from "./harness.mjs";

let server;
before(async () => (server = await startServer({ step_millis: 20 })));
after(() => server.close());
const get = (target, options) => call(server, "GET", target, options);
const post = (target, json, options) => call(server, "POST", target, { json, ...options });

test("the description is valid OpenAPI 3.1, and the server gives it", async () => {
  const { body } = await get("/api/v1/openapi.json");
  assert.deepEqual(body, DOCUMENT);
  const validator = new Validator();
  const result = await validator.validate(structuredClone(body));
  assert.ok(result.valid, JSON.stringify(result.errors, null, 1));
  assert.equal(validator.version, "3.1");
});

test("the description and the server's routes are the same", () => {
  const source = fs.readFileSync(path.join(ROOT, "src/server/router.c"), "utf8");
  const routes = [...source.matchAll(/\{"(\w+)", "([^"]+)",/g)].map(
    ([, method, pattern]) => `${method.toLowerCase()} ${pattern.replace("*}", "}")}`,
  );
  const described = Object.entries(DOCUMENT.paths).flatMap(([pattern, methods]) =>
    Object.keys(methods)
      .filter((m) => m !== "parameters")
      .map((method) => `${method} ${pattern}`),
  );
  assert.ok(routes.length > 50);
  assert.deepEqual(routes.sort(), described.sort());
  const names = Object.values(DOCUMENT.paths).flatMap((methods) =>
    Object.values(methods).map((operation) => operation.operationId),
  );
  assert.ok(names.every((name) => /^[a-z]\w+$/i.test(name)) && new Set(names).size === names.length);
  assert.ok(DOCUMENT.servers.length > 0);
});

describe("jobs", () => {
  test("a job from its submission to its pictures", async () => {
    const stream = await listen(server);
    const { status, headers, body } = await post("/api/v1/jobs", {
      parameters: { prompt: "a blue boat", count: 2, seed: "7" },
    });
    assert.equal(status, 201);
    assert.equal(headers.get("location"), `/api/v1/jobs/${body.id}`);
    await stream.next((e) => e.type === "preview" && e.data.job === body.id);
    await stream.next((e) => e.type === "job" && e.data.id === body.id && e.data.state === "done");
    stream.close();
    const job = (await get(`/api/v1/jobs/${body.id}`)).body;
    assert.equal(job.state, "done");
    assert.deepEqual(
      job.images.map((p) => p.seed),
      ["7", "8"],
    );
    assert.equal(job.parameters.prompt, "a blue boat");
    const ids = stream.events.map((e) => BigInt(e.id));
    assert.ok(
      ids.every((id, i) => i === 0 || id > ids[i - 1]),
      "events are numbered upwards",
    );
    for (const type of ["job", "queue", "progress", "preview", "picture"]) {
      const event = stream.events.find((e) => e.type === type);
      assert.ok(event, `an event ${type}`);
    }
    assert.equal((await get(`/api/v1/jobs/${body.id}/preview`)).status, 204);
  });

  test("a seed beyond 2^53 stays exact", async () => {
    const job = await over(server, (await submit(server, { seed: "9007199254740993" })).id);
    assert.equal(job.images[0].seed, "9007199254740993");
    assert.equal(job.parameters.seed, "9007199254740993");
  });

  test("an idempotency key makes one job of many requests", async () => {
    const send = (json) => post("/api/v1/jobs", json, { headers: { "Idempotency-Key": "once" } });
    const json = { parameters: { prompt: "once" } };
    const answers = await Promise.all(Array.from({ length: 8 }, () => send(json)));
    assert.equal(new Set(answers.map((a) => a.body.id)).size, 1);
    assert.deepEqual(answers.map((a) => a.status).sort(), [200, 200, 200, 200, 200, 200, 200, 201]);
    assert.equal((await send({ parameters: { prompt: "another" } })).status, 409);
  });

  test("skip, stop, reorder, remove", async () => {
    const long = await submit(server, { prompt: "long", count: 50 });
    const stream = await listen(server, { query: `?job=${long.id}` });
    const running = await stream.next((e) => e.type === "progress" && e.data.step >= 1);
    const [a, b, c] = [
      await submit(server, { prompt: "a" }),
      await submit(server, { prompt: "b" }),
      await submit(server, { prompt: "c" }),
    ];
    const order = async () => {
      const { body } = await get("/api/v1/jobs?state=queued");
      return body.jobs
        .sort((x, y) => x.position - y.position)
        .map((job) => job.prompt)
        .join("");
    };
    assert.equal(await order(), "abc");
    assert.equal((await post(`/api/v1/jobs/${c.id}/move`, { position: 0 })).status, 200);
    assert.equal(await order(), "cab");
    assert.equal((await post(`/api/v1/jobs/${c.id}/move`, { position: 999 })).status, 200);
    assert.equal(await order(), "abc");
    assert.equal((await post(`/api/v1/jobs/${b.id}/cancel`, { what: "job" })).body.state, "cancelled");
    assert.equal(await order(), "ac");
    const all = await listen(server);
    assert.equal((await call(server, "DELETE", `/api/v1/jobs/${a.id}`)).status, 204);
    await all.next((e) => e.type === "job_removed" && e.data.id === a.id);
    all.close();
    assert.equal((await get(`/api/v1/jobs/${a.id}`)).status, 404);
    assert.equal((await post(`/api/v1/jobs/${b.id}/cancel`, {})).status, 409, "it is over");
    assert.equal(
      (await post(`/api/v1/jobs/${c.id}/cancel`, { what: "image" })).status,
      409,
      "it does not run",
    );
    assert.equal((await call(server, "DELETE", `/api/v1/jobs/${long.id}`)).status, 409, "it runs");
    for (let etag = '""', status = 0; status !== 304; ) {
      // unchanged, or already the next one
      const preview = await get(`/api/v1/jobs/${long.id}/preview`, { headers: { "If-None-Match": etag } });
      if (preview.status === 200) assert.equal(preview.body.readUInt16BE(0), 0xffd8, "a JPEG");
      ({ status } = preview);
      etag = preview.headers.get("etag") ?? '""';
    }
    assert.equal((await post(`/api/v1/jobs/${long.id}/cancel`, { what: "image" })).status, 200);
    await stream.next((e) => e.type === "progress" && e.data.image > running.data.image);
    assert.equal((await post(`/api/v1/jobs/${long.id}/cancel`)).status, 200);
    const ended = await over(server, long.id);
    assert.equal(ended.state, "cancelled");
    assert.ok(ended.images.length < 49 && ended.finished_count >= ended.images.length);
    assert.ok(
      stream.events.every((e) => (e.data.job ?? e.data.id ?? e.data.picture?.job) === long.id),
      "only events of this job",
    );
    stream.close();
    assert.equal((await over(server, c.id)).state, "done");
  });

  test("lists come in pages", async () => {
    const first = (await get("/api/v1/jobs?limit=2")).body;
    assert.equal(first.jobs.length, 2);
    assert.equal(first.more, true);
    const second = (await get(`/api/v1/jobs?limit=200&before=${first.jobs[1].id}`)).body;
    assert.ok(second.jobs.length >= 1 && second.jobs.every((job) => job.id < first.jobs[1].id));
    const done = (await get("/api/v1/jobs?state=done,failed&limit=200")).body.jobs;
    assert.ok(done.length && done.every((job) => job.state === "done"));
  });
});

describe("events", () => {
  test("a stream goes on after its Last-Event-ID without a gap", async () => {
    const whole = await listen(server);
    await over(server, (await submit(server, { prompt: "one" })).id);
    const cut = whole.events[2].id;
    const rest = await listen(server, { headers: { "Last-Event-ID": cut } });
    await over(server, (await submit(server, { prompt: "two" })).id);
    await Promise.all(
      [whole, rest].map((s) =>
        s.next((e) => e.type === "job" && e.data.state === "done" && e.data.prompt === "two"),
      ),
    );
    const known = whole.events.map((e) => e.id);
    const again = rest.events.map((e) => e.id);
    assert.deepEqual(again, known.slice(3, 3 + again.length));
    whole.close();
    rest.close();
  });

  test("a number that the server does not know starts anew", async () => {
    const stream = await listen(server, { query: "?after=1" });
    assert.equal((await stream.next(() => true)).type, "reset");
    stream.close();
    assert.equal((await get("/api/v1/events?after=many")).status, 400);
    assert.equal((await get("/api/v1/events?job=nonsense")).status, 400);
  });
});

describe("pictures", () => {
  let picture;
  before(
    async () =>
      (picture = (await over(server, (await submit(server, { prompt: "a red kite, autumn", seed: "11" })).id))
        .images[0]),
  );

  test("the file: cached, in parts, to download", async () => {
    const target = `/api/v1/pictures/${picture.id}/file`;
    const whole = await get(target);
    assert.equal(whole.headers.get("content-type"), "image/png");
    assert.match(whole.headers.get("cache-control"), /immutable/);
    const etag = whole.headers.get("etag");
    assert.equal((await get(target, { headers: { "If-None-Match": etag } })).status, 304);
    assert.equal((await get(target, { headers: { "If-None-Match": `"x", ${etag}` } })).status, 304);
    const part = await get(target, { headers: { Range: "bytes=4-9" } });
    assert.equal(part.status, 206);
    assert.deepEqual(part.body, whole.body.subarray(4, 10));
    assert.equal(part.headers.get("content-range"), `bytes 4-9/${whole.body.length}`);
    assert.equal((await get(target, { headers: { Range: "bytes=999999-" } })).status, 416);
    assert.match(
      (await get(`${target}?download=1`)).headers.get("content-disposition"),
      /^attachment; filename="fooocus-\d+\.png"$/,
    );
    const head = await call(server, "HEAD", target);
    assert.equal(head.headers.get("content-length"), String(whole.body.length));
    assert.equal(head.body.length, 0);
  });

  test("the thumbnail is there, and comes back when its file is lost", async () => {
    const target = `/api/v1/pictures/${picture.id}/thumbnail`;
    const first = await get(target);
    assert.equal(first.body.toString("latin1", 8, 12), "WEBP");
    fs.rmSync(path.join(server.home, "outputs/.library/thumbnails"), { recursive: true });
    assert.equal((await get(target)).status, 200);
    assert.equal((await get(target, { headers: { Range: "bytes=0-3" } })).status, 206);
    assert.equal(
      (await get(target, { headers: { "If-None-Match": (await get(target)).headers.get("etag") } })).status,
      304,
    );
  });

  test("search, filters, favourite, delete and restore", async () => {
    const found = async (query) => (await get(`/api/v1/pictures?${query}`)).body.pictures.map((p) => p.id);
    const one = (await get(`/api/v1/pictures/${picture.id}`)).body;
    assert.equal(one.prompt, "painted 1");
    assert.ok((await found("q=painted")).includes(picture.id));
    assert.deepEqual(await found("q=nothing+like+this"), []);
    assert.ok((await found("model=paint.safetensors&style=SAI+Anime")).includes(picture.id));
    assert.deepEqual(await found("style=None"), []);
    assert.deepEqual(await found(`to=${picture.created}&from=${picture.created}`), []);
    assert.ok((await found(`from=${picture.created}&to=${picture.created + 1}`)).includes(picture.id));
    assert.equal(
      (await post(`/api/v1/pictures/${picture.id}/favourite`, { favourite: true })).body.favourite,
      true,
    );
    assert.deepEqual(await found("favourite=1"), [picture.id]);
    const stream = await listen(server);
    assert.equal((await call(server, "DELETE", `/api/v1/pictures/${picture.id}`)).status, 204);
    await stream.next((e) => e.type === "picture_removed" && e.data.id === picture.id);
    assert.ok(!(await found("q=painted")).includes(picture.id));
    assert.deepEqual(await found("trash=1"), [picture.id]);
    assert.equal(
      (await get(`/api/v1/pictures/${picture.id}/file`)).status,
      200,
      "the trash can be looked at",
    );
    assert.equal((await post(`/api/v1/pictures/${picture.id}/restore`)).body.deleted, null);
    await stream.next((e) => e.type === "picture" && e.data.picture.id === picture.id);
    stream.close();
    assert.ok((await found("q=painted")).includes(picture.id));
    const terms = (await get("/api/v1/pictures/terms")).body;
    assert.equal(terms.favourites, 1);
    assert.ok(terms.models.some((m) => m.name === "paint.safetensors" && m.count >= 1));
  });
});

test("catalogues", async () => {
  const { parameters, groups } = (await get("/api/v1/parameters")).body;
  assert.ok(parameters.length > 30 && groups.length > 3);
  assert.equal(parameters.find((p) => p.name === "steps").default["2.5"], null, "automatic");
  assert.equal(parameters.find((p) => p.name === "cfg").default["2.5"], 4);
  assert.ok((await get("/api/v1/styles")).body.length > 200);
  assert.deepEqual(
    (await get("/api/v1/models")).body.checkpoints.map((m) => m.name),
    ["paint.safetensors"],
  );
  assert.equal((await post("/api/v1/models/refresh")).status, 200);
  const presets = (await get("/api/v1/presets")).body.length;
  assert.ok(presets >= 1);
  fs.mkdirSync(path.join(server.home, "presets"), { recursive: true });
  fs.writeFileSync(path.join(server.home, "presets/broken.json"), '{"default_cfg_scale": ');
  const withBroken = (await get("/api/v1/presets")).body;
  assert.equal(withBroken.length, presets + 1, "a broken preset does not take the others away");
  assert.match(withBroken.find((p) => p.name === "broken").warnings[0], /cannot be read/);
  const system = (await get("/api/v1/system")).body;
  assert.ok(system.memory.total > 0 && system.models_installed === true);
  assert.equal((await get("/api/v1/session")).body.authentication, false);
  assert.equal((await post("/api/v1/login", { user: "a", password: "b" })).body.authentication, false);
  assert.equal((await post("/api/v1/logout")).status, 204);
});

test("models are fetched, stopped and fetched on", async () => {
  const file = Buffer.alloc(3 << 20, 7);
  file.writeBigUInt64LE(BigInt(2), 0); // a safetensors file with an empty header
  file.write("{}", 8);
  const hub = await startHub(file);
  const url = hub.url("small.bin");
  fs.writeFileSync(
    path.join(server.home, "catalog.json"),
    JSON.stringify({
      version: 1,
      models: [
        { name: "small.bin", folder: "loras", url, licence: "MIT", note: "a test" },
        { name: "gone.bin", folder: "loras", url: `${url}.gone` },
      ],
    }),
  );
  const stream = await listen(server);
  const state = (name, wanted) =>
    stream.next((e) => e.type === "download" && e.data.name === name && e.data.state === wanted);
  const catalog = (await get("/api/v1/catalog")).body.models;
  assert.ok(catalog.some((m) => m.recommended && m.folder === "checkpoints" && !m.installed));
  assert.equal(catalog.find((m) => m.name === "small.bin").installed, false);
  assert.equal(
    (await post("/api/v1/downloads", { names: ["small.bin", "nothing of the kind"] })).body.field,
    "names",
  );
  assert.deepEqual((await get("/api/v1/downloads")).body.downloads, [], "an unknown name starts nothing");
  assert.equal((await post("/api/v1/downloads", { names: ["small.bin"] })).status, 202);
  await stream.next((e) => e.type === "download" && e.data.received > 0 && e.data.state === "running");
  assert.equal((await call(server, "DELETE", "/api/v1/downloads/small.bin")).status, 200);
  await state("small.bin", "stopped");
  assert.equal((await call(server, "DELETE", "/api/v1/downloads/small.bin")).status, 409);
  assert.equal((await call(server, "DELETE", "/api/v1/downloads/other.bin")).status, 404);
  hub.stuck = false;
  await post("/api/v1/downloads", { names: ["small.bin"] });
  await state("small.bin", "done");
  assert.deepEqual(fs.readFileSync(path.join(server.home, "models/loras/small.bin")), file);
  assert.deepEqual(
    (await get("/api/v1/models")).body.loras.map((m) => m.name),
    ["small.bin"],
  );
  hub.close();
  stream.close();
});

test("settings are read from a picture", async () => {
  const text = JSON.stringify({
    prompt: "kept",
    steps: 12,
    resolution: "(64, 64)",
    guidance_scale: 5.5,
    seed: "77",
    version: "Fooocus v2.5.5",
  });
  const picture = png(paint(1, 8, 8), 8, 8, text);
  const { status, body } = await call(server, "POST", "/api/v1/metadata", {
    body: picture,
    headers: { "Content-Type": "image/png" },
  });
  assert.equal(status, 200);
  assert.deepEqual(
    [body.parameters.prompt, body.parameters.steps, body.parameters.seed, body.parameters.width],
    ["kept", 12, "77", 64],
  );
  assert.equal(body.scheme, "fooocus");
  for (const [name, scheme] of [
    ["swarm", "swarmui"],
    ["comfyui", "comfyui"],
    ["a1111_schedule_type", "a1111"],
  ]) {
    const file = fs.readFileSync(path.join(ROOT, `tests/data/field/pictures/${name}.png`));
    const answer = await call(server, "POST", "/api/v1/metadata", { body: file });
    assert.deepEqual([answer.body.scheme, answer.body.parameters.prompt], [scheme, "a blue boat"]);
  }
  assert.equal(
    (await call(server, "POST", "/api/v1/metadata", { body: Buffer.from("no picture") })).status,
    422,
  );
});

test("a picture that is put in is kept by what is in it", async () => {
  const picture = png(paint(2, 12, 8), 12, 8);
  const send = (body) =>
    call(server, "POST", "/api/v1/uploads", { body, headers: { "Content-Type": "image/png" } });
  const { status, body } = await send(picture);
  assert.equal(status, 201);
  const id = createHash("sha256").update(picture).digest("hex");
  assert.deepEqual(body, { id, format: "png", width: 12, height: 8, bytes: picture.length });
  assert.deepEqual((await send(picture)).body, body, "the same file has the same name");
  assert.deepEqual(fs.readFileSync(path.join(server.home, `inputs/${id}.png`)), picture);
  const target = `/api/v1/uploads/${id}/file`;
  const file = await get(target);
  assert.equal(file.headers.get("content-type"), "image/png");
  assert.match(file.headers.get("cache-control"), /^private, .*immutable/);
  assert.deepEqual(file.body, picture);
  assert.equal((await get(target, { headers: { Range: "bytes=0-3" } })).status, 206);
  assert.equal((await get(`/api/v1/uploads/${"0".repeat(64)}/file`)).status, 404);
  assert.equal((await get("/api/v1/uploads/..%2f..%2fpasswd/file")).status, 404);
  for (const wrong of [Buffer.from("no picture"), Buffer.alloc(0), picture.subarray(0, 20)])
    assert.equal((await send(wrong)).status, 422, `${wrong.length} bytes that are no picture`);
  const refused = await send(png(Buffer.alloc(3 * 40000), 40000, 1));
  assert.equal(refused.status, 413);
  assert.match(refused.body.detail, /40000 x 1 pixels/);
});

test("a picture is described by the captioner that lies there", async () => {
  const body = png(paint(1, 8, 8), 8, 8);
  const describeIt = (options) =>
    call(server, "POST", "/api/v1/describe", { body, headers: { "Content-Type": "image/png" }, ...options });
  const none = await describeIt();
  assert.equal(none.status, 404);
  assert.match(none.body.detail, /fooocus models get/);
  installCaptioner(server.home);
  const { status, body: answer } = await describeIt();
  assert.equal(status, 200);
  assert.match(answer.prompt, /word/);
  assert.equal((await describeIt({ body: Buffer.from("no picture") })).status, 422);
});

test("the page and its files", async () => {
  const page = await get("/");
  assert.match(page.headers.get("content-security-policy"), /default-src 'none'/);
  assert.equal((await get("/", { headers: { "If-None-Match": page.headers.get("etag") } })).status, 304);
  for (const name of ["js/main.js", "css/base.css", "locales/zh.json", "icon.svg"]) {
    const file = await get(`/${name}`, { check: false });
    assert.equal(file.status, 200, name);
    assert.equal(file.headers.get("x-content-type-options"), "nosniff");
  }
  assert.equal((await get("/js/none.js")).status, 404);
});

test("every described success of /api/v1 was met", () => {
  const missing = [];
  for (const [template, methods] of Object.entries(DOCUMENT.paths))
    for (const [method, operation] of Object.entries(methods))
      for (const status of Object.keys(operation.responses ?? {}))
        if (
          template.startsWith("/api/") &&
          !["default", "4XX"].includes(status) &&
          !template.endsWith("/events") &&
          !seen.has(`${method} ${template} ${status}`)
        )
          missing.push(`${method} ${template} ${status}`);
  for (const name of Object.keys(DOCUMENT.components.schemas))
    if (name.startsWith("Event_") && name !== "Event_warning" && !seen.has(`event ${name.slice(6)}`))
      missing.push(name);
  assert.deepEqual(missing, []);
  assert.throws(
    () => checkAnswer("GET", "/api/v1/system", 200, "application/json", {}),
    "the check itself can fail",
  );
});
