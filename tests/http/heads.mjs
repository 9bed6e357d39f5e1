// Heads of proper requests, changed at random by a seed, over raw sockets: every one gets well-formed answers
// or the end of its connection, and the server goes on. As a program, against any server that runs:
//   node tests/http/heads.mjs URL SECONDS [SEED]

import assert from "node:assert/strict";
import net from "node:net";
import { pathToFileURL } from "node:url";

const TOGETHER = 40; // connections at a time
const SILENCE = 400; // ms without a byte, then we hang up: most of what is cut off waits for its rest
const LONGEST = 5000;

/** Numbers below n from a seed. */
export function randomFrom(seed) {
  let state = seed >>> 0;
  return (n) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) % n;
  };
}

// ---- proper requests ----

const request = (line, fields, body = "") =>
  [`${line} HTTP/1.1`, "Host: localhost", ...fields, "", body].join("\r\n");
const json = (line, value) => {
  const body = JSON.stringify(value);
  return request(
    line,
    ["Content-Type: application/json", `Content-Length: ${Buffer.byteLength(body)}`],
    body,
  );
};
const chunked = (line, text) =>
  request(
    line,
    ["Content-Type: application/json", "Transfer-Encoding: chunked"],
    `${text.length.toString(16)};a="b"\r\n${text}\r\n0\r\nX-Trailer: 1\r\n\r\n`,
  );
const form = [
  "--cut",
  'Content-Disposition: form-data; name="file"; filename="a.png"',
  "Content-Type: image/png",
  "",
  "no picture",
  "--cut--",
  "",
].join("\r\n");

const PROPER = [
  request("GET /ping", []),
  request("HEAD /", ["Accept: text/html", "Accept-Encoding: gzip, deflate, br"]),
  request("GET /", [
    "Accept-Encoding: gzip;q=0.5, identity",
    "Cookie: fooocus=none; a=b",
    "Connection: keep-alive",
  ]),
  request("GET /app.css", ["Range: bytes=10-20", 'If-Range: "none"', "If-None-Match: *"]),
  request("GET /app.css", ["Range: bytes=0-1,5-6,-3", "If-Modified-Since: Sat, 29 Oct 2022 19:43:31 GMT"]),
  request("GET /api/v1/pictures?limit=2&q=a%20fox&before=9", [
    "Authorization: Basic YTpi",
    "X-API-KEY: none",
  ]),
  request("GET /api/v1/system", [
    "X-Forwarded-For: 10.0.0.1, [::1]",
    "X-Forwarded-Proto: https",
    "Forwarded: for=a",
  ]),
  request("GET /sdapi/v1/progress?skip_current_image=true", [
    "Origin: http://localhost",
    "Sec-Fetch-Site: same-origin",
  ]),
  request("GET /files/2026-01-01/none.png", ["Referer: http://localhost/"]),
  request("GET http://localhost/v1/models", ["Authorization: Bearer none", "Accept: application/json"]),
  request("OPTIONS *", []),
  request("OPTIONS /api/v1/jobs", [
    "Origin: http://elsewhere.example",
    "Access-Control-Request-Method: POST",
  ]),
  request("DELETE /api/v1/pictures/999999", ["Sec-Fetch-Site: none"]),
  request("GET /api/v1/events?last_event_id=3", [
    "Last-Event-ID: 3",
    "Accept: text/event-stream",
    "Connection: close",
  ]),
  json("POST /api/v1/login", { user: "a", password: "b" }),
  json("POST /api/v1/jobs", { parameters: { prompt: 7 } }),
  json("POST /sdapi/v1/options", { no_such_option: 7 }),
  json("POST /sdapi/v1/png-info", { image: "none" }),
  json("POST /v1/images/generations", { prompt: "x", n: 99 }),
  chunked("POST /api/v1/metadata", '{"text":"a fox"}'),
  chunked("POST /v1/generation/text-to-image", '{"image_number":99}'),
  request(
    "POST /api/v1/uploads",
    [`Content-Type: multipart/form-data; boundary=cut`, `Content-Length: ${form.length}`],
    form,
  ),
  request(
    "POST /v1/images/edits",
    ["Content-Type: multipart/form-data; boundary=cut", "Transfer-Encoding: chunked"],
    "0\r\n\r\n",
  ),
  request(
    "POST /api/v1/login",
    ["Content-Length: 27", "Expect: 100-continue"],
    '{"user":"a","password":"b"}',
  ),
];

