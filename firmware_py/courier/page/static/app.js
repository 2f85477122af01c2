// Owns the page: takes the live stream and fills in the words and numbers. Must never send anything.

import { Charts } from "./charts.js";
import { coach } from "./coach.js";
import { Deck } from "./deck.js";
import { by, fit, put, showWord, words } from "./signs.js";
import { connect, patient } from "./stream.js";
import { _, fill, language } from "./words.js";

const BELT = {
  running: _("Belt may run"), warning: _("Belt may run: warning"), ready: _("Belt off"),
  stopped: _("Belt off: stopped"), fault: _("Belt off: fault"), offline: _("State unknown"),
};
const NOT_STOPPED = _("The belt may not stop: pull the safety key");
const MARKS = { ok: "✓", bad: "✕", off: "–" };
const STATES = { ok: _("good"), bad: _("needs attention"), off: _("not in use") };

const figure = (id, value, digits) => put(id, value == null ? "–" : value.toFixed(digits));
const fixed = (v, digits, unit) => (v == null ? "–" : `${v.toFixed(digits)} ${unit}`);
const percent = (v) => (v == null ? "–" : `${Math.round(100 * v)} %`);

let deck, charts, device = "Rearguard", found = -1, newest, walking = false, last_session;
by("sign").setAttribute("fill-rule", "evenodd");

function show(view) {
  showWord(view, device);
  const belt = view.cause === "power_on" ? BELT.ready : BELT[view.tone]; // a belt that never ran was not stopped
  put("belt", view.locked_out ? NOT_STOPPED : view.notice ? "\u00a0" : belt);
  words(by("what"), view.what);
  words(by("do"), view.do);
  words(by("why"), view.why || "");
  put("rule", view.rule ?? "");
  by("more").hidden = !(view.why || view.rule) || view.tone === "warning"; // a walker reads a warning in one glance
  link_report(view);
  fit_card(`${view.title} ${view.what} ${view.do} ${by("report").hidden}`);
  connection(view);
  if (view.lost) return;
  figure("n-position", view.position_m, 2);
  figure("n-rest", view.rest_m, 2);
  figure("n-margin", view.margin_m, 2);
  figure("n-belt", view.belt_km_h, 1);
  put("n-belt-source", view.belt_km_h == null ? "" : view.belt_measured ? _("measured") : _("highest allowed, not measured"));
  figure("n-cadence", view.cadence_per_min, 0);
  deck?.show(view);
  charts?.add(view);
}

// Only when the words or the width are new: it measures.
function fit_card(text) {
  const card = by("state"), key = `${innerWidth} ${text}`;
  if (by("more").open || fit_card.key === key) return;
  fit_card.key = key;
  fit(card, () => card.offsetHeight <= parseFloat(getComputedStyle(card).minHeight) + 1);
}

// The report of the stop that the card shows: the newest one, if it is of that cause.
function link_report(view) {
  const its = ["stopped", "fault"].includes(view.tone) && newest?.cause === view.cause;
  by("report").hidden = !its;
  if (its) by("report").href = `/incidents/${encodeURIComponent(newest.name)}`;
}

function connection(view) {
  put("connection", view.notice ? _("Live") : view.lost ? _("No connection") : view.tone === "offline" ? _("No data from the sensors") : _("Live"));
  by("connection").dataset.ok = view.tone !== "offline" || Boolean(view.notice);
}

function item(list, state, parts) {
  const made = document.createElement("li");
  made.dataset.state = state;
  for (const [name, text] of parts) {
    const span = document.createElement("span");
    span.className = name;
    words(span, text);
    if (name === "mark") { span.setAttribute("role", "img"); span.setAttribute("aria-label", STATES[state]); }
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
    put("setup-title", fill(_("Set-up, step {number} of {of}: {title}"), now.setup));
    put("setup-text", now.setup.text);
  }
  session(now.session);
  if (now.incidents !== found) { found = now.incidents; load_incidents(); }
  if (walking && !now.session) load_past();
  walking = Boolean(now.session);
}

