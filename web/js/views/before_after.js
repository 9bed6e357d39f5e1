// What a picture was made from and what became of it, over each other with a line to pull.

import { api } from "../core/api.js";
import { h } from "../core/dom.js";
import { inputOf, withSize } from "../core/input.js";
import { t } from "../core/i18n.js";
import { openDialog } from "../widgets/dialog.js";
import { wipe } from "../widgets/wipe.js";

const known = new Map(); // picture id -> promise of its input or null

/** The input that a picture was made from, or null. */
export function inputOfPicture(picture) {
  if (!known.has(picture.id)) {
    const ask = picture.parameters ? Promise.resolve(picture) : api.picture(picture.id);
    const input = ask.then((full) => inputOf(full.parameters || {}));
    input.catch(() => known.delete(picture.id));
    known.set(picture.id, input);
  }
  return known.get(picture.id);
}

/** Shows the button only beside a picture that was made from one, and only while that one is looked at. */
export function beforeAfterFor(button, picture, stillShown) {
  button.hidden = true;
  if (!picture) return;
  inputOfPicture(picture).then(
    (input) => stillShown() && (button.hidden = !input),
    () => {}, // without its settings there is nothing to compare with
  );
}

export async function openBeforeAfter(picture) {
  const input = await inputOfPicture(picture);
  if (!input) return;
  const before = new Image();
  before.src = api.inputUrl(input.image);
  await before.decode();
  const { outpaint } = withSize(input, { width: before.naturalWidth, height: before.naturalHeight });
  const { left, top, right, bottom } = outpaint;
  const [w, h_] = [before.naturalWidth + left + right, before.naturalHeight + top + bottom];
  const percent = (part, whole) => `${(100 * part) / whole}%`;
  const image = h("img", {
    src: before.src,
    alt: t("before.before"),
    draggable: false,
    vars: {
      "--left": percent(left, w),
      "--top": percent(top, h_),
      "--width": percent(before.naturalWidth, w),
      "--height": percent(before.naturalHeight, h_),
    },
  });
  const after = h("img", { src: api.fileUrl(picture.id), alt: t("before.after"), draggable: false });
  const area = wipe(
    h("figure", {}, image, h("figcaption", {}, t("before.before"))),
    h("figure", {}, after, h("figcaption", {}, t("before.after"))),
    t("compare.line"),
  );
  area.classList.add("exact");
  area.style.setProperty("--ratio", w / h_);
  openDialog({ title: t("before.title"), className: "wide" }, area);
}
