// Owns the walker's questions on a phone: sends one answer at a time. Must never send anything else.

import { coach } from "./coach.js";
import { patient } from "./stream.js";
import { _ } from "./words.js";

const token = () => location.hash.slice(1); // another session has another one
const by = (id) => document.getElementById(id);
let shown = "";

function say(text) {
  by("said").hidden = !text;
  by("said").textContent = text;
}

async function send(question, value) {
  document.querySelectorAll(".ask button").forEach((button) => { button.disabled = true; });
  try {
    const reply = await fetch("/answer", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ token: token(), question, value }) });
    const text = await reply.text();
    let said;
    try { const sent = JSON.parse(text); said = sent.taken ?? sent.refused; } catch { said = text; }
    say(said);
  } catch {
    say(_("Not sent: this phone has no connection to the device. Try again."));
  }
  shown = "";
}

function group(text, buttons) {
  const set = document.createElement("fieldset"), legend = document.createElement("legend"), row = document.createElement("div");
  legend.textContent = text;
  row.className = "choices";
  for (const [label, question, value] of buttons) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = label;
    button.addEventListener("click", () => send(question, value));
    row.append(button);
  }
  set.append(legend, row);
  return set;
}

function ask(c) {
  const questions = c.questions ?? [];
  const key = JSON.stringify([c.stage, c.walker, questions.map((q) => q.key), c.walkers]);
  if (key === shown) return;
  shown = key;
  const groups = [];
  if (c.stage === "choose" || (c.stage === "checklist" && c.walkers.length > 1)) {
    groups.push(group(_("Who walks?"), c.walkers.map((name) => [name, "walker", name])));
  }
  for (const q of questions) {
    const [low, high] = q.span;
    const numbers = Array.from({ length: high - low + 1 }, (_none, n) => ({ label: String(low + n), value: low + n }));
    groups.push(group(q.text, (q.choices.length ? q.choices : numbers).map((c) => [c.label, q.key, c.value])));
  }
  by("questions").replaceChildren(...groups);
}

function live(ok) {
  by("connection").textContent = ok ? _("Live") : _("No connection");
  by("connection").dataset.ok = ok;
}

patient("/api/setup").then(({ device }) => {
  if (device === "rearguard") return; // nobody has named it
  by("device").textContent = device;
  document.title = document.title.replace("Rearguard", device);
});

const stream = new EventSource("/api/stream");
stream.addEventListener("open", () => live(true));
stream.addEventListener("coach", (event) => { const c = JSON.parse(event.data); coach(c); ask(c); });
stream.addEventListener("error", () => { live(false); if (stream.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 3000); });
if (!token()) say(_("Scan the code at the treadmill: without it no answer is taken."));
