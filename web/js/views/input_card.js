// Above the prompt: the picture that the next one begins from, what is to be done with it, and one
// choice about how.

import { api } from "../core/api.js";
import { h, icon, iconButton, replace } from "../core/dom.js";
import { changes, SIDES, withSize } from "../core/input.js";
import { takesPictures } from "../core/params.js";
import { app, form, setValues } from "../core/store.js";
import { showError } from "../core/toast.js";
import { number, t } from "../core/i18n.js";
import { segmentControl } from "../widgets/controls.js";
import { CHOICES, currentInput, editInput, removeInput, setInput } from "./attach.js";

const HOW = {
  vary: ["subtle", "strong"],
  upscale: ["1.5", "2", "fast-2"],
  edit: ["inpaint", "detail", "modify"],
};

function segments(label, options, onchange) {
  const control = segmentControl({ label, options, onchange, className: "segments.bare" });
  return control;
}

/** What an edit would change, in words. */
export function editText({ marked, mask, outpaint, width, height }) {
  const parts = [];
  if (mask)
    parts.push(
      marked === null
        ? t("input.masked")
        : t("editor.marked", { percent: number(100 * marked, marked < 0.1 ? 1 : 0) }),
    );
  const { left, top, right, bottom } = outpaint;
  if (SIDES.some((side) => outpaint[side]) && width)
    parts.push(t("editor.widened", { w: width + left + right, h: height + top + bottom }));
  return parts.length ? parts.join(" · ") : t("input.nothingMarked");
}

const edit = () => editInput().catch(showError);

export function inputCard() {
  const image = h("img", { alt: "", draggable: false });
  image.addEventListener("load", () => {
    const { naturalWidth: width, naturalHeight: height } = image;
    const input = currentInput();
    // it came with the settings of a picture
    if (input && !input.width) setValues({ input: withSize(input, { width, height }) });
  });
  const over = h("img.input-mask", { alt: "", draggable: false, hidden: true });
  const thumb = h("button.input-thumb", { type: "button", onclick: edit }, image, over);
  const uses = segments(
    t("input.use"),
    CHOICES.map(([use, , text]) => [use, t(text)]),
    (use) => {
      setInput({ use });
      if (use === "edit" && !changes(currentInput())) edit();
    },
  );
  const how = Object.fromEntries(
    Object.entries(HOW).map(([use, values]) => [
      use,
      segments(
        t("input.how"),
        values.map((value) => [value, t(`input.${use}.${value}`)]),
        (value) => setInput({ [use]: value }),
      ),
    ]),
  );
  const paint = h("button.text-button", { type: "button", onclick: edit });
  const node = h(
    "section.input-card",
    { "aria-label": t("input.title") },
    thumb,
    h(
      "div.input-choices",
      {},
      uses.node,
      Object.values(how).map((control) => control.node),
      paint,
    ),
    iconButton("close", t("input.remove"), () => {
      removeInput();
      document.getElementById("prompt").focus();
    }),
  );
  form.watch(["values"], ({ values: { input } }) => {
    node.hidden = !input || !takesPictures();
    if (!input) return;
    const url = api.inputUrl(input.image);
    if (image.getAttribute("src") !== url) image.src = url;
    thumb.setAttribute("aria-label", t("input.open"));
    over.hidden = input.use !== "edit" || !input.mask;
    if (input.mask && over.getAttribute("src") !== api.inputUrl(input.mask))
      over.src = api.inputUrl(input.mask);
    uses.show(input.use);
    for (const [use, control] of Object.entries(how)) {
      control.node.hidden = use !== input.use;
      control.show(input[use]);
    }
    paint.hidden = input.use !== "edit";
    replace(paint, icon("brush"), editText(input));
  });
  app.watch(["parameters"], () => (node.hidden = !currentInput() || !takesPictures()));
  document.addEventListener("fooocus:edit", edit);
  return node;
}
