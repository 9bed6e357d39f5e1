// Ways in for a picture: dropped or pasted anywhere on the page, or chosen by a button.

import { h, icon, uid } from "../core/dom.js";
import { takesPictures } from "../core/params.js";
import { app } from "../core/store.js";
import { showError } from "../core/toast.js";
import { t } from "../core/i18n.js";
import { openPictureFile } from "./picture_file.js";

const open = (file) => openPictureFile(file).catch(showError);

/** A label around a hidden file field, so that it is a button for the mouse, the keyboard and
 *  screen readers. */
export function fileButton(className, ...content) {
  const input = h("input.visually-hidden", {
    type: "file",
    accept: "image/*",
    id: uid("file"),
    onchange: () => {
      if (input.files[0]) open(input.files[0]);
      input.value = "";
    },
  });
  return h(`label.${className}`, {}, input, content);
}

/** Beside the prompt, where the server takes pictures. */
export function pictureButton() {
  const node = fileButton("dock-picture", icon("picture"), h("span.visually-hidden", {}, t("input.choose")));
  node.title = t("input.choose");
  app.watch(["parameters"], () => (node.hidden = !takesPictures()));
  return node;
}

function hasFiles(event) {
  return [...(event.dataTransfer?.types || [])].includes("Files");
}

export function dropAnywhere() {
  const text = t(takesPictures() ? "input.drop" : "metadata.drop");
  const veil = h("div.drop-veil", { hidden: true, "aria-hidden": "true" }, h("p", {}, text));
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
  document.addEventListener("fooocus:dropped", leave);
  document.addEventListener("drop", (event) => {
    leave();
    const file = event.dataTransfer?.files?.[0];
    if (!file) return;
    event.preventDefault();
    open(file);
  });
  document.addEventListener("paste", (event) => {
    const file = [...(event.clipboardData?.files || [])][0];
    if (!file) return;
    event.preventDefault();
    open(file);
  });
}
