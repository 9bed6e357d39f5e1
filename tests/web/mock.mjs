// A server that speaks the API with made-up pictures, so that the page can be worked on and tested without an engine.
//   node tests/web/mock.mjs [--port 7866] [--history 40] [--step-ms 120] [--installed]

import http from "node:http";
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { paint, png, pngText } from "./scenes.mjs";
import { ROOT, parameters, presets, styles } from "./table.mjs";

const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".json": "application/json", ".svg": "image/svg+xml" };
const CSP = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const STEPS = { quality: 60, speed: 30, "extreme-speed": 8, lightning: 4, "hyper-sd": 4 };
const PROMPTS = [
  "a lighthouse on a cliff above a calm sea, first light", "quiet hills after rain, long shadows", "mist in a mountain valley, watercolor",
  "the last light over the ridge, a single bird", "a winter evening, far villages", "desert dunes before dawn, fine sand", "tea fields in the morning haze",
];
const MODELS = {
  checkpoints: [{ name: "juggernautXL_v8Rundiffusion.safetensors", size: 7105348560 }, { name: "sd_xl_base_1.0_0.9vae.safetensors", size: 6938078334 }, { name: "sd_xl_refiner_1.0_0.9vae.safetensors", size: 6075981930 }],
  loras: [{ name: "sd_xl_offset_example-lora_1.0.safetensors", size: 49553604 }, { name: "chalk_lora.safetensors", size: 812000 }],
  vae: [], embeddings: [],
};

class Mock {
  constructor({ history = 0, stepMs = 30, installed = false, loadingMs = 60, password = null } = {}) {
    Object.assign(this, { stepMs, installed, loadingMs, password });
    this.table = parameters();
    this.jobs = new Map();
    this.order = [];
    this.pictures = [];
    this.trash = new Map();
    this.keys = new Map();
    this.streams = new Set();
    this.log = [];
    this.counter = 0;
    this.files = new Map();
    for (let i = 0; i < history; i++) this.pictures.push(this.oldPicture(i + 1, history));
  }

  oldPicture(id, total) {
    const sizes = [[1152, 896], [896, 1152], [1024, 1024], [1344, 768], [832, 1216]];
    const [width, height] = sizes[(id * 7) % sizes.length];
    const prompt = PROMPTS[(id * 5) % PROMPTS.length];
    const seed = String(1000 + id);
    return this.makePicture({ id, created: Date.now() - (total - id + 1) * 2.6e6, seed, parameters: { prompt, width, height, styles: id % 3 ? ["Fooocus Enhance"] : ["SAI Watercolor"], performance: "speed", seed, cfg: 4 + (id % 3) } });
  }

  makePicture({ id, created, seed, parameters: p, job = null, index = 0 }) {
    return { id, job, index, seed, width: p.width, height: p.height, created, prompt: p.prompt, negative_prompt: p.negative_prompt || "", model: p.model || "demo", styles: p.styles || [], favourite: false, bytes: 1234567, format: p.format || "png", parameters: { ...p, seed } };
  }

  brief({ parameters: unused, ...rest }) {
    return rest;
  }

  emit(type, data) {
    const event = { id: ++this.counter, text: `event: ${type}\nid: ${this.counter}\ndata: ${JSON.stringify(data)}\n\n` };
    this.log.push(event);
    if (this.log.length > 1000) this.log.shift();
    this.streams.forEach((res) => res.write(event.text));
  }

  jobChanged(job) {
    this.emit("job", this.brief(job));
  }

  submit(p) {
    const id = `01J${String(Date.now())}${String(this.jobs.size).padStart(10, "0")}`.slice(0, 26).padEnd(26, "0");
    const defaults = Object.fromEntries(this.table.parameters.filter((x) => !x.private).map((x) => [x.name, x.default["2.5"]]));
    const job = { id, state: "queued", position: this.order.length, created: Date.now(), started: null, finished: null, parameters: { ...defaults, ...p }, prompt: p.prompt || "", images: [], progress: null, error: null, warnings: [] };
    this.jobs.set(id, job);
    this.order.push(id);
    this.jobChanged(job);
    this.emit("queue", { order: this.order });
    setTimeout(() => this.work(), 0);
    return job;
  }

