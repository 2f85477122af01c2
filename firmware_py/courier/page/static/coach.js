// Owns the coach's words on a page: today's set, time left, cue, checklist, questions. Must never send anything.

import { _, fill, language } from "./words.js";

const by = (id) => document.getElementById(id);
const put = (id, text) => { const at = by(id); if (at && at.textContent !== text) at.textContent = text; };
const list = (id, lines) => {
  const at = by(id), key = lines.join("\n");
  if (!at || at.dataset.key === key) return;
  at.dataset.key = key;
  at.replaceChildren(...lines.map((text) => { const li = document.createElement("li"); li.textContent = text; return li; }));
};
export const clock = (s) => `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;

export function coach(c) {
  by("coach").hidden = false;
  put("coach-title", c.title);
  put("coach-left", c.left_s == null || (c.stage === "tare" && !c.left_s) ? "" : clock(c.left_s));
  put("coach-set", c.set ? fill(_("Set {set} of {sets}"), c) : "");
  put("coach-do", c.do);
  put("coach-cue", c.cue ? c.cue.text : "");
  put("coach-dose", c.dose ?? "");
  put("coach-reason", c.reason ?? "");
  put("coach-rest", c.rest_until ? fill(_("Rest until {time}."), { time: new Date(c.rest_until).toLocaleString(language, { weekday: "long", hour: "2-digit", minute: "2-digit", hourCycle: "h23" }) }) : "");
  put("coach-next", c.stage === "end" || c.stage === "ask" ? c.next : "");
  put("coach-advice", c.advice);
  list("coach-checklist", c.stage === "checklist" ? c.checklist : []);
  list("coach-company", c.company ?? []);
  list("coach-problems", c.problems);
  list("coach-questions", (c.questions ?? []).filter((q) => !["ready", "tired", "quiet"].includes(q.key)).map((q) => q.text));
  if (!["localhost", "127.0.0.1", "[::1]"].includes(location.hostname) || !by("coach-here")) return;
  by("coach-here").hidden = c.stage === "set" || !(c.stage === "choose" || c.questions?.length); // nobody taps while walking
  by("coach-scan").hidden = !c.phone || by("coach-here").hidden;
  const code = `/answer-code.svg?${c.code}`; // another session has another code
  if (c.phone && by("coach-code").getAttribute("src") !== code) by("coach-code").src = code;
}
