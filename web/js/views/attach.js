// A picture becomes the one that the next begins from: a file, or one of the history.

import { api, HISTORY } from "../core/api.js";
import { announce, iconButton } from "../core/dom.js";
import { newInput } from "../core/input.js";
import { waitFor } from "../core/jobs.js";
import { takesPictures } from "../core/params.js";
import { app, form, setValues, valueOf } from "../core/store.js";
import { showError } from "../core/toast.js";
import { t } from "../core/i18n.js";
import { openEditor } from "./editor.js";

export const currentInput = () => form.get("values").input || null;

export function setInput(changes) {
  setValues({ input: { ...currentInput(), ...changes } });
}

export function removeInput() {
  setValues({ input: undefined });
}

/** use: "vary", "upscale" or "edit". */
async function attach(kept, use) {
  setValues({ input: newInput(kept, use) });
  app.set({ view: "create" });
  announce(t("input.attached"));
  if (use === "edit") await editInput();
  else document.getElementById("prompt").focus();
}

export async function attachFile(blob, use) {
  await attach(await api.upload(blob), use);
}

/** A picture of the history is named, not sent, and brings its words along where none are written. */
export async function attachPicture(picture, use) {
  try {
    const { id, width, height } = await api.picture(picture.id);
    if (!valueOf("prompt") && picture.prompt) setValues({ prompt: picture.prompt });
    await attach({ id: `${HISTORY}${id}`, width, height }, use);
  } catch (error) {
    showError(error);
  }
}

/** Opens the editor on the input; what is painted there counts from the moment it closes. */
export async function editInput() {
  const input = currentInput();
  const keep = async ({ marked, outpaint, mask }) => {
    const id = marked > 0 ? (await api.upload(await mask())).id : null;
    if (currentInput()?.image === input.image) setInput({ use: "edit", mask: id, marked, outpaint });
  };
  await openEditor(api.inputUrl(input.image), {
    mask: input.mask && api.inputUrl(input.mask),
    outpaint: input.outpaint,
    ondone: (result) => {
      waitFor(keep(result).catch(showError));
      document.getElementById("prompt").focus();
    },
  });
}

/** The three choices as [use, icon, text, key]. */
export const CHOICES = [
  ["vary", "vary", "input.vary", "V"],
  ["upscale", "upscale", "input.upscale", "L"],
  ["edit", "edit", "input.edit", "E"],
];

/** Buttons on a picture of the history; none where the server takes no pictures. */
export function attachButtons(pictureOf, props = {}) {
  if (!takesPictures()) return [];
  return CHOICES.map(([use, name, text, key]) =>
    iconButton(name, `${t(text)} (${key})`, () => attachPicture(pictureOf(), use), props),
  );
}

/** What a key on a picture of the history does, or undefined. */
export function attachKey(key, picture) {
  const choice = takesPictures() && CHOICES.find(([, , , own]) => own.toLowerCase() === key);
  return choice ? () => attachPicture(picture, choice[0]) : undefined;
}
