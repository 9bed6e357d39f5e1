// Styles: search, favourites, several at once. A style without a sample picture shows a plate in a
// colour of its own.

import { asset } from "../core/api.js";
import { h, icon, uid } from "../core/dom.js";
import { app, form, prefs, setValues, valueOf } from "../core/store.js";
import { t } from "../core/i18n.js";

function hue(name) {
  let sum = 7;
  for (const c of name) sum = (sum * 31 + c.codePointAt(0)) % 997;
  return sum % 360;
}

function initials(name) {
  const words = name
    .replace(/[^\p{L}\p{N} -]/gu, "")
    .split(/[ -]+/)
    .filter(Boolean);
  const tail = words.length > 1 ? words.slice(1) : words;
  return tail
    .slice(0, 2)
    .map((w) => w[0].toUpperCase())
    .join("");
}

function plate(style) {
  if (!style.sample)
    return h(
      "span.plate.blank",
      { "aria-hidden": "true", vars: { "--hue": hue(style.name) } },
      initials(style.name),
    );
  const img = h("img", { src: asset(style.sample), alt: "", loading: "lazy", decoding: "async" });
  const box = h("span.plate", { "aria-hidden": "true" }, img);
  img.addEventListener("error", () => box.replaceWith(plate({ ...style, sample: null })));
  return box;
}

function selected() {
  return valueOf("styles") || [];
}

function toggle(name, on) {
  const now = selected().filter((s) => s !== name);
  setValues({ styles: on ? [...now, name] : now });
}

function toggleFavourite(name) {
  const now = prefs.get("favouriteStyles");
  prefs.set({ favouriteStyles: now.includes(name) ? now.filter((s) => s !== name) : [...now, name] });
}

function tile(style) {
  const input = h("input", {
    type: "checkbox",
    value: style.name,
    onchange: () => toggle(style.name, input.checked),
  });
  const star = h(
    "button.style-star",
    { type: "button", onclick: () => toggleFavourite(style.name) },
    icon("star"),
  );
  const node = h(
    "div.style",
    {},
    h("label", {}, input, plate(style), h("span.style-name", {}, style.name)),
    star,
  );
  return { node, input, star, style };
}

function words(text) {
  return text
    .toLowerCase()
    .normalize("NFKC")
    .split(/[\s_-]+/)
    .filter(Boolean);
}

/** The chosen styles, each a button that takes it away. */
function chips() {
  const names = selected();
  if (!names.length) return [h("span.help", {}, t("styles.none"))];
  const chip = (name) =>
    h(
      "button.chip",
      { type: "button", "aria-label": t("styles.remove", { name }), onclick: () => toggle(name, false) },
      name,
      icon("close"),
    );
  const clear = { type: "button", onclick: () => setValues({ styles: [] }) };
  return [...names.map(chip), h("button.text-button", clear, t("styles.clear"))];
}

export function stylesTab() {
  const tiles = new Map();
  const id = uid("style-search");
  const search = h("input.search", {
    id,
    type: "search",
    placeholder: t("styles.search"),
    autocomplete: "off",
    spellcheck: false,
    oninput: () => build(),
  });
  const chosen = h("div.chosen", { role: "group", "aria-label": t("styles.chosen") });
  const list = h("div.style-groups");
  const none = h("p.help", { hidden: true });

  function mark() {
    const now = new Set(selected());
    const stars = new Set(prefs.get("favouriteStyles"));
    for (const [name, entry] of tiles) {
      entry.input.checked = now.has(name);
      entry.star.setAttribute("aria-pressed", String(stars.has(name)));
      entry.star.setAttribute("aria-label", t(stars.has(name) ? "styles.unstar" : "styles.star", { name }));
      entry.star.title = t(stars.has(name) ? "picture.unstar" : "picture.star");
    }
    chosen.replaceChildren(...chips());
  }

  function build() {
    const asked = words(search.value);
    const stars = new Set(prefs.get("favouriteStyles"));
    const groups = new Map();
    const put = (group, style) => groups.set(group, [...(groups.get(group) || []), style]);
    let found = 0;
    for (const style of app.get("styles")) {
      const text = `${style.name} ${style.group || ""}`.toLowerCase();
      if (!asked.every((word) => text.includes(word))) continue;
      found++;
      put(stars.has(style.name) ? "*" : style.group || t("styles.other"), style);
    }
    const keys = [...groups.keys()].sort((a, b) => (a === "*" ? -1 : b === "*" ? 1 : 0));
    list.replaceChildren(
      ...keys.map((key) =>
        h(
          "section.style-group",
          {},
          h("h2", {}, key === "*" ? t("styles.favourites") : key),
          h(
            "div.style-grid",
            {},
            groups.get(key).map((style) => {
              if (!tiles.has(style.name)) tiles.set(style.name, tile(style));
              return tiles.get(style.name).node;
            }),
          ),
        ),
      ),
    );
    none.hidden = found > 0 || !app.get("styles").length;
    none.textContent = t("styles.notFound", { text: search.value });
    mark();
  }

  app.watch(["styles"], () => (tiles.clear(), build()));
  app.watch(["parameters"], mark);
  prefs.watch(["favouriteStyles"], build);
  form.watch(["values"], mark);
  return h(
    "div.tab-content",
    {},
    h(
      "div.sticky-search",
      {},
      h("label.visually-hidden", { for: id }, t("styles.search")),
      h("div.search-box", {}, icon("search"), search),
      chosen,
    ),
    none,
    list,
  );
}
