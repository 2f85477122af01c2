// Owns the page: takes the live stream and fills in the words and numbers. Must never send anything.

import { Charts } from "./charts.js";
import { Deck } from "./deck.js";

const SILENT_MS = 2500;
const SIGNS = {
  running: "M28 14 L84 50 L28 86 Z",
  ready: "M50 8 A42 42 0 1 0 50.1 8 Z M50 20 A30 30 0 1 1 49.9 20 Z M50 36 A14 14 0 1 0 50.1 36 Z",
  warning: "M50 8 L96 90 L4 90 Z M45 36 L47 66 L53 66 L55 36 Z M50 71 A5 5 0 1 0 50.1 71 Z",
  stopped: "M31 5 H69 L95 31 V69 L69 95 H31 L5 69 V31 Z M26 43 V57 H74 V43 Z",
  fault: "M31 5 H69 L95 31 V69 L69 95 H31 L5 69 V31 Z M45 22 L47 62 L53 62 L55 22 Z M50 68 A5.5 5.5 0 1 0 50.1 68 Z",
  offline: "M50 8 A42 42 0 1 0 50.1 8 Z M26 20 L80 74 L74 80 L20 26 Z",
};
const BELT = { running: "Belt may run", warning: "Belt may run · warning", ready: "Belt off", stopped: "Belt off · stopped", fault: "Belt off · fault", offline: "" };
const NOT_STOPPED = "The belt may not stop · pull the safety key";
const MARKS = { ok: "✓", bad: "✕", off: "–" };

const by = (id) => document.getElementById(id);
const put = (id, text) => { const at = by(id); if (at.textContent !== text) at.textContent = text; };
const words = (at, text) => { // `a command` in the text becomes one that looks like one
  if (at.dataset.text === text) return;
  at.dataset.text = text;
  at.replaceChildren(...text.split("`").map((part, n) => {
    if (n % 2 === 0) return part;
    const code = document.createElement("code");
    code.textContent = part;
    return code;
  }));
};
const figure = (id, value, digits) => put(id, value == null ? "–" : value.toFixed(digits));

let deck, charts, received_ms = 0, incidents = -1, walking = false;
by("sign").setAttribute("fill-rule", "evenodd");

function showState(view) {
  document.body.dataset.tone = view.tone;
  document.body.dataset.stale = view.tone !== "offline" ? "" : view.lost ? "all" : "guard";
  by("sign").setAttribute("d", SIGNS[view.tone]);
  put("belt", (view.locked_out ? NOT_STOPPED : BELT[view.tone]) || "\u00a0");
  put("title", view.title);
  words(by("what"), view.what);
  words(by("do"), view.do);
  words(by("why"), view.tone === "warning" ? "" : view.why); // a walker reads a warning in one glance
  put("rule", view.rule ?? "");
  const title = `${view.title} – Rearguard`;
  if (document.title !== title) document.title = title;
}

function show(view) {
  received_ms = Date.now();
  showState(view);
  connection(true, "Live");
  figure("n-position", view.position_m, 2);
  figure("n-rest", view.rest_m, 2);
  figure("n-margin", view.margin_m, 2);
  figure("n-belt", view.belt_km_h, 1);
  put("n-belt-source", view.belt_km_h == null ? "" : view.belt_measured ? "measured" : "ceiling, not measured");
  figure("n-cadence", view.cadence_per_min, 0);
  deck?.show(view);
  charts?.add(view);
}

function item(list, key, parts) {
  const made = document.createElement("li");
  if (key) made.dataset.state = key;
  for (const [name, text] of parts) {
    const span = document.createElement("span");
    span.className = name;
    words(span, text);
    made.append(span);
  }
  list.append(made);
}

function health(now) {
  const list = document.createDocumentFragment();
  for (const part of now.parts) item(list, part.state, [["mark", MARKS[part.state]], ["name", part.name], ["text", part.text]]);
  by("parts").replaceChildren(list);
  by("setup").hidden = !now.setup;
  if (now.setup) {
    put("setup-title", `Set-up, step ${now.setup.number} of ${now.setup.of}: ${now.setup.title}`);
    put("setup-text", now.setup.text);
  }
  session(now.session);
  if (now.incidents !== incidents) { incidents = now.incidents; load_incidents(); }
  if (walking && !now.session) load_past();
  walking = Boolean(now.session);
}

