// Who may do what: names and origins, users and tokens, TLS, and clients that dawdle.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import http from "node:http";
import https from "node:https";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { describe, test } from "node:test";
import { BUILD, call, endWithTests, listen, newHome, over, ROOT, startServer, submit } from "./harness.mjs";

const PROGRAM = path.join(BUILD, "fooocus");
const port = (server) => Number(new URL(server.url).port);

/** A request whose Host and other headers are ours to choose. */
function raw(
  server,
  { method = "GET", target = "/api/v1/system", headers = {}, body = "", agent = undefined } = {},
) {
  return new Promise((resolve, reject) => {
    const request = http.request(
      { host: "127.0.0.1", port: port(server), method, path: target, headers, agent },
      (response) => {
        let text = "";
        response
          .on("data", (data) => (text += data))
          .on("end", () => resolve({ status: response.statusCode, headers: response.headers, text }));
      },
    );
    request.on("error", reject).end(body);
  });
}

test("only names of this machine are served (DNS rebinding)", async () => {
  const server = await startServer({ host: "pictures.example" });
  const status = async (host) => (await raw(server, { headers: { Host: host } })).status;
  for (const good of [
    `127.0.0.1:${port(server)}`,
    "localhost",
    "LocalHost:80",
    "foo.localhost",
    "[::1]:7865",
    "192.168.1.7",
    "pictures.example",
    `${os.hostname()}`,
  ])
    assert.equal(await status(good), 200, good);
  for (const bad of [
    "evil.example",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "[::1",
    "evil.example@127.0.0.1",
    "a".repeat(300),
    " ",
  ])
    assert.ok([400, 403].includes(await status(bad)), bad);
  await server.close();
});

test("pages from elsewhere change nothing, and read nothing", async () => {
  const server = await startServer();
  const own = `http://127.0.0.1:${port(server)}`;
  const post = (headers) =>
    raw(server, {
      method: "POST",
      target: "/api/v1/jobs",
      headers: { "Content-Type": "text/plain", ...headers },
      body: '{"parameters":{}}',
    });
  for (const bad of [
    { Origin: "http://evil.example" },
    { Origin: "null" },
    { Origin: `http://127.0.0.1:${port(server) + 1}` },
    { "Sec-Fetch-Site": "cross-site" },
    { "Sec-Fetch-Site": "same-site" },
  ])
    assert.equal((await post(bad)).status, 403, JSON.stringify(bad));
  for (const good of [
    {},
    { Origin: own },
    { Origin: own, "Sec-Fetch-Site": "same-origin" },
    { "Sec-Fetch-Site": "none" },
  ])
    assert.equal((await post(good)).status, 201, JSON.stringify(good));
  for (const target of ["/api/v1/system", "/", "/api/v1/pictures"]) {
    const { headers } = await raw(server, { target, headers: { Origin: "http://evil.example" } });
    assert.deepEqual(
      Object.keys(headers).filter((name) => name.startsWith("access-control")),
      [],
      target,
    );
    assert.equal(headers["cross-origin-resource-policy"], "same-origin");
    assert.match(headers["content-security-policy"], /frame-ancestors 'none'/);
  }
  const asked = await raw(server, {
    method: "OPTIONS",
    target: "/api/v1/jobs",
    headers: { Origin: "http://evil.example", "Access-Control-Request-Method": "DELETE" },
  });
  assert.equal(asked.status, 204);
  const allowed = Object.keys(asked.headers).filter((name) => name.startsWith("access-control"));
  assert.deepEqual(allowed, [], "a browser hears no permission");
  await server.close();
});

