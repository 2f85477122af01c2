// Owns how a state looks besides its colour: its sign, and the size at which its word is never broken.

const SIGNS = {
  running: "M28 14 L84 50 L28 86 Z",
  ready: "M50 8 A42 42 0 1 0 50.1 8 Z M50 20 A30 30 0 1 1 49.9 20 Z M50 36 A14 14 0 1 0 50.1 36 Z",
  warning: "M50 8 L96 90 L4 90 Z M45 36 L47 66 L53 66 L55 36 Z M50 71 A5 5 0 1 0 50.1 71 Z",
  stopped: "M31 5 H69 L95 31 V69 L69 95 H31 L5 69 V31 Z M26 43 V57 H74 V43 Z",
  fault: "M31 5 H69 L95 31 V69 L69 95 H31 L5 69 V31 Z M45 22 L47 62 L53 62 L55 22 Z M50 68 A5.5 5.5 0 1 0 50.1 68 Z",
  offline: "M50 8 A42 42 0 1 0 50.1 8 Z M26 20 L80 74 L74 80 L20 26 Z",
};

export const by = (id) => document.getElementById(id);
export const put = (id, text) => { const at = by(id); if (at.textContent !== text) at.textContent = text; };

// Fills in text; `a command` in it becomes one that looks like one.
export function words(at, text) {
  if (at.dataset.text === text) return;
  at.dataset.text = text;
  at.replaceChildren(...text.split("`").map((part, n) => {
    if (n % 2 === 0) return part;
    const code = document.createElement("code");
    code.textContent = part;
    return code;
  }));
}

// The word, its sign and its colour, and the name of the device in the window's title.
export function showWord(view, device) {
  document.body.dataset.tone = view.tone;
  document.body.dataset.stale = view.tone !== "offline" ? "" : view.lost ? "all" : "guard";
  by("sign").setAttribute("d", SIGNS[view.tone]);
  put("title", view.title);
  const longest = Math.max(...view.title.split(/\s/).map((word) => word.length), 6);
  by("title").style.setProperty("--longest", longest); // style.css: small enough for the longest word
  by("title").style.setProperty("--all", view.title.length); // walk.css: larger where all of it fits one line
  const title = `${view.title} – ${device}`;
  if (document.title !== title) document.title = title;
}

// The largest of three sizes at which `fits()` holds: the card keeps its height, whatever it has to say.
export function fit(box, fits) {
  for (const size of ["large", "middle", "small"]) {
    box.dataset.size = size;
    if (fits()) return;
  }
}
