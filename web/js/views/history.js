// The history: every picture made, newest first. Only what is in view (and a little more) is in the
// document, so that thousands of pictures scroll as smoothly as ten.

import { api } from "../core/api.js";
import { debounce, h, icon, iconButton, replace, uid } from "../core/dom.js";
import { app } from "../core/store.js";
import { day, t, when } from "../core/i18n.js";
import { onPictureChange, removePicture, toggleFavourite } from "../core/actions.js";
import { firstBelow, justify } from "../widgets/justify.js";
import { markStar } from "../widgets/parts.js";
import { attachButtons, attachKey } from "./attach.js";
import { openCompare } from "./compare.js";
import { openViewer } from "./viewer.js";
import { showError } from "../core/toast.js";

const PAGE = 100;
const MARGIN = 700; // pixels drawn above and below the view
const GAP = 6;
const HEADING = 40;
const AWAY = 200; // pixels from the top; nearer to it new pictures push the others down
const DAY_MS = 86400000;

const state = {
  items: [],
  more: true,
  loading: null,
  failed: false,
  filters: {},
  layout: null,
  focus: 0,
  picked: null,
};
const tiles = new Map(); // picture id -> {node, ...}
let root, canvas, sheet, headings, note, scroller, pickBar;

function targetHeight(width) {
  return width < 500 ? 120 : width < 1000 ? 160 : 200;
}

function layOut() {
  const width = canvas.clientWidth;
  state.layout = width
    ? justify(state.items, {
        width,
        target: targetHeight(width),
        gap: GAP,
        headingHeight: HEADING,
        dayOf: (p) => day(p.created),
      })
    : null;
  if (!state.layout) return; // not shown
  canvas.style.height = `${Math.ceil(state.layout.height)}px`;
  draw();
}

const indexOf = (id) => state.items.findIndex((p) => p.id === id);

/** The layout never is older than the items; away from the top, what is looked at stays where it is. */
function setItems(items) {
  const { items: old, layout } = state;
  const kept = new Set(items.map((p) => p.id));
  const gone = old.filter((p) => !kept.has(p.id));
  const focused = old.indexOf(gone.find((p) => hasFocus(p.id)));
  const top = scroller.scrollTop;
  const first = layout && top > AWAY ? firstBelow(layout.boxes, top - canvas.offsetTop) : -1;
  gone.forEach((p) => dropTile(p.id));
  state.items = items;
  layOut();
  const box = state.layout?.boxes[indexOf(old[first]?.id)];
  if (box) scroller.scrollTop = top + box.y - layout.boxes[first].y;
  if (gone.some((p) => p.id === state.picked?.id)) pick(state.picked);
  if (focused >= 0) focusIndex(Math.min(focused, items.length - 1));
}

function draw() {
  if (!state.layout || root.hidden) return;
  const { boxes } = state.layout;
  const top = scroller.scrollTop - canvas.offsetTop;
  const bottom = top + scroller.clientHeight;
  const seen = new Set();
  for (let i = firstBelow(boxes, top - MARGIN); i < boxes.length && boxes[i].y < bottom + MARGIN; i++) {
    const picture = state.items[i];
    seen.add(picture.id);
    place(tileOf(picture), boxes[i], i);
  }
  for (const [id, tile] of tiles) {
    if (seen.has(id)) continue;
    if (hasFocus(id))
      place(tile, boxes[indexOf(id)], indexOf(id)); // the keys go on from it
    else dropTile(id);
  }
  const near = state.layout.headings.filter((x) => x.y > top - MARGIN && x.y < bottom + MARGIN);
  replace(
    headings,
    near.map((x) => h("h2.day", { vars: { "--y": `${x.y}px` } }, x.text)),
  );
  if (bottom + MARGIN * 2 > state.layout.height) loadMore();
}

const hasFocus = (id) => Boolean(tiles.get(id)?.node.contains(document.activeElement));

function dropTile(id) {
  tiles.get(id)?.node.remove();
  tiles.delete(id);
}

