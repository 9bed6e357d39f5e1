// Modal dialogs on <dialog>: the browser keeps the focus inside, gives it back, and closes on Escape.

import { h, iconButton, uid } from "../core/dom.js";
import { t } from "../core/i18n.js";

export function openDialog({ title, className = "", onclose }, ...content) {
  const id = uid("dialog");
  const dialog = h(
    "dialog",
    { "aria-labelledby": id, className: `dialog ${className}` },
    h(
      "header.dialog-head",
      {},
      h("h2", { id }, title),
      iconButton("close", t("action.close"), () => dialog.close()),
    ),
    h("div.dialog-body", {}, content),
  );
  dialog.addEventListener("close", () => {
    dialog.remove();
    onclose?.();
  });
  dialog.addEventListener("pointerdown", (event) => {
    if (event.target === dialog) dialog.close();
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}
