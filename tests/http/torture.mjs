// Hard days for the server; numbers go to docs/SERVER.md. `make torture` runs all of it,
// recovery.test.mjs a part.
//   node tests/http/torture.mjs kill [N]       kill -9 at N random moments, with the stand-in and the engine
//   node tests/http/torture.mjs queue [N]      N jobs wait, are reordered and survive a kill -9
//   node tests/http/torture.mjs load [SECONDS] 200 event streams and 500 requests/s beside a running job

import assert from "node:assert/strict";
import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { fillHistory, modelsFolder, newHome as modelHome, startProgram } from "../web/program.mjs";
import { call, endWithTests, newHome, startServer } from "./harness.mjs";

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const quick = { check: false };

/** The stand-in, or the program with the tiny model; both on a home that is kept. */
async function start(home, settings) {
  if (settings) return startServer(settings, { home });
  const server = await startProgram({ home });
  endWithTests(server.child);
  server.url = server.url.replace(/\/$/, "");
  server.kill = async () => (server.child.kill("SIGKILL"), server.gone);
  return server;
}

// ---- kill -9 ----

function* files(folder) {
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    const name = path.join(folder, entry.name);
    if (entry.name.startsWith(".")) continue; // .library, and files that are being written: nobody sees them
    if (entry.isDirectory()) yield* files(name);
    else yield name;
  }
}

/** Every picture file that can be seen is whole. */
function checkFiles(home) {
  const folder = path.join(home, "outputs");
  if (!fs.existsSync(folder)) return 0;
  let count = 0;
  for (const name of files(folder)) {
    if (name.endsWith(".html")) continue; // the page of the day
    assert.match(name, /\.png$/, "no other files");
    assert.equal(fs.readFileSync(name).subarray(-8, -4).toString("latin1"), "IEND", `${name} is whole`);
    count++;
  }
  return count;
}

async function allPictures(server) {
  const all = [];
  for (let before = ""; ; ) {
    const { body } = await call(server, "GET", `/api/v1/pictures?limit=200${before}`, quick);
    all.push(...body.pictures);
    if (!body.more) return all;
    before = `&before=${all.at(-1).id}`;
  }
}

async function allJobs(server, states = "") {
  const all = new Map();
  for (let before = ""; ; ) {
    const { body } = await call(server, "GET", `/api/v1/jobs?limit=200${states}${before}`, quick);
    body.jobs.forEach((job) => all.set(job.id, job));
    if (!body.more) return all;
    before = `&before=${body.jobs.at(-1).id}`;
  }
}

/** Submits until the server is gone; what was acknowledged and which pictures were seen is noted. */
async function useIt(server, parameters, noted) {
  const work = async () => {
    for (let i = 0; ; i++) {
      const count = 1 + (i % 3);
      const answer = await call(server, "POST", "/api/v1/jobs", {
        json: { parameters: { ...parameters, count } },
        ...quick,
      }).catch(() => null);
      if (!answer) return;
      if (answer.status === 201) noted.jobs.set(answer.body.id, count);
      const seen = await call(server, "GET", "/api/v1/pictures?limit=50", quick).catch(() => null);
      if (!seen) return;
      seen.body.pictures.forEach((p) => noted.pictures.set(p.id, p.name));
      await pause(noted.pause);
    }
  };
  await Promise.all([work(), work()]);
}