  async work() {
    if (this.working || !this.order.length) return;
    this.working = true;
    const job = this.jobs.get(this.order.shift());
    this.emit("queue", { order: this.order });
    job.state = "running";
    job.started = Date.now();
    this.jobChanged(job);
    await this.run(job);
    job.state = job.stopped ? "cancelled" : "done";
    job.finished = Date.now();
    job.progress = null;
    this.jobChanged(job);
    this.working = false;
    this.work();
  }

  async run(job) {
    const { count = 1, steps: asked } = job.parameters;
    const steps = asked > 0 ? asked : STEPS[job.parameters.performance] || 30;
    const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    const base = job.parameters.seed === "random" ? Math.floor(Math.random() * 2 ** 30) : Number(job.parameters.seed);
    this.progress(job, { image: 1, images: count, step: 0, steps, fraction: 0, seconds_left: null, phase: "loading" });
    await wait(this.loadingMs);
    for (let i = 0; i < count && !job.stopped; i++) {
      job.skipped = false;
      for (let step = 1; step <= steps && !job.stopped && !job.skipped; step++) {
        await wait(this.stepMs);
        const fraction = (i * steps + step) / (count * steps);
        const left = Math.ceil(((count * steps - i * steps - step) * this.stepMs) / 1000);
        this.progress(job, { image: i + 1, images: count, step, steps, fraction, seconds_left: left, phase: "sampling" });
        if (step % 3 === 0 || steps < 6) {
          const w = 288;
          const h = Math.round((w * job.parameters.height) / job.parameters.width);
          job.preview = png(paint(base + i, w, h, Math.max(0, 1 - step / steps)), w, h);
          this.emit("preview", { job: job.id, seq: step + i * 1000 });
        }
      }
      if (job.stopped || job.skipped) continue;
      const id = (this.pictures.at(-1)?.id || 0) + 1;
      const picture = this.makePicture({ id, created: Date.now(), seed: String(base + i), parameters: job.parameters, job: job.id, index: i });
      this.pictures.push(picture);
      job.images.push(picture);
      this.emit("picture", this.brief(picture));
    }
  }

  progress(job, progress) {
    job.progress = progress;
    this.emit("progress", { job: job.id, ...progress });
  }

  cancel(job, what) {
    if (job.state === "queued") {
      this.order = this.order.filter((id) => id !== job.id);
      job.state = "cancelled";
      this.jobChanged(job);
      this.emit("queue", { order: this.order });
    } else if (what === "image") job.skipped = true;
    else job.stopped = true;
  }

  list(q) {
    const text = (q.get("q") || "").toLowerCase();
    const before = Number(q.get("before") || Infinity);
    const limit = Number(q.get("limit") || 60);
    const all = this.pictures.filter((p) => p.id < before
      && (!text || p.prompt.toLowerCase().includes(text))
      && (!q.get("favourite") || p.favourite)
      && (!q.get("style") || p.styles.includes(q.get("style")))
      && (!q.get("model") || p.model === q.get("model"))
      && (!q.get("from") || p.created >= Number(q.get("from"))));
    all.reverse();
    return { pictures: all.slice(0, limit).map((p) => this.brief(p)), more: all.length > limit };
  }

  /** Thumbnails are painted once per seed and size; long histories share a few scenes. */
  bytes(picture, longest) {
    const scale = longest / Math.max(picture.width, picture.height);
    const w = Math.round(picture.width * scale);
    const h = Math.round(picture.height * scale);
    const seed = this.pictures.length > 300 ? Number(picture.seed) % 24 : Number(picture.seed);
    const key = `${seed} ${w} ${h}`;
    if (longest > 300) return png(paint(seed, w, h), w, h, JSON.stringify(picture.parameters));
    if (!this.files.has(key)) this.files.set(key, png(paint(seed, w, h), w, h));
    return this.files.get(key);
  }
}

function problem(res, status, detail, field) {
  res.writeHead(status, { "Content-Type": "application/problem+json" });
  res.end(JSON.stringify({ type: "about:blank", title: http.STATUS_CODES[status], status, detail, field }));
}

