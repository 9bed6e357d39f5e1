// Form controls, each with its label and its short help. Every control returns {node, show(value)};
// `onchange` is called with the new value, or with undefined for "back to the default".

import { h, uid, iconButton } from "../core/dom.js";
import { t } from "../core/i18n.js";

/** A row: label, optional output at the right, the control, the help below. */
export function field({ label, help, id, aside }, ...control) {
  const helpNode = help ? h("p.help", { id: `${id}-help` }, help) : null;
  return h(
    "div.field",
    {},
    h("div.field-head", {}, h("label", { for: id, id: `${id}-label` }, label), aside),
    control,
    helpNode,
  );
}

export function textControl({
  label,
  help,
  rows = 0,
  placeholder = "",
  oninput,
  spellcheck = true,
  maxLength,
}) {
  const id = uid("text");
  const tag = rows ? "textarea" : "input";
  const input = h(tag, {
    id,
    placeholder,
    spellcheck,
    autocomplete: "off",
    maxLength: maxLength || undefined,
    rows: rows || undefined,
    "aria-describedby": help ? `${id}-help` : undefined,
    oninput: () => oninput(input.value),
  });
  return {
    node: field({ label, help, id }, input),
    input,
    show: (value) => {
      if (input.value !== value && document.activeElement !== input) input.value = value ?? "";
    },
  };
}

/** A slider with a number field for exact values. */
export function numberControl({ label, help, min, max, step, whole, softMax, unset, oninput, reset }) {
  const id = uid("num");
  const high = softMax ?? max;
  const commit = (text) => {
    if (text.trim() === "") return oninput(undefined);
    const value = Number(text);
    if (!Number.isFinite(value)) return undefined;
    const rounded = whole ? Math.round(value) : value;
    return oninput(Math.min(max, Math.max(min, rounded)));
  };
  const exact = h("input.exact", {
    id,
    type: "number",
    inputMode: whole ? "numeric" : "decimal",
    min,
    max,
    step: whole ? 1 : "any",
    placeholder: unset || "",
    "aria-describedby": help ? `${id}-help` : undefined,
    onchange: () => commit(exact.value),
  });
  const slider = h("input", {
    type: "range",
    min,
    max: high,
    step,
    "aria-labelledby": `${id}-label`,
    oninput: () => oninput(Number(slider.value)),
  });
  const back = iconButton("reuse", t("action.reset"), () => reset?.(), { hidden: true });
  back.classList.add("small");
  const node = field({ label, help, id, aside: h("span.field-aside", {}, reset && back, exact) }, slider);
  node.classList.add("number-field");
  return {
    node,
    show: (value, changed = false) => {
      const has = value !== undefined && value !== null && !(unset && value < min);
      if (document.activeElement !== exact) exact.value = has ? String(value) : "";
      slider.value = has ? value : min;
      const part = ((Math.min(high, Number(slider.value)) - min) / (high - min)) * 100;
      slider.style.setProperty("--part", `${part}%`);
      slider.classList.toggle("unset", !has);
      back.hidden = !changed;
    },
    disable: (off) => [exact, slider].forEach((el) => (el.disabled = off)),
  };
}

export function selectControl({ label, help, options, onchange }) {
  const id = uid("select");
  const select = h("select", {
    id,
    "aria-describedby": help ? `${id}-help` : undefined,
    onchange: () => onchange(select.value),
  });
  let shown = "";
  const fill = (list) => {
    const key = JSON.stringify(list);
    if (key === shown) return;
    shown = key;
    select.replaceChildren(...list.map(([value, text]) => h("option", { value }, text)));
  };
  fill(options);
  return {
    node: field({ label, help, id }, h("div.select", {}, select)),
    fill,
    show: (value) => {
      const text = String(value ?? "");
      if (![...select.options].some((o) => o.value === text))
        select.append(h("option", { value: text }, text));
      select.value = text;
    },
    disable: (off) => (select.disabled = off),
  };
}

/** A switch with its label beside it. */
export function switchControl({ label, help, onchange }) {
  const id = uid("switch");
  const input = h("input.switch", {
    id,
    type: "checkbox",
    role: "switch",
    "aria-describedby": help ? `${id}-help` : undefined,
    onchange: () => onchange(input.checked),
  });
  return {
    node: h(
      "div.field.switch-field",
      {},
      h("label.switch-row", { for: id }, h("span", {}, label), input),
      help ? h("p.help", { id: `${id}-help` }, help) : null,
    ),
    show: (value) => (input.checked = Boolean(value)),
    disable: (off) => (input.disabled = off),
  };
}

/** A few exclusive choices side by side: radio buttons for the keyboard and for screen readers. */
export function segmentControl({ label, help, options, onchange, className = "segments" }) {
  const name = uid("segment");
  const inputs = new Map();
  const items = options.map(([value, text, note]) => {
    const input = h("input", { type: "radio", name, value, onchange: () => onchange(value) });
    inputs.set(value, input);
    return h("label", {}, input, h("span.segment", {}, h("b", {}, text), note && h("small", {}, note)));
  });
  return {
    node: h(
      `fieldset.field.${className}`,
      {},
      h("legend", {}, label),
      h("div.segment-row", {}, items),
      help ? h("p.help", {}, help) : null,
    ),
    show: (value) => inputs.forEach((input, key) => (input.checked = key === value)),
  };
}

/** Tabs after the ARIA pattern: arrows move, Home and End jump. tabs: [{id, label, node}]. */
export function tabs({ label, list, current, onselect }) {
  const prefix = uid("tab");
  const buttons = list.map((tab) =>
    h("button", {
      type: "button",
      role: "tab",
      id: `${prefix}-${tab.id}`,
      "aria-controls": `${prefix}-${tab.id}-panel`,
      textContent: tab.label,
      onclick: () => select(tab.id, false),
    }),
  );
  const panels = list.map((tab) =>
    h(
      "div.tab-panel",
      {
        role: "tabpanel",
        id: `${prefix}-${tab.id}-panel`,
        "aria-labelledby": `${prefix}-${tab.id}`,
        tabIndex: 0,
      },
      tab.node,
    ),
  );
  const bar = h(
    "div.tabs",
    {
      role: "tablist",
      "aria-label": label,
      onkeydown: (event) => {
        const at = buttons.indexOf(document.activeElement);
        const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: list.length - 1 }[event.key];
        if (to === undefined || at < 0) return;
        event.preventDefault();
        select(list[(to + list.length) % list.length].id, true);
      },
    },
    buttons,
  );
  function select(id, focus) {
    list.forEach((tab, i) => {
      const on = tab.id === id;
      buttons[i].setAttribute("aria-selected", String(on));
      buttons[i].tabIndex = on ? 0 : -1;
      panels[i].hidden = !on;
      if (on && focus) buttons[i].focus();
    });
    onselect?.(id);
  }
  select(list.some((tab) => tab.id === current) ? current : list[0].id, false);
  return { bar, panels, select };
}
