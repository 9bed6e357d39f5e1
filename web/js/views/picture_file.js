// A picture came from outside: what should happen with it? Begin from it in one of three ways, or
// take over the settings that it carries.

import { api } from "../core/api.js";
import { applyParameters } from "../core/actions.js";
import { h, icon, replace } from "../core/dom.js";
import { takesPictures } from "../core/params.js";
import { app } from "../core/store.js";
import { problemText, showError, toast } from "../core/toast.js";
import { t } from "../core/i18n.js";
import { openDialog } from "../widgets/dialog.js";
import { attachFile, CHOICES } from "./attach.js";
import { settingsList } from "./details.js";

const MAX_BYTES = 64 * 1024 * 1024;
const NO_SETTINGS = [404, 422]; // what the server answers for a picture without
const KNOWN = /^image\/(png|jpeg|webp)$/;

/** What the browser can show but the server does not read (GIF, AVIF, BMP ...) becomes a PNG. */
async function readable(file) {
  if (KNOWN.test(file.type) || !file.type.startsWith("image/")) return file;
  const bitmap = await createImageBitmap(file).catch(() => null);
  if (!bitmap) return file;
  const canvas = h("canvas", { width: bitmap.width, height: bitmap.height });
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  return new File([blob], file.name, { type: "image/png" });
}

function settings(found, use) {
  const parameters = found?.parameters;
  if (parameters && Object.keys(parameters).length) {
    const button = h(
      "button.secondary",
      { type: "button", onclick: () => use(parameters) },
      icon("reuse"),
      t("picture.useSettings"),
    );
    return [h("h3", {}, t("metadata.title")), settingsList(parameters), h("div.dialog-foot", {}, button)];
  }
  const raw = found?.raw && (typeof found.raw === "string" ? found.raw : JSON.stringify(found.raw, null, 2));
  return [h("p.help", {}, t("metadata.none")), raw && h("pre.raw", { tabIndex: 0 }, raw)];
}

export async function openPictureFile(given) {
  const file = await readable(given);
  if (!KNOWN.test(file.type)) return toast(t("metadata.notPicture"), { kind: "error" });
  if (file.size > MAX_BYTES) return toast(t("error.tooLarge"), { kind: "error" });
  const url = URL.createObjectURL(file);
  const release = () => URL.revokeObjectURL(url);
  const attach = async (use, button) => {
    button.disabled = true;
    try {
      await attachFile(file, use);
      dialog.close();
    } catch (error) {
      button.disabled = false;
      showError(error);
    }
  };
  const choices = CHOICES.map(([use, name, text]) => {
    const button = h(
      "button.choice",
      { type: "button", onclick: () => attach(use, button) },
      icon(name),
      h("b", {}, t(text)),
      h("small", {}, t(`input.${use}.note`)),
    );
    return button;
  });
  const use = (parameters) => {
    applyParameters(parameters);
    app.set({ view: "create" });
    dialog.close();
    toast(t("picture.settingsUsed"), { ms: 4000 });
  };
  choices[0].autofocus = true;
  const found = h("div.found", { "aria-live": "polite" });
  const dialog = openDialog(
    { title: t(takesPictures() ? "input.what" : "metadata.title"), onclose: release },
    h("img.dropped", { src: url, alt: file.name }),
    takesPictures() && h("div.choice-row", {}, choices),
    found,
  );
  return api.metadata(file).then(
    (answer) => replace(found, settings(answer, use)),
    (error) =>
      replace(
        found,
        NO_SETTINGS.includes(error.status)
          ? settings(null)
          : h("p.danger", { role: "alert" }, problemText(error)),
      ),
  );
}
