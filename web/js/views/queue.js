// The queue drawer: what runs, what waits; reorder by dragging, by buttons or with Alt+Up/Down;
// remove with undo.

import { api } from "../core/api.js";
import { h, icon, iconButton, announce, replace } from "../core/dom.js";
import { app, runningJob, waitingJobs } from "../core/store.js";
import { cancelQueued, moveQueued, putAnswer, stop } from "../core/jobs.js";
import { duration, t } from "../core/i18n.js";
import { phaseText, showFraction } from "../widgets/parts.js";
import { shape } from "../widgets/ratios.js";

const SHOWN = 200; // rows drawn; a longer queue says how many more there are
const asked = new Set();

/** Events carry jobs without their parameters; what a row needs is fetched once. */
function complete(job) {
  if (job.parameters || asked.has(job.id)) return;
  asked.add(job.id);
  api.job(job.id).then(
    (full) => putAnswer(full),
    () => asked.delete(job.id),
  );
}

function details(job) {
  const p = job.parameters;
  if (!p) return null;
  const parts = [];
  if (p.width && p.height)
    parts.push(h("span.summary-part", {}, shape(p.width, p.height, 13), `${p.width}×${p.height}`));
  if (p.performance) parts.push(h("span.summary-part", {}, t(`performance.${p.performance}`)));
  if (p.count > 1) parts.push(h("span.summary-part", {}, t("summary.pictures", { n: p.count })));
  return h("div.queue-details", {}, parts);
}

function waitingRow(job, index, count) {
  complete(job);
  const prompt = job.prompt ?? job.parameters?.prompt ?? "";
  const move = (to) => {
    if (to < 0 || to >= count) return;
    moveQueued(job, to);
    announce(t("queue.moved", { position: to + 1, n: count }));
    requestAnimationFrame(() => document.querySelector(`[data-job="${CSS.escape(job.id)}"]`)?.focus());
  };
  const row = h(
    "li.queue-row",
    {
      "data-job": job.id,
      tabIndex: 0,
      draggable: true,
      "aria-label": t("queue.row", { position: index + 1, prompt: prompt || t("picture.noPrompt") }),
      onkeydown: (event) => {
        if (event.target !== row) return;
        if (event.altKey && event.key === "ArrowUp") (event.preventDefault(), move(index - 1));
        else if (event.altKey && event.key === "ArrowDown") (event.preventDefault(), move(index + 1));
        else if (event.key === "Delete") cancelQueued(job);
      },
      ondragstart: (event) => {
        event.dataTransfer.setData("application/x-fooocus-job", job.id);
        event.dataTransfer.effectAllowed = "move";
        row.classList.add("dragged");
      },
      ondragend: () => row.classList.remove("dragged"),
    },
    h("span.grip", { "aria-hidden": "true" }, icon("grip")),
    h("div.queue-text", {}, h("p", {}, prompt || t("picture.noPrompt")), details(job)),
    h(
      "div.queue-tools",
      {},
      iconButton("up", t("queue.up"), () => move(index - 1), { disabled: index === 0 }),
      iconButton("down", t("queue.down"), () => move(index + 1), { disabled: index === count - 1 }),
      iconButton("close", t("queue.remove"), () => cancelQueued(job)),
    ),
  );
  return row;
}

function dropping(list) {
  let mark = null;
  const clear = () => {
    mark?.classList.remove("before", "after");
    mark = null;
  };
  list.addEventListener("dragover", (event) => {
    if (![...event.dataTransfer.types].includes("application/x-fooocus-job")) return;
    const row = event.target.closest(".queue-row");
    event.preventDefault();
    clear();
    if (!row) return;
    const box = row.getBoundingClientRect();
    mark = row;
    row.classList.add(event.clientY < box.top + box.height / 2 ? "before" : "after");
  });
  list.addEventListener("dragleave", clear);
  list.addEventListener("drop", (event) => {
    const id = event.dataTransfer.getData("application/x-fooocus-job");
    const job = app.get("jobs").get(id);
    const target = mark;
    const after = target?.classList.contains("after");
    clear();
    if (!job || !target || target.dataset.job === id) return;
    event.preventDefault();
    const ids = waitingJobs()
      .map((j) => j.id)
      .filter((other) => other !== id);
    moveQueued(job, ids.indexOf(target.dataset.job) + (after ? 1 : 0));
  });
}

function runningCard() {
  const prompt = h("p");
  const note = h("small");
  const bar = h("div.progress-bar", { "aria-hidden": "true" }, h("span"));
  const node = h(
    "div.queue-running",
    { hidden: true },
    h("div.queue-text", {}, prompt, note),
    iconButton("stop", t("action.stop"), () => stop()),
    bar,
  );
  app.watch(["jobs", "progress"], ({ progress }) => {
    const job = runningJob();
    node.hidden = !job;
    if (!job) return;
    complete(job);
    prompt.textContent = job.prompt ?? job.parameters?.prompt ?? "";
    const now = progress?.job === job.id ? progress : { fraction: 0 };
    note.textContent =
      phaseText(now) +
      (now.seconds_left > 0 ? ` · ${t("progress.left", { time: duration(now.seconds_left) })}` : "");
    showFraction(bar, now);
  });
  return node;
}

export function queue(root) {
  root.setAttribute("aria-label", t("queue.title"));
  const list = h("ol.queue-list", { "aria-label": t("queue.waiting") });
  const empty = h("p.help.queue-empty");
  const more = h("p.help");
  const close = () => {
    app.set({ queueOpen: false });
    document.querySelector("[aria-controls=queue]").focus();
  };
  dropping(list);
  root.append(
    h("div.drawer-head", {}, h("h2", {}, t("queue.title")), iconButton("close", t("queue.close"), close)),
    runningCard(),
    list,
    more,
    empty,
  );
  root.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault(); // it is done; the page need not stop the work too
    close();
  });
  app.watch(["jobs", "order", "queueOpen"], ({ queueOpen }, changed) => {
    root.hidden = !queueOpen;
    if (!queueOpen) return;
    const jobs = waitingJobs();
    const focused = document.activeElement?.closest?.(".queue-row")?.dataset.job;
    replace(
      list,
      jobs.slice(0, SHOWN).map((job, i) => waitingRow(job, i, jobs.length)),
    );
    if (focused) list.querySelector(`[data-job="${CSS.escape(focused)}"]`)?.focus();
    more.hidden = jobs.length <= SHOWN;
    more.textContent = t("queue.more", { n: jobs.length - SHOWN });
    empty.hidden = jobs.length > 0;
    empty.textContent = t(runningJob() ? "queue.nothingElse" : "queue.empty");
    if (changed.has("queueOpen")) root.querySelector("button").focus();
  });
}
