// Behind a proxy: nginx and Caddy with the examples of docs/SERVER.md in front of the server; and what their
// headers mean, sent by hand.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import http from "node:http";
import https from "node:https";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { describe, test } from "node:test";
import { CHROMIUM, closeBrowser, openBrowser } from "../web/browser.mjs";
import { BUILD, endWithTests, newHome, ROOT, startServer } from "./harness.mjs";

const TLS = ["cert", "key"].map((name) => path.join(ROOT, `tests/http/tls/${name}.pem`));
const portOf = (server) => new URL(server.url).port;

function ask(url, { method = "GET", headers = {}, body = "" } = {}) {
  const { request } = url.startsWith("https") ? https : http;
  return new Promise((resolve, reject) => {
    const wish = request(url, { method, headers, rejectUnauthorized: false }, (response) => {
      let text = "";
      response.on("data", (data) => (text += data));
      response.on("end", () =>
        resolve({ status: response.statusCode, headers: response.headers, text, body: parsed(text) }),
      );
    });
    wish.on("error", reject).end(body);
  });
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

const freePort = () =>
  new Promise((resolve) => {
    const probe = net.createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });

/** The block of docs/SERVER.md in that language, with addresses and files of this test. */
function example(language, changes) {
  const text = fs.readFileSync(path.join(ROOT, "docs/SERVER.md"), "utf8");
  let block = new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``).exec(text)[1];
  for (const [from, to] of changes) {
    assert.ok(block.includes(from), `the example of ${language} has ${from}`);
    block = block.replaceAll(from, to);
  }
  return block;
}

async function reachable(url) {
  for (let i = 0; i < 200; i++) {
    const answer = await ask(url).catch(() => null);
    if (answer) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail(`nobody answers at ${url}`);
}

async function startProxy(program, args, folder, url) {
  const env = { ...process.env, HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder };
  const child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"], env });
  endWithTests(child);
  let said = "";
  child.stderr.on("data", (data) => (said += data));
  const gone = new Promise((resolve) => child.once("exit", resolve));
  await Promise.race([reachable(url), gone.then(() => assert.fail(`${program} ended: ${said}`))]);
  return async () => {
    child.kill("SIGTERM");
    await gone;
    fs.rmSync(folder, { recursive: true });
  };
}

async function startNginx(server, port) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "fc-nginx-"));
  const block = example("nginx", [
    ["listen 443 ssl", `listen 127.0.0.1:${port} ssl`],
    ["server_name example.org", "server_name localhost"],
    ["/etc/ssl/example.org.pem", TLS[0]],
    ["/etc/ssl/example.org.key", TLS[1]],
    ["127.0.0.1:7865", `127.0.0.1:${portOf(server)}`],
  ]);
  const temp = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  fs.writeFileSync(
    path.join(folder, "nginx.conf"),
    `daemon off; worker_processes 1; pid ${folder}/pid; error_log stderr; events {}
http { access_log off; ${temp.map((name) => `${name}_temp_path ${folder}/${name};`).join(" ")}
${block} }`,
  );
  const args = ["-p", folder, "-e", "stderr", "-c", path.join(folder, "nginx.conf")];
  return startProxy("nginx", args, folder, `https://localhost:${port}/`);
}

async function startCaddy(server, port) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "fc-caddy-"));
  const block = example("caddyfile", [
    ["example.org {", `https://localhost:${port} {\n\ttls ${TLS[0]} ${TLS[1]}`],
    ["127.0.0.1:7865", `127.0.0.1:${portOf(server)}`],
  ]);
  fs.writeFileSync(path.join(folder, "Caddyfile"), `{\n\tadmin off\n\tauto_https off\n}\n${block}`);
  const args = ["run", "--adapter", "caddyfile", "--config", path.join(folder, "Caddyfile")];
  return startProxy("caddy", args, folder, `https://localhost:${port}/`);
}

const has = (program) => spawnSync(program, ["-v"]).error === undefined;

