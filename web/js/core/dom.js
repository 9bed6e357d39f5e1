// Small helpers to build elements. Text goes in as text nodes only; nothing here parses markup.

const SVG = "http://www.w3.org/2000/svg";

/** h("button.primary", {type: "button", onclick}, "Text", child): an element. Keys that start with "on"
 *  are listeners, "aria-*", "data-*" and "role" are attributes, everything else a property. */
export function h(tag, props, ...children) {
  const [name, ...classes] = tag.split(".");
  const node = document.createElement(name);
  if (classes.length) node.className = classes.join(" ");
  for (const [key, value] of Object.entries(props || {})) setProp(node, key, value);
  append(node, children);
  return node;
}

function setProp(node, key, value) {
  if (value === undefined || value === null) return;
  if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
  else if (/^(aria-|data-)/.test(key) || key === "role" || key === "for" || key === "list")
    node.setAttribute(key, value);
  else if (key === "vars") for (const [name, v] of Object.entries(value)) node.style.setProperty(name, v);
  else node[key] = value;
}

function append(node, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child);
  }
}

export function replace(node, ...children) {
  node.replaceChildren();
  append(node, children);
  return node;
}

let counter = 0;
export function uid(prefix = "id") {
  return `${prefix}-${++counter}`;
}

// Drawn on a 20 x 20 grid with one stroke width, so that they look like one family.
const ICONS = {
  queue: "M3 5h14M3 10h9M3 15h6M15 11v6M12 14h6",
  history: "M3 4h6v6H3zM11 4h6v6h-6zM3 12h6v4H3zM11 12h6v4h-6z",
  panel: "M4 6h6M14 6h2M4 14h2M10 14h6M12 4v4M8 12v4",
  close: "M5 5l10 10M15 5L5 15",
  star: "M10 3l2.1 4.5 4.9.6-3.6 3.4.9 4.9L10 14l-4.3 2.4.9-4.9L3 8.1l4.9-.6z",
  download: "M10 3v9M6 9l4 4 4-4M4 16h12",
  trash: "M4 6h12M8 6V4h4v2M6 6l.7 10h6.6L14 6",
  reuse: "M4 9a6 6 0 0 1 10.5-3L17 8M17 4v4h-4M16 11a6 6 0 0 1-10.5 3L3 12M3 16v-4h4",
  compare: "M3 4h14v12H3zM10 2v16",
  info: "M10 9v5M10 6v.5M10 2.5a7.5 7.5 0 1 0 0 15 7.5 7.5 0 0 0 0-15z",
  check: "M4 10.5l4 4 8-9",
  up: "M5 12l5-5 5 5",
  down: "M5 8l5 5 5-5",
  left: "M12 5l-5 5 5 5",
  right: "M8 5l5 5-5 5",
  sun:
    "M10 6.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7zM10 2v2M10 16v2M2 10h2M16 10h2" +
    "M4.4 4.4l1.4 1.4M14.2 14.2l1.4 1.4M4.4 15.6l1.4-1.4M14.2 5.8l1.4-1.4",
  moon: "M16 12a6.5 6.5 0 0 1-8.5-8.5A6.8 6.8 0 1 0 16 12z",
  auto: "M10 3a7 7 0 1 0 0 14zM10 3a7 7 0 0 1 0 14",
  search: "M9 4a5 5 0 1 0 0 10A5 5 0 0 0 9 4zM12.7 12.7L17 17",
  refresh: "M15.5 8A6 6 0 1 0 16 11.5M16 4v4h-4",
  plus: "M10 4v12M4 10h12",
  expand: "M4 8V4h4M12 4h4v4M16 12v4h-4M8 16H4v-4",
  grip: "M7 5v.1M7 10v.1M7 15v.1M13 5v.1M13 10v.1M13 15v.1",
  skip: "M5 5l6 5-6 5zM14 5v10",
  stop: "M6 6h8v8H6z",
  picture: "M3 4h14v12H3zM3 13l4-4 4 4 2-2 4 4M13 7.5v.1",
  vary: "M3 7h9v9H3zM7 7V4h9v9h-4",
  upscale: "M12 3h5v5M17 3l-6 6M3 11v6h6M3 17l5-5",
  edit: "M4 16l1-4 9-9 3 3-9 9zM12 5l3 3",
  brush: "M3.5 16.5c3 .2 5.3-.7 5.3-3a2.1 2.1 0 0 0-4.2 0c0 1.2-.3 2.2-1.1 3zM8 11.5l7.6-8 1.4 1.3-7.2 8.2",
  eraser: "M8 16h9M3.6 12.4l7.2-8.2 5.4 4.8-6.2 7H7zM7 8.6l5.4 4.8",
  hand:
    "M6 11V6.2a1.2 1.2 0 0 1 2.4 0V10 4.7a1.2 1.2 0 0 1 2.4 0V10 5.5a1.2 1.2 0 0 1 2.4 0v5-2.7" +
    "a1.1 1.1 0 0 1 2.3 0V12c0 3-1.9 5-4.7 5-2.3 0-3.5-1-4.7-3l-2-3.3A1.1 1.1 0 0 1 6 9.6",
  undo: "M8 5L4 9l4 4M4 9h8a4 4 0 0 1 0 8h-2",
  redo: "M12 5l4 4-4 4M16 9H8a4 4 0 0 0 0 8h2",
  invert: "M3 3h14v14H3zM17 3L3 17M17 8l-9 9M17 13l-4 4",
  minus: "M4 10h12",
  dice: "M4 4h12v12H4zM7.5 7.5v.1M12.5 12.5v.1M10 10v.1M12.5 7.5v.1M7.5 12.5v.1",
};

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("class", `icon icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** A button that shows an icon only; its label is read out and shown on hover. */
export function iconButton(name, label, onclick, props = {}) {
  return h(
    "button.icon-button",
    { type: "button", "aria-label": label, title: label, onclick, ...props },
    icon(name),
  );
}

export function debounce(run, ms) {
  let timer = 0;
  return (...args) => {
    clearTimeout(timer);
    timer = setTimeout(() => run(...args), ms);
  };
}

export function isTyping(target) {
  return (
    target instanceof HTMLElement &&
    target.matches("input:not([type=checkbox]):not([type=radio]):not([type=range]), textarea, select")
  );
}

/** Says something to screen readers without showing it. */
export function announce(text) {
  document.getElementById("announcer").textContent = text;
}
