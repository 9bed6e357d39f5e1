// Wrong input: the API says 4xx with the field and the reason, never 500; bytes that are no HTTP harm nobody.

import assert from "node:assert/strict";
import net from "node:net";
import { after, before, test } from "node:test";
import { call, startServer } from "./harness.mjs";

let server;
before(
  async () => (server = await startServer({ queue: 5, pixels: 4194304, head_seconds: 1, body_seconds: 2 })),
);
after(() => server.close());

const P = (parameters) => ({ parameters });
const JOBS = "/api/v1/jobs";
const NO_JOB = `${JOBS}/01ARZ3NDEKTSV4RRFFQ69G5FAV`;
const DEEP = "[".repeat(100000);

test("a wrong request: status, field", async () => {
  const cases = [
    // body of POST /api/v1/jobs, status, field
    ["", 400, null],
    ["nonsense", 400, null],
    ["[]", 400, null],
    ["{}", 400, "parameters"],
    [DEEP, 400, null],
    ['{"parameters":{},"parameters":7}', 400, "parameters"], // the last of two counts
    ['{"parameters":{"prompt":"\\ud800"}}', 400, null],
    [Buffer.from('{"parameters":{"prompt":"\xff"}}', "latin1"), 400, null],
    [{ parameters: 7 }, 400, "parameters"],
    [{ ...P({}), priority: 1 }, 400, "priority"],
    [{ ...P({}), preview: "yes" }, 400, "preview"],
    [P({ promt: "x" }), 400, "promt"],
    [P({ prompt: 7 }), 400, "prompt"],
    [P({ prompt: ["x"] }), 400, "prompt"],
    [P({ prompt: "x".repeat(65537) }), 413, "prompt"],
    [P({ prompt: "(a:b:c)".repeat(3), width: "wide" }), 400, "width"],
    [P({ width: 63 }), 400, "width"],
    [P({ width: 1001 }), 400, "width"],
    [P({ width: 1e300 }), 400, "width"],
    [P({ width: -8 }), 400, "width"],
    [P({ width: 64.5 }), 400, "width"],
    [P({ width: 4096, height: 4096 }), 400, "width"], // more pixels than this server allows
    [P({ count: 0 }), 400, "count"],
    [P({ count: 1001 }), 400, "count"],
    [P({ steps: 100000 }), 400, "steps"],
    [P({ cfg: "NaN" }), 400, "cfg"],
    [P({ seed: "-5" }), 400, "seed"],
    [P({ seed: "99999999999999999999" }), 400, "seed"],
    [P({ seed: 1.5 }), 400, "seed"],
    [P({ sampler: "best" }), 400, "sampler"],
    [P({ performance: "" }), 400, "performance"],
    [P({ styles: "Fooocus V3" }), 400, "styles"],
    [P({ styles: [1] }), 400, "styles"],
    [P({ styles: Array(33).fill("Fooocus Sharp") }), 413, "styles"],
    [P({ loras: [{ file: "x", weight: "much" }] }), 400, "loras"],
    [P({ loras: [{ name: "x" }] }), 400, "loras"],
    [P({ output: "/etc/passwd" }), 403, "output"],
    [P({ home: "/" }), 403, "home"],
    [P({ latent: "x" }), 403, "latent"],
  ];
  for (const [body, status, field] of cases) {
    const raw = typeof body === "string" || Buffer.isBuffer(body);
    const answer = await call(server, "POST", JOBS, { ...(raw ? { body } : { json: body }) });
    const about = raw ? String(body).slice(0, 60) : JSON.stringify(body).slice(0, 80);
    assert.equal(answer.status, status, `${about}: ${JSON.stringify(answer.body)}`);
    assert.equal(answer.body.field ?? null, field, `${about}: ${JSON.stringify(answer.body)}`);
    assert.ok(answer.body.detail.length > 5 && answer.body.title, about);
  }
});

