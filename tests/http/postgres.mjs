// A PostgreSQL server of Debian's package in a temporary folder, for tests in which programs share a queue.

import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { endWithTests } from "./harness.mjs";

const ROOT = "/usr/lib/postgresql";

function newest() {
  if (!fs.existsSync(ROOT)) return null;
  const versions = fs.readdirSync(ROOT).filter((v) => fs.existsSync(path.join(ROOT, v, "bin/initdb")));
  return versions.length ? path.join(ROOT, versions.sort((a, b) => b - a)[0], "bin") : null;
}

export const installed = newest() !== null;

const freePort = () =>
  new Promise((resolve) => {
    const server = net.createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

/** It refuses to run as root: then it is nobody who runs it. */
function identity() {
  if (process.getuid() !== 0) return {};
  const line = fs
    .readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .find((l) => l.startsWith("nobody:"));
  const [, , uid, gid] = line.split(":");
  return { uid: Number(uid), gid: Number(gid) };
}

/** {url, query(sql), restart(), kill(), stop(), close()}; address: what it listens on. */
export async function startPostgres({ address = "127.0.0.1", settings = "fsync = off", prepare } = {}) {
  prepare?.(); // for an address that is to be made first
  const bin = newest();
  const who = identity();
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "fc-pg-"));
  if (who.uid) fs.chownSync(folder, who.uid, who.gid);
  const data = path.join(folder, "data");
  const port = await freePort();
  const run = (program, args) => {
    const done = spawnSync(path.join(bin, program), args, { ...who, cwd: folder, encoding: "utf8" });
    if (done.status !== 0) throw new Error(`${program}: ${done.stderr}`);
    return done.stdout.trim();
  };
  run("initdb", ["-D", data, "-U", "fooocus", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N"]);
  fs.appendFileSync(
    path.join(data, "postgresql.conf"),
    `listen_addresses = '*'\nunix_socket_directories = ''\nmax_connections = 80\n${settings}\n`,
  );
  fs.appendFileSync(path.join(data, "pg_hba.conf"), "host all all all trust\n");
  const at = (database) => `postgresql://fooocus@${address}:${port}/${database}`;
  const ask = (database, sql) =>
    spawnSync(path.join(bin, "psql"), ["-qAtX", "-c", sql, at(database)], { encoding: "utf8" });
  let child;
  const start = async () => {
    child = spawn(path.join(bin, "postgres"), ["-D", data, "-p", String(port)], {
      ...who,
      cwd: folder,
      stdio: ["ignore", "ignore", fs.openSync(path.join(folder, "log"), "a")],
    });
    endWithTests(child);
    while (ask("postgres", "SELECT 1").status !== 0) await new Promise((r) => setTimeout(r, 50));
  };
  const end = (signal) =>
    new Promise((resolve) => {
      child.once("exit", resolve);
      child.kill(signal);
    });
  await start();
  ask("postgres", "CREATE DATABASE pictures");
  return {
    url: at("pictures"),
    port,
    query: (sql) => {
      const done = ask("pictures", sql);
      if (done.status !== 0) throw new Error(done.stderr);
      return done.stdout.trim();
    },
    restart: async () => (await end("SIGINT"), start()), // as `systemctl restart` does
    crash: async () => (await end("SIGQUIT"), start()), // what was not written is lost
    stop: () => end("SIGINT"),
    start,
    close: async () => (await end("SIGQUIT"), fs.rmSync(folder, { recursive: true, force: true })),
  };
}
