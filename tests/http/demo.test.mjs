// The program itself with its demo model, whose card gives its sizes: clients that ask for none get
// the card's.

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { ROOT, startProgram } from "../web/program.mjs";

const CARD = JSON.parse(fs.readFileSync(path.join(ROOT, "data/demo/checkpoints/demo.json"), "utf8")).defaults;
let server;
before(
  async () =>
    (server = await startProgram({ models: false, env: { FOOOCUS_DEMO: path.join(ROOT, "data/demo") } })),
);
after(() => server.close());

async function post(target, json) {
  const response = await fetch(new URL(target, server.url), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(json),
  });
  assert.equal(response.status, 200, target);
  return response.json();
}

/** Of a PNG in base64. */
function size(picture) {
  const bytes = Buffer.from(picture, "base64");
  return { width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20) };
}

const ASKS = {
  AUTOMATIC1111: async (wish) =>
    (await post("/sdapi/v1/txt2img", { prompt: "a boat", steps: 2, ...wish })).images[0],
  OpenAI: async () =>
    (await post("/v1/images/generations", { prompt: "a boat", response_format: "b64_json" })).data[0]
      .b64_json,
  "Fooocus-API": async () =>
    (
      await post("/v1/generation/text-to-image", {
        prompt: "a boat",
        advanced_params: { overwrite_step: 2 },
        require_base64: true,
      })
    )[0].base64.replace(/^data:[^,]*,/, ""),
};

for (const [client, ask] of Object.entries(ASKS))
  test(`a picture for ${client} has the size of the model's card`, async () => {
    assert.deepEqual(size(await ask({})), { width: CARD.width, height: CARD.height });
  });

test("a size that is asked for counts, one side of it too", async () => {
  assert.deepEqual(size(await ASKS["AUTOMATIC1111"]({ width: 128 })), { width: 128, height: CARD.height });
});
