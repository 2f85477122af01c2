// Owns the walker's screen: one word, the deck, the time left. Must never show a second line that a walker need not read.

import { Deck } from "./deck.js";
import { by, fit, put, showWord, words } from "./signs.js";
import { connect } from "./stream.js";
import { _, fill, language } from "./words.js";

let deck, device = "Rearguard";
by("sign").setAttribute("fill-rule", "evenodd");

const minutes = (s) => `${Math.floor(s / 60)}:${String(Math.floor(s % 60)).padStart(2, "0")}`;

function show(view) {
  showWord(view, device);
  const walking = ["running", "warning"].includes(view.tone);
  document.body.dataset.view = walking ? "deck" : "do";
  words(by("do"), view.tone === "ready" ? view.do : view.what);
  const main = document.querySelector("main"), key = `${innerWidth} ${innerHeight} ${view.title} ${by("do").textContent}`;
  if (show.key !== key) fit(main, () => main.scrollHeight <= main.clientHeight + 1);
  show.key = key;
  put("clock", new Date().toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }));
  if (!view.lost) deck?.show(view);
}

function begin(setup) {
  device = setup.device === "rearguard" ? "Rearguard" : setup.device;
  put("device", device);
  deck = new Deck(by("deck"), setup, true);
}

// The time left of the set, when there is a plan.
function coach(plan) {
  put("left", plan?.left_s == null ? "" : fill(_("{minutes} left"), { minutes: minutes(plan.left_s) }));
}

connect(begin, show, () => {}, coach);
