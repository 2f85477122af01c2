// Owns the connection to the device: the live stream, its silence and its return. Must never draw, and never send.

import { _ } from "./words.js";

const SILENT_MS = 2500;
const LOST = {
  tone: "offline", lost: true, title: _("No connection"),
  what: _("This page receives nothing from the device. The picture below is old."),
  why: _("The program behind this page is off or restarting, or this screen has left the network. The treadmill is watched all the same."),
  do: _("Look at the treadmill, not at this page. It reconnects by itself."),
};

export async function get(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}

// `begin(setup)` once, then `show(view)` ten times a second, with view.lost while nothing comes; `health(now)` once a second.
// `coach(plan)`: only where a coach runs.
export async function connect(begin, show, health, coach = () => {}) {
  let received_ms = Date.now();
  const silent = () => { if (Date.now() - received_ms > SILENT_MS) show(LOST); };
  setInterval(silent, 500);
  let setup;
  while (!setup) {
    setup = await get("/api/setup").catch(() => new Promise((yes) => setTimeout(yes, 2000)));
  }
  await begin(setup);
  const stream = new EventSource("/api/stream");
  stream.addEventListener("view", (event) => { received_ms = Date.now(); show(JSON.parse(event.data)); });
  stream.addEventListener("health", (event) => health(JSON.parse(event.data)));
  stream.addEventListener("coach", (event) => coach(JSON.parse(event.data)));
  // A browser never retries when the answer is no stream (a proxy, too many viewers): load the page again.
  stream.addEventListener("error", () => { if (stream.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 3000); });
}