function json(res, body, status = 200) {
  res.writeHead(status, { "Content-Type": "application/json" });
  res.end(JSON.stringify(body));
}

async function bodyOf(req) {
  const parts = [];
  for await (const part of req) parts.push(part);
  return Buffer.concat(parts);
}

function events(mock, req, res) {
  res.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
  res.write(": hello\n\n");
  const last = req.headers["last-event-id"];
  if (last !== undefined) mock.log.filter((e) => e.id > Number(last)).forEach((e) => res.write(e.text));
  mock.streams.add(res);
  const beat = setInterval(() => res.write(": alive\n\n"), 10000);
  res.on("close", () => (clearInterval(beat), mock.streams.delete(res)));
}

async function jobRoutes(mock, req, res, [, , , , id, action]) {
  if (!id && req.method === "POST") {
    const { parameters: p } = JSON.parse(await bodyOf(req));
    if (p.width % 8) return problem(res, 400, "The width has to be a multiple of 8.", "width");
    const key = req.headers["idempotency-key"];
    if (key && mock.keys.has(key)) return json(res, mock.jobs.get(mock.keys.get(key)), 200);
    const job = mock.submit(p);
    mock.keys.set(key, job.id);
    return json(res, job, 201);
  }
  if (!id) {
    const query = new URL(req.url, "http://x").searchParams;
    const states = (query.get("state") || "").split(",");
    const limit = Number(query.get("limit") || 50);
    if (!(limit >= 1 && limit <= 200)) return problem(res, 400, "limit: want a whole number from 1 to 200", "limit");
    const all = [...mock.jobs.values()].reverse().filter((j) => states.includes(j.state) && (!query.get("before") || j.id < query.get("before")));
    const jobs = all.slice(0, limit);
    jobs.forEach((j) => (j.position = mock.order.indexOf(j.id) + 1 || null));
    return json(res, { jobs: jobs.map(({ preview, ...j }) => j), more: all.length > limit });
  }
  const job = mock.jobs.get(id);
  if (!job) return problem(res, 404, "There is no such job.");
  if (action === "cancel") mock.cancel(job, JSON.parse(await bodyOf(req)).what);
  if (action === "move") {
    const { position } = JSON.parse(await bodyOf(req));
    mock.order = mock.order.filter((other) => other !== id);
    mock.order.splice(position - 1, 0, id);
    mock.emit("queue", { order: mock.order });
  }
  if (action === "preview") {
    if (!job.preview) return void res.writeHead(204).end();
    return void res.writeHead(200, { "Content-Type": "image/png", "Cache-Control": "no-store" }).end(job.preview);
  }
  const { preview, ...rest } = job;
  return json(res, rest);
}

async function pictureRoutes(mock, req, res, [, , , , idText, action], query) {
  if (idText === "terms") return json(res, terms(mock));
  if (!idText) return json(res, mock.list(query));
  const id = Number(idText);
  if (action === "restore" && mock.trash.has(id)) {
    mock.pictures.push(mock.trash.get(id));
    mock.pictures.sort((a, b) => a.id - b.id);
    mock.trash.delete(id);
    mock.emit("picture-changed", { ...mock.brief(mock.pictures.find((p) => p.id === id)), deleted: null });
    return json(res, mock.pictures.find((p) => p.id === id));
  }
  const picture = mock.pictures.find((p) => p.id === id);
  if (!picture) return problem(res, 404, "There is no such picture.");
  if (req.method === "DELETE") {
    mock.pictures = mock.pictures.filter((p) => p !== picture);
    mock.trash.set(id, picture);
    mock.emit("picture-changed", { ...mock.brief(picture), deleted: Date.now() });
    return void res.writeHead(204).end();
  }
  if (action === "favourite") {
    picture.favourite = JSON.parse(await bodyOf(req)).favourite;
    mock.emit("picture-changed", { ...mock.brief(picture), deleted: null });
  }
  if (action === "file" || action === "thumbnail") {
    const bytes = mock.bytes(picture, action === "file" ? 1000 : 256);
    return void res.writeHead(200, { "Content-Type": "image/png", "Cache-Control": "max-age=60" }).end(bytes);
  }
  return json(res, picture);
}