/** settings: of the stand-in; null: the program itself. Returns the numbers. */
export async function killAtRandom(kills, settings, parameters = {}) {
  const home = settings ? newHome() : modelHome();
  const noted = { jobs: new Map(), pictures: new Map(), pause: settings ? 15 : 600 };
  const started = Date.now();
  for (let i = 0; i < kills; i++) {
    const server = await start(home, settings);
    const using = useIt(server, parameters, noted);
    await pause((settings ? 20 : 300) + Math.random() * (settings ? 600 : 2500));
    await server.kill();
    await using;
    checkFiles(home);
  }
  const server = await start(home, settings);
  const jobs = await allJobs(server);
  for (const id of noted.jobs.keys()) assert.ok(jobs.has(id), `job ${id} is there`);
  for (;;) {
    const { body } = await call(server, "GET", "/api/v1/jobs?state=queued,running&limit=1", quick);
    if (!body.jobs.length) break;
    await pause(100);
  }
  const pictures = await allPictures(server);
  const byId = new Map(pictures.map((p) => [p.id, p]));
  for (const [id, name] of noted.pictures) assert.equal(byId.get(id)?.name, name, `picture ${id} is there`);
  const made = new Map();
  for (const p of pictures) {
    made.set(p.job, [...(made.get(p.job) ?? []), p.index]);
    assert.equal(
      (await call(server, "GET", `/api/v1/pictures/${p.id}/file`, quick)).body
        .subarray(-8, -4)
        .toString("latin1"),
      "IEND",
    );
  }
  for (const [id, job] of await allJobs(server)) {
    assert.equal(job.state, "done", JSON.stringify(job.error));
    assert.deepEqual(
      made.get(id).sort(),
      Array.from({ length: job.count }, (_, i) => i + 1),
      `job ${id} has each of its pictures once`,
    );
  }
  const numbers = {
    kills,
    jobs: noted.jobs.size,
    pictures: pictures.length,
    visibleFiles: checkFiles(home),
    seconds: Math.round((Date.now() - started) / 1000),
  };
  await server.close();
  fs.rmSync(home, { recursive: true });
  return numbers;
}

// ---- many jobs ----

/** run: so many of them are waited for at the end. */
export async function longQueue(count, run = count) {
  const home = newHome();
  let server = await start(home, { step_millis: 600000 });
  const begun = Date.now();
  for (let at = 0; at < count; at += 20)
    await Promise.all(
      Array.from({ length: Math.min(20, count - at) }, (_, i) =>
        call(server, "POST", "/api/v1/jobs", {
          json: { parameters: { prompt: `job ${at + i}` } },
          ...quick,
        }).then(({ status }) => assert.equal(status, 201)),
      ),
    );
  const submitted = Date.now();
  const order = async () =>
    [...(await allJobs(server, "&state=queued")).values()]
      .sort((a, b) => a.position - b.position)
      .map((job) => job.id);
  const before = await order();
  assert.equal(before.length, count - 1);
  const moved = before.at(-1);
  await call(server, "POST", `/api/v1/jobs/${moved}/move`, { json: { position: 0 }, ...quick });
  const wanted = [moved, ...before.slice(0, -1)];
  assert.deepEqual(await order(), wanted);
  const running = [...(await allJobs(server, "&state=running")).keys()];
  await server.kill();
  const killed = Date.now();
  server = await start(home, { step_millis: 600000 });
  const opened = Date.now();
  while ((await allJobs(server, "&state=running")).size === 0) await pause(10);
  assert.deepEqual([...(await allJobs(server, "&state=running")).keys()], running, "what ran goes on first");
  assert.deepEqual(await order(), wanted, "the order survives");
  await server.kill();
  server = await start(home, { steps: 1 });
  const drained = Date.now();
  const done = async () => (await allJobs(server, "&state=done")).size;
  while ((await done()) < run) await pause(50);
  const end = Date.now();
  await server.close();
  fs.rmSync(home, { recursive: true });
  return {
    jobs: count,
    submitMillisEach: (submitted - begun) / count,
    openMillis: opened - killed,
    runMillisEach: (end - drained) / run,
  };
}

// ---- load ----

