// Requests that wait for their pictures: clients that hang up, that send again, that stop a job they do not
// name; and the forms of errors.

import assert from "node:assert/strict";
import http from "node:http";
import path from "node:path";
import { spawn } from "node:child_process";
import fs from "node:fs";
import { describe, test } from "node:test";
import OpenAI from "openai";
import { BUILD, call, endWithTests, newHome, over, startServer, submit } from "./harness.mjs";

const PATHS = [
  ["/v1/images/generations", { prompt: "long", n: 10 }],
  ["/sdapi/v1/txt2img", { prompt: "long", n_iter: 50 }],
  ["/v1/generation/text-to-image", { prompt: "long", image_number: 30 }],
];

/** A request that can be given up: {answer, hangUp}. */
function start(server, target, json, headers = {}) {
  const request = http.request(new URL(target, server.url), { method: "POST", headers });
  const answer = new Promise((resolve) => {
    request.on("error", () => resolve(null));
    request.on("response", (response) => {
      let text = "";
      response
        .on("data", (data) => (text += data))
        .on("end", () => resolve({ status: response.statusCode, text }));
    });
  });
  request.end(JSON.stringify(json));
  return { answer, hangUp: () => request.destroy() };
}

const jobs = async (server) => (await call(server, "GET", "/api/v1/jobs")).body.jobs;