describe("users and tokens", () => {
  const auth = (args, input) => {
    const { status, stdout, stderr } = spawnSync(PROGRAM, ["auth", ...args], { input, encoding: "utf8" });
    assert.equal(status, 0, stderr);
    return stdout.trim();
  };

  test("passwords, cookies, tokens, signed links", async () => {
    const home = newHome();
    const users = path.join(home, "users");
    auth(["add", "me", "--file", users], "correct horse\n");
    const token = auth(["token", "script", "--file", users]);
    const kept = fs.readFileSync(users, "utf8");
    assert.ok(!kept.includes("correct horse") && !kept.includes(token), "neither is kept as it is");
    assert.equal(fs.statSync(users).mode & 0o077, 0, "nobody else may read the file");

    const server = await startServer({ auth: users }, { home });
    const status = async (headers, target = "/api/v1/jobs") =>
      (await call(server, "GET", target, { headers })).status;
    assert.equal(await status({}), 401);
    for (const target of [
      "/api/v1/system",
      "/api/v1/events",
      "/api/v1/pictures/1/thumbnail",
      "/sdapi/v1/options",
      "/v1/models",
      "/v1/generation/job-queue",
      "/api/v1/catalog",
    ])
      assert.equal((await call(server, "GET", target)).status, 401, target);
    assert.equal(
      (await call(server, "GET", "/")).status,
      200,
      "the page itself holds no secret; it asks for the password",
    );
    const login = (user, password) => call(server, "POST", "/api/v1/login", { json: { user, password } });
    assert.equal((await login("me", "wrong")).status, 401);
    assert.equal((await login("nobody", "correct horse")).status, 401);
    const { headers, body } = await login("me", "correct horse");
    assert.equal(body.user, "me");
    const cookie = headers.get("set-cookie");
    assert.match(cookie, /HttpOnly; SameSite=Strict/);
    const session = cookie.split(";")[0];
    assert.equal(await status({ Cookie: session }), 200);
    for (let i = session.indexOf("=") + 1; i < session.length; i += 7) {
      const other = session[i] === "A" ? "B" : "A";
      assert.equal(
        await status({ Cookie: session.slice(0, i) + other + session.slice(i + 1) }),
        401,
        `letter ${i} changed`,
      );
    }
    assert.equal(await status({ Authorization: `Bearer ${token}` }), 200);
    assert.equal(await status({ Authorization: `Bearer ${token.slice(0, -1)}` }), 401);
    assert.equal(await status({ "X-API-KEY": token }), 200);
    const basic = (text) => ({ Authorization: `Basic ${Buffer.from(text).toString("base64")}` });
    assert.equal(await status(basic("me:correct horse")), 200);
    assert.equal(await status(basic("me:wrong")), 401);
    assert.equal(await status(basic(`me:${token}`)), 200, "a token as the password");
    for (const [target, scheme] of [
      ["/api/v1/jobs", /^Bearer/],
      ["/v1/models", /^Bearer/],
      ["/sdapi/v1/options", /^Basic/],
      ["/v1/generation/job-queue", /^Basic/],
    ]) {
      const { status: refused, headers } = await call(server, "GET", target);
      assert.equal(refused, 401);
      assert.match(headers.get("www-authenticate"), scheme, `${target}: what its clients wait for`);
    }

    const json = { prompt: "x", response_format: "url" };
    const { url } = (
      await call(server, "POST", "/v1/images/generations", {
        json,
        headers: { Authorization: `Bearer ${token}` },
      })
    ).body.data[0];
    const link = new URL(url);
    assert.equal(
      (await call(server, "GET", link.pathname + link.search)).status,
      200,
      "a link that is given away works",
    );
    assert.equal((await call(server, "GET", link.pathname)).status, 401);
    assert.equal(
      (await call(server, "GET", `${link.pathname.replace(/\/\d+\//, "/999/")}${link.search}`)).status,
      401,
      "and opens nothing else",
    );
    await server.close();

    auth(["remove", "me", "--file", users]);
    const later = await startServer({ auth: users }, { home });
    assert.equal(
      (await call(later, "GET", "/api/v1/jobs", { headers: { Cookie: session } })).status,
      401,
      "a user who was removed is out",
    );
    assert.equal(
      (await call(later, "GET", "/api/v1/jobs", { headers: { Authorization: `Bearer ${token}` } })).status,
      200,
    );
    await later.close();
    fs.rmSync(home, { recursive: true });
  });

  test("guessing is slowed down", async () => {
    const home = newHome();
    const users = path.join(home, "users");
    auth(["add", "me", "--file", users], "correct horse\n");
    const server = await startServer({ auth: users }, { home });
    let last;
    for (let i = 0; i < 30; i++) {
      last = await call(server, "POST", "/api/v1/login", { json: { user: "me", password: `guess ${i}` } });
      if (last.status === 429) break;
    }
    assert.equal(last.status, 429);
    assert.ok(Number(last.headers.get("retry-after")) >= 1);
    await server.close();
    fs.rmSync(home, { recursive: true });
  });
});