/** CPU seconds of the threads whose name fits, and the resident memory, from /proc. */
function usage(pid) {
  const ticks = { engine: 0, rest: 0 };
  for (const task of fs.readdirSync(`/proc/${pid}/task`)) {
    const stat = fs.readFileSync(`/proc/${pid}/task/${task}/stat`, "latin1");
    const name = stat.slice(stat.indexOf("(") + 1, stat.lastIndexOf(")"));
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    ticks[name === "fc-jobs" ? "engine" : "rest"] += Number(fields[11]) + Number(fields[12]);
  }
  const rss = Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${pid}/status`, "latin1"))[1]);
  return { engine: ticks.engine / 100, rest: ticks.rest / 100, rssMb: Math.round(rss / 1024) };
}

/** One job of `steps` steps; {wall, engine, rest}: seconds. */
async function oneJob(server, steps) {
  const before = usage(server.child.pid);
  const started = performance.now();
  const { body } = await call(server, "POST", "/api/v1/jobs", {
    json: { parameters: { prompt: "load", width: 512, height: 512, steps, seed: "1" } },
    ...quick,
  });
  while (
    ["queued", "running"].includes((await call(server, "GET", `/api/v1/jobs/${body.id}`, quick)).body.state)
  )
    await pause(50);
  const after = usage(server.child.pid);
  return {
    wall: (performance.now() - started) / 1000,
    engine: after.engine - before.engine,
    rest: after.rest - before.rest,
    rssMb: after.rssMb,
  };
}

function openStream(server) {
  return new Promise((resolve, reject) => {
    const request = http.get(`${server.url}/api/v1/events`, (response) => {
      const stream = { bytes: 0, close: () => request.destroy() };
      response.on("data", (data) => (stream.bytes += data.length)).on("error", () => {});
      resolve(stream);
    });
    request.on("error", reject);
  });
}

/** `rate` requests a second until stop() is called: 3 of 4 thumbnails, else pages of the history. */
function shower(server, rate, ids) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 32 });
  const numbers = { requests: 0, errors: 0, slowest: 0, waiting: 0 };
  const one = () => {
    const n = numbers.requests++;
    const target =
      n % 4
        ? `/api/v1/pictures/${ids[n % ids.length]}/thumbnail`
        : `/api/v1/pictures?limit=60&before=${ids[n % ids.length] + 1}`;
    const started = performance.now();
    numbers.waiting++;
    http
      .get(server.url + target, { agent }, (response) => {
        if (response.statusCode !== 200) numbers.errors++;
        response.resume().on("end", () => {
          numbers.waiting--;
          numbers.slowest = Math.max(numbers.slowest, performance.now() - started);
        });
      })
      .on("error", () => numbers.errors++);
  };
  let sent = 0;
  const begun = performance.now();
  const timer = setInterval(() => {
    for (const due = ((performance.now() - begun) / 1000) * rate; sent < due; sent++) one();
  }, 10);
  const stop = async () => {
    clearInterval(timer);
    const seconds = (performance.now() - begun) / 1000;
    for (let i = 0; numbers.waiting && i < 500; i++) await pause(10);
    agent.destroy();
    return {
      ...numbers,
      perSecond: Math.round(numbers.requests / seconds),
      slowest: Math.round(numbers.slowest),
    };
  };
  return { stop };
}

/** The same job without and with load, in turn. */
export async function load({ rounds = 3, steps = 30, streams = 200, rate = 500, pictures = 2000 } = {}) {
  modelsFolder();
  const home = modelHome();
  fillHistory(home, pictures);
  const server = await start(home, null);
  const ids = (await allPictures(server)).map((p) => p.id);
  // made once
  for (const id of ids.slice(0, 200)) await call(server, "GET", `/api/v1/pictures/${id}/thumbnail`, quick);
  await oneJob(server, steps); // packs the weights
  const result = { quiet: [], loaded: [], showers: [], memory: [usage(server.child.pid).rssMb] };
  for (let i = 0; i < rounds; i++) {
    const watcher = await openStream(server); // previews are made for one who looks as for many
    result.quiet.push(await oneJob(server, steps));
    watcher.close();
    const open = await Promise.all(Array.from({ length: streams }, () => openStream(server)));
    const rain = shower(server, rate, ids.slice(0, 200));
    result.loaded.push(await oneJob(server, steps));
    result.showers.push(await rain.stop());
    result.streamBytes = open.map((s) => s.bytes).sort((a, b) => a - b)[0];
    open.forEach((s) => s.close());
    result.memory.push(usage(server.child.pid).rssMb);
  }
  await server.close();
  fs.rmSync(home, { recursive: true });
  return result;
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [what, number] = process.argv.slice(2);
  const say = (name, value) => process.stdout.write(`${name}: ${JSON.stringify(value, null, 1)}\n`);
  if (!what || what === "kill") {
    say("kill -9, stand-in", await killAtRandom(Number(number ?? 50), { step_millis: 2 }));
    say(
      "kill -9, engine",
      await killAtRandom(Number(number ?? 50), null, { width: 64, height: 64, steps: 2 }),
    );
  }
  if (!what || what === "queue") say("queue", await longQueue(Number(number ?? 1000)));
  if (!what || what === "load") say("load", await load({ rounds: Number(number ?? 3) }));
  process.exit(0);
}
