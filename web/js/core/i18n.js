// Texts of the page in the language of the reader. ?lang= wins and is remembered; else what was
// chosen before; else the browser's wish. English fills what a translation lacks.

import { parameterTexts } from "./parameter_texts.js";
import { prefs } from "./store.js";

export const LANGUAGES = { en: "English", zh: "中文" };

let texts = {};
let fallback = {};
let current = "en";
let plural = new Intl.PluralRules("en");

export function language() {
  return current;
}

function wanted() {
  const asked = new URLSearchParams(location.search).get("lang");
  const list = [asked, prefs.get("lang"), ...(navigator.languages || [])];
  for (const tag of list) {
    const short = String(tag || "")
      .toLowerCase()
      .split("-")[0];
    if (short in LANGUAGES) {
      if (tag === asked) prefs.set({ lang: short });
      return short;
    }
  }
  return "en";
}

async function load(name) {
  const response = await fetch(`locales/${name}.json`);
  if (!response.ok) throw new Error(`locales/${name}.json: ${response.status}`);
  return response.json();
}

export async function startLanguage() {
  current = wanted();
  const [parameters, english, own] = await Promise.all(["params", "en", current].map(load));
  fallback = { ...english, ...parameterTexts(parameters, "en") };
  texts = { ...own, ...parameterTexts(parameters, current) };
  plural = new Intl.PluralRules(current);
  document.documentElement.lang = current === "zh" ? "zh-Hans" : current;
}

/** t("queue.waiting", {n: 3}): the text; {name} is filled in; with n, "key.one"/"key.other" are
 *  looked for first. */
export function t(key, values = {}) {
  let text;
  if (values.n !== undefined) {
    const form = `${key}.${plural.select(Number(values.n))}`;
    text = texts[form] ?? texts[`${key}.other`] ?? fallback[form] ?? fallback[`${key}.other`];
  }
  text = text ?? texts[key] ?? fallback[key];
  if (text === undefined) return key;
  return text.replace(/\{(\w+)\}/g, (all, name) => (name in values ? String(values[name]) : all));
}

export function has(key) {
  return key in texts || key in fallback;
}

/** The languages are few and the page keeps its state elsewhere, so a switch loads the page anew. */
export function switchLanguage(lang) {
  prefs.set({ lang });
  const url = new URL(location.href);
  url.searchParams.delete("lang");
  queueMicrotask(() => location.replace(url));
}

export function number(value, digits = 2) {
  return new Intl.NumberFormat(current, { maximumFractionDigits: digits }).format(value);
}

export function bytes(value) {
  if (value >= 1e9) return `${number(value / 1e9, 1)}\u00a0GB`;
  if (value >= 1e6) return `${number(value / 1e6, 0)}\u00a0MB`;
  return `${number(Math.ceil(value / 1e3), 0)}\u00a0kB`;
}

export function duration(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return t("time.seconds", { s });
  const minutes = Math.floor(s / 60);
  if (minutes < 60) return t("time.minutes", { m: minutes, s: String(s % 60).padStart(2, "0") });
  return t("time.hours", { h: Math.floor(minutes / 60), m: String(minutes % 60).padStart(2, "0") });
}

// Making a formatter takes longer than a hundred uses of it.
const formatters = new Map();
function dateFormat(options) {
  const key = current + JSON.stringify(options);
  if (!formatters.has(key)) formatters.set(key, new Intl.DateTimeFormat(current, options));
  return formatters.get(key);
}

export function when(ms) {
  return dateFormat({ dateStyle: "medium", timeStyle: "short" }).format(new Date(ms));
}

/** Today, yesterday, or the date: headings of the history. */
export function day(ms) {
  const date = new Date(ms);
  const days = Math.round((new Date().setHours(0, 0, 0, 0) - new Date(ms).setHours(0, 0, 0, 0)) / 86400000);
  const today = new Date().toDateString();
  if (dayTexts.today !== today) Object.assign(dayTexts, { today, texts: new Map() });
  if (!dayTexts.texts.has(days)) dayTexts.texts.set(days, dayText(days, date));
  return dayTexts.texts.get(days);
}

const dayTexts = { today: "", texts: new Map() }; // days ago -> text; thousands of pictures share a few days

function dayText(days, date) {
  if (days === 0 || days === 1) {
    const text = new Intl.RelativeTimeFormat(current, { numeric: "auto" }).format(-days, "day");
    return text.charAt(0).toUpperCase() + text.slice(1);
  }
  const sameYear = date.getFullYear() === new Date().getFullYear();
  return dateFormat({ day: "numeric", month: "long", year: sameYear ? undefined : "numeric" }).format(date);
}