const PIECES = [
  ..."\r\n|\n|\r|\0| |\t|\r\n |\r\n\t|\r\n\r\n|\x7f|\x80|\xff|\xc3\xa9".split("|"),
  ...': ; , / // /../ %00 %2e%2e/ % ? & = # * " - -- 0 -1 +5 0x10 chunked gzip close'.split(" "),
  ..."99999999999999999999 18446744073709551616 4294967295 2147483648 HTTP/1.0 HTTP/1.1 HTTP/2.0".split(" "),
  ..."bytes= bytes=0- bytes=-0 bytes=5-4 localhost localhost:99999 [::1] elsewhere.example".split(" "),
];
const FIELDS = [
  ..."Content-Length: 5|Content-Length: 0|Transfer-Encoding: chunked|Transfer-Encoding: identity".split("|"),
  ..."Host: localhost|Host: elsewhere.example|Connection: close|Connection: keep-alive, Host".split("|"),
  ..."Expect: 100-continue|Expect: none|Upgrade: h2c|Range: bytes=1-|Cookie: |TE: trailers".split("|"),
  ..."Content-Encoding: gzip|Content-Type: text/plain|Origin: null|Trailer: Host".split("|"),
  ...'X-Forwarded-Host: a, b|X-Forwarded-Prefix: /..//|If-None-Match: W/"'.split("|"),
];

// ---- changes ----

const CHANGES = {
  byte: (text, random) => replaced(text, random(text.length), 1, String.fromCharCode(random(256))),
  bit: (text, random) => {
    const at = random(text.length);
    return replaced(text, at, 1, String.fromCharCode(text.charCodeAt(at) ^ (1 << random(8))));
  },
  insert: (text, random) => replaced(text, random(text.length), 0, pick(PIECES, random)),
  overwrite: (text, random) => {
    const piece = pick(PIECES, random);
    return replaced(text, random(text.length), piece.length, piece);
  },
  cut: (text, random) => replaced(text, random(text.length), 1 + random(12), ""),
  truncate: (text, random) => text.slice(0, 1 + random(text.length)),
  field: (text, random) => byLine(text, random, (lines, at) => lines.splice(at, 0, pick(FIELDS, random))),
  twice: (text, random) => byLine(text, random, (lines, at) => lines.splice(at, 0, lines[at])),
  drop: (text, random) => byLine(text, random, (lines, at) => lines.splice(at, 1)),
  swap: (text, random) => byLine(text, random, (lines, at) => lines.splice(at, 0, lines.pop())),
  long: (text, random) =>
    replaced(
      text,
      random(text.length),
      0,
      pick(PIECES, random)
        .repeat(1 << random(15))
        .slice(0, 40000),
    ),
  many: (text, random) =>
    byLine(text, random, (lines, at) =>
      lines.splice(at, 0, ...Array(1 << random(10)).fill(pick(FIELDS, random))),
    ),
  number: (text, random) => text.replace(/\d+/g, (digits) => (random(3) ? digits : pick(PIECES, random))),
  next: (text, random) => text + pick(PROPER, random),
};

const pick = (list, random) => list[random(list.length)];
const replaced = (text, at, size, piece) => text.slice(0, at) + piece + text.slice(at + size);
function byLine(text, random, change) {
  const lines = text.split("\r\n");
  change(lines, random(lines.length));
  return lines.join("\r\n");
}

/** A request that may be none any more, as a string of bytes. */
export function changed(random) {
  let text = pick(PROPER, random);
  for (let left = 1 + random(1 + random(6)); left > 0; left--)
    text = CHANGES[pick(Object.keys(CHANGES), random)](text || "G", random);
  return text;
}

// ---- answers ----

