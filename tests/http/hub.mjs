// A place to fetch one file from, in ranges; while `stuck` is set it sends only the first half of
// what is asked for.

import { once } from "node:events";
import http from "node:http";

export async function startHub(file) {
  const hub = { stuck: true };
  const server = http.createServer(({ method, headers }, response) => {
    const range = /bytes=(\d+)-(\d*)/.exec(headers.range ?? "");
    const from = Number(range?.[1] ?? 0);
    const to = Math.min(range?.[2] ? Number(range[2]) + 1 : Infinity, file.length);
    const size = to - from;
    response.writeHead(range ? 206 : 200, {
      "Content-Length": size,
      ETag: '"1"',
      ...(range && { "Content-Range": `bytes ${from}-${to - 1}/${file.length}` }),
    });
    if (method === "HEAD") response.end();
    else if (!hub.stuck) response.end(file.subarray(from, to));
    else response.write(file.subarray(from, from + size / 2));
  });
  server.listen(0, "127.0.0.1").unref(); // a test that fails need not close it
  await once(server, "listening");
  hub.url = (name) => `http://127.0.0.1:${server.address().port}/${name}`;
  hub.close = () => (server.closeAllConnections(), server.close());
  return hub;
}