for (const [name, start] of [
  ["nginx", startNginx],
  ["caddy", startCaddy],
])
  describe(`the example for ${name}`, { skip: has(name) ? false : `${name} is not installed` }, () => {
    for (const how of ["--public-url", "X-Forwarded headers alone"])
      test(`page, API, links and events, by ${how}`, async () => {
        const port = await freePort();
        const root = `https://localhost:${port}/pictures`;
        const named = how === "--public-url" ? { public_url: root } : {};
        const server = await startServer({ ...named, proxy: "127.0.0.1", step_millis: 2 });
        const stop = await start(server, port);
        assert.match((await ask(`${root}/`)).text, /<title>Fooocus in C/);
        const redirect = await ask(root);
        assert.ok(
          [301, 302, 308].includes(redirect.status) && redirect.headers.location.endsWith("/pictures/"),
        );

        const headers = { "Content-Type": "application/json", Origin: `https://localhost:${port}` };
        const json = JSON.stringify({ parameters: { prompt: "a fox" } });
        const job = await ask(`${root}/api/v1/jobs`, { method: "POST", headers, body: json });
        assert.equal(job.status, 201, job.text);
        assert.equal(job.headers.location, `/pictures/api/v1/jobs/${job.body.id}`);
        const foreign = { ...headers, Origin: "https://evil.example" };
        assert.equal(
          (await ask(`${root}/api/v1/jobs`, { method: "POST", headers: foreign, body: json })).status,
          403,
        );

        const wish = JSON.stringify({ prompt: "a fox", response_format: "url" });
        const made = await ask(`${root}/v1/images/generations`, { method: "POST", headers, body: wish });
        assert.equal(made.status, 200, made.text);
        assert.ok(made.body.data[0].url.startsWith(`${root}/api/v1/pictures/`), made.body.data[0].url);
        const picture = await ask(made.body.data[0].url);
        assert.equal(picture.headers["content-type"], "image/png");
        const part = await ask(made.body.data[0].url, { headers: { Range: "bytes=10-20,30-40" } });
        assert.equal(part.text, picture.text);
        await eventsFlow(`${root}/api/v1/events?after=0`);
        if (CHROMIUM) await pageWorks(root);
        await stop();
        await server.close();
      });
  });

function eventsFlow(url) {
  return new Promise((resolve, reject) => {
    const request = https.get(url, { rejectUnauthorized: false }, (response) => {
      assert.equal(response.statusCode, 200);
      response.once("data", () => resolve(request.destroy()));
    });
    request.on("error", reject);
  });
}

async function pageWorks(root) {
  const window = await openBrowser(`${root}/`, { ignoreHTTPSErrors: true });
  const page = await window.page();
  await page.fill("#prompt", "a lighthouse");
  const [answer] = await Promise.all([
    page.waitForResponse((response) => response.url().endsWith("/api/v1/jobs") && response.status() === 201),
    page.click("#generate"),
  ]);
  assert.ok(answer.url().startsWith(`${root}/`));
  await page.waitForFunction(() => document.querySelector(".picture.final")?.naturalWidth > 0);
  assert.deepEqual(window.troubles, []);
  await window.close();
  await closeBrowser();
}