describe("the command line", () => {
  async function serve(args, options = {}) {
    const home = newHome();
    const child = spawn(PROGRAM, ["serve", "--home", home, "--port", "0", ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      ...options,
    });
    endWithTests(child);
    let said = "";
    child.stdout.on("data", (data) => (said += data));
    child.stderr.on("data", (data) => (said += data));
    const gone = once(child, "exit");
    const ready = once(child.stdout, "data");
    const [code] = await Promise.race([gone, ready.then(() => [null])]);
    const close = async () => {
      child.kill("SIGTERM");
      const [status] = await gone;
      fs.rmSync(home, { recursive: true });
      return status;
    };
    if (code !== null) fs.rmSync(home, { recursive: true });
    return { said: () => said, code, close, url: /https?:\/\/\S+/.exec(said)?.[0], home };
  }

  test("it serves this machine alone, and warns when it does not", async () => {
    const alone = await serve([]);
    assert.match(alone.said(), /http:\/\/127\.0\.0\.1:/);
    assert.doesNotMatch(alone.said(), /warning/);
    const others = Object.values(os.networkInterfaces())
      .flat()
      .filter((a) => !a.internal && a.family === "IPv4");
    for (const { address } of others) {
      const socket = net.connect(Number(new URL(alone.url).port), address);
      const [error] = await once(socket, "error");
      assert.equal(error.code, "ECONNREFUSED", address);
    }
    assert.equal(await alone.close(), 0);

    const open = await serve(["--listen"]);
    assert.match(open.said(), /warning: everybody who reaches this machine/);
    await open.close();
    const home = newHome();
    const users = path.join(home, "users");
    spawnSync(PROGRAM, ["auth", "add", "me", "--file", users], { input: "correct horse\n" });
    const guarded = await serve(["--listen", "0.0.0.0", "--auth", users]);
    assert.match(guarded.said(), /warning: passwords travel unencrypted/);
    await guarded.close();
    const certified = await serve(["--listen=0.0.0.0", "--auth", users, "--tls", tls()]);
    assert.doesNotMatch(certified.said(), /warning/);
    await certified.close();
    fs.rmSync(home, { recursive: true });
  });

  const tls = () => ["cert", "key"].map((name) => path.join(ROOT, `tests/http/tls/${name}.pem`)).join(",");

  test("TLS", async () => {
    const server = await serve(["--tls", tls()]);
    const url = new URL("/api/v1/system", server.url);
    assert.equal(url.protocol, "https:");
    const answer = await new Promise((resolve, reject) =>
      https
        .get(url, { ca: fs.readFileSync(path.join(ROOT, "tests/http/tls/cert.pem")) }, resolve)
        .on("error", reject),
    );
    assert.equal(answer.statusCode, 200);
    answer.destroy();
    const plain = net.connect(Number(url.port), "127.0.0.1");
    plain.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let text = "";
    plain.on("data", (data) => (text += data.toString("latin1"))).on("error", () => {});
    await once(plain, "close");
    assert.doesNotMatch(text, /HTTP\/1\.1 200/);
    await server.close();
  });

  test("--open opens the page", async () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "fc-open-"));
    const note = path.join(folder, "note");
    fs.writeFileSync(
      path.join(folder, "xdg-open"),
      `#!/bin/sh\necho "$1" > ${note}.new && mv ${note}.new ${note}\n`,
      { mode: 0o755 },
    );
    const server = await serve(["--open"], {
      env: { ...process.env, PATH: `${folder}:${process.env.PATH}` },
    });
    while (!fs.existsSync(note)) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(fs.readFileSync(note, "utf8").trim(), server.url);
    await server.close();
    fs.rmSync(folder, { recursive: true });
  });

  test("wrong flags say what to do", async () => {
    const taken = await serve([]);
    const cases = [
      [["--listen", "nonsense"], /--listen: nonsense is no IP address/],
      [["--port", "99999"], /--port: '99999' is no number from 0 to 65535/],
      [["--port", new URL(taken.url).port], /cannot listen on 127\.0\.0\.1, port \d+/],
      [["--tls", "cert.pem"], /--tls cert\.pem,key\.pem/],
      [["--tls", "none.pem,none.pem"], /none\.pem/],
      [["--tls", `${tls().split(",")[0]},${tls().split(",")[0]}`], /certificate and key/],
      [["--auth", "no-such-file"], /no-such-file/],
      [["--prot", "80"], /did you mean --port/],
    ];
    for (const [args, message] of cases) {
      const { code, said } = await serve(args);
      assert.ok(code > 0, args.join(" "));
      assert.match(said(), message);
    }
    await taken.close();
  });

  test("names from outside stay below the model folders", async () => {
    const server = await serve([]);
    const at = { url: server.url };
    for (const [name, status] of [
      ["/etc/passwd", 403],
      ["../../../etc/passwd", 403],
      ["..\\x", 403],
      ["missing", 404],
    ])
      for (const field of ["model", "refiner", "vae", "preview_decoder"]) {
        const answer = await call(at, "POST", "/api/v1/jobs", { json: { parameters: { [field]: name } } });
        assert.deepEqual(
          [answer.status, answer.body.field],
          [status, field],
          `${field}=${name}: ${answer.body.detail}`,
        );
      }
    const lora = await call(at, "POST", "/api/v1/jobs", {
      json: { parameters: { loras: [{ file: "/etc/passwd", weight: 1 }] } },
    });
    assert.deepEqual([lora.status, lora.body.field], [403, "loras"]);
    await server.close();
  });
});

