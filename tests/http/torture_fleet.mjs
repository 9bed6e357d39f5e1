// Hard days for a queue that programs share: 1 PostgreSQL, 2 servers, 6 workers on hosts made of network
// namespaces, and every few seconds one of them is killed, stopped, cut off, or the database is restarted.
// Needs root and `ip`. Numbers go to docs/FLEET.md.
//   node tests/http/torture_fleet.mjs [JOBS] [SECONDS between two blows] [SEED]

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { BUILD, call, endWithTests, listen, newHome } from "./harness.mjs";
import { startPostgres } from "./postgres.mjs";

const [jobCount = 200, every = 5, seed = 1] = process.argv.slice(2).map(Number);
const LEASE = 5;
const SERVERS = 2;
const WORKERS = 6;
const USERS = 20;
const BRIDGE = "fcbr0";
const ROOT_ADDRESS = "10.213.0.1";
const quick = { check: false };
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

let state = BigInt(seed);
function random(n) {
  state = (state * 6364136223846793005n + 1442695040888963407n) & 0xffffffffffffffffn;
  return Number((state >> 33n) % BigInt(n));
}

function ip(...args) {
  const done = spawnSync("ip", args, { encoding: "utf8" });
  if (done.status !== 0) throw new Error(`ip ${args.join(" ")}: ${done.stderr}`);
}

function makeNetwork() {
  removeNetwork();
  ip("link", "add", BRIDGE, "type", "bridge");
  ip("addr", "add", `${ROOT_ADDRESS}/24`, "dev", BRIDGE);
  ip("link", "set", BRIDGE, "up");
}

function addHost(n) {
  ip("netns", "add", `fchost${n}`);
  ip("link", "add", `fcv${n}`, "type", "veth", "peer", "name", "eth0", "netns", `fchost${n}`);
  ip("link", "set", `fcv${n}`, "master", BRIDGE, "up");
  ip("-n", `fchost${n}`, "addr", "add", `10.213.0.${10 + n}/24`, "dev", "eth0");
  ip("-n", `fchost${n}`, "link", "set", "eth0", "up");
  ip("-n", `fchost${n}`, "link", "set", "lo", "up");
}

function removeNetwork() {
  for (let n = 0; n < SERVERS + WORKERS; n++) spawnSync("ip", ["netns", "del", `fchost${n}`]);
  spawnSync("ip", ["link", "del", BRIDGE]);
}

// ---- programs ----

/** A program on host n; it is started again after each end. */
function program(n, settings) {
  const self = { n, url: `http://10.213.0.${10 + n}:7865`, starts: 0 };
  self.start = () => {
    const args = Object.entries(settings).map(([key, value]) => `${key}=${value}`);
    const command = [
      path.join(BUILD, "painter_server"),
      home,
      `listen=10.213.0.${10 + n}`,
      "port=7865",
      ...args,
    ];
    self.child = spawn("ip", ["netns", "exec", `fchost${n}`, ...command], {
      stdio: ["pipe", "ignore", fs.openSync(log, "a")],
    });
    self.child.stdin.on("error", () => {});
    self.starts++;
    endWithTests(self.child);
  };
  self.start();
  return self;
}

const blows = {
  async kill(target) {
    target.child.kill("SIGKILL");
    await pause(500);
    target.start();
  },
  async stop(target) {
    const { child } = target;
    child.kill("SIGSTOP");
    await pause(LEASE * 1600);
    child.kill("SIGCONT");
  },
  async cut(target) {
    ip("link", "set", `fcv${target.n}`, "down");
    await pause(LEASE * 1600);
    ip("link", "set", `fcv${target.n}`, "up");
  },
};

// ---- what a client sees ----

/** Follows all events over whatever server answers; goes on behind the last number. */
function follow(servers) {
  const seen = { numbers: [], pictures: new Map(), done: new Set(), reconnections: 0, resets: 0 };
  let last = null;
  let ends = false;
  const run = async () => {
    for (let i = 0; !ends; i++) {
      const server = servers[i % servers.length];
      const headers = last ? { "Last-Event-ID": last } : {};
      const stream = await Promise.race([listen(server, { headers }).catch(() => null), pause(3000)]);
      if (!stream) continue;
      seen.reconnections++;
      const gone = new Promise((resolve) => stream.response.once("close", resolve));
      let taken = 0;
      let quiet = Date.now();
      const take = () => {
        for (; taken < stream.events.length; taken++) {
          const event = stream.events[taken];
          quiet = Date.now();
          last = event.id;
          seen.numbers.push(Number(event.id));
          if (event.type === "reset") seen.resets++;
          if (event.type === "picture") {
            const { id } = event.data.picture;
            seen.pictures.set(id, (seen.pictures.get(id) ?? 0) + 1);
          }
          if (event.type === "job" && event.data.state === "done") seen.done.add(event.data.id);
        }
      };
      let closed = false;
      gone.then(() => (closed = true));
      // a cut line says nothing: a client gives up behind the silence that keep-alives leave no room for
      while (!closed && !ends && Date.now() - quiet < 20000) {
        await pause(100);
        take();
      }
      take();
      stream.close();
    }
  };
  const running = run();
  return { seen, stop: async () => ((ends = true), running) };
}

// ---- the run ----

