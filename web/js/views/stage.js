// The large picture area: a welcome while there is nothing, the picture that is being made, or a
// finished one; below it a strip of what was made last.

import { api } from "../core/api.js";
import { h, iconButton } from "../core/dom.js";
import { app, runningJob, setValues, waitingJobs } from "../core/store.js";
import { duration, number, t } from "../core/i18n.js";
import { downloadPicture, removePicture, toggleFavourite, useSettings } from "../core/actions.js";
import { openViewer } from "./viewer.js";
import { attachButtons } from "./attach.js";
import { beforeAfterFor, openBeforeAfter } from "./before_after.js";
import { showError } from "../core/toast.js";
import { offerCard } from "./offer.js";
import { giveSize, markStar, phaseText, showFraction } from "../widgets/parts.js";

const EXAMPLES = ["example.1", "example.2", "example.3"];
const STRIP = 24;
const LARGEST_PREVIEW = 640; // pixels; the sides of a preview that is smaller are half those of its picture

function corners() {
  return ["tl", "tr", "bl", "br"].map((c) => h(`i.corner.${c}`, { "aria-hidden": "true" }));
}

function welcome() {
  const own = app.get("system")?.prompts;
  const texts = own?.length
    ? own.slice(0, 3).map((prompt) => ({ prompt, text: prompt }))
    : EXAMPLES.map((key) => ({ prompt: t(`${key}.prompt`), text: t(key) }));
  const take = (text) => {
    setValues({ prompt: text });
    document.getElementById("prompt").focus();
  };
  return h(
    "div.welcome",
    {},
    h("div.finder", { "aria-hidden": "true" }, corners(), h("span.finder-dot")),
    h("h2", {}, t("welcome.title")),
    h("p", {}, t("welcome.text")),
    h(
      "div.examples",
      {},
      texts.map(({ prompt, text }) =>
        h(
          "button.example",
          { type: "button", onclick: () => take(prompt) },
          text,
          prompt !== text && h("small", { lang: "en" }, prompt),
        ),
      ),
    ),
  );
}

/** The line under a running picture; it is updated in place, never rebuilt. */
function progressLine() {
  const bar = h(
    "div.progress-bar",
    { role: "progressbar", "aria-label": t("progress.label"), "aria-valuemin": 0, "aria-valuemax": 100 },
    h("span"),
  );
  const what = h("span.progress-what");
  const left = h("span.progress-left");
  const node = h("div.progress", { hidden: true }, bar, h("div.progress-text", {}, what, left));
  const show = (progress) => {
    const percent = Math.round((progress.fraction || 0) * 100);
    bar.setAttribute("aria-valuenow", percent);
    bar.setAttribute("aria-valuetext", phaseText(progress));
    showFraction(bar, progress);
    what.textContent = phaseText(progress);
    const seconds = progress.seconds_left;
    left.textContent =
      seconds > 0
        ? t("progress.left", { time: duration(seconds) })
        : percent
          ? `${number(percent, 0)} %`
          : "";
  };
  return { node, show };
}

/** Shows a new preview only when it has arrived, so that nothing flickers. */
function previewImage() {
  const img = h("img.picture.preview", { alt: t("stage.previewAlt"), draggable: false, hidden: true });
  let asked = "";
  const load = async ({ job, seq }) => {
    const url = api.previewUrl(job, seq);
    if (url === asked) return;
    asked = url;
    const next = new Image();
    next.src = url;
    try {
      await next.decode();
    } catch {
      return; // 204 or gone: the next one comes
    }
    if (asked !== url) return;
    img.src = url;
    img.hidden = false;
    const { naturalWidth: width, naturalHeight: height } = next;
    if (Math.max(width, height) < LARGEST_PREVIEW) giveSize(img, { width: 2 * width, height: 2 * height });
    else img.removeAttribute("style"); // it fills the stage
    document.getElementById("live-thumb")?.replaceChildren(h("img", { src: url, alt: "" }));
  };
  const clear = () => {
    asked = "";
    img.hidden = true;
    img.removeAttribute("src");
  };
  return { img, load, clear };
}

function pictureTools() {
  const current = () => shownPicture();
  const star = iconButton("star", t("picture.star"), () => toggleFavourite(current()));
  const before = iconButton("compare", t("before.title"), () => openBeforeAfter(current()).catch(showError));
  return {
    star,
    before,
    node: h(
      "div.stage-tools",
      { role: "toolbar", "aria-label": t("picture.tools"), hidden: true },
      attachButtons(current),
      before,
      star,
      iconButton("reuse", t("picture.useSettings"), () => useSettings(current())),
      iconButton("download", t("picture.download"), () => downloadPicture(current())),
      iconButton("trash", t("picture.delete"), () => removePicture(current())),
      iconButton("expand", t("viewer.open"), () => openViewer(current().id, app.get("recent"))),
    ),
  };
}

