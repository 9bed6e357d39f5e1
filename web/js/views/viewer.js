// Full screen: one picture, the keys to walk, keep, fetch, delete, and the settings beside it.

import { api } from "../core/api.js";
import { h, icon, iconButton, isTyping, replace } from "../core/dom.js";
import { takesPictures } from "../core/params.js";
import { showError } from "../core/toast.js";
import { attachPicture, CHOICES } from "./attach.js";
import { beforeAfterFor, openBeforeAfter } from "./before_after.js";
import {
  downloadPicture,
  onPictureChange,
  removePicture,
  toggleFavourite,
  useSettings,
} from "../core/actions.js";
import { settingsList } from "./details.js";
import { t, when } from "../core/i18n.js";
import { giveSize, markStar } from "../widgets/parts.js";

let open = null; // the viewer on screen; there is one at most
const SWIPE = 50; // pixels

onPictureChange((change) => open?.changed(change));

/** more() fetches older pictures and promises the list with them. */
export function openViewer(id, list, { more = null, compare = null } = {}) {
  if (open) return;
  open = new Viewer(id, list, { more, compare });
}

class Viewer {
  constructor(id, list, { more, compare }) {
    this.more = more;
    this.compare = compare;
    this.list = list.slice();
    this.index = Math.max(
      0,
      this.list.findIndex((p) => p.id === id),
    );
    this.full = new Map(); // id -> picture with its parameters
    this.showInfo = false;
    this.build();
    this.show();
  }

  get picture() {
    return this.list[this.index];
  }

  build() {
    this.img = h("img.viewer-picture.fitting", { draggable: false });
    this.canvas = h("div.viewer-canvas", { onclick: (event) => this.toggleZoom(event) }, this.img);
    this.star = iconButton("star", "", () => toggleFavourite(this.picture));
    this.infoButton = iconButton("info", t("viewer.info"), () => this.setInfo(!this.showInfo), {
      "aria-expanded": "false",
    });
    this.count = h("span.viewer-count", { "aria-live": "polite" });
    this.info = h("div.viewer-info", {
      hidden: true,
      tabIndex: 0,
      role: "region",
      "aria-label": t("viewer.info"),
    });
    this.previous = iconButton("left", t("viewer.previous"), () => this.step(-1));
    this.next = iconButton("right", t("viewer.next"), () => this.step(1));
    this.previous.classList.add("viewer-previous");
    this.next.classList.add("viewer-next");
    this.dialog = h(
      "dialog.viewer",
      { "aria-label": t("viewer.label"), tabIndex: -1 },
      h(
        "div.viewer-bar",
        {},
        this.count,
        h("span.spring"),
        this.star,
        iconButton("reuse", `${t("picture.useSettings")} (U)`, () => this.use()),
        iconButton("download", `${t("picture.download")} (D)`, () => downloadPicture(this.picture)),
        iconButton("trash", `${t("picture.delete")} (Del)`, () => removePicture(this.picture)),
        this.compare && iconButton("compare", t("compare.pick"), () => this.pickForCompare()),
        this.infoButton,
        iconButton("close", t("action.close"), () => this.dialog.close()),
      ),
      h("div.viewer-main", {}, this.previous, this.canvas, this.next),
      this.actions(),
      this.info,
    );
    this.dialog.addEventListener("keydown", (event) => this.key(event));
    this.dialog.addEventListener("close", () => {
      this.dialog.remove();
      open = null;
    });
    let startX = null;
    this.canvas.addEventListener(
      "touchstart",
      (event) => (startX = event.touches.length === 1 ? event.touches[0].clientX : null),
      { passive: true },
    );
    this.canvas.addEventListener("touchend", (event) => {
      const moved = startX === null || this.zoomed ? 0 : event.changedTouches[0].clientX - startX;
      if (Math.abs(moved) > SWIPE) this.step(moved > 0 ? -1 : 1);
    });
    document.body.append(this.dialog);
    this.dialog.showModal();
    this.dialog.focus(); // the keys work at once, and no button looks chosen
  }

  /** What can be begun from this picture. */
  actions() {
    const button = (name, text, key, run) =>
      h(
        "button.viewer-action",
        { type: "button", title: `${text} (${key})`, onclick: run },
        icon(name),
        text,
      );
    this.before = button("compare", t("before.title"), "B", () => this.beforeAfter());
    const choices = takesPictures()
      ? CHOICES.map(([use, name, text, key]) => button(name, t(text), key, () => this.attach(use)))
      : [];
    return h("div.viewer-actions", { role: "group", "aria-label": t("input.begin") }, choices, this.before);
  }

  attach(use) {
    const picture = this.full.get(this.picture.id) || this.picture;
    this.dialog.close();
    attachPicture(picture, use);
  }

  beforeAfter() {
    openBeforeAfter(this.full.get(this.picture.id) || this.picture).catch(showError);
  }

