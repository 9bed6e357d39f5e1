// What the buttons and keys do: submit, skip, stop, favourites, delete with undo, "use these settings".

import { api, newKey, Problem } from "./api.js";
import { app, form, parameter, runningJob, valueOf, waitingJobs } from "./store.js";
import { announce } from "./dom.js";
import { t } from "./i18n.js";
import { showError, toast } from "./toast.js";

let submitting = false;

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
  out.seed = form.get("values").seed_fixed ? String(form.get("values").seed_text || "0") : "random";
  return out;
}

export async function generate() {
  if (submitting) return;
  submitting = true;
  const key = newKey();
  try {
    let job;
    try {
      job = await api.submit(requestParameters(), key);
    } catch (error) {
      if (!(error instanceof Problem) || error.status !== 0) throw error;
      job = await api.submit(requestParameters(), key); // the same key: at most one job comes of it
    }
    putAnswer(job);
    app.set({ shown: null, view: "create" });
    if (waitingJobs().length && runningJob())
      toast(t("queue.added", { n: waitingJobs().length }), { ms: 3000 });
    announce(t("stage.started"));
  } catch (error) {
    showError(error);
    if (error.field) document.dispatchEvent(new CustomEvent("fooocus:field", { detail: error.field }));
  } finally {
    submitting = false;
  }
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
  if (job) await api.cancel(job.id, "job").catch(showError);
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

/** Listeners that hold pictures (gallery, viewer) hear of changes made anywhere, in this tab or another. */
const pictureListeners = new Set();
export function onPictureChange(run) {
  pictureListeners.add(run);
}
export function pictureChanged(change) {
  let recent = app.get("recent");
  if (change.removed !== undefined) {
    recent = recent.filter((p) => p.id !== change.removed);
    if (app.get("shown") === change.removed) app.set({ shown: null });
  } else if (recent.some((p) => p.id === change.picture.id)) {
    recent = recent.map((p) => (p.id === change.picture.id ? { ...p, ...change.picture } : p));
  } else if (!recent.length || change.picture.id > recent[recent.length - 1].id) {
    recent = [...recent, change.picture].sort((a, b) => b.id - a.id);
  }
  app.set({ recent: recent.slice(0, 60) });
  pictureListeners.forEach((run) => run(change));
}

export async function toggleFavourite(picture) {
  const favourite = !picture.favourite;
  pictureChanged({ picture: { ...picture, favourite } });
  try {
    await api.favourite(picture.id, favourite);
    announce(t(favourite ? "picture.starred" : "picture.unstarred"));
  } catch (error) {
    pictureChanged({ picture });
    showError(error);
  }
}

export async function removePicture(picture) {
  try {
    await api.remove(picture.id);
  } catch (error) {
    return showError(error);
  }
  pictureChanged({ removed: picture.id });
  const undo = async () => {
    await api.restore(picture.id);
    pictureChanged({ picture, restored: true });
  };
  return toast(t("picture.deleted"), {
    action: { label: t("action.undo"), run: () => undo().catch(showError) },
  });
}

export function downloadPicture(picture) {
  const link = document.createElement("a");
  link.href = api.fileUrl(picture.id);
  link.download = `fooocus-${picture.id}-${picture.seed}.${picture.format || "png"}`;
  document.body.append(link);
  link.click();
  link.remove();
}

/** Takes over a picture's settings; the seed is kept, so that Generate makes the same picture again. */
export function applyParameters(parameters) {
  const values = {};
  for (const [name, value] of Object.entries(parameters)) {
    const p = parameter(name);
    if (!p || p.private || value === null || name === "seed" || name === "loras") continue;
    values[name] = value;
  }
  values.prompt = parameters.prompt || "";
  values.count = 1;
  values.seed_fixed = parameters.seed !== undefined && parameters.seed !== "random";
  values.seed_text = values.seed_fixed ? String(parameters.seed) : "";
  values.lora_rows = (parameters.loras || []).map(({ file, weight }) => ({ on: true, file, weight }));
  form.set({ values });
}

export async function useSettings(picture) {
  try {
    const full = picture.parameters ? picture : await api.picture(picture.id);
    applyParameters({ ...full.parameters, prompt: full.prompt ?? full.parameters.prompt, seed: full.seed });
    app.set({ view: "create" });
    toast(t("picture.settingsUsed"), { ms: 4000 });
  } catch (error) {
    showError(error);
  }
}

export function resetSettings() {
  const before = form.get("values");
  form.set({ values: before.prompt ? { prompt: before.prompt } : {} });
  toast(t("settings.wereReset"), {
    action: { label: t("action.undo"), run: () => form.set({ values: before }) },
  });
}
