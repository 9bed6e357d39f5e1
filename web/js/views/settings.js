// Settings: preset, performance, size, number, format, negative prompt, seed.

import { h, icon, iconButton, uid } from "../core/dom.js";
import { app, form, parameter, setValues } from "../core/store.js";
import { t } from "../core/i18n.js";
import { follow, isForced, labelOf } from "../core/params.js";
import {
  numberControl,
  segmentControl,
  selectControl,
  switchControl,
  textControl,
} from "../widgets/controls.js";
import { ratioPicker } from "../widgets/ratios.js";
import { languageSelect } from "./topbar.js";
import { resetSettings } from "../core/actions.js";
import { fileButton } from "./drop.js";
import { guidesSection } from "./guides.js";
import { toast } from "../core/toast.js";

const COUNT_SLIDER_MAX = 32;

function performance() {
  const choices = parameter("performance")?.choices || [];
  const options = choices.map((value) => [value, t(`performance.${value}`), t(`performance.${value}.note`)]);
  return follow(
    segmentControl({
      label: labelOf("performance"),
      options,
      className: "cards",
      onchange: (v) => setValues({ performance: v }),
    }),
    "performance",
  );
}

function presetSelect() {
  const control = selectControl({
    label: t("preset.label"),
    options: [["", t("preset.choose")]],
    onchange: (name) => {
      const preset = app.get("presets").find((p) => p.name === name);
      if (!preset) return;
      for (const warning of preset.warnings || []) toast(warning, { kind: "error" });
      const { loras, seed, prompt, ...rest } = preset.parameters || {};
      const changes = { ...rest };
      if (prompt) changes.prompt = prompt;
      if (loras) changes.lora_rows = loras.map(({ file, weight }) => ({ on: true, file, weight }));
      setValues(changes);
    },
  });
  app.watch(["presets"], ({ presets }) => {
    control.fill([["", t("preset.choose")], ...presets.map((p) => [p.name, p.name])]);
    control.node.hidden = presets.length === 0;
  });
  return control.node;
}

function seed() {
  const id = uid("seed");
  const input = h("input", {
    id,
    inputMode: "numeric",
    autocomplete: "off",
    spellcheck: false,
    maxLength: 24,
    oninput: () => setValues({ seed_text: input.value.replace(/[^0-9]/g, "") }),
  });
  const last = () => String(app.get("recent")[0]?.seed ?? "0");
  const dice = iconButton("dice", t("seed.new"), () => {
    const n = crypto.getRandomValues(new Uint32Array(1))[0] & 0x3fffffff;
    setValues({ seed_text: String(n) });
  });
  const row = h("div.seed-row", {}, h("label.visually-hidden", { for: id }, t("seed.label")), input, dice);
  const random = switchControl({
    label: t("seed.random"),
    help: t("seed.help"),
    onchange: (on) =>
      setValues(
        on
          ? { seed_fixed: undefined }
          : { seed_fixed: true, seed_text: form.get("values").seed_text || last() },
      ),
  });
  form.watch(["values"], ({ values }) => {
    random.show(!values.seed_fixed);
    row.hidden = !values.seed_fixed;
    if (document.activeElement !== input || input.value !== values.seed_text)
      input.value = values.seed_text || "";
  });
  return h("div.seed", {}, random.node, row);
}

// Which device draws; why no graphics card does is in its title, in the program's own words.
function device() {
  const line = h("p.help.device", { hidden: true });
  app.watch(["system"], ({ system }) => {
    line.hidden = !system?.device;
    line.textContent = t("settings.device", { device: system?.device });
    line.title = system?.passed_over || "";
  });
  return line;
}

export function settingsTab() {
  const ratio = ratioPicker();
  form.watch(["values"], ratio.show);
  app.watch(["system", "parameters"], ratio.build);
  const count = follow(
    numberControl({
      label: labelOf("count"),
      min: 1,
      max: parameter("count")?.max ?? 1000,
      softMax: COUNT_SLIDER_MAX,
      step: 1,
      whole: true,
      oninput: (v) => setValues({ count: v }),
    }),
    "count",
  );
  const negative = follow(
    textControl({
      label: labelOf("negative_prompt"),
      rows: 2,
      placeholder: t("negative.placeholder"),
      oninput: (v) => setValues({ negative_prompt: v || undefined }),
    }),
    "negative_prompt",
  );
  const unused = h("p.help", { hidden: true }, t("negative.unused"));
  negative.node.append(unused);
  form.watch(["values"], () => (unused.hidden = !isForced("negative_prompt")));
  const formats = (parameter("format")?.choices || []).map((value) => [value, value.toUpperCase()]);
  const format = follow(
    segmentControl({ label: labelOf("format"), options: formats, onchange: (v) => setValues({ format: v }) }),
    "format",
  );
  return h(
    "div.tab-content",
    {},
    presetSelect(),
    performance().node,
    ratio.node,
    count.node,
    negative.node,
    guidesSection(),
    seed(),
    format.node,
    h("div.field.language-field", {}, languageSelect()), // on a phone the bar has no room for it
    h(
      "div.tab-foot",
      {},
      fileButton("file-button", icon("reuse"), h("span", {}, t("metadata.open"))),
      h("button.text-button", { type: "button", onclick: resetSettings }, t("settings.reset")),
    ),
    device(),
  );
}