function terms(mock) {
  const count = (values) => [...new Set(values)].map((name) => ({ name, count: values.filter((v) => v === name).length }));
  return { models: count(mock.pictures.map((p) => p.model)), styles: count(mock.pictures.flatMap((p) => p.styles)), pictures: mock.pictures.length };
}

function system(mock) {
  return {
    version: "0.1.0", device: "cpu", precision: "bf16", backend: "cpu", threads: 2, memory: { total: 24e9, available: 18e9 },
    model: { name: mock.installed ? MODELS.checkpoints[0].name : "Demo", line: "SDXL" }, models_installed: mock.installed, demo: !mock.installed,
    speed: { seconds_per_step: mock.stepMs / 1000 }, queue: { waiting: mock.order.length, running: mock.working ? 1 : 0 },
  };
}

async function route(mock, req, res) {
  const url = new URL(req.url, "http://x");
  const parts = url.pathname.split("/").map(decodeURIComponent);
  if (parts[1] !== "api") return void file(res, url.pathname);
  if (parts[3] === "login") {
    if (JSON.parse(await bodyOf(req)).password !== mock.password) return problem(res, 401, "wrong name or password");
    res.setHeader("Set-Cookie", "session=1; HttpOnly; SameSite=Strict");
    return json(res, { authentication: true, user: "me" });
  }
  if (mock.password && !/session=1/.test(req.headers.cookie || "")) return problem(res, 401, "log in, or send an API token");
  switch (parts[3]) {
    case "system": return json(res, system(mock));
    case "parameters": return json(res, mock.table);
    case "styles": return json(res, styles());
    case "presets": return json(res, presets());
    case "models": return json(res, mock.installed ? MODELS : { checkpoints: [], loras: [], vae: [], embeddings: [] });
    case "catalog": return json(res, { models: [{ name: "sd_xl_base_1.0_0.9vae.safetensors", folder: "checkpoints", bytes: 6938078334, licence: "CreativeML Open RAIL++-M", installed: mock.installed }] });
    case "downloads": return mock.download ? json(res, {}, 202) : problem(res, 404, "Downloads are not available.");
    case "events": return events(mock, req, res);
    case "jobs": return jobRoutes(mock, req, res, parts);
    case "pictures": return pictureRoutes(mock, req, res, parts, url.searchParams);
    case "metadata": {
      const text = pngText(await bodyOf(req));
      return json(res, { scheme: text ? "fooocus" : null, parameters: text ? JSON.parse(text) : {}, raw: text });
    }
    default: return problem(res, 404, "There is nothing here.");
  }
}

function file(res, pathname) {
  const base = path.join(ROOT, "web");
  const name = path.join(base, pathname === "/" ? "index.html" : pathname);
  if (!name.startsWith(base + path.sep) || !fs.existsSync(name) || !fs.statSync(name).isFile()) return problem(res, 404, "There is no such file.");
  res.writeHead(200, { "Content-Type": TYPES[path.extname(name)] || "application/octet-stream", "Content-Security-Policy": CSP, "X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache" });
  return void res.end(fs.readFileSync(name));
}

/** Returns {url, mock, close}. */
export async function startMock(options = {}) {
  const mock = new Mock(options);
  const server = http.createServer((req, res) => {
    route(mock, req, res).catch((error) => problem(res, 500, String(error)));
  });
  await new Promise((resolve) => server.listen(options.port || 0, "127.0.0.1", resolve));
  const close = () => new Promise((resolve) => {
    server.close(resolve);
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${server.address().port}/`, mock, close };
}

if (import.meta.url === pathToFileURL(process.argv[1] || "").href) {
  const value = (name, fallback) => {
    const at = process.argv.indexOf(name);
    return at < 0 ? fallback : Number(process.argv[at + 1]);
  };
  const { url } = await startMock({ port: value("--port", 7866), history: value("--history", 40), stepMs: value("--step-ms", 120), installed: process.argv.includes("--installed") });
  process.stdout.write(`${url}\n`);
}