/** What is wrong with the bytes that came; null when they are answers, the last one perhaps not whole. */
export function faultOf(text, closed) {
  while (text) {
    const match = /^HTTP\/1\.[01] ([1-5]\d\d) [^\r\n]*\r\n/.exec(text);
    if (!match)
      return text.length < 12 && !closed ? null : `no status line: ${JSON.stringify(text.slice(0, 200))}`;
    const status = Number(match[1]);
    if (status === 500) return `500: ${text.slice(0, 600)}`;
    const end = text.indexOf("\r\n\r\n");
    if (end < 0) return closed ? "a head without its end" : null;
    for (const line of text
      .slice(match[0].length, end + 2)
      .split("\r\n")
      .slice(0, -1))
      if (!/^[!#$%&'*+\-.^_`|~\w]+: [^\0\r\n]*$/.test(line)) return `an odd line: ${JSON.stringify(line)}`;
    const head = text.slice(0, end);
    if (/\r\nConnection: close/i.test(head) || /\r\nTransfer-Encoding/i.test(head)) return null;
    const length =
      status < 200 || status === 204 || status === 304
        ? 0
        : Number(/\r\nContent-Length: (\d+)/i.exec(head)?.[1]);
    if (Number.isNaN(length)) return `no length: ${JSON.stringify(head.slice(0, 400))}`;
    const rest = text.slice(end + 4);
    text = /^HTTP\/1\.1 [1-5]\d\d /.test(rest) ? rest : rest.slice(length); // an answer to HEAD has no body
  }
  return null;
}

/** Sends text, perhaps in two parts, and waits for silence or the end -> what came, and whether it ended. */
function exchange({ hostname, port }, text, cut) {
  return new Promise((resolve) => {
    let heard = "";
    const socket = net.connect(Number(port), hostname, () => {
      socket.setNoDelay(true).write(text.slice(0, cut), "latin1");
      if (cut < text.length) setTimeout(() => socket.destroyed || socket.write(text.slice(cut), "latin1"), 5);
    });
    const finish = (closed) => {
      clearTimeout(quiet);
      clearTimeout(last);
      socket.destroy();
      resolve({ heard, closed });
    };
    let quiet = setTimeout(finish, SILENCE, false);
    const last = setTimeout(finish, LONGEST, false);
    socket.on("data", (data) => {
      heard += data.toString("latin1");
      clearTimeout(quiet);
      quiet = setTimeout(finish, SILENCE, false);
    });
    socket.on("error", () => {}).on("close", () => finish(true));
  });
}

const ALIVE = request("GET /ping", ["Connection: close"]);

/** Sends `count` changed requests (TOGETHER at a time) -> how many answers of which status came. */
export async function torment(url, count, random) {
  const server = new URL(url);
  const statuses = {};
  const one = async () => {
    const text = changed(random);
    const { heard, closed } = await exchange(server, text, random(3) ? text.length : random(text.length));
    const fault = faultOf(heard, closed);
    assert.equal(fault, null, `${fault}\nfor ${JSON.stringify(text.slice(0, 2000))}`);
    const status = heard ? heard.slice(9, 12) : closed ? "closed" : "silence";
    statuses[status] = (statuses[status] ?? 0) + 1;
  };
  for (let sent = 0; sent < count; sent += TOGETHER) await Promise.all(Array.from({ length: TOGETHER }, one));
  const { heard } = await exchange({ hostname: server.hostname, port: server.port }, ALIVE, ALIVE.length);
  assert.match(heard, /^HTTP\/1\.1 200 /, "the server answers as before");
  return statuses;
}

async function main([url, seconds, seed = "1"]) {
  const random = randomFrom(Number(seed));
  const end = Date.now() + Number(seconds) * 1000;
  const total = {};
  for (let round = 1; Date.now() < end; round++) {
    for (const [status, n] of Object.entries(await torment(url, 400, random)))
      total[status] = (total[status] ?? 0) + n;
    if (round % 25 === 0) process.stdout.write(`${round * 400} requests ${JSON.stringify(total)}\n`);
  }
  process.stdout.write(`done: ${JSON.stringify(total)}\n`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await main(process.argv.slice(2));
