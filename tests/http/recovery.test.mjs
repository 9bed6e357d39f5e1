// Nothing is lost when the program is killed: a short run of what `make torture` does at length.

import assert from "node:assert/strict";
import { test } from "node:test";
import { killAtRandom, longQueue } from "./torture.mjs";

test("kill -9 at random moments loses no finished picture and no queued job", async (t) => {
  const numbers = await killAtRandom(8, { step_millis: 2 });
  t.diagnostic(JSON.stringify(numbers));
  assert.ok(numbers.jobs > 8 && numbers.pictures > 8, "there was something to lose");
});

test("a long queue waits, is reordered, and survives a kill -9", async (t) => {
  // a build with tiny limits takes no more
  const [jobs, run] = process.env.FC_HARD === "1" ? [40, 20] : [1000, 50];
  t.diagnostic(JSON.stringify(await longQueue(jobs, run)));
});
