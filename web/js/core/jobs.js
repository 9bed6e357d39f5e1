// What starts, orders and ends the work: submit, skip, stop, and the user's moves in the queue.

import { api, newKey, Problem } from "./api.js";
import { guideParameters } from "./guides.js";
import { changes, inputParameters } from "./input.js";
import { app, form, parameter, runningJob, valueOf, waitingJobs } from "./store.js";
import { announce } from "./dom.js";
import { t } from "./i18n.js";
import { showError, toast } from "./toast.js";

/** What is sent: only what the user set; the server fills in the defaults of the recipe. */
export function requestParameters() {
  const out = {};
  for (const [name, value] of Object.entries(form.get("values"))) {
    const p = parameter(name);
    if (name === "lora_rows" || name === "seed_text" || name === "seed_fixed") continue;
    if (!p || p.private) continue;
    if (p.v25 && valueOf("recipe") === "1.0") continue;
    out[name] = value;
  }
  const rows = (form.get("values").lora_rows || []).filter((row) => row.on && row.file);
  if (rows.length) out.loras = rows.map(({ file, weight }) => ({ file, weight }));
  out.prompt = valueOf("prompt") || "";
  out.width = Number(valueOf("width"));
  out.height = Number(valueOf("height"));
  Object.assign(out, inputParameters(form.get("values").input), guideParameters(form.get("values").guides));
  out.seed = form.get("values").seed_fixed ? String(form.get("values").seed_text || "0") : "random";
  return out;
}

/** Sends the job; sent again after a broken line it is the same job, as the key says. */
async function submit(parameters) {
  const key = newKey();
  try {
    return await api.submit(parameters, key);
  } catch (error) {
    if (!(error instanceof Problem) || error.status !== 0) throw error;
    return api.submit(parameters, key);
  }
}

async function send(parameters) {
  app.set({ warnings: [] });
  try {
    const job = await submit(parameters);
    putAnswer(job);
    app.set({ shown: null, view: "create", warnings: [...app.get("warnings"), ...warningsOf(job)] });
    if (waitingJobs().length && runningJob())
      toast(t("queue.added", { n: waitingJobs().length }), { ms: 3000 });
    announce(t("stage.started"));
  } catch (error) {
    showError(error);
    if (error.field) document.dispatchEvent(new CustomEvent("fooocus:field", { detail: error.field }));
  }
}

let lastSend = Promise.resolve(); // one request after another, so that the queue has the order of the clicks
let underWay = ""; // what is being sent, as text; empty between requests

let notYet = Promise.resolve(); // what the next press waits for

/** The form is not whole before the promise is kept: a mask is on its way to the server. */
export function waitFor(promise) {
  notYet = notYet.then(() => promise);
}

/** Takes the form as it is now. A second press while the very same is being sent is a double click. */
export async function generate() {
  await notYet;
  const { input } = form.get("values");
  if (input && !changes(input)) return document.dispatchEvent(new CustomEvent("fooocus:edit"));
  const parameters = requestParameters();
  const text = JSON.stringify(parameters);
  if (text === underWay) return lastSend;
  underWay = text;
  lastSend = lastSend
    .then(() => send(parameters))
    .then(() => {
      if (underWay === text) underWay = "";
    });
  return lastSend;
}

/** [{job, code, text}]: what the server says beside its yes. */
export function warningsOf(job) {
  return (job.warnings || []).map((w) => ({ job: job.id, ...(typeof w === "string" ? { text: w } : w) }));
}

export function putJob(job) {
  const jobs = new Map(app.get("jobs"));
  const old = jobs.get(job.id);
  jobs.set(job.id, { ...old, ...job });
  app.set({ jobs });
}

const RANK = { queued: 0, running: 1 };

/** An answer may arrive after the events that tell what came next; it never takes a job back. */
export function putAnswer(job) {
  const known = app.get("jobs").get(job.id);
  const rank = (state) => RANK[state] ?? 2;
  putJob(known && rank(known.state) > rank(job.state) ? { ...job, state: known.state } : job);
}

export async function skip() {
  const job = runningJob();
  if (job) await api.cancel(job.id, "image").catch(showError);
}

export async function stop() {
  const job = runningJob();
  takeBack?.();
  if (job) await api.cancel(job.id, "job").catch(showError);
}

const STOP_MS = 4000; // the moment in which a stop by key can be taken back
let takeBack = null; // forgets the stop that was asked for; null when none was

/** Stops what runs now, unless the user takes it back first or it ends by itself. */
export function stopSoon() {
  const job = runningJob();
  if (!job || takeBack) return;
  const timer = setTimeout(stop, STOP_MS);
  const hide = toast(t("stop.soon"), {
    action: { label: t("stop.keep"), run: () => takeBack?.() },
    ms: STOP_MS,
  });
  const unwatch = app.watch(["jobs"], () => runningJob()?.id !== job.id && takeBack?.());
  takeBack = () => {
    takeBack = null;
    clearTimeout(timer);
    unwatch();
    hide();
  };
}

export async function cancelQueued(job) {
  try {
    await api.cancel(job.id, "job");
    putJob({ ...job, state: "cancelled" });
    const parameters = job.parameters || (await api.job(job.id).catch(() => ({}))).parameters;
    const again = parameters && {
      label: t("action.undo"),
      run: () => api.submit(parameters, newKey()).then((j) => putAnswer(j), showError),
    };
    toast(t("queue.removed"), { action: again });
  } catch (error) {
    showError(error);
  }
}

/** The user's moves are shown at once: laid over the server's order until its events have surely
 *  told of them. */
const MOVE_SETTLED_MS = 500;
const moves = [];
let serverOrder = [];
let lastMove = Promise.resolve(); // one request after another, or the second could be served first

export function queueOrdered(order = serverOrder) {
  serverOrder = order;
  for (const { job, position } of moves) {
    order = order.filter((id) => id !== job);
    order.splice(position, 0, job);
  }
  app.set({ order });
}

export function moveQueued(job, position) {
  const move = { job: job.id, position };
  const settled = () => {
    moves.splice(moves.indexOf(move), 1);
    queueOrdered();
  };
  moves.push(move);
  queueOrdered();
  lastMove = lastMove
    .then(() => api.move(job.id, position))
    .then(
      () => setTimeout(settled, MOVE_SETTLED_MS),
      (error) => {
        settled();
        showError(error);
        document.dispatchEvent(new CustomEvent("fooocus:resync"));
      },
    );
}
