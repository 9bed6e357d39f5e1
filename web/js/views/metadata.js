// Reading settings back: from a picture dropped on the page, and from a JSON object pasted into the prompt.

import { api } from "../core/api.js";
import { h } from "../core/dom.js";
import { openDialog } from "../widgets/dialog.js";
import { settingsList } from "./details.js";
import { applyParameters } from "../core/actions.js";
import { settingsText } from "../core/settings_text.js";
import { app } from "../core/store.js";
import { showError, toast } from "../core/toast.js";
import { t } from "../core/i18n.js";

const MAX_BYTES = 64 * 1024 * 1024;

export async function readPictureFile(file) {
  if (!/^image\/(png|jpeg|webp)$/.test(file.type)) {
    toast(t("metadata.notPicture"), { kind: "error" });
    return;
  }
  if (file.size > MAX_BYTES) {
    toast(t("error.tooLarge"), { kind: "error" });
    return;
  }
  const found = await api.metadata(file);
  const parameters = found?.parameters;
  const url = URL.createObjectURL(file);
  const picture = h("img.dropped", { src: url, alt: file.name });
  const release = () => URL.revokeObjectURL(url);
  if (!parameters || !Object.keys(parameters).length) {
    openDialog(
      { title: t("metadata.title"), onclose: release },
      picture,
      h("p", {}, t("metadata.none")),
      found?.raw
        ? h(
            "pre.raw",
            { tabIndex: 0 },
            typeof found.raw === "string" ? found.raw : JSON.stringify(found.raw, null, 2),
          )
        : null,
    );
    return;
  }
  const use = () => {
    applyParameters(parameters);
    app.set({ view: "create" });
    dialog.close();
    toast(t("picture.settingsUsed"), { ms: 4000 });
  };
  const dialog = openDialog(
    { title: t("metadata.title"), onclose: release },
    picture,
    settingsList(parameters),
    h("div.dialog-foot", {}, h("button.primary", { type: "button", onclick: use }, t("picture.useSettings"))),
  );
}

export function applyText(text) {
  const value = settingsText(text);
  if (!value) return;
  applyParameters(value);
  toast(t("picture.settingsUsed"), { ms: 4000 });
}

function hasFiles(event) {
  return [...(event.dataTransfer?.types || [])].includes("Files");
}

export function dropAnywhere() {
  const veil = h("div.drop-veil", { hidden: true, "aria-hidden": "true" }, h("p", {}, t("metadata.drop")));
  document.body.append(veil);
  let depth = 0;
  const leave = () => {
    depth = 0;
    veil.hidden = true;
  };
  document.addEventListener("dragenter", (event) => {
    if (!hasFiles(event)) return;
    depth++;
    veil.hidden = false;
  });
  document.addEventListener("dragleave", (event) => hasFiles(event) && --depth <= 0 && leave());
  document.addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
  document.addEventListener("drop", (event) => {
    leave();
    const file = event.dataTransfer?.files?.[0];
    if (!file) return;
    event.preventDefault();
    readPictureFile(file).catch(showError);
  });
  document.addEventListener("paste", (event) => {
    const file = [...(event.clipboardData?.files || [])][0];
    if (file) readPictureFile(file).catch(showError);
  });
}
