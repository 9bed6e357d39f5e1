// Models: base, refiner and its switch, VAE, LoRAs with on/off and weight, refresh.

import { api } from "../core/api.js";
import { announce, h, icon, iconButton, uid } from "../core/dom.js";
import { app, form, parameter, setValues } from "../core/store.js";
import { bytes, t } from "../core/i18n.js";
import { numberControl, selectControl } from "../widgets/controls.js";
import { follow, helpOf, isForced, labelOf } from "../core/params.js";
import { catalogSection } from "./downloads.js";
import { showError } from "../core/toast.js";

const MAX_LORAS = 16;
const SOFT_WEIGHT = 2; // the slider's range; the number field takes what the table allows

function fileOptions(files, first) {
  const list = files.map((f) => [f.name, f.size ? `${f.name} · ${bytes(f.size)}` : f.name]);
  return first ? [first, ...list] : list;
}

function modelSelect(name, folder, first) {
  const control = selectControl({
    label: labelOf(name),
    options: [first],
    onchange: (v) => setValues({ [name]: v || undefined }),
  });
  app.watch(["models", "system"], ({ models, system }) => {
    const auto =
      name === "model" && system?.model?.name
        ? ["", t("models.automatic", { name: system.model.name })]
        : first;
    control.fill(fileOptions(models[folder] || [], auto));
    control.show(form.get("values")[name] ?? "");
  });
  form.watch(["values"], ({ values }) => control.show(values[name] ?? ""));
  return control;
}

function rows() {
  return form.get("values").lora_rows || [];
}

function setRow(index, change) {
  const next = rows().map((row, i) => (i === index ? { ...row, ...change } : row));
  setValues({ lora_rows: next });
}

function loraRow(index) {
  const limits = parameter("loras") || {};
  const on = h("input.switch", {
    type: "checkbox",
    role: "switch",
    "aria-label": t("loras.use", { n: index + 1 }),
    onchange: () => setRow(index, { on: on.checked }),
  });
  const id = uid("lora");
  const select = h("select", {
    id,
    "aria-label": t("loras.file", { n: index + 1 }),
    onchange: () => setRow(index, { file: select.value }),
  });
  const weight = numberControl({
    label: t("loras.weight"),
    min: -SOFT_WEIGHT,
    max: limits.max ?? 10,
    softMax: SOFT_WEIGHT,
    step: 0.01,
    oninput: (v) => setRow(index, { weight: v ?? 1 }),
  });
  const node = h(
    "div.lora",
    { role: "group", "aria-label": t("loras.row", { n: index + 1 }) },
    h(
      "div.lora-head",
      {},
      on,
      h("div.select", {}, select),
      iconButton("trash", t("loras.remove", { n: index + 1 }), () =>
        setValues({ lora_rows: rows().filter((_, i) => i !== index) }),
      ),
    ),
    weight.node,
  );
  const show = (row) => {
    const names = (app.get("models").loras || []).map((f) => f.name);
    if (row.file && !names.includes(row.file)) names.unshift(row.file);
    const key = names.join("\n");
    if (select.dataset.names !== key) {
      select.dataset.names = key;
      select.replaceChildren(
        h("option", { value: "" }, t("loras.choose")),
        ...names.map((name) => h("option", { value: name }, name)),
      );
    }
    select.value = row.file || "";
    on.checked = Boolean(row.on);
    weight.show(row.weight ?? 1);
    node.classList.toggle("off", !row.on);
  };
  return { node, show };
}

function loras() {
  const list = h("div.loras");
  let made = [];
  const add = h(
    "button.secondary.wide",
    {
      type: "button",
      onclick: () => {
        setValues({ lora_rows: [...rows(), { on: true, file: "", weight: 1 }] });
        requestAnimationFrame(() => list.lastElementChild?.querySelector("select")?.focus());
      },
    },
    icon("plus"),
    t("loras.add"),
  );
  const empty = h("p.help", {}, t("loras.empty"));
  const show = () => {
    const now = rows();
    if (made.length !== now.length) {
      made = now.map((_, i) => loraRow(i));
      list.replaceChildren(...made.map((m) => m.node));
    }
    now.forEach((row, i) => made[i].show(row));
    add.disabled = now.length >= MAX_LORAS;
    empty.hidden = now.length > 0 || (app.get("models").loras || []).length > 0;
  };
  form.watch(["values"], show);
  app.watch(["models"], show);
  return h("fieldset.field", {}, h("legend", {}, t("loras.title")), list, add, empty);
}

function refreshButton() {
  const button = h(
    "button.text-button",
    {
      type: "button",
      onclick: async () => {
        button.disabled = true;
        try {
          await api.refreshModels();
          app.set({ models: await api.models() });
          announce(t("models.refreshed"));
        } catch (error) {
          showError(error);
        } finally {
          button.disabled = false;
        }
      },
    },
    icon("refresh"),
    t("models.refresh"),
  );
  return button;
}

export function modelsTab() {
  const base = modelSelect("model", "checkpoints", ["", t("models.first")]);
  const refiner = modelSelect("refiner", "checkpoints", ["", t("models.none")]);
  const range = parameter("refiner_switch") || { min: 0, max: 1, step: 0.0001 };
  const change = follow(
    numberControl({
      label: labelOf("refiner_switch"),
      help: helpOf("refiner_switch"),
      min: range.min,
      max: range.max,
      step: 0.01,
      oninput: (v) => setValues({ refiner_switch: v }),
      reset: () => setValues({ refiner_switch: undefined }),
    }),
    "refiner_switch",
  );
  const vae = modelSelect("vae", "vae", ["", t("models.ownVae")]);
  const decoder = modelSelect("preview_decoder", "vae_approx", ["", t("models.automaticDecoder")]);
  const upscaler = modelSelect("upscaler", "upscale_models", ["", t("models.automaticUpscaler")]);
  const fast = h("p.help.notice", { hidden: true }, t("models.fastNote"));
  form.watch(["values"], ({ values }) => {
    change.node.hidden = !values.refiner;
    fast.hidden = !isForced("refiner");
    refiner.disable(isForced("refiner"));
  });
  return h(
    "div.tab-content",
    {},
    base.node,
    refiner.node,
    change.node,
    fast,
    vae.node,
    decoder.node,
    upscaler.node,
    loras(),
    h("div.tab-foot", {}, refreshButton()),
    catalogSection(),
  );
}
