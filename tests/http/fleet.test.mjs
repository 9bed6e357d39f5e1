// Several servers and workers on one queue in PostgreSQL, with the quick stand-in for the engine: what is
// drawn where, and that nothing is lost or made twice when a part of it goes away.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { call, listen, newHome, over, startServer, submit } from "./harness.mjs";
import { installed, startPostgres } from "./postgres.mjs";

const skip = !installed && "PostgreSQL is not installed";
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const LEASE = 3;
let postgres;
let home; // all programs are on this machine, so they share the folder of pictures
const running = [];

async function start(settings) {
  const program = await startServer({ library: postgres.url, lease: LEASE, ...settings }, { home });
  running.push(program);
  return program;
}
const server = (settings = {}) => start({ no_worker: 1, ...settings });
const worker = (settings = {}) => start({ only_worker: 1, step_millis: 20, ...settings });

async function close(...programs) {
  for (const program of programs) {
    running.splice(running.indexOf(program), 1);
    await program.close();
  }
}

async function begun(at, job) {
  while ((await call(at, "GET", `/api/v1/jobs/${job.id}`)).body.state === "queued") await pause(20);
}

/** Every picture of the job is there once, and so is its file. */
async function complete(at, job) {
  const done = await over(at, job.id);
  assert.equal(done.state, "done", JSON.stringify(done));
  assert.deepEqual(
    done.images.map((p) => p.index),
    Array.from({ length: done.count }, (_, i) => i + 1),
  );
  for (const picture of done.images) {
    const { status } = await call(at, "GET", `/api/v1/pictures/${picture.id}/file`);
    assert.equal(status, 200);
  }
  return done;
}

before(async () => {
  if (skip) return;
  postgres = await startPostgres();
  home = newHome();
});
afterEach(() => Promise.all(running.splice(0).map((program) => program.kill()))); // of a test that failed
after(() => postgres?.close());

test(
  "a job of one server is drawn by several workers, and every server tells of it alike",
  { skip },
  async () => {
    const [a, b] = [await server(), await server()];
    const [x, y] = [await worker({ name: "x" }), await worker({ name: "y" })];
    const streams = [await listen(a), await listen(b)];
    const job = await submit(a, { count: 6 });
    const ends = (event) => event.type === "job" && event.data.id === job.id && event.data.state === "done";
    await Promise.all(streams.map((s) => s.next(ends)));
    await complete(b, job);
    const workers = Number(postgres.query("SELECT count(*) FROM fooocus.workers WHERE pictures > 0"));
    assert.equal(workers, 2);
    const ids = streams.map((s) => s.events.map((e) => `${e.id} ${e.type} ${JSON.stringify(e.data)}`));
    const from = Math.max(...ids.map((list) => Number(list[0].split(" ")[0])));
    const common = ids.map((list) => list.filter((e) => Number(e.split(" ")[0]) >= from));
    const length = Math.min(...common.map((list) => list.length));
    assert.ok(length > 10);
    assert.deepEqual(common[0].slice(0, length), common[1].slice(0, length));
    streams.forEach((s) => s.close());
    // a stream goes on behind its last number at another server, and after a restart
    const seen = streams[0].events;
    const middle = seen[Math.floor(seen.length / 2)].id;
    await close(b);
    const c = await server();
    const again = await listen(c, { headers: { "Last-Event-ID": middle } });
    await again.next(ends);
    const rest = seen.filter((e) => Number(e.id) > Number(middle)).map((e) => e.id);
    assert.deepEqual(
      again.events.slice(0, rest.length).map((e) => e.id),
      rest,
    );
    assert.ok(!again.events.some((e) => e.type === "reset"));
    again.close();
    await close(a, c, x, y);
  },
);

test("what a killed worker had in work is drawn by another one behind the lease", { skip }, async () => {
  const a = await server();
  const x = await worker({ step_millis: 600 });
  const job = await submit(a, { count: 2 });
  await begun(a, job);
  running.splice(running.indexOf(x), 1);
  await x.kill();
  const y = await worker();
  await complete(a, job);
  await close(a, y);
});

