// Pictures that guide: up to four, each with what it gives to the painting; how strongly and how long on
// demand.

import { api } from "../core/api.js";
import { h, icon, iconButton, replace, uid } from "../core/dom.js";
import { GUIDE_NAMES, MOST_GUIDES, newGuide } from "../core/guides.js";
import { app, form, parameter, setValues } from "../core/store.js";
import { showError } from "../core/toast.js";
import { t } from "../core/i18n.js";
import { numberControl, selectControl } from "../widgets/controls.js";
import { cutSquare } from "../widgets/cut.js";

const guides = () => form.get("values").guides || [];
const setGuides = (list) => setValues({ guides: list.length ? list : undefined });

function change(index, changes) {
  setGuides(guides().map((guide, i) => (i === index ? { ...guide, ...changes } : guide)));
}

async function add(files) {
  for (const file of [...files].slice(0, MOST_GUIDES - guides().length)) {
    const { id } = await api.upload(file);
    if (guides().length < MOST_GUIDES) setGuides([...guides(), newGuide(id)]);
  }
}

/** The face adapter wants the face alone: it is cut out by hand and sent as a picture of its own. */
async function cutFace(index) {
  const { image } = guides()[index];
  const blob = await cutSquare(api.inputUrl(image), { title: t("guides.cut"), help: t("guides.cut.help") });
  if (blob && guides()[index]?.image === image) change(index, { image: (await api.upload(blob)).id });
}

function slider(name, max, index) {
  return numberControl({
    label: t(`guides.${name}`),
    help: t(`guides.${name}.help`),
    min: 0,
    max,
    step: 0.05,
    oninput: (value) => change(index, { [name]: value ?? newGuide("", guides()[index].kind)[name] }),
  });
}

function row(index) {
  const image = h("img", { alt: "", draggable: false });
  const kinds = GUIDE_NAMES.filter((name) => name !== "controls");
  const kind = selectControl({
    label: t("guides.kind"),
    options: kinds.map((name) => [name, t(`guides.${name}`)]),
    onchange: (name) => change(index, newGuide(guides()[index].image, name)),
  });
  const cut = h(
    "button.text-button",
    { type: "button", onclick: () => cutFace(index).catch(showError) },
    t("guides.cut"),
  );
  const [weight, stop] = [slider("weight", 2, index), slider("stop", 1, index)];
  const remove = iconButton("close", t("guides.remove"), () =>
    setGuides(guides().filter((_, i) => i !== index)),
  );
  const node = h(
    "li.guide",
    {},
    h("div.guide-head", {}, image, kind.node, remove),
    cut,
    h("details.guide-more", {}, h("summary", {}, t("guides.more")), weight.node, stop.node),
  );
  const show = (guide) => {
    const url = api.inputUrl(guide.image);
    if (image.getAttribute("src") !== url) image.src = url;
    kind.show(guide.kind);
    cut.hidden = guide.kind !== "faces";
    weight.show(guide.weight, true);
    stop.show(guide.stop, true);
  };
  return { node, show };
}

export function guidesSection() {
  const id = uid("guides");
  const list = h("ul.guides", {});
  const file = h("input.visually-hidden", {
    type: "file",
    accept: "image/*",
    multiple: true,
    onchange: () => {
      add(file.files).catch(showError);
      file.value = "";
    },
  });
  const more = h("label.file-button", {}, file, icon("picture"), h("span", {}, t("guides.add")));
  const node = h(
    "section.field.guides-field",
    { "aria-labelledby": id },
    h("div.field-head", {}, h("h2", { id }, t("guides.title"))),
    h("p.help", {}, t("guides.help")),
    list,
    more,
  );
  node.addEventListener("drop", (event) => {
    if (!event.dataTransfer?.files?.length || guides().length >= MOST_GUIDES) return;
    event.preventDefault();
    event.stopPropagation();
    document.dispatchEvent(new CustomEvent("fooocus:dropped"));
    add(event.dataTransfer.files).catch(showError);
  });
  let rows = [];
  form.watch(["values"], () => {
    const now = guides();
    if (rows.length !== now.length) {
      rows = now.map((_, i) => row(i));
      replace(list, ...rows.map((r) => r.node));
    }
    now.forEach((guide, i) => rows[i].show(guide));
    more.hidden = now.length >= MOST_GUIDES;
  });
  app.watch(["parameters"], () => (node.hidden = !parameter("image_prompts")));
  return node;
}