test("wrong targets and queries", async () => {
  const cases = [
    ["GET", "/api/v1/nothing", 404],
    ["PUT", JOBS, 405],
    ["DELETE", "/api/v1/pictures", 405],
    ["GET", NO_JOB, 404],
    ["GET", `${JOBS}/short`, 404],
    ["GET", `${JOBS}/${"x".repeat(5000)}`, 404],
    ["DELETE", NO_JOB, 404],
    ["POST", `${NO_JOB}/cancel`, 404, {}],
    ["POST", `${NO_JOB}/cancel`, 400, { what: "all" }, "what"],
    ["POST", `${NO_JOB}/move`, 400, { position: -1 }, "position"],
    ["POST", `${NO_JOB}/move`, 404, { position: 1 }],
    ["GET", `${JOBS}?limit=0`, 400, undefined, "limit"],
    ["GET", `${JOBS}?limit=many`, 400, undefined, "limit"],
    ["GET", `${JOBS}?state=lost`, 400, undefined, "state"],
    ["GET", "/api/v1/pictures?limit=201", 400, undefined, "limit"],
    ["GET", "/api/v1/pictures?before=x", 400, undefined, "before"],
    ["GET", "/api/v1/pictures?favourite=2", 400, undefined, "favourite"],
    ["GET", "/api/v1/pictures/0", 404],
    ["GET", "/api/v1/pictures/99999999999999999999/file", 404],
    ["GET", "/api/v1/pictures/1%2F..%2F2/thumbnail", 404],
    ["POST", "/api/v1/pictures/1/favourite", 400, { favourite: "yes" }, "favourite"],
    ["POST", "/api/v1/pictures/77/favourite", 404, { favourite: true }],
    ["POST", "/api/v1/downloads", 400, { names: [] }, "names"],
    ["POST", "/api/v1/downloads", 404, { names: ["../../etc/passwd"] }, "names"],
    ["GET", "/files/2024-05-17/none.png", 404],
    ["GET", "/files/..%2f..%2fetc%2fpasswd", 404],
    ["GET", "/files/%2e%2e/%2e%2e/etc/passwd", 404],
    ["GET", "/..%2f..%2fetc%2fpasswd", 404],
    ["GET", "/js/%00main.js", 400],
  ];
  for (const [method, target, status, json, field] of cases) {
    const answer = await call(server, method, target, { json, check: false });
    assert.equal(answer.status, status, `${method} ${target}: ${JSON.stringify(answer.body).slice(0, 200)}`);
    if (field) assert.equal(answer.body.field, field, target);
    assert.equal(answer.body.status, status, "a problem object");
  }
});

test("searches with every kind of sign are no errors", async () => {
  for (const q of [
    '"',
    "'",
    "a AND b",
    "NEAR(",
    "*",
    "%",
    "_",
    "\\",
    "(",
    "prompt:x",
    "x".repeat(5000),
    "\u0000",
    "𐍈",
    "-",
    "^a",
    "a b c d e f g h i j k l m n o p q r s t",
  ]) {
    const answer = await call(server, "GET", `/api/v1/pictures?q=${encodeURIComponent(q)}`);
    assert.equal(answer.status, 200, q);
  }
});

test("the queue says when it is full", async () => {
  const busy = await startServer({ queue: 2, step_millis: 60000 });
  const answers = [];
  for (let i = 0; i < 5; i++)
    answers.push((await call(busy, "POST", JOBS, { json: P({ prompt: String(i) }) })).status);
  assert.equal(answers.filter((s) => s === 429).length >= 2, true, answers.join());
  await busy.close();
});

test("a body that is too large is refused before it is sent whole", async () => {
  const big = await call(server, "POST", JOBS, { body: Buffer.alloc(2 << 20, 0x20) });
  assert.equal(big.status, 413);
  const socket = await open();
  socket.write(head("POST", JOBS, "Content-Length: 99999999999"));
  assert.match(await answerOf(socket), /^HTTP\/1\.1 413 /);
  const chunked = await open();
  chunked.write(head("POST", JOBS, "Transfer-Encoding: chunked"));
  for (let i = 0; i < 20 && chunked.writable; i++) chunked.write(`10000\r\n${"x".repeat(65536)}\r\n`);
  assert.match(await answerOf(chunked), /^HTTP\/1\.1 413 |^$/);
});

// ---- bytes that are no proper HTTP ----

const port = () => Number(new URL(server.url).port);
const head = (method, target, ...lines) =>
  `${method} ${target} HTTP/1.1\r\nHost: 127.0.0.1:${port()}\r\n${lines.map((l) => `${l}\r\n`).join("")}\r\n`;
const open = () =>
  new Promise((resolve, reject) => {
    const socket = net.connect(port(), "127.0.0.1", () => resolve(socket));
    socket.on("error", reject);
  });
