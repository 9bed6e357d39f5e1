// The part of the API that takes pictures, pretended between browser and program: what the page
// does with pictures can be tested without an engine that works with them.

import { createHash } from "node:crypto";

const NAMES = /^(image|mask|vary|upscale|fast_upscale|edit|outpaint)$/;

/** {kept: uploads by id, sent: the picture part of each job's parameters, made(id, parameters): says that a
 *  picture of the history was made so}. */
export async function pretendPictures(context) {
  const kept = new Map();
  const sent = [];
  const origins = new Map();
  await context.route("**/api/v1/parameters", async (route) => {
    const response = await route.fetch();
    const json = await response.json();
    if (!json.parameters.some((p) => p.name === "image"))
      json.parameters.push({ name: "image", kind: "image" });
    await route.fulfill({ response, json });
  });
  await context.route("**/api/v1/uploads", async (route) => {
    const body = route.request().postDataBuffer();
    const id = createHash("sha256").update(body).digest("hex");
    kept.set(id, { body, contentType: route.request().headers()["content-type"] });
    await route.fulfill({ status: 201, json: { id } });
  });
  await context.route("**/api/v1/uploads/*/file", (route) =>
    route.fulfill(kept.get(route.request().url().split("/").at(-2))),
  );
  await context.route("**/api/v1/jobs", async (route) => {
    if (route.request().method() !== "POST") return route.continue();
    const job = route.request().postDataJSON();
    const entries = Object.entries(job.parameters);
    sent.push(Object.fromEntries(entries.filter(([name]) => NAMES.test(name))));
    job.parameters = Object.fromEntries(entries.filter(([name]) => !NAMES.test(name)));
    return route.continue({ postData: JSON.stringify(job) });
  });
  await context.route(/\/api\/v1\/pictures\/\d+$/, async (route) => {
    const parameters = origins.get(Number(route.request().url().split("/").at(-1)));
    if (!parameters) return route.continue();
    const response = await route.fetch();
    const json = await response.json();
    json.parameters = { ...json.parameters, ...parameters };
    return route.fulfill({ response, json });
  });
  return { kept, sent, made: (id, parameters) => origins.set(id, parameters) };
}
