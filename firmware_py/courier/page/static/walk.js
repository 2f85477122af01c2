// Owns the walker's screen: one word, the deck, the time left. Must never show a second line that a walker need not read.

import { Deck } from "./deck.js";
import { by, fit, put, showWord, words } from "./signs.js";
import { connect } from "./stream.js";
import { _, fill, language } from "./words.js";

let deck, plan = null, running = false, device = "Rearguard";
by("sign").setAttribute("fill-rule", "evenodd");

const minutes = (s) => `${Math.floor(s / 60)}:${String(Math.floor(s % 60)).padStart(2, "0")}`;

function show(view) {
  showWord(view, device);
  const said = view.tone === "ready" || view.locked_out || (view.tone === "offline" && !view.notice); // then what to do matters more
  const walking = ["running", "warning"].includes(view.tone);
  document.body.dataset.view = walking ? "deck" : "do";
  words(by("do"), said ? view.do : view.what);
  const main = document.querySelector("main"), key = `${innerWidth} ${innerHeight} ${view.title} ${by("do").textContent}`;
  if (show.key !== key) fit(main, () => main.scrollHeight <= main.clientHeight + 1);
  show.key = key;
  put("clock", new Date().toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }));
  running = view.tone === "running";
  coach(plan);
  if (!view.lost) deck?.show(view);
}

function begin(setup) {
  device = setup.device === "rearguard" ? "Rearguard" : setup.device;
  put("device", device);
  deck = new Deck(by("deck"), setup, true);
}

// With a plan: the time left of the set or pause, or one cue in its place; no cue while the device has something to say.
function coach(now) {
  plan = now;
  const cue = running ? plan?.cue?.text : null;
  document.body.dataset.cue = cue ? "on" : "";
  const left = plan?.left_s == null ? "" : minutes(plan.left_s);
  put("left", cue ?? { set: fill(_("{minutes} left"), { minutes: left }), pause: `${plan?.title} ${left}` }[plan?.stage] ?? "");
}

connect(begin, show, () => {}, coach);
