// A line to the server that can be cut: a TCP port before the server's own.

import { once } from "node:events";
import net from "node:net";

/** {url, cut(), mend(), close()}. While it is cut nothing is open and nothing new is taken. */
export async function startLine(server) {
  const { hostname, port } = new URL(server);
  const open = new Set();
  let whole = true;
  const keep = (socket) => {
    open.add(socket);
    socket.on("error", () => {}); // closed, which is all there is to know
    socket.once("close", () => open.delete(socket));
  };
  const line = net.createServer((near) => {
    if (!whole) return near.destroy();
    const far = net.connect(port, hostname);
    [near, far].forEach(keep);
    near.once("close", () => far.destroy());
    far.once("close", () => near.destroy());
    near.pipe(far).pipe(near);
  });
  const destroyAll = () => open.forEach((socket) => socket.destroy());
  line.listen(0, "127.0.0.1");
  await once(line, "listening");
  return {
    url: `http://127.0.0.1:${line.address().port}/`,
    cut() {
      whole = false;
      destroyAll();
    },
    mend: () => (whole = true),
    close() {
      line.close();
      destroyAll();
    },
  };
}