function place(tile, box, index) {
  const style = tile.node.style;
  style.setProperty("--x", `${box.x.toFixed(1)}px`);
  style.setProperty("--y", `${box.y.toFixed(1)}px`);
  style.setProperty("--w", `${box.w.toFixed(1)}px`);
  style.setProperty("--h", `${box.h.toFixed(1)}px`);
  tile.node.setAttribute("aria-posinset", index + 1);
  tile.node.setAttribute("aria-setsize", state.more ? -1 : state.items.length);
  tile.open.tabIndex = index === state.focus ? 0 : -1;
  tile.index = index;
}

function tileOf(picture) {
  let tile = tiles.get(picture.id);
  if (!tile) {
    tile = makeTile(picture);
    tiles.set(picture.id, tile);
    const next = [...tiles.values()].find((other) => other.index > state.items.indexOf(picture));
    sheet.insertBefore(tile.node, next ? next.node : null);
  }
  if (tile.picture !== picture) {
    tile.picture = picture;
    markStar(tile.star, picture.favourite);
    tile.node.classList.toggle("favourite", Boolean(picture.favourite));
  }
  tile.node.classList.toggle("picked", state.picked?.id === picture.id);
  return tile;
}

function makeTile(picture) {
  const tile = { picture: null, index: state.items.indexOf(picture) };
  const img = h("img", { src: api.thumbnailUrl(picture.id), alt: "", decoding: "async", draggable: false });
  const label = `${picture.prompt || t("picture.noPrompt")}, ${when(picture.created)}`;
  tile.open = h(
    "button.tile-open",
    {
      type: "button",
      "aria-label": label,
      onclick: () => openFrom(tile.index),
      onfocus: () => (state.focus = tile.index),
    },
    img,
  );
  tile.star = iconButton("star", "", () => toggleFavourite(tile.picture), { tabIndex: -1 });
  const compare = iconButton("compare", t("compare.pick"), () => pick(tile.picture), { tabIndex: -1 });
  tile.node = h(
    "article.tile",
    { "aria-label": label },
    tile.open,
    h("div.tile-tools", {}, compare, tile.star),
    h(
      "div.tile-tools.below",
      {},
      attachButtons(() => tile.picture, { tabIndex: -1 }),
    ),
  );
  return tile;
}

function openFrom(index) {
  if (state.picked) pick(state.items[index]);
  else
    openViewer(state.items[index].id, state.items, {
      more: () => loadMore()?.then(() => state.items),
      compare: pick,
    });
}

function pick(picture) {
  if (state.picked && state.picked.id !== picture.id) {
    openCompare(state.picked, picture);
    state.picked = null;
  } else {
    state.picked = state.picked ? null : picture;
  }
  pickBar.hidden = !state.picked;
  draw();
}

function focusIndex(index) {
  if (!state.layout || index < 0 || index >= state.items.length) return;
  state.focus = index;
  const box = state.layout.boxes[index];
  const top = scroller.scrollTop - canvas.offsetTop;
  if (box.y < top) scroller.scrollTop = box.y + canvas.offsetTop - HEADING;
  else if (box.y + box.h > top + scroller.clientHeight)
    scroller.scrollTop = box.y + box.h + canvas.offsetTop - scroller.clientHeight + GAP;
  draw();
  tiles.get(state.items[index].id)?.open.focus();
}

/** The picture above or below whose middle is nearest. */
function neighbour(index, direction) {
  const { boxes } = state.layout;
  const from = boxes[index];
  const middle = from.x + from.w / 2;
  let best = -1;
  let rowY = null;
  for (let i = index + direction; i >= 0 && i < boxes.length; i += direction) {
    if (boxes[i].y === from.y) continue;
    if (rowY === null) rowY = boxes[i].y;
    if (boxes[i].y !== rowY) break;
    const distance = Math.abs(boxes[i].x + boxes[i].w / 2 - middle);
    if (best < 0 || distance < Math.abs(boxes[best].x + boxes[best].w / 2 - middle)) best = i;
  }
  return best;
}