async function submitAll(servers) {
  const jobs = [];
  for (let i = 0; i < jobCount; i++) {
    const count = 1 + random(4);
    const key = `job-${seed}-${i}`;
    for (;;) {
      // a repetition with the same key is the same job
      const answer = await call(servers[random(servers.length)], "POST", "/api/v1/jobs", {
        json: { parameters: { prompt: `picture of ${i}`, count } },
        headers: { "User-Agent": `user ${i % USERS}`, "Idempotency-Key": key },
        ...quick,
      }).catch(() => null);
      if (answer && (answer.status === 201 || answer.status === 200)) {
        jobs.push({ id: answer.body.id, count, user: i % USERS });
        break;
      }
      await pause(200);
    }
  }
  return jobs;
}

async function strike(postgres, programs, counts, isOver) {
  const kinds = Object.keys(blows);
  const busy = new Set();
  const under = new Set();
  while (!isOver()) {
    await pause(every * 1000);
    if (random(5) === 0) {
      counts.restart = (counts.restart ?? 0) + 1;
      await postgres.restart();
      continue;
    }
    const kind = kinds[random(kinds.length)];
    const target = programs[random(programs.length)];
    if (busy.has(target)) continue;
    counts[kind] = (counts[kind] ?? 0) + 1;
    busy.add(target);
    const blow = blows[kind](target).finally(() => (busy.delete(target), under.delete(blow)));
    under.add(blow);
  }
  await Promise.all(under);
}

const home = newHome();
const log = path.join(home, "log");
const postgres = await startPostgres({
  address: ROOT_ADDRESS,
  settings: "fsync = off",
  prepare: makeNetwork,
});
const counts = {};
let over = false;
let result;
try {
  for (let n = 0; n < SERVERS + WORKERS; n++) addHost(n);
  const common = { library: postgres.url, lease: LEASE, step_millis: 100 };
  const servers = [];
  const workers = [];
  for (let n = 0; n < SERVERS; n++) servers.push(program(n, { ...common, no_worker: 1 }));
  for (let n = 0; n < WORKERS; n++)
    workers.push(program(SERVERS + n, { ...common, only_worker: 1, name: `w${n}` }));
  for (const server of servers)
    while (!(await call(server, "GET", "/readyz", quick).catch(() => null))) await pause(100);
  const client = follow(servers);
  const began = Date.now();
  const striking = strike(postgres, [...servers, ...workers], counts, () => over);
  const jobs = await submitAll(servers);
  const left = () => Number(postgres.query("SELECT count(*) FROM fooocus.jobs WHERE finished = 0"));
  for (;;) {
    await pause(1000);
    let open = 1;
    try {
      open = left();
    } catch {
      continue; // it is being restarted
    }
    if (open === 0) break;
  }
  over = true;
  await striking;
  const seconds = (Date.now() - began) / 1000;
  await pause(3000); // late workers come back
  const wanted = jobs.reduce((sum, job) => sum + job.count, 0);
  const rows = postgres.query("SELECT job, number, path FROM fooocus.pictures ORDER BY job, number");
  const pictures = rows.split("\n").map((line) => line.split("|"));
  const ends = Object.fromEntries(
    postgres
      .query("SELECT id, state, error FROM fooocus.jobs")
      .split("\n")
      .map((l) => [l.split("|")[0], l]),
  );
  for (const job of jobs) assert.equal(ends[job.id].split("|")[1], "done", ends[job.id]);
  assert.equal(pictures.length, wanted, "every picture once");
  assert.equal(new Set(pictures.map((p) => `${p[0]} ${p[1]}`)).size, wanted);
  for (const [, , file] of pictures) assert.ok(fs.existsSync(path.join(home, "outputs", file)), file);
  const folder = path.join(home, "outputs/2024-05-17");
  const orphans = fs.readdirSync(folder).filter((f) => f.endsWith(".png")).length - wanted;
  await client.stop();
  const { seen } = client;
  for (let i = 1; i < seen.numbers.length; i++)
    assert.equal(seen.numbers[i], seen.numbers[i - 1] + 1, "no event is missed or seen twice");
  assert.equal(seen.pictures.size, wanted, "each picture was told");
  for (const job of jobs) assert.ok(seen.done.has(job.id), "the end of each job was told");
  const order = postgres.query(
    "SELECT count(*) FROM (SELECT owner, id, started, lag(started)" +
      " OVER (PARTITION BY owner ORDER BY id) AS before FROM fooocus.jobs) o WHERE started < before - 1000",
  );
  result = {
    jobs: jobs.length,
    pictures: wanted,
    seconds: Math.round(seconds),
    blows: counts,
    starts: [...servers, ...workers].reduce((sum, p) => sum + p.starts, 0),
    claims: Number(postgres.query("SELECT last_value FROM fooocus.fences")),
    orphans,
    out_of_order: Number(order),
    events: seen.numbers.length,
    connections: seen.reconnections,
  };
  for (const p of [...servers, ...workers]) p.child.kill("SIGKILL");
} finally {
  over = true;
  process.stdout.write(`${JSON.stringify(result ?? { counts }, null, 1)}\n`);
  process.stdout.write(fs.existsSync(log) ? fs.readFileSync(log, "utf8").slice(-2000) : "");
  await postgres.close();
  removeNetwork();
}
process.exit(result ? 0 : 1);
