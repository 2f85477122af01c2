// Owns the connection to the device: the live stream, its silence and its return. Must never draw, and never send.

import { _ } from "./words.js";

const SILENT_MS = 2500;
const FIRST_MS = 1000, LONGEST_MS = 30000;
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

// Until the device answers: it may be busy or restarting. Further and further apart, and never all screens at once.
export async function patient(path) {
  for (let tries = 0; ; tries++) {
    try { return await get(path); } catch { await pause(tries); }
  }
}

function pause(tries) {
  const most_ms = Math.min(FIRST_MS * 2 ** tries, LONGEST_MS);
  return new Promise((yes) => setTimeout(yes, most_ms * (0.5 + Math.random() / 2)));
}

// `begin(setup)` once, then `show(view)` ten times a second, with view.lost while nothing comes; `health(now)` once a second.
// `coach(plan)`: only where a coach runs.
export async function connect(begin, show, health, coach = () => {}) {
  let received_ms = Date.now();
  const silent = () => { if (Date.now() - received_ms > SILENT_MS) show(LOST); };
  setInterval(silent, 500);
  await begin(await patient("/api/setup"));
  let refused = 0;
  const open = () => {
    const stream = new EventSource("/api/stream");
    stream.addEventListener("view", (event) => { received_ms = Date.now(); refused = 0; show(JSON.parse(event.data)); });
    stream.addEventListener("health", (event) => health(JSON.parse(event.data)));
    stream.addEventListener("coach", (event) => coach(JSON.parse(event.data)));
    // A browser never retries when the answer is no stream: a proxy, too many viewers, a device that is busy.
    stream.addEventListener("error", () => { if (stream.readyState === EventSource.CLOSED) pause(refused++).then(open); });
  };
  open();
}