/** All that comes until the first answer's head is there or the connection ends. */
const answerOf = (socket) =>
  new Promise((resolve) => {
    let text = "";
    const end = () => (socket.destroy(), resolve(text));
    socket.on("data", (data) => ((text += data.toString("latin1")), text.includes("\r\n\r\n") && end()));
    socket.on("close", end).removeAllListeners("error").on("error", end);
    socket.on("end", end);
  });

test("what is no HTTP gets 4xx or a closed door", async () => {
  const host = `Host: 127.0.0.1:${port()}`;
  const cases = [
    "\r\n\r\n\r\n",
    "GET\r\n\r\n",
    "GET /\r\n\r\n",
    "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", // TLS to a plain port
    "GET / HTTP/9.9\r\nHost: x\r\n\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    `GET / HTTP/1.1\r\n\r\n`, // no Host
    `GET / HTTP/1.1\r\n${host}\r\nHost: evil.example\r\n\r\n`,
    `GET /${"a".repeat(40000)} HTTP/1.1\r\n${host}\r\n\r\n`,
    `GET / HTTP/1.1\r\n${host}\r\nX: ${"b".repeat(70000)}\r\n\r\n`,
    `GET / HTTP/1.1\r\n${host}\r\n${"Y: c\r\n".repeat(5000)}\r\n`,
    `POST ${JOBS} HTTP/1.1\r\n${host}\r\nContent-Length: -1\r\n\r\n`,
    `POST ${JOBS} HTTP/1.1\r\n${host}\r\nContent-Length: 1x\r\n\r\n{`,
    `POST ${JOBS} HTTP/1.1\r\n${host}\r\nContent-Length: 18446744073709551617\r\n\r\n`,
    `POST ${JOBS} HTTP/1.1\r\n${host}\r\nContent-Length: 2\r\nContent-Length: 4\r\n\r\n{}{}`,
    `POST ${JOBS} HTTP/1.1\r\n${host}\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n{}\r\n0\r\n\r\n`,
    `POST ${JOBS} HTTP/1.1\r\n${host}\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\n{}`,
    `POST ${JOBS} HTTP/1.1\r\n${host}\r\nTransfer-Encoding: gzip\r\n\r\n{}`,
    `GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n`,
    `CONNECT evil.example:80 HTTP/1.1\r\n${host}\r\n\r\n`,
    `GET \x00/ HTTP/1.1\r\n${host}\r\n\r\n`,
    `G\x00T / HTTP/1.1\r\n${host}\r\n\r\n`,
    Buffer.alloc(60000, 0),
    Buffer.from(Array.from({ length: 3000 }, (_, i) => (i * 167 + 13) & 255)),
  ];
  for (const bytes of cases) {
    const socket = await open();
    socket.end(bytes, "latin1"); // the sender has said all
    const answer = await answerOf(socket);
    assert.match(
      answer,
      /^$|^HTTP\/1\.[01] (4\d\d|501|505) /,
      `${JSON.stringify(String(bytes).slice(0, 80))} -> ${answer.slice(0, 100)}`,
    );
  }
  assert.equal((await call(server, "GET", "/api/v1/system")).status, 200, "the server goes on");
});

test("a request that is cut at any place leaves nothing behind", async () => {
  const body = JSON.stringify(P({ prompt: "cut" }));
  const whole = head("POST", JOBS, "Content-Type: application/json", `Content-Length: ${body.length}`) + body;
  const before = (await call(server, "GET", JOBS)).body.jobs.length;
  for (let at = 1; at < whole.length; at += 3) {
    const socket = await open();
    socket.end(whole.slice(0, at));
    const answer = await answerOf(socket);
    assert.match(answer, /^$|^HTTP\/1\.1 4/, `cut at ${at}: ${answer.slice(0, 60)}`);
  }
  assert.equal((await call(server, "GET", JOBS)).body.jobs.length, before, "no job came of it");
});

test("requests one behind the other on one connection are answered in order", async () => {
  const socket = await open();
  let text = "";
  socket.on("data", (data) => (text += data));
  socket.write(
    head("GET", "/ping") + head("GET", "/api/v1/nothing") + head("GET", "/ping", "Connection: close"),
  );
  await new Promise((resolve) => socket.on("close", resolve));
  assert.deepEqual(text.match(/HTTP\/1\.1 \d+/g), ["HTTP/1.1 200", "HTTP/1.1 404", "HTTP/1.1 200"]);
});