describe("headers by hand", () => {
  const forwarded = (more) => ({
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "localhost:444",
    "X-Forwarded-Prefix": "/p/",
    ...more,
  });
  const link = async (server, headers) => {
    const body = JSON.stringify({ prompt: "x", response_format: "url" });
    const made = await ask(`${server.url}/v1/images/generations`, { method: "POST", headers, body });
    return new URL(made.body.data[0].url);
  };

  test("they count from a trusted address only", async () => {
    const trusting = await startServer({ proxy: "127.0.0.1" });
    const url = await link(trusting, forwarded());
    assert.equal(url.origin + url.pathname.slice(0, 3), "https://localhost:444/p/");
    await trusting.close();
    const plain = await startServer();
    assert.equal((await link(plain, forwarded())).origin, plain.url);
    await plain.close();
  });

  test("a proxy's own name is checked like any", async () => {
    const server = await startServer({ proxy: "127.0.0.1" });
    const odd = forwarded({ "X-Forwarded-Host": "evil.example" });
    assert.equal((await ask(`${server.url}/api/v1/system`, { headers: odd })).status, 403);
    for (const prefix of ["//evil.example", "/a b", '/"x', "p"]) {
      const url = await link(server, forwarded({ "X-Forwarded-Prefix": prefix }));
      assert.ok(url.pathname.startsWith("/api/v1/"), `${prefix}: ${url}`);
    }
    await server.close();
  });

  test("a prefix that the proxy leaves on the path", async () => {
    const server = await startServer({ public_url: "https://localhost/p" });
    for (const target of ["/p/api/v1/system", "/api/v1/system", "/p/", "/p/js/main.js"])
      assert.equal((await ask(server.url + target)).status, 200, target);
    assert.equal((await ask(`${server.url}/pp/api/v1/system`)).status, 404);
    await server.close();
  });

  test("log-in attempts are counted for each client, the cookie is Secure", async () => {
    const home = newHome();
    const users = path.join(home, "users");
    const args = ["auth", "add", "me", "--file", users];
    assert.equal(spawnSync(path.join(BUILD, "fooocus"), args, { input: "correct horse\n" }).status, 0);
    const server = await startServer({ auth: users, proxy: "127.0.0.1" }, { home });
    const login = (client, password) =>
      ask(`${server.url}/api/v1/login`, {
        method: "POST",
        headers: forwarded({ "X-Forwarded-For": client }),
        body: JSON.stringify({ user: "me", password }),
      });
    let last = 0;
    // the client's own line stands on the left and counts for nothing
    for (let i = 0; i < 20 && last !== 429; i++)
      last = (await login(`10.0.0.${i}, 192.0.2.7`, "wrong")).status;
    assert.equal(last, 429);
    const other = await login("192.0.2.8", "correct horse");
    assert.equal(other.status, 200, other.text);
    assert.match(other.headers["set-cookie"][0], /Path=\/p\/;.*; Secure/);
    await server.close();
    fs.rmSync(home, { recursive: true });
  });

  test("pages of --allow-origin, and no others", async () => {
    const server = await startServer({ origin: "https://app.example.org" });
    const preflight = (Origin) =>
      ask(`${server.url}/sdapi/v1/txt2img`, {
        method: "OPTIONS",
        headers: {
          Origin,
          "Access-Control-Request-Method": "POST",
          "Access-Control-Request-Headers": "content-type",
        },
      });
    const good = (await preflight("https://app.example.org")).headers;
    assert.equal(good["access-control-allow-origin"], "https://app.example.org");
    assert.match(good["access-control-allow-methods"], /POST/);
    assert.equal(good["access-control-allow-headers"], "content-type");
    assert.equal(good["access-control-allow-credentials"], undefined);
    const bad = (await preflight("https://app.example.org.evil.example")).headers;
    assert.equal(bad["access-control-allow-origin"], undefined);
    const post = (Origin) =>
      ask(`${server.url}/v1/images/generations`, {
        method: "POST",
        headers: { Origin },
        body: '{"prompt":"x"}',
      });
    const made = await post("https://app.example.org");
    assert.equal(made.status, 200, made.text);
    assert.equal(made.headers["access-control-allow-origin"], "https://app.example.org");
    assert.equal((await post("https://elsewhere.example")).status, 403);
    const image = (Referer) =>
      ask(made.body.data[0].url, { headers: { Referer, "Sec-Fetch-Site": "cross-site" } });
    const policy = async (page) => (await image(page)).headers["cross-origin-resource-policy"];
    assert.equal(await policy("https://app.example.org/"), "cross-origin", "for its <img>");
    assert.equal(await policy("https://elsewhere.example/"), "same-origin");
    await server.close();
  });
});
