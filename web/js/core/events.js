// The event stream: one connection for all tabs of this browser where that is possible (a browser
// opens only six connections to one host, so six tabs would block each other), read by fetch so
// that Last-Event-ID can be sent and a silent connection can be noticed. After a gap that the
// server cannot fill, `onResync` loads everything again.

import { BASE } from "./api.js";

const LOCK = "fooocus.events";
const SILENCE_MS = 45000; // the server writes a comment at least every 15 s

/** Cuts a stream of text into events; returns a function to feed it. */
export function eventParser(onEvent) {
  let rest = "";
  let event = { type: "message", data: [], id: null };
  const line = (text) => {
    if (text === "") {
      if (event.data.length) onEvent({ type: event.type, id: event.id, data: event.data.join("\n") });
      event = { type: "message", data: [], id: null };
      return;
    }
    const colon = text.indexOf(":");
    if (colon === 0) return;
    const field = colon < 0 ? text : text.slice(0, colon);
    const value = colon < 0 ? "" : text.slice(colon + 1).replace(/^ /, "");
    if (field === "event") event.type = value;
    else if (field === "data") event.data.push(value);
    else if (field === "id") event.id = value;
  };
  return (chunk) => {
    rest += chunk;
    const lines = rest.split(/\r\n|\n|\r(?=.)/);
    rest = lines.pop();
    lines.forEach(line);
  };
}

class Stream {
  constructor({ onEvent, onState, onResync }) {
    Object.assign(this, { onEvent, onState, onResync });
    this.lastId = null;
    this.attempt = 0;
  }

  async run() {
    for (;;) {
      const reason = await this.connect().catch((error) => error);
      this.onState(false);
      const wait = Math.min(10000, 400 * 2 ** this.attempt++) * (0.75 + Math.random() / 2);
      // an id the server no longer knows
      if (reason && reason.status >= 400 && reason.status < 500) this.lastId = null;
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }

  async connect() {
    const abort = new AbortController();
    let watchdog = 0;
    const alive = () => {
      clearTimeout(watchdog);
      watchdog = setTimeout(() => abort.abort(), SILENCE_MS);
    };
    alive();
    try {
      const headers = { Accept: "text/event-stream" };
      if (this.lastId !== null) headers["Last-Event-ID"] = this.lastId;
      const response = await fetch(`${BASE}/events`, { headers, signal: abort.signal, cache: "no-store" });
      if (!response.ok || !response.body)
        throw Object.assign(new Error("no stream"), { status: response.status });
      this.attempt = 0;
      this.onState(true);
      this.onResync();
      const feed = eventParser((event) => {
        if (event.id !== null) this.lastId = event.id;
        this.onEvent(event);
      });
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return null;
        alive();
        feed(value);
      }
    } finally {
      clearTimeout(watchdog);
      abort.abort();
    }
  }
}

/** handlers: {onEvent({type, data}), onState(connected), onResync()}. */
export function openEvents(handlers) {
  const deliver = (event) => {
    let data;
    try {
      data = JSON.parse(event.data);
    } catch {
      return;
    }
    handlers.onEvent({ type: event.type, data });
  };
  if (!navigator.locks || !window.BroadcastChannel) {
    new Stream({ ...handlers, onEvent: deliver }).run();
    return;
  }
  const channel = new BroadcastChannel(LOCK);
  const take = (message) => {
    if (message.kind === "event") deliver(message.event);
    if (message.kind === "state") handlers.onState(message.connected);
    if (message.kind === "resync") handlers.onResync();
  };
  const tell = (message) => {
    channel.postMessage(message);
    take(message);
  };
  const lead = () => {
    channel.onmessage = null;
    return new Stream({
      onEvent: (event) => tell({ kind: "event", event }),
      // after each attempt: tabs that came later hear of it too
      onState: (connected) => tell({ kind: "state", connected }),
      onResync: () => tell({ kind: "resync" }),
    }).run();
  };
  const follow = () => {
    channel.onmessage = ({ data }) => take(data);
    handlers.onResync(); // the stream of the leading tab was opened before; it will not say so again
    navigator.locks.request(LOCK, lead);
  };
  navigator.locks.request(LOCK, { ifAvailable: true }, (lock) => (lock ? lead() : follow()));
}