function session(s) {
  put("session-title", s ? "This session" : "Last session");
  const shown = s ?? session.last;
  if (!shown) return;
  session.last = shown;
  const percent = (v) => (v == null ? "–" : `${Math.round(100 * v)} %`);
  const fixed = (v, digits, unit) => (v == null ? "–" : `${v.toFixed(digits)} ${unit}`);
  const signed = (v) => (v == null ? "–" : `${v < 0 ? "−" : "+"}${Math.abs(100 * v).toFixed(1)} %/min`);
  const figures = [
    ["Minutes", shown.minutes.toFixed(1)], ["Steps", String(shown.steps)], ["Steps a minute", shown.cadence_per_min?.toFixed(0) ?? "–"],
    ["Speed", fixed(shown.speed_m_s == null ? null : 3.6 * shown.speed_m_s, 1, "km/h")], ["Walked", fixed(shown.distance_m, 0, "m")],
    ["In the zone", percent(shown.in_zone_fraction)], ["Usual place", fixed(shown.position_mean_m, 2, "m")],
    ["Spread", shown.position_sd_m == null ? "–" : `± ${fixed(shown.position_sd_m, 2, "m")}`],
    ["Nearest the console", fixed(shown.position_min_m, 2, "m")], ["Nearest the rear edge", fixed(shown.position_max_m, 2, "m")],
    ["Fastest drift", fixed(shown.drift_max_m_s, 2, "m/s")], ["Least margin", fixed(shown.margin_min_m, 2, "m")],
    ["Regularity", percent(shown.regularity_mean)], ["Its trend", signed(shown.regularity_per_min)],
    ["Near misses", String(shown.near_misses ?? 0)], ["Warnings", String(shown.warnings)], ["Stops", String(shown.stops)],
  ];
  const made = figures.map(([name, value]) => {
    const group = document.createElement("div"), dt = document.createElement("dt"), dd = document.createElement("dd"), b = document.createElement("b");
    dt.textContent = name; b.textContent = value; dd.append(b); group.append(dt, dd);
    return group;
  });
  by("session-figures").replaceChildren(...made);
}

async function get(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}

const when = (text) => new Date(text).toLocaleString(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

async function load_past() {
  const past = await get("/api/sessions").catch(() => []);
  if (!session.last && past.length) { session(null); session.last = past[0]; session(null); }
  const rows = past.map((s) => {
    const row = document.createElement("tr");
    for (const text of [when(s.started), s.minutes.toFixed(1), s.steps, s.cadence_per_min?.toFixed(0) ?? "–", s.in_zone_fraction == null ? "–" : `${Math.round(100 * s.in_zone_fraction)} %`, s.stops]) {
      const cell = document.createElement("td");
      cell.textContent = text;
      row.append(cell);
    }
    return row;
  });
  by("past").hidden = !rows.length;
  by("past-table").tBodies[0].replaceChildren(...rows);
}

async function load_incidents() {
  const found = await get("/api/incidents").catch(() => []);
  by("no-incidents").hidden = found.length > 0;
  by("incident-list").replaceChildren(...found.map((incident) => {
    const row = document.createElement("li"), link = document.createElement("a"), name = document.createElement("span"), time = document.createElement("time");
    link.href = `/incidents/${encodeURIComponent(incident.name)}`;
    name.className = "name";
    name.textContent = incident.title;
    time.dateTime = incident.time;
    time.textContent = when(incident.time);
    link.append(name, time);
    row.append(link);
    return row;
  }));
}

function connection(ok, text) {
  put("connection", text);
  by("connection").dataset.ok = ok;
}

function silent() {
  if (Date.now() - received_ms < SILENT_MS) return;
  connection(false, "No connection");
  showState({ tone: "offline", lost: true, title: "No connection", what: "This page receives nothing from the device. The picture below is old.", why: "The program behind this page is off or restarting, or this phone has left the network. The treadmill is watched all the same.", do: "Look at the treadmill, not at this page. It reconnects by itself." });
}

async function start() {
  try {
    const setup = await get("/api/setup");
    deck = new Deck(by("deck"), setup);
    charts = new Charts(setup);
  } catch {
    setTimeout(start, 2000);
    return;
  }
  load_past();
  const stream = new EventSource("/api/stream");
  stream.addEventListener("view", (event) => show(JSON.parse(event.data)));
  stream.addEventListener("health", (event) => health(JSON.parse(event.data)));
  // A browser never retries when the answer is no stream (a proxy, too many viewers): load the page again.
  stream.addEventListener("error", () => { if (stream.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 3000); });
}

received_ms = Date.now();
setInterval(silent, 500);
start();