async function until(server, fits) {
  for (;;) {
    const all = await jobs(server);
    if (fits(all)) return all;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

for (const [target, json] of PATHS)
  test(`who hangs up takes the job along: ${target}`, async () => {
    const server = await startServer({ step_millis: 300 });
    const running = start(server, target, json);
    await until(server, (all) => all[0]?.state === "running");
    const waiting = start(server, target, json);
    await until(server, (all) => all.length === 2);
    waiting.hangUp();
    await until(server, (all) => all[0].state === "cancelled");
    assert.equal((await jobs(server))[1].state, "running", "the other one goes on");
    running.hangUp();
    const [, first] = await until(server, (all) => all[1].state !== "running");
    assert.equal(first.state, "cancelled");
    assert.ok(first.finished_count < first.count);
    await server.close();
  });

test("a job of our own API outlives the connection that asked for it", async () => {
  const server = await startServer({ step_millis: 2 });
  const { id } = await submit(server, { count: 5 });
  assert.equal((await over(server, id)).state, "done");
  await server.close();
});

test("OpenAI's client sends nothing again that was cancelled or failed for good", async () => {
  for (const [settings, cancel] of [
    [{ step_millis: 300 }, true],
    [{ fail: 1 }, false],
  ]) {
    const server = await startServer(settings);
    const client = new OpenAI({ apiKey: "none", baseURL: `${server.url}/v1`, maxRetries: 2 });
    const asked = client.images.generate({ prompt: "x", n: 10 }).then(
      () => null,
      (error) => error,
    );
    if (cancel) {
      const [{ id }] = await until(server, (all) => all[0]?.state === "running");
      await call(server, "POST", `/api/v1/jobs/${id}/cancel`, { json: {} });
    }
    const error = await asked;
    assert.ok(cancel ? error === null || error.status === 400 : error.status === 500, `${error}`);
    assert.equal((await jobs(server)).length, 1, "one request, one job");
    await server.close();
  }
});

test("a full disk is told to whoever asked", async () => {
  const server = await startServer({ fail: "full" });
  for (const [target, json] of PATHS.slice(0, 2)) {
    const { status, headers, body } = await call(server, "POST", target, { json });
    assert.equal(status, 507, JSON.stringify(body));
    if (target.startsWith("/v1/")) assert.equal(headers.get("x-should-retry"), "false");
  }
  await server.close();
});

describe("stopping without a name", () => {
  for (const [target, stop] of [
    ["/sdapi/v1/txt2img", "/sdapi/v1/interrupt"],
    ["/v1/generation/text-to-image", "/v1/generation/stop"],
  ])
    test(`${stop} stops one's own job before another's`, async () => {
      const server = await startServer({ step_millis: 300 });
      const mine = { "User-Agent": "mine/1.0" };
      const others = start(
        server,
        target,
        { prompt: "theirs", n_iter: 50, image_number: 30 },
        { "User-Agent": "other/1.0" },
      );
      await until(server, (all) => all[0]?.state === "running");
      start(server, target, { prompt: "mine", n_iter: 50, image_number: 30 }, mine);
      await until(server, (all) => all.length === 2);
      await call(server, "POST", stop, { headers: mine });
      const [own, other] = await until(server, (all) => all[0].state === "cancelled");
      assert.deepEqual([own.prompt, other.state], ["mine", "running"]);
      await call(server, "POST", stop, { headers: mine });
      await until(server, (all) => all[1].state === "cancelled");
      await others.answer;
      await server.close();
    });
});

test("errors have the form of the API whose path it is", async () => {
  const server = await startServer();
  const cases = [
    ["PATCH", "/v1/images/generations", 405, (body) => body.error.message],
    ["GET", "/v1/none", 404, (body) => body.error?.message ?? body.detail],
    ["GET", "/sdapi/v1/txt2img", 405, (body) => body.error && body.detail],
    ["POST", "/api/v1/none", 404, (body) => body.title],
    ["PATCH", "/v1/generation/text-to-image", 405, (body) => body.detail],
  ];
  for (const [method, target, status, message] of cases) {
    const answer = await call(server, method, target, { check: false });
    assert.equal(answer.status, status, target);
    assert.ok(message(answer.body), JSON.stringify(answer.body));
  }
  const big = await call(server, "POST", "/v1/images/generations", { body: Buffer.alloc(2 << 20, 0x20) });
  assert.deepEqual([big.status, typeof big.body.error.message], [413, "string"]);
  const named = await call(server, "POST", "/v1/generation/text-to-image", {
    json: { prompt: "x", guidance_scale: 900 },
  });
  assert.deepEqual([named.status, named.body.field], [422, "guidance_scale"]);
  const empty = await call(server, "POST", "/v1/generation/text-to-image", { body: "" });
  assert.ok(empty.status >= 400 && empty.status < 500, "an empty body draws nothing");
  const odd = {
    prompt: "x",
    style_selections: ["none such"],
    loras: [{ model_name: "none.safetensors" }],
    save_name: "a",
  };
  const told = (await call(server, "POST", "/v1/generation/text-to-image", { json: odd })).headers;
  const warnings = JSON.parse(told.get("x-fooocus-warnings")).join("\n");
  for (const part of ["style_selections", "loras", "save_name"]) assert.ok(warnings.includes(part), warnings);
  await server.close();
});

test("Fooocus-API: a job is taken out of its history", async () => {
  const server = await startServer();
  const { id } = await submit(server);
  await over(server, id);
  const gone = await call(server, "GET", `/v1/generation/job-history?job_id=${id}&delete=True`);
  assert.equal(gone.status, 200);
  assert.deepEqual((await call(server, "GET", `/v1/generation/job-history?job_id=${id}`)).body.history, []);
  assert.equal((await call(server, "GET", "/v1/generation/job-history?delete=true")).status, 501);
  await server.close();
});

test("no API tells the folders of this machine", async () => {
  const home = newHome();
  const child = spawn(path.join(BUILD, "fooocus"), ["serve", "--home", home, "--port", "0"]);
  endWithTests(child);
  let said = "";
  for await (const data of child.stdout) if (/http\S+/.test((said += data))) break;
  const server = { url: /http\S+/.exec(said)[0].replace(/\/$/, "") };
  const wishes = [
    ["/api/v1/jobs", { parameters: { model: "missing" } }],
    ["/api/v1/jobs", { parameters: { loras: [{ file: "missing", weight: 1 }] } }],
    ["/v1/images/generations", { prompt: "x", model: "missing" }],
    ["/sdapi/v1/txt2img", { prompt: "x", override_settings: { sd_vae: "missing" } }],
    ["/v1/generation/text-to-image", { prompt: "x", performance_selection: "Lightning" }],
    ["/v1/generation/text-to-image", { prompt: "x" }],
    ["/v1/images/generations", { prompt: "x" }],
  ];
  for (const [target, json] of wishes) {
    const answer = await call(server, "POST", target, { json });
    const text = JSON.stringify(answer.body);
    assert.ok(answer.status >= 400 || text.includes("ERROR"), `${target} ${text}`);
    assert.ok(!text.includes(home) && !text.includes("/models/checkpoints"), `${target} ${text}`);
  }
  const { body } = await call(server, "GET", "/api/v1/jobs");
  assert.ok(body.jobs.length > 0 && !JSON.stringify(body).includes(home), "nor do jobs that failed");
  child.kill("SIGTERM");
  await new Promise((resolve) => child.once("exit", resolve));
  fs.rmSync(home, { recursive: true });
});