function session(s) {
  put("session-title", s ? _("This session") : _("Last session"));
  const shown = s ?? last_session;
  if (!shown) return;
  last_session = shown;
  const signed = (v) => (v == null ? "–" : `${v < 0 ? "−" : "+"}${Math.abs(100 * v).toFixed(1)} %/min`);
  list_figures("session-figures", [
    [_("Minutes"), shown.minutes.toFixed(1)], [_("Steps"), String(shown.steps)],
    [_("Steps a minute"), shown.cadence_per_min?.toFixed(0) ?? "–"],
    [_("In the zone"), percent(shown.in_zone_fraction)], [_("Stops"), String(shown.stops)],
  ]);
  by("session-more").hidden = false;
  list_figures("session-rest", [
    [_("Speed"), fixed(shown.speed_m_s == null ? null : 3.6 * shown.speed_m_s, 1, "km/h")], [_("Walked"), fixed(shown.distance_m, 0, "m")],
    [_("Usual place"), fixed(shown.position_mean_m, 2, "m")],
    [_("Spread"), shown.position_sd_m == null ? "–" : `± ${fixed(shown.position_sd_m, 2, "m")}`],
    [_("Nearest the console"), fixed(shown.position_min_m, 2, "m")], [_("Nearest the rear edge"), fixed(shown.position_max_m, 2, "m")],
    [_("Fastest drift"), fixed(shown.drift_max_m_s, 2, "m/s")], [_("Least margin"), fixed(shown.margin_min_m, 2, "m")],
    [_("Regularity"), percent(shown.regularity_mean)], [_("Its trend"), signed(shown.regularity_per_min)],
    [_("Near misses"), String(shown.near_misses ?? 0)], [_("Warnings"), String(shown.warnings)],
  ]);
}

function list_figures(id, figures) {
  by(id).replaceChildren(...figures.map(([name, value]) => {
    const group = document.createElement("div"), dt = document.createElement("dt"), dd = document.createElement("dd"), b = document.createElement("b");
    dt.textContent = name; b.textContent = value; dd.append(b); group.append(dt, dd);
    return group;
  }));
}

// In the time zone of whoever looks; the device sends UTC.
const when = (text) => new Date(text).toLocaleString(language, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

// A list of the device in pages, newest first; `row(entry)` makes a line of it. `load()` begins it anew.
class Pages {
  constructor(path, list, older, size, row) {
    Object.assign(this, { path, list, older, size, row, asked: 0 });
    older.addEventListener("click", () => this.more());
  }

  async load() {
    const found = await this.ask(this.path);
    if (found) { this.list.replaceChildren(); this.add(found); }
    return found;
  }

  async more() {
    this.older.disabled = true;
    const found = await this.ask(`${this.path}?before=${this.last}`);
    this.older.disabled = false;
    if (found) this.add(found);
  }

  // Undefined when it was asked anew meanwhile.
  async ask(path) {
    const asked = ++this.asked, found = await patient(path);
    return asked === this.asked ? found : undefined;
  }

  add(found) {
    this.list.append(...found.map(this.row));
    this.last = found.at(-1)?.n;
    this.older.hidden = found.length < this.size;
  }
}

const past = new Pages("/api/sessions", by("past-table").tBodies[0], by("past-older"), 20, (s) => {
  const row = document.createElement("tr");
  for (const text of [when(s.started), s.minutes.toFixed(1), s.steps, s.cadence_per_min?.toFixed(0) ?? "–", percent(s.in_zone_fraction), s.stops]) {
    const cell = document.createElement("td");
    cell.textContent = text;
    row.append(cell);
  }
  return row;
});

const stops = new Pages("/api/incidents", by("incident-list"), by("incidents-older"), 50, (incident) => {
  const row = document.createElement("li"), link = document.createElement("a"), name = document.createElement("span"), time = document.createElement("time");
  link.href = `/incidents/${encodeURIComponent(incident.name)}`;
  name.className = "name";
  name.textContent = incident.title;
  time.dateTime = incident.time;
  time.textContent = when(incident.time);
  link.append(name, time);
  row.append(link);
  return row;
});

async function load_past() {
  const found = await past.load();
  if (!found) return;
  if (!last_session && found.length) { last_session = found[0]; session(null); }
  by("past").hidden = !found.length;
}

async function load_incidents() {
  const found = await stops.load();
  if (!found) return;
  newest = found[0];
  by("no-incidents").hidden = found.length > 0;
}

async function begin(setup) {
  device = setup.device === "rearguard" ? "Rearguard" : setup.device;
  put("device", device);
  put("footer", fill(_("{device}: this page only shows. Only the device's own button ends a stop."), { device }));
  deck = new Deck(by("deck"), setup);
  patient("/api/recent").then((rows) => { charts = new Charts(setup, rows); });
  load_past();
}

connect(begin, show, health, coach);
