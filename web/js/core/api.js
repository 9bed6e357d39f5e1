// The HTTP side of the API. Every failure becomes a Problem with a title and a detail that can be shown.

// Relative to this file, so that the page works below any path that a proxy serves it under.
const at = (path) => new URL(`../../${path}`, import.meta.url).pathname;

export const BASE = at("api/v1");
/** Before the number of a picture of the history, where an input is named. */
export const HISTORY = "picture:";

/** "/styles/x.webp", as the server names a file of the page, to where it is. */
export const asset = (path) => at(path.replace(/^\//, ""));

export class Problem extends Error {
  constructor({ status = 0, title = "", detail = "", field = null }) {
    super(detail || title);
    this.status = status;
    this.title = title;
    this.detail = detail;
    this.field = field;
  }
}

async function problemOf(response) {
  const text = await response.text().catch(() => "");
  try {
    return new Problem({ status: response.status, ...JSON.parse(text) });
  } catch {
    return new Problem({ status: response.status, title: response.statusText });
  }
}

async function call(method, path, { body, headers = {}, signal } = {}) {
  const init = { method, headers: { ...headers }, signal, cache: "no-store" };
  if (body instanceof Blob) init.body = body;
  else if (body !== undefined) {
    init.body = JSON.stringify(body);
    init.headers["Content-Type"] = "application/json";
  }
  let response;
  try {
    response = await fetch(BASE + path, init);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({ status: 0 });
  }
  if (!response.ok) throw await problemOf(response);
  if (response.status === 204) return null;
  const type = response.headers.get("Content-Type") || "";
  return type.includes("json") ? response.json() : null;
}

const id = encodeURIComponent;

function query(filters) {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(filters)) {
    if (value !== undefined && value !== null && value !== "") search.set(key, value);
  }
  return search.toString();
}

export const api = {
  system: () => call("GET", "/system"),
  parameters: () => call("GET", "/parameters"),
  styles: () => call("GET", "/styles"),
  models: () => call("GET", "/models"),
  refreshModels: () => call("POST", "/models/refresh"),
  presets: () => call("GET", "/presets"),
  catalog: () => call("GET", "/catalog"),
  downloads: () => call("GET", "/downloads"),
  startDownloads: (names) => call("POST", "/downloads", { body: { names } }),
  stopDownload: (name) => call("DELETE", `/downloads/${id(name)}`),

  submit: (parameters, key) =>
    call("POST", "/jobs", { body: { parameters, preview: true }, headers: { "Idempotency-Key": key } }),
  jobs: (filters) => call("GET", `/jobs?${query(filters)}`),
  job: (job) => call("GET", `/jobs/${id(job)}`),
  cancel: (job, what) => call("POST", `/jobs/${id(job)}/cancel`, { body: { what } }),
  move: (job, position) => call("POST", `/jobs/${id(job)}/move`, { body: { position } }),
  previewUrl: (job, seq) => `${BASE}/jobs/${id(job)}/preview?n=${seq}`,

  pictures: (filters, signal) => call("GET", `/pictures?${query(filters)}`, { signal }),
  terms: () => call("GET", "/pictures/terms"),
  login: (user, password) => call("POST", "/login", { body: { user, password } }),
  picture: (picture) => call("GET", `/pictures/${id(picture)}`),
  favourite: (picture, favourite) =>
    call("POST", `/pictures/${id(picture)}/favourite`, { body: { favourite } }),
  remove: (picture) => call("DELETE", `/pictures/${id(picture)}`),
  restore: (picture) => call("POST", `/pictures/${id(picture)}/restore`),
  fileUrl: (picture) => `${BASE}/pictures/${id(picture)}/file`,
  thumbnailUrl: (picture) => `${BASE}/pictures/${id(picture)}/thumbnail`,
  upload: (blob) =>
    call("POST", "/uploads", { body: blob, headers: { "Content-Type": blob.type || "image/png" } }),
  /** The file of an input: the id of an upload, or "picture:12" of the history. */
  inputUrl: (name) =>
    name.startsWith(HISTORY) ? api.fileUrl(name.slice(HISTORY.length)) : `${BASE}/uploads/${id(name)}/file`,
  metadata: (blob) =>
    call("POST", "/metadata", { body: blob, headers: { "Content-Type": blob.type || "image/png" } }),
};

export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
}
