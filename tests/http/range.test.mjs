// Range requests: for headers of every kind, what comes is the file, or the part of it that the answer
// names, to the byte.

import assert from "node:assert/strict";
import fs from "node:fs";
import http from "node:http";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { startServer } from "./harness.mjs";

const SIZE = 1009;
const MAX = 2n ** 64n - 1n; // the largest number that the server tells apart from others
const FILE = Buffer.from(Array.from({ length: SIZE }, (_, i) => (i * 37 + (i >> 3)) & 255));
const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
let folder;
let server;
before(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "fc-range-"));
  fs.writeFileSync(path.join(folder, "file.txt"), FILE);
  fs.writeFileSync(path.join(folder, "empty.txt"), "");
  server = await startServer({ web: folder });
});
after(async () => {
  agent.destroy();
  await server.close();
  fs.rmSync(folder, { recursive: true });
});

function get(target, headers) {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(server.url);
    const request = http.get({ hostname, port, path: target, headers, agent }, (response) => {
      const parts = [];
      response.on("data", (data) => parts.push(data));
      response
        .on("error", reject)
        .on("end", () =>
          resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(parts) }),
        );
    });
    request.setTimeout(10000, () => request.destroy(new Error(`no whole answer: ${headers.Range}`)));
    request.on("error", reject);
  });
}

/** RFC 9110, 14.1.2: [first, last] of one satisfiable range, "unsatisfiable", or null: to be ignored. */
function meaning(text, size) {
  const parts = /^bytes=(\d*)-(\d*)$/i.exec(text);
  if (!parts || (parts[1] === "" && parts[2] === "")) return null;
  const [first, last] = [1, 2].map((i) =>
    parts[i] === "" ? null : BigInt(parts[i]) > MAX ? MAX : BigInt(parts[i]),
  );
  if (first === null)
    return last === 0n || size === 0 ? "unsatisfiable" : [last > size ? 0 : size - Number(last), size - 1];
  if (last !== null && last < first) return null;
  if (first >= size) return "unsatisfiable";
  return [Number(first), last === null || last >= size ? size - 1 : Number(last)];
}

let state = 20261129;
const random = (n) => ((state = (Math.imul(state, 1103515245) + 12345) >>> 0), (state >>> 12) % n);
const pick = (list) => list[random(list.length)];
const number = () =>
  pick([
    "",
    "0",
    "1",
    String(random(SIZE)),
    String(random(SIZE)),
    String(SIZE - 1),
    String(SIZE),
    String(SIZE + random(99)),
    "9223372036854775807",
    "18446744073709551615",
    "18446744073709551616",
    "007",
  ]);
const one = () => `${number()}${pick([..."-----------", "", "--", "- "])}${number()}`;
const PREFIXES = [...Array(9).fill("bytes="), "Bytes=", "bytes =", "octets=", "bytes"];
const header = () =>
  pick(PREFIXES) + Array.from({ length: pick([1, 1, 1, 1, 2, 3]) }, one).join(pick([",", ", "]));

async function check(target, file, range) {
  const { status, headers, body } = await get(target, { Range: range });
  const wanted = meaning(range, file.length);
  const part = headers["content-range"] ?? "";
  const about = `${target} Range: ${range} -> ${status} ${part}, ${body.length} bytes`;
  if (wanted === "unsatisfiable") {
    assert.equal(status, 416, about);
    assert.equal(headers["content-range"], `bytes */${file.length}`, about);
    return;
  }
  assert.equal(status, wanted ? 206 : 200, about);
  const [first, last] = wanted ?? [0, file.length - 1];
  assert.equal(headers["content-range"], wanted ? `bytes ${first}-${last}/${file.length}` : undefined, about);
  assert.equal(Number(headers["content-length"]), last - first + 1, about);
  assert.ok(body.equals(file.subarray(first, last + 1)), about);
}

test("headers that were wrong once", async () => {
  for (const range of [
    "bytes=10-20,30-40",
    "bytes=9-5",
    "bytes=5",
    "bytes=0-1,5-6",
    "bytes=-5,10-20",
    "bytes=1008-1008",
    "bytes=-1009",
    "bytes=-1010",
    "bytes=1009-",
    "bytes=-0",
  ]) {
    await check("/file.txt", FILE, range);
    await check("/empty.txt", Buffer.alloc(0), range);
  }
});

test("3,000 random headers", async () => {
  const all = Array.from({ length: 3000 }, header);
  const kinds = all.map((range) => meaning(range, SIZE));
  for (const fits of [(k) => k === null, (k) => k === "unsatisfiable", Array.isArray])
    assert.ok(kinds.filter(fits).length > 100, `each kind is met: ${fits}`);
  for (let i = 0; i < all.length; i += 4)
    await Promise.all(all.slice(i, i + 4).map((range) => check("/file.txt", FILE, range)));
});

test("If-Range: the part only while the file is the same", async () => {
  const { headers } = await get("/file.txt", {});
  const part = async (value) => (await get("/file.txt", { Range: "bytes=3-9", "If-Range": value })).status;
  assert.equal(await part(headers.etag), 206);
  assert.equal(await part(`W/${headers.etag}`), 200, "a weak tag is not enough");
  assert.equal(await part('"another"'), 200);
  assert.equal(
    (await get("/file.txt", { Range: "bytes=10-20,30-40", "If-Range": '"another"' })).body.compare(FILE),
    0,
  );
});

test("conditions: the client has it, or wants another state of it", async () => {
  const { headers } = await get("/file.txt", {});
  const changed = new Date(headers["last-modified"]);
  const at = (seconds) => new Date(changed.getTime() + 1000 * seconds).toUTCString();
  const cases = [
    [{ "If-None-Match": headers.etag }, 304],
    [{ "If-None-Match": `"x", W/${headers.etag}` }, 304],
    [{ "If-None-Match": '"x"' }, 200],
    [{ "If-None-Match": '"x"', "If-Modified-Since": at(9) }, 200],
    [{ "If-Modified-Since": at(0) }, 304],
    [{ "If-Modified-Since": at(86400) }, 304],
    [{ "If-Modified-Since": at(-1) }, 200],
    [{ "If-Modified-Since": "yesterday" }, 200],
    [{ "If-Match": headers.etag }, 200],
    [{ "If-Match": "*" }, 200],
    [{ "If-Match": '"x"' }, 412],
    [{ "If-Unmodified-Since": at(0) }, 200],
    [{ "If-Unmodified-Since": at(-1) }, 412],
    [{ Range: "bytes=0-0", "If-Range": at(0) }, 206],
    [{ Range: "bytes=0-0", "If-Range": at(-1) }, 200],
  ];
  for (const [wish, status] of cases) {
    const answer = await get("/file.txt", wish);
    assert.equal(answer.status, status, JSON.stringify(wish));
    if (status !== 304) continue;
    assert.ok([undefined, `${SIZE}`].includes(answer.headers["content-length"]), "none, or that of the 200");
  }
});