function keys(event) {
  const tile = [...tiles.values()].find((x) => x.open === document.activeElement);
  if (!tile || event.ctrlKey || event.metaKey || event.altKey) return;
  const i = tile.index;
  const jump = {
    ArrowRight: () => i + 1,
    ArrowLeft: () => i - 1,
    ArrowDown: () => neighbour(i, 1),
    ArrowUp: () => neighbour(i, -1),
    Home: () => 0,
    End: () => state.items.length - 1,
  }[event.key];
  if (jump) {
    event.preventDefault();
    focusIndex(jump());
  } else if (event.key === "f") toggleFavourite(tile.picture);
  else if (event.key === "Escape" && state.picked) (event.preventDefault(), pick(state.picked));
  else if (event.key === "c") pick(tile.picture);
  else if (event.key === "Delete") removePicture(tile.picture);
  else attachKey(event.key, tile.picture)?.();
}

/** fetchItems(signal) -> {items, more}, which replace those of the state. There is one load at a time. */
function load(fetchItems) {
  const abort = new AbortController();
  const loading = { stop: () => abort.abort(), changes: [] };
  const run = async () => {
    let found;
    try {
      found = await fetchItems(abort.signal);
    } catch (error) {
      if (abort.signal.aborted) return;
      state.failed = true;
      showError(error);
    }
    if (abort.signal.aborted) return;
    state.loading = null;
    if (found) {
      state.more = found.more;
      setItems(found.items);
    }
    loading.changes.forEach(changed); // they may be newer than what was fetched
    tellNote();
  };
  state.loading = loading;
  loading.done = run();
  return loading.done;
}

async function fetchPage(after, signal) {
  const { pictures, more } = await api.pictures({ ...state.filters, limit: PAGE, before: after?.id }, signal);
  return { pictures, more: Boolean(more) && pictures.length > 0 };
}

function loadMore() {
  if (!state.more || state.loading || state.failed) return state.loading?.done;
  return load(async (signal) => {
    const { pictures, more } = await fetchPage(state.items.at(-1), signal);
    const known = new Set(state.items.map((p) => p.id));
    return { items: [...state.items, ...pictures.filter((p) => !known.has(p.id))], more };
  });
}

/** Fetches all anew that was there, from the newest picture down to the oldest one known (their
 *  ids descend). */
function refresh() {
  const oldest = state.items.at(-1)?.id;
  state.loading?.stop();
  state.failed = false;
  tellNote();
  load(async (signal) => {
    const items = [];
    for (;;) {
      const { pictures, more } = await fetchPage(items.at(-1), signal);
      items.push(...pictures);
      if (!more || !(items.at(-1).id > oldest)) return { items, more };
    }
  });
}

function tellNote() {
  const filtered = Object.values(state.filters).some((v) => v);
  const empty = state.items.length === 0 && !state.more;
  note.hidden = !empty && !state.failed;
  replace(
    note,
    state.failed
      ? [
          h("p", {}, t("history.failed")),
          h("button.secondary", { type: "button", onclick: refresh }, t("action.retry")),
        ]
      : h("p", {}, t(filtered ? "history.noMatch" : "history.empty")),
  );
}

function reload() {
  Object.assign(state, { items: [], more: true, layout: null, focus: 0 });
  [...tiles.keys()].forEach(dropTile);
  scroller.scrollTop = 0;
  refresh();
}

/** A change made here, in another tab or by a finished job. */
function changed(change) {
  const { picture, removed, restored } = change;
  const at = picture ? indexOf(picture.id) : -1;
  state.loading?.changes.push(change);
  if (removed !== undefined) setItems(state.items.filter((p) => p.id !== removed));
  else if (at >= 0) {
    state.items[at] = { ...state.items[at], ...picture };
    draw();
  } else if (!Object.values(state.filters).some(Boolean) || restored) insert(picture);
  tellNote();
}

function insert(picture) {
  if (state.more && state.items.length && picture.id < state.items.at(-1).id) return;
  const at = state.items.findIndex((p) => p.id < picture.id);
  const end = at < 0 ? state.items.length : at;
  setItems([...state.items.slice(0, end), picture, ...state.items.slice(end)]);
}

