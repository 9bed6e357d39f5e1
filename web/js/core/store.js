// Two stores. `app` is what the server says (jobs, progress, system); `form` is what the user has
// set for the next picture and survives a reload. Both tell their listeners once per frame which
// keys changed.

class Store {
  constructor(initial) {
    this.state = initial;
    this.listeners = new Set();
    this.changed = new Set();
  }

  get(key) {
    return this.state[key];
  }

  set(changes) {
    for (const [key, value] of Object.entries(changes)) {
      if (Object.is(this.state[key], value)) continue;
      this.state[key] = value;
      if (!this.changed.size) queueMicrotask(() => this.tell());
      this.changed.add(key);
    }
  }

  tell() {
    const changed = this.changed;
    this.changed = new Set();
    for (const listener of [...this.listeners]) {
      if (listener.keys.some((key) => changed.has(key))) listener.run(this.state, changed);
    }
  }

  /** Runs now and after each change of one of the keys. */
  watch(keys, run) {
    const listener = { keys, run };
    this.listeners.add(listener);
    run(this.state, new Set(keys));
    return () => this.listeners.delete(listener);
  }
}

export const app = new Store({
  system: null,
  parameters: [],
  groups: [],
  styles: [],
  models: { checkpoints: [], loras: [], vae: [], embeddings: [], upscale_models: [] },
  presets: [],
  jobs: new Map(), // waiting and running ones by id, plus those that ended since the page was opened
  order: [], // ids of waiting jobs
  progress: null, // of the running job: {job, image, images, step, steps, fraction, seconds_left, phase}
  preview: null, // {job, seq}
  warnings: [], // about the jobs sent last: {job, text, code}
  recent: [], // newest pictures first
  shown: null, // id of the picture on the stage; null follows the work
  connected: true,
  catalog: null, // models that can be fetched; null until somebody asked
  downloads: {}, // name -> {state, received, total, rate, error}
  view: "create", // or "history"
  panelOpen: false,
  queueOpen: false,
  offerOpen: false, // the card about models, asked for
});

export function runningJob() {
  for (const job of app.get("jobs").values()) if (job.state === "running") return job;
  return null;
}

export function waitingJobs() {
  const jobs = app.get("jobs");
  const known = app
    .get("order")
    .map((id) => jobs.get(id))
    .filter((job) => job && job.state === "queued");
  const rest = [...jobs.values()].filter((job) => job.state === "queued" && !known.includes(job));
  rest.sort((a, b) => a.created - b.created);
  return [...known, ...rest];
}

const FORM_KEY = "fooocus.form";
const PREFS_KEY = "fooocus.prefs";

export function readLocal(key, fallback) {
  try {
    return JSON.parse(localStorage.getItem(key)) ?? fallback;
  } catch {
    return fallback; // private mode, or a damaged entry: start afresh
  }
}

function writeLocal(key, value) {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // full or forbidden: the page works without memory
  }
}

/** values: parameter name -> what the user set. A parameter that is not in it has its default. */
export const form = new Store({ values: readLocal(FORM_KEY, {}) });
form.watch(["values"], ({ values }) => writeLocal(FORM_KEY, values));

export const prefs = new Store({
  theme: "auto",
  lang: null,
  favouriteStyles: [],
  tab: "settings",
  developer: false,
  offerHidden: false,
  panelOpen: false,
  ...readLocal(PREFS_KEY, {}),
});
const PREFS = Object.keys(prefs.state);
prefs.watch(PREFS, (state) => writeLocal(PREFS_KEY, state));
window.addEventListener("storage", (event) => {
  if (event.key === PREFS_KEY) prefs.set(readLocal(PREFS_KEY, {}));
});

export function parameter(name) {
  return app.get("parameters").find((p) => p.name === name);
}

export function defaultOf(name) {
  const own = app.get("system")?.defaults; // what the server's settings and the model ask for
  if (own && Object.hasOwn(own, name)) return own[name];
  const p = parameter(name);
  if (!p) return undefined;
  const byRecipe = p.default && typeof p.default === "object" && !Array.isArray(p.default);
  if (!byRecipe) return p.default;
  return p.default[name === "recipe" ? "1.0" : valueOf("recipe")];
}

export function valueOf(name) {
  const own = form.get("values")[name];
  return own !== undefined ? own : defaultOf(name);
}

/** undefined goes back to the default. */
export function setValues(changes) {
  const values = { ...form.get("values") };
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) delete values[name];
    else values[name] = value;
  }
  form.set({ values });
}