test("a worker that was stopped for longer than its lease records nothing any more", { skip }, async () => {
  const a = await server();
  const x = await worker({ step_millis: 400 });
  const job = await submit(a, { count: 1 });
  await begun(a, job);
  x.child.kill("SIGSTOP");
  const y = await worker();
  const done = await complete(a, job);
  x.child.kill("SIGCONT");
  await pause(2000); // in which it would have finished its picture
  const { body } = await call(a, "GET", `/api/v1/jobs/${job.id}`);
  assert.deepEqual(body.images, done.images);
  assert.equal(postgres.query(`SELECT count(*) FROM fooocus.pictures WHERE job = '${job.id}'`), "1");
  await complete(a, await submit(a, { count: 3 })); // and it goes on as a worker
  await close(a, x, y);
});

test("one picture of somebody else comes before the second of many", { skip }, async () => {
  const a = await server();
  const alice = { headers: { "User-Agent": "alice" } };
  const many = await submit(a, { count: 30 }, alice);
  const one = await submit(a, { count: 1 }, { headers: { "User-Agent": "bob" } });
  const x = await worker({ step_millis: 30 });
  const done = await over(a, one.id);
  const { body } = await call(a, "GET", `/api/v1/jobs/${many.id}`);
  assert.ok(body.finished_count <= 4, `${body.finished_count} of the others came first`);
  assert.equal(done.state, "done");
  await call(a, "POST", `/api/v1/jobs/${many.id}/cancel`, { json: {} });
  assert.equal((await over(a, many.id)).state, "cancelled");
  await close(a, x);
});

test("a restart of the database loses nothing, a crash neither", { skip }, async () => {
  const a = await server();
  const [x, y] = [await worker({ step_millis: 60 }), await worker({ step_millis: 60 })];
  const jobs = [];
  for (let i = 0; i < 8; i++) jobs.push(await submit(a, { count: 3 }));
  await pause(700);
  await postgres.restart();
  await pause(1500);
  await postgres.crash();
  for (const job of jobs) {
    for (;;) {
      const answer = await call(a, "GET", `/api/v1/jobs/${job.id}`, { check: false });
      if (answer.status === 200) break;
      await pause(200);
    }
    await complete(a, job);
  }
  await close(a, x, y);
});

test("a job that nobody can draw says so, and is drawn when somebody can", { skip }, async () => {
  const a = await server();
  const job = await submit(a, { count: 1, model: "unknown.safetensors" });
  const stream = await listen(a, { query: "?after=1" });
  const told = await stream.next((e) => e.type === "warning" && e.data.job === job.id);
  assert.match(told.data.text, /No running worker has checkpoints\/unknown.safetensors/);
  const x = await worker();
  await complete(a, await submit(a, { count: 1, model: "paint.safetensors" }));
  const { body } = await call(a, "GET", `/api/v1/jobs/${job.id}`);
  assert.equal(body.state, "queued");
  assert.equal(body.warnings.length, 1);
  stream.close();
  await call(a, "POST", `/api/v1/jobs/${job.id}/cancel`, { json: {} });
  await close(a, x);
});

test("a worker answers for its health, and has no page and no API", { skip }, async () => {
  const x = await worker();
  assert.equal((await call(x, "GET", "/healthz")).status, 200);
  assert.equal((await call(x, "GET", "/readyz")).status, 200);
  const numbers = (await call(x, "GET", "/metrics")).body.toString();
  assert.match(numbers, /^fooocus_jobs{state="done"} \d+$/m);
  assert.match(numbers, /^fooocus_workers{state="(idle|busy)"} [1-9]/m);
  assert.match(numbers, /^fooocus_queue_oldest_seconds 0\.000$/m);
  assert.equal((await call(x, "GET", "/api/v1/jobs")).status, 404);
  assert.equal((await call(x, "GET", "/")).status, 404);
  await postgres.stop();
  const away = await call(x, "GET", "/readyz");
  assert.equal(away.status, 503);
  assert.match(away.body.detail, /library/);
  await postgres.start();
  while ((await call(x, "GET", "/readyz")).status !== 200) await pause(100);
  await close(x);
});
