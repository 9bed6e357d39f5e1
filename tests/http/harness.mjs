// The server over the quick stand-in for the engine, and a client that holds every answer against the OpenAPI
// description the server itself gives.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import fs from "node:fs";
import http from "node:http";
import os from "node:os";
import path from "node:path";
import { after } from "node:test";
import { fileURLToPath } from "node:url";
import Ajv from "ajv/dist/2020.js";

export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
export const BUILD = path.resolve(process.env.FC_BUILD || path.join(ROOT, "build/release"));

/** A test that fails does not close what it started; node would wait for it. */
const children = new Set();
export function endWithTests(child) {
  children.add(child);
  child.once("exit", () => children.delete(child));
}
after(() => setTimeout(() => children.forEach((child) => child.kill("SIGKILL")), 5000).unref());

export function newHome() {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), "fc-http-"));
  fs.mkdirSync(path.join(home, "models/checkpoints"), { recursive: true });
  fs.writeFileSync(path.join(home, "models/checkpoints/paint.safetensors"), "no model, only its name");
  return home;
}

/** A captioner of random weights, and its vocabulary. */
export function installCaptioner(home) {
  const folder = path.join(home, "models/clip_vision");
  fs.mkdirSync(folder, { recursive: true });
  execFileSync(path.join(BUILD, "synth_ckpt"), ["blip_tiny", path.join(folder, "blip.safetensors")]);
  const words = ["[PAD]", "[UNK]", "[SEP]", "a", "picture", "of", "[DEC]"];
  for (let i = 0; i < 53; i++) words.push(`word${i}`);
  fs.writeFileSync(path.join(folder, "bert_vocab.txt"), words.join("\n"));
}

