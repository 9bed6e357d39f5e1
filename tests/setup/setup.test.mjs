// Setting up: a step that fails says what failed, why, and what to do. Tools that fail stand in for them.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "fc-setup-"));
after(() => fs.rmSync(folder, { recursive: true }));

/** A clone with nothing installed, and tools that do as told: {npm: "shell commands"}. */
function clone(name, tools) {
  const top = path.join(folder, name);
  fs.mkdirSync(path.join(top, "tools"), { recursive: true });
  fs.mkdirSync(path.join(top, "bin"));
  for (const file of ["tools/deps.sh", "tools/build.sh", "package.json", "package-lock.json"])
    fs.copyFileSync(path.join(ROOT, file), path.join(top, file));
  for (const [tool, commands] of Object.entries(tools))
    fs.writeFileSync(path.join(top, "bin", tool), `#!/bin/sh\n${commands}\n`, { mode: 0o755 });
  const env = { ...process.env, PATH: `${path.join(top, "bin")}:${process.env.PATH}` };
  return (script, ...args) => {
    const { status, stdout, stderr } = spawnSync(path.join(top, script), args, { env, encoding: "utf8" });
    return { status, stdout, stderr, said: stdout + stderr };
  };
}

const INSTALLED = "echo 'install ok installed'";
const SELF_SIGNED = "npm error code SELF_SIGNED_CERT_IN_CHAIN";

test("npm fails: its reason, and what proxies and certificates need", () => {
  const run = clone("npm", { "dpkg-query": INSTALLED, npm: `echo "${SELF_SIGNED}" >&2; exit 1` });
  const { status, said } = run("tools/deps.sh", "build");
  assert.equal(status, 1);
  for (const part of [SELF_SIGNED, "npm packages", "https-proxy", "NODE_EXTRA_CA_CERTS"])
    assert.ok(said.includes(part), `${part}: ${said}`);
});

test("npm works: nothing is said", () => {
  const npm = "mkdir -p node_modules; touch node_modules/.package-lock.json; echo added 1 package";
  const run = clone("quiet", { "dpkg-query": INSTALLED, npm });
  assert.deepEqual(run("tools/deps.sh", "build"), { status: 0, stdout: "", stderr: "", said: "" });
});

test("apt-get fails: its reason, the packages, and what a proxy needs", () => {
  const tools = {
    "dpkg-query": "exit 1",
    id: "echo 0",
    "apt-get": 'echo "E: could not resolve $1" >&2; exit 100',
  };
  const { status, said } = clone("apt", tools)("tools/deps.sh", "build");
  assert.equal(status, 1);
  for (const part of [
    "E: could not resolve update",
    "E: could not resolve install",
    "libjansson-dev",
    "Acquire",
  ])
    assert.ok(said.includes(part), `${part}: ${said}`);
});

const building = (end) => `[ "$1" = --preset ] && exit 0
for i in 1 2 3; do echo "[$i/3] Building C object $i.c.o"; done
${end}`;

test("building: one line that counts, and the whole of what goes wrong", () => {
  const fine = clone("fine", { cmake: building("exit 0") })("tools/build.sh", "release", "2", "fooocus");
  assert.deepEqual([fine.status, fine.said], [0, "Building: 3 files\nBuilt 3 of 3.\n"]);
  const broken = "echo 'x.c:1:9: error: expected expression'; exit 1";
  const wrong = clone("wrong", { cmake: building(broken) })("tools/build.sh", "release", "2");
  assert.equal(wrong.status, 1);
  assert.match(wrong.said, /x\.c:1:9: error: expected expression/);
  assert.match(wrong.said, /the build stopped; the reason stands above/);
  assert.doesNotMatch(wrong.said, /Building C object/);
});

test("configuring fails: its reason is shown", () => {
  const cmake = "echo 'CMake Error: no dnnl.h'; exit 1";
  const { status, said } = clone("configure", { cmake })("tools/build.sh", "release", "2");
  assert.equal(status, 1);
  assert.match(said, /CMake Error: no dnnl\.h[^]*could not be configured/);
});
