// Keeps `app` true to the server: loads the present, then follows the events.

import { api } from "./core/api.js";
import { app } from "./core/store.js";
import { announce } from "./core/dom.js";
import { openEvents } from "./core/events.js";
import { pictureChanged } from "./core/actions.js";
import { putJob, queueOrdered } from "./core/jobs.js";
import { loadCatalog, takeDownloads } from "./views/downloads.js";
import { t } from "./core/i18n.js";
import { problemText, toast } from "./core/toast.js";

const RECENT = 48;
const PAGE = 200; // the most the server gives at once
const JOB_PAGES = 10;
const ENDED = ["done", "failed", "cancelled"];
const MOST_WARNINGS = 3; // shown at once
const KEPT_ENDED = 20; // jobs that ended stay known for a while, for late events

let known = false;

/** The server gives a list in pages; a very long queue is cut, the drawer shows its beginning anyway. */
async function openJobs() {
  const all = [];
  for (let page = 0; page < JOB_PAGES; page++) {
    const { jobs, more } = await api.jobs({ state: "queued,running", limit: PAGE, before: all.at(-1)?.id });
    all.push(...jobs);
    if (!more || !jobs.length) break;
  }
  return all;
}

/** Everything that may have changed while nobody listened. */
export async function resync() {
  const [jobs, { pictures }, system, { downloads }] = await Promise.all([
    openJobs(),
    api.pictures({ limit: RECENT }),
    api.system(),
    api.downloads(),
  ]);
  takeDownloads(downloads);
  const map = new Map(jobs.map((job) => [job.id, job]));
  const running = jobs.find((job) => job.state === "running");
  const waiting = jobs
    .filter((job) => job.state === "queued")
    .sort((a, b) => (a.position ?? 0) - (b.position ?? 0));
  app.set({ jobs: map, recent: pictures, system });
  queueOrdered(waiting.map((job) => job.id));
  if (running) {
    app.set({
      progress: running.progress ? { job: running.id, ...running.progress } : null,
      preview: { job: running.id, seq: `now-${Date.now()}` },
    });
  } else app.set({ progress: null, preview: null });
  if (known) document.dispatchEvent(new CustomEvent("fooocus:reconnected"));
  known = true;
}

function forgetOld() {
  const jobs = app.get("jobs");
  const ended = [...jobs.values()].filter((job) => ENDED.includes(job.state));
  if (ended.length <= KEPT_ENDED) return;
  const next = new Map(jobs);
  ended.slice(0, ended.length - KEPT_ENDED).forEach((job) => next.delete(job.id));
  app.set({ jobs: next });
}

function forget(id) {
  const next = new Map(app.get("jobs"));
  next.delete(id);
  app.set({ jobs: next });
}

function jobChanged(job) {
  const before = app.get("jobs").get(job.id)?.state;
  putJob(job);
  if (before === job.state) return;
  if (job.state === "running")
    app.set({ progress: { job: job.id, fraction: 0, ...job.progress }, preview: null, shown: null });
  if (!ENDED.includes(job.state)) return;
  if (app.get("progress")?.job === job.id) app.set({ progress: null, preview: null });
  if (job.state === "failed" && job.error)
    toast(job.error.detail || job.error.title || t("error.unknown"), { kind: "error" });
  if (job.state === "done" && before === "running") announce(t("stage.done"));
  forgetOld();
}

const handlers = {
  job: jobChanged,
  queue: ({ order }) =>
    // a long queue is not listed
    order ? queueOrdered(order) : document.dispatchEvent(new CustomEvent("fooocus:resync")),
  job_removed: ({ id }) => forget(id),
  progress: (data) => app.set({ progress: data }),
  preview: (data) => app.set({ preview: data }),
  picture: ({ picture }) => pictureChanged({ picture }), // new, changed, or back from the trash
  picture_removed: ({ id }) => pictureChanged({ removed: id }),
  reset: () => document.dispatchEvent(new CustomEvent("fooocus:resync")), // events were missed
  warning: (data) => app.set({ warnings: [...app.get("warnings"), data].slice(-MOST_WARNINGS) }),
  download: (data) => {
    app.set({ downloads: { ...app.get("downloads"), [data.name]: data } });
    if (data.state === "failed") toast(data.error?.detail || t("download.failed"), { kind: "error" });
    if (data.state !== "done") return;
    toast(t("download.done", { name: data.name }));
    Promise.all([api.system(), api.models()]).then(
      ([system, models]) => app.set({ system, models }),
      () => {},
    );
    if (app.get("catalog")) loadCatalog().catch(() => {});
  },
};

export function follow() {
  let late = null; // events that arrive while the present is being loaded are applied to it afterwards
  let missed = false; // since the load began: it goes round once more
  const take = ({ type, data }) => handlers[type]?.(data);
  const again = async () => {
    missed = true;
    if (late) return;
    late = [];
    while (missed) {
      missed = false;
      await resync().catch((error) => toast(problemText(error), { kind: "error" }));
    }
    const events = late;
    late = null;
    events.forEach(take);
  };
  document.addEventListener("fooocus:resync", again);
  openEvents({
    onEvent: (event) => (late ? late.push(event) : take(event)),
    onState: (connected) => app.set({ connected }),
    onResync: again,
  });
}