/** settings: keys of painter_server. {url, home, child, close(), kill()}; a given home is kept. */
export async function startServer(settings = {}, { home = null } = {}) {
  const own = home ?? newHome();
  const args = Object.entries(settings).map(([key, value]) => `${key}=${value}`);
  const child = spawn(path.join(BUILD, "painter_server"), [own, ...args], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  child.stdin.on("error", () => {}); // it was killed
  endWithTests(child);
  const gone = new Promise((resolve) => child.once("exit", (code, signal) => resolve(signal ?? code)));
  const url = await new Promise((resolve, reject) => {
    let said = "";
    child.stdout.on("data", (data) => {
      said += data;
      if (said.includes("\n")) resolve(said.trim().replace(/\/$/, ""));
    });
    gone.then((code) => reject(new Error(`the server ended with ${code}`)));
  });
  const end = async (how) => {
    how();
    const code = await gone;
    if (!home) fs.rmSync(own, { recursive: true, force: true, maxRetries: 3 });
    return code;
  };
  // sanitizers end it otherwise
  const close = async () => assert.equal(await end(() => child.stdin.end()), 0, "the server ends well");
  return { url, home: own, child, gone, close, kill: () => end(() => child.kill("SIGKILL")) };
}

// ---- the description ----

const DOCUMENT = JSON.parse(fs.readFileSync(path.join(ROOT, "data/openapi.json"), "utf8"));
const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
ajv.addSchema({ ...DOCUMENT, $id: "http://described/api" });
const escape = (part) => encodeURIComponent(part.replace(/~/g, "~0").replace(/\//g, "~1"));
const pointer = (parts) => `http://described/api#/${parts.map(escape).join("/")}`;
const validators = new Map();
export const seen = new Set(); // "get /api/v1/system 200": what was held against the description

function templateOf(pathname) {
  const parts = pathname.split("/");
  const fits = (template) => {
    const wanted = template.split("/");
    const rest = /^\{(path|asset)\}$/.test(wanted.at(-1)) || template === "/v1/models/{id}";
    if (rest ? parts.length < wanted.length : parts.length !== wanted.length) return false;
    return wanted.every((part, i) => part.startsWith("{") || part === parts[i]);
  };
  const all = Object.keys(DOCUMENT.paths).filter(fits);
  return all.sort((a, b) => a.split("{").length - b.split("{").length || b.length - a.length)[0];
}

/** Fails when the answer is not as the description says. body: parsed JSON, or bytes. */
export function checkAnswer(method, pathname, status, type, body) {
  const template = templateOf(pathname);
  const operation = DOCUMENT.paths[template]?.[method.toLowerCase()];
  const about = `${method} ${pathname} -> ${status} ${type}`;
  if (!operation)
    return assert.ok(status === 404 || status === 405 || status === 403, `${about}: not described`);
  const family = `${String(status)[0]}XX`;
  const key = [String(status), family].find((name) => operation.responses[name]) ?? "default";
  const response = operation.responses[key];
  assert.ok(response && (key !== "default" || status >= 400), `${about}: this status is not described`);
  seen.add(`${method.toLowerCase()} ${template} ${key}`);
  const kinds = Object.keys(response.content || {});
  const kind = kinds.find((k) => k === type || (k.endsWith("/*") && type?.startsWith(k.slice(0, -1))));
  if (!kinds.length) return assert.equal(body?.length || 0, 0, `${about}: no body is described`);
  assert.ok(kind, `${about}: described are ${kinds}`);
  if (!kind.includes("json") && kind !== "text/plain") return undefined;
  const at = pointer(["paths", template, method.toLowerCase(), "responses", key, "content", kind, "schema"]);
  if (!validators.has(at)) validators.set(at, ajv.compile({ $ref: at }));
  const valid = validators.get(at);
  return assert.ok(
    valid(kind === "text/plain" ? String(body) : body),
    `${about}: ${ajv.errorsText(valid.errors)}\n${JSON.stringify(body).slice(0, 1500)}`,
  );
}

function checkEvent({ type, data }) {
  const at = pointer(["components", "schemas", `Event_${type}`]);
  if (!validators.has(at)) validators.set(at, ajv.compile({ $ref: at }));
  assert.ok(
    validators.get(at)(data),
    `event ${type}: ${ajv.errorsText(validators.get(at).errors)}\n${JSON.stringify(data)}`,
  );
  seen.add(`event ${type}`);
}

/** {status, headers, body}; body is parsed when it is JSON, else bytes. */
export async function call(server, method, target, { json, body, headers = {}, check = true } = {}) {
  const url = new URL(target, server.url);
  const init = { method, headers: { ...headers }, redirect: "manual" };
  if (json !== undefined) {
    init.body = JSON.stringify(json);
    init.headers["Content-Type"] ??= "application/json";
  } else if (body !== undefined) init.body = body;
  const response = await fetch(url, init);
  const bytes = Buffer.from(await response.arrayBuffer());
  const type = response.headers.get("content-type")?.split(";")[0] ?? null;
  const answer = type?.includes("json") && bytes.length ? JSON.parse(bytes.toString()) : bytes;
  if (check && method !== "HEAD")
    checkAnswer(method, decodeURIComponent(url.pathname), response.status, type, answer);
  return { status: response.status, headers: response.headers, body: answer };
}

// ---- events ----

/** Follows /api/v1/events: {events, next(predicate), close()}. */
export async function listen(server, { query = "", headers = {} } = {}) {
  const events = [];
  const waiters = new Set();
  const request = http.get(new URL(`/api/v1/events${query}`, server.url), { headers });
  const response = await new Promise((resolve, reject) =>
    request.once("response", resolve).once("error", reject),
  );
  assert.equal(response.statusCode, 200);
  request.on("error", () => {});
  let rest = "";
  response.setEncoding("utf8").on("data", (chunk) => {
    const blocks = (rest + chunk).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const fields = Object.fromEntries(
        block.split("\n").map((line) => [line.split(": ")[0], line.slice(line.indexOf(": ") + 2)]),
      );
      if (!fields.data) continue;
      const event = { id: fields.id, type: fields.event, data: JSON.parse(fields.data) };
      checkEvent(event);
      events.push(event);
      waiters.forEach((waiter) => waiter(event));
    }
  });
  response.on("error", () => {});
  const next = (fits) =>
    new Promise((resolve) => {
      const had = events.find(fits);
      if (had) return resolve(had);
      const waiter = (event) => fits(event) && (waiters.delete(waiter), resolve(event));
      return waiters.add(waiter);
    });
  return { events, next, response, close: () => request.destroy() };
}

export async function submit(server, parameters = {}, options = {}) {
  const { status, body } = await call(server, "POST", "/api/v1/jobs", {
    json: { parameters: { prompt: "a fox", ...parameters } },
    ...options,
  });
  assert.ok(status === 201 || status === 200, JSON.stringify(body));
  return body;
}

/** Waits until the job is over and returns it. */
export async function over(server, id) {
  for (;;) {
    const { body } = await call(server, "GET", `/api/v1/jobs/${id}`);
    if (["done", "failed", "cancelled"].includes(body.state)) return body;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export { DOCUMENT };