/** null while the work itself is shown. */
function shownPicture() {
  const { shown, recent } = app.state;
  if (shown !== null) return recent.find((p) => p.id === shown) || null;
  return runningJob() ? null : recent[0] || null;
}

function strip() {
  const row = h("div.strip", { role: "group", "aria-label": t("strip.label") });
  const live = h(
    "button.strip-live",
    {
      type: "button",
      id: "live-thumb",
      "aria-label": t("strip.live"),
      onclick: () => app.set({ shown: null }),
    },
    h("span.live-dot"),
  );
  const buttons = new Map();
  app.watch(["recent", "jobs", "shown"], ({ recent }) => {
    const running = Boolean(runningJob());
    const shown = shownPicture();
    const list = recent.slice(0, STRIP).map((picture) => {
      let button = buttons.get(picture.id);
      if (!button) {
        const img = h("img", {
          src: api.thumbnailUrl(picture.id),
          alt: "",
          loading: "lazy",
          decoding: "async",
          draggable: false,
        });
        button = h(
          "button.strip-item",
          {
            type: "button",
            "aria-label": t("strip.show", { prompt: picture.prompt || t("picture.noPrompt") }),
            onclick: () => app.set({ shown: picture.id }),
          },
          img,
        );
        buttons.set(picture.id, button);
      }
      button.setAttribute("aria-pressed", String(shown?.id === picture.id));
      return button;
    });
    for (const id of buttons.keys()) if (!recent.some((p) => p.id === id)) buttons.delete(id);
    live.setAttribute("aria-pressed", String(running && !shown));
    const wanted = running ? [live, ...list] : list;
    if (wanted.length !== row.children.length || wanted.some((node, i) => row.children[i] !== node)) {
      row.replaceChildren(...wanted);
      row.scrollLeft = 0;
    }
    row.hidden = wanted.length === 0 || (wanted.length === 1 && !running);
  });
  return row;
}

export function stage(root) {
  root.setAttribute("aria-label", t("stage.label"));
  const preview = previewImage();
  const progress = progressLine();
  const picture = h("img.picture.final.fitting", { hidden: true, draggable: true, decoding: "async" });
  const pictureButton = h(
    "button.picture-button",
    { type: "button", hidden: true, onclick: () => openViewer(shownPicture().id, app.get("recent")) },
    picture,
  );
  const waiting = h(
    "div.stage-waiting",
    { hidden: true },
    h("div.finder.busy", {}, corners(), h("span.finder-dot")),
    h("p"),
  );
  const tools = pictureTools();
  const empty = h("div.stage-empty");
  const frame = h("div.frame", {}, empty, waiting, preview.img, pictureButton, tools.node);
  root.append(h("div.offer-slot", {}, offerCard()), frame, progress.node, strip());

  app.watch(["system", "recent", "jobs"], ({ recent, jobs }) => {
    const nothing =
      !recent.length && !runningJob() && ![...jobs.values()].some((job) => job.state === "queued");
    if (nothing && !empty.firstChild) empty.append(welcome());
    if (!nothing) empty.replaceChildren();
    empty.hidden = !nothing;
  });

  let lastShown = null;
  app.watch(
    ["shown", "recent", "jobs", "preview", "progress", "order"],
    ({ preview: seen, progress: now }) => {
      const job = runningJob();
      const finished = shownPicture();
      const live = Boolean(job) && !finished;
      const queued = !job && !finished && waitingJobs().length > 0;
      if (seen && job && seen.job === job.id) preview.load(seen);
      if (!job || !seen || seen.job !== job.id) preview.clear();
      preview.img.classList.toggle("away", !live);
      frame.classList.toggle("live", live);
      waiting.hidden = !(queued || (live && preview.img.hidden));
      waiting.lastChild.textContent = queued
        ? t("queue.waitingTurn")
        : now?.job === job?.id && now
          ? phaseText(now)
          : t("phase.starting");
      progress.node.hidden = !job;
      if (job) progress.show(now && now.job === job.id ? now : { fraction: 0 });
      pictureButton.hidden = tools.node.hidden = !finished;
      if (finished && lastShown !== finished.id) {
        picture.src = api.fileUrl(finished.id);
        picture.alt = finished.prompt || t("picture.noPrompt");
        giveSize(picture, finished);
        beforeAfterFor(tools.before, finished, () => shownPicture()?.id === finished.id);
        pictureButton.setAttribute("aria-label", t("viewer.openPicture", { prompt: picture.alt }));
      }
      picture.hidden = !finished;
      lastShown = finished ? finished.id : null;
      if (finished) markStar(tools.star, finished.favourite);
      document.title = job
        ? `${Math.round(((now?.job === job.id && now.fraction) || 0) * 100)} % · Fooocus in C`
        : "Fooocus in C";
    },
  );
}