  show() {
    const picture = this.picture;
    if (!picture) return this.dialog.close();
    this.setZoom(false);
    this.img.src = api.fileUrl(picture.id);
    this.img.alt = picture.prompt || t("picture.noPrompt");
    giveSize(this.img, picture);
    this.count.textContent = t("viewer.count", { i: this.index + 1, n: this.list.length });
    this.previous.disabled = this.index === 0;
    this.next.disabled = this.index === this.list.length - 1 && !this.more;
    markStar(this.star, picture.favourite);
    beforeAfterFor(this.before, picture, () => this.picture?.id === picture.id);
    for (const other of [this.list[this.index + 1], this.list[this.index - 1]])
      if (other) new Image().src = api.fileUrl(other.id);
    if (this.showInfo) this.fillInfo();
    return undefined;
  }

  async fillInfo() {
    const picture = this.picture;
    const head = h("p.viewer-when", {}, `${when(picture.created)} · ${picture.width} × ${picture.height}`);
    const basic = {
      prompt: picture.prompt,
      negative_prompt: picture.negative_prompt,
      styles: picture.styles,
      model: picture.model,
      seed: picture.seed,
    };
    replace(this.info, head, settingsList(this.full.get(picture.id)?.parameters || basic));
    if (this.full.has(picture.id)) return;
    const full = await api.picture(picture.id).catch(() => null);
    if (!full) return;
    full.parameters = { ...full.parameters, prompt: full.prompt, seed: full.seed };
    this.full.set(picture.id, full);
    if (this.picture?.id === picture.id && this.showInfo)
      replace(this.info, head, settingsList(full.parameters));
  }

  setInfo(on) {
    this.showInfo = on;
    this.info.hidden = !on;
    this.infoButton.setAttribute("aria-expanded", String(on));
    this.dialog.classList.toggle("with-info", on);
    if (on) this.fillInfo();
  }

  async step(by) {
    const to = this.index + by;
    if (to >= this.list.length - 1 && this.more) {
      this.list = ((await this.more()) || this.list).slice();
      const here = this.list.findIndex((p) => p.id === this.picture?.id);
      if (here >= 0) this.index = here;
    }
    if (to < 0 || to >= this.list.length) return;
    this.index = to;
    this.show();
  }

  toggleZoom(event) {
    const box = this.img.getBoundingClientRect();
    const at = { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height };
    this.setZoom(!this.zoomed);
    if (!this.zoomed) return;
    this.canvas.scrollLeft = at.x * this.canvas.scrollWidth - this.canvas.clientWidth / 2;
    this.canvas.scrollTop = at.y * this.canvas.scrollHeight - this.canvas.clientHeight / 2;
  }

  setZoom(on) {
    this.zoomed = on;
    this.canvas.classList.toggle("zoomed", on);
  }

  pickForCompare() {
    const picture = this.picture;
    this.dialog.close();
    this.compare(picture);
  }

  use() {
    useSettings(this.full.get(this.picture.id) || this.picture);
    this.dialog.close();
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    const run = {
      ArrowLeft: () => this.step(-1),
      ArrowRight: () => this.step(1),
      Home: () => this.step(-this.index),
      End: () => this.step(this.list.length - 1 - this.index),
      f: () => toggleFavourite(this.picture),
      d: () => downloadPicture(this.picture),
      u: () => this.use(),
      i: () => this.setInfo(!this.showInfo),
      c: () => this.compare && this.pickForCompare(),
      b: () => !this.before.hidden && this.beforeAfter(),
      ...Object.fromEntries(
        takesPictures() ? CHOICES.map(([use, , , key]) => [key.toLowerCase(), () => this.attach(use)]) : [],
      ),
      z: () => this.setZoom(!this.zoomed),
      Delete: () => removePicture(this.picture),
      Backspace: () => removePicture(this.picture),
    }[event.key];
    if (!run || (event.key.startsWith("Arrow") && this.zoomed)) return;
    event.preventDefault();
    run();
  }

  changed({ picture, removed, restored }) {
    if (removed !== undefined) {
      const index = this.list.findIndex((p) => p.id === removed);
      if (index < 0) return;
      this.list.splice(index, 1);
      if (index < this.index || this.index >= this.list.length) this.index = Math.max(0, this.index - 1);
      this.show();
      return;
    }
    const index = this.list.findIndex((p) => p.id === picture.id);
    if (index >= 0) this.list[index] = { ...this.list[index], ...picture };
    else if (restored) {
      const at = this.list.findIndex((p) => p.id < picture.id);
      this.list.splice(at < 0 ? this.list.length : at, 0, picture);
      this.index = this.list.indexOf(picture);
      this.show();
    }
    if (this.picture) markStar(this.star, this.picture.favourite);
  }
}