describe("clients that dawdle", () => {
  const connect = (server, count, bytes) =>
    Promise.all(
      Array.from({ length: count }, async () => {
        const socket = net.connect(port(server), "127.0.0.1");
        socket.on("error", () => {});
        await once(socket, "connect");
        if (bytes) socket.write(bytes);
        return socket;
      }),
    );
  const closed = (socket) => (socket.destroyed ? null : once(socket.resume(), "close"));

  test("half a request is cut off, and costs the others nothing", async () => {
    const server = await startServer({ head_seconds: 2, body_seconds: 2 });
    const silent = await connect(server, 200);
    const half = await connect(server, 200, "GET /api/v1/sys");
    const body = await connect(
      server,
      50,
      `POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n\r\n{`,
    );
    const drip = await connect(server, 50, "GET / HTTP/1.1\r\n");
    const dripping = setInterval(
      () => drip.forEach((socket) => socket.writable && socket.write("X: 1\r\n")),
      300,
    );
    assert.equal((await over(server, (await submit(server)).id)).state, "done");
    await Promise.all([...silent, ...half, ...body, ...drip].map(closed));
    clearInterval(dripping);
    assert.equal((await call(server, "GET", "/api/v1/system")).status, 200);
    await server.close();
  });

  test("streams that nobody reads hold nobody up", async () => {
    const server = await startServer({ steps: 200 });
    const deaf = await connect(server, 50, "GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
    deaf.forEach((socket) => socket.pause());
    const stream = await listen(server);
    const job = await submit(server, { count: 20 });
    await stream.next((e) => e.type === "job" && e.data.id === job.id && e.data.state === "done");
    stream.close();
    deaf.forEach((socket) => socket.destroy());
    assert.equal((await call(server, "GET", "/api/v1/system")).status, 200);
    await server.close();
  });

  test("who comes when all connections are taken hears it, and is served later", async () => {
    const server = await startServer({ head_seconds: 60 });
    const sockets = await connect(server, 1000);
    const { status, headers } = await raw(server, { headers: { Host: "localhost" } });
    assert.deepEqual([status, headers["retry-after"]], [503, "5"]);
    sockets.forEach((socket) => socket.destroy());
    for (;;) if ((await raw(server, { headers: { Host: "localhost" } })).status === 200) break;
    await server.close();
  });

  test("there are so many connections and no more", async () => {
    const server = await startServer({ head_seconds: 2 });
    const sockets = await connect(server, 1100); // what is beyond the limit waits for a place
    assert.equal((await call(server, "GET", "/api/v1/system")).status, 200);
    await Promise.all(sockets.map(closed));
    await server.close();
  });
});