function setFilters(changes) {
  state.filters = { ...state.filters, ...changes };
  reload();
}

function picker(label, options, onchange) {
  const id = uid("filter");
  const select = h("select", { id, "aria-label": label, onchange: () => onchange(select.value) });
  const fill = (list) => {
    const value = select.value;
    select.replaceChildren(...list.map(([v, text]) => h("option", { value: v }, text)));
    select.value = value || "";
  };
  fill(options);
  return { node: h("div.select.compact", {}, select), fill };
}

function filterBar() {
  const id = uid("history-search");
  const search = h("input.search", {
    id,
    type: "search",
    placeholder: t("history.search"),
    autocomplete: "off",
    spellcheck: false,
    oninput: debounce(() => setFilters({ q: search.value.trim() }), 250),
  });
  const star = h(
    "button.filter-star",
    {
      type: "button",
      "aria-pressed": "false",
      onclick: () => {
        const on = star.getAttribute("aria-pressed") !== "true";
        star.setAttribute("aria-pressed", String(on));
        setFilters({ favourite: on ? 1 : "" });
      },
    },
    icon("star"),
    h("span", {}, t("history.favourites")),
  );
  const model = picker(t("history.model"), [["", t("history.anyModel")]], (v) => setFilters({ model: v }));
  const style = picker(t("history.style"), [["", t("history.anyStyle")]], (v) => setFilters({ style: v }));
  const since = picker(
    t("history.time"),
    [
      ["", t("history.anyTime")],
      ["1", t("history.today")],
      ["7", t("history.week")],
      ["30", t("history.month")],
    ],
    (v) => {
      const today = new Date().setHours(0, 0, 0, 0);
      setFilters({ from: v ? today - (Number(v) - 1) * DAY_MS : "" });
    },
  );
  const named = (list) => list.map(({ name, count }) => [name, `${name} (${count})`]);
  app.watch(["view"], async ({ view }) => {
    if (view !== "history") return;
    // the rest of the history works without
    const terms = await api.terms().catch(() => ({ models: [], styles: [] }));
    model.fill([["", t("history.anyModel")], ...named(terms.models)]);
    style.fill([["", t("history.anyStyle")], ...named(terms.styles)]);
  });
  return h(
    "div.history-bar",
    { role: "search", "aria-label": t("history.searchLabel") },
    h("label.visually-hidden", { for: id }, t("history.search")),
    h("div.search-box", {}, icon("search"), search),
    star,
    model.node,
    style.node,
    since.node,
  );
}

export function history(node) {
  root = node;
  root.setAttribute("aria-label", t("view.history"));
  sheet = h("div.sheet", { role: "feed", "aria-label": t("view.history") });
  headings = h("div.days", { "aria-hidden": "true" });
  canvas = h("div.canvas", {}, headings, sheet);
  note = h("div.history-note", { hidden: true });
  pickBar = h(
    "div.pick-bar",
    { hidden: true, role: "status" },
    h("span", {}, t("compare.pickSecond")),
    h("button.text-button", { type: "button", onclick: () => pick(state.picked) }, t("action.cancel")),
  );
  scroller = h("div.history-scroll", {}, note, canvas);
  root.append(filterBar(), scroller, pickBar);
  let frame = 0;
  scroller.addEventListener(
    "scroll",
    () => {
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(draw);
    },
    { passive: true },
  );
  new ResizeObserver(layOut).observe(canvas);
  root.addEventListener("keydown", keys);
  onPictureChange(changed);
  let stale = true; // nothing is loaded yet, or something was missed
  const catchUp = () => {
    if (root.hidden || !stale) return;
    stale = false;
    refresh();
  };
  app.watch(["view"], ({ view }) => {
    root.hidden = view !== "history";
    document.getElementById("stage").hidden = view === "history";
    catchUp();
    layOut();
  });
  document.addEventListener("fooocus:reconnected", () => {
    stale = true;
    catchUp();
  });
}
