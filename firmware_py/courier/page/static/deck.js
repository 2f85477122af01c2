// Owns the deck from above: console at the left, rear edge at the right, walker, lines, predicted resting point.
// `plain`: for a walker who looks from three metres, without figures.

import { _, fill } from "./words.js";

const NS = "http://www.w3.org/2000/svg";
const WIDTH = 1000, TOP = 46, HEIGHT = 250, LEFT = 40, RIGHT = 20;

function element(parent, name, attributes, text) {
  const made = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  parent.append(made);
  return made;
}

export class Deck {
  constructor(svg, setup, plain = false) {
    this.svg = svg;
    this.setup = setup;
    svg.replaceChildren();
    svg.setAttribute("viewBox", plain ? `0 ${TOP - 10} ${WIDTH} ${HEIGHT + 20}` : `0 -14 ${WIDTH} ${TOP + HEIGHT + 64}`);
    const { deck_m, front_m, rear_m, mark_m, warn_m } = setup;
    const bottom = TOP + HEIGHT, middle = TOP + HEIGHT / 2;
    element(svg, "rect", { class: "console", x: 0, y: TOP + 20, width: 26, height: HEIGHT - 40, rx: 8 });
    element(svg, "rect", { class: "surface", x: this.x(0), y: TOP, width: this.x(deck_m) - this.x(0), height: HEIGHT, rx: 10 });
    element(svg, "rect", { class: "beyond", x: this.x(rear_m), y: TOP, width: this.x(deck_m) - this.x(rear_m), height: HEIGHT, rx: 10 });
    element(svg, "rect", { class: "beyond", x: this.x(0), y: TOP, width: this.x(front_m) - this.x(0), height: HEIGHT, rx: 10 });
    element(svg, "rect", { class: "zone", x: this.x(front_m + warn_m), y: TOP, width: this.x(rear_m - warn_m) - this.x(front_m + warn_m), height: HEIGHT });
    for (const near of [front_m + warn_m, rear_m - warn_m]) element(svg, "line", { class: "near", x1: this.x(near), x2: this.x(near), y1: TOP, y2: bottom });
    for (const [line, name, anchor] of [[front_m, _("front line"), "start"], [rear_m, _("rear line"), "middle"]]) {
      element(svg, "line", { class: "limit", x1: this.x(line), x2: this.x(line), y1: TOP - 8, y2: bottom });
      if (!plain) element(svg, "text", { x: this.x(line) - (anchor === "start" ? 60 : 0), y: TOP - 18, "text-anchor": anchor }, name);
    }
    element(svg, "path", { class: "mark", d: `M${this.x(mark_m) - 13} ${TOP - 12}h26l-13 16z` });
    if (!plain) element(svg, "text", { x: this.x(mark_m), y: TOP + 38, "text-anchor": "middle" }, _("walk here"));
    for (let step = 0; !plain && step * 0.2 <= deck_m + 0.001; step += 1) {
      const m = step * 0.2, last = m + 0.2 > deck_m + 0.001;
      const kind = step % 2 && !last ? "tick minor" : "tick";
      element(svg, "text", { class: kind, x: this.x(m), y: bottom + 40, "text-anchor": last ? "end" : "middle" }, m.toFixed(1));
    }
    this.path = element(svg, "line", { class: "path gone", y1: middle, y2: middle });
    this.rest = element(svg, "ellipse", { class: "rest gone", cy: middle, rx: 34, ry: 66 });
    this.walker = element(svg, "g", { class: "gone" });
    element(this.walker, "ellipse", { class: "walker", cx: 0, cy: middle, rx: 36, ry: 68 });
    element(this.walker, "path", { class: "facing", d: `M-8 ${middle - 20} L12 ${middle} L-8 ${middle + 20}` });
    this.labelled_ms = 0;
  }

  x(position_m) {
    return LEFT + (Math.max(-0.02, Math.min(position_m, this.setup.deck_m + 0.02)) / this.setup.deck_m) * (WIDTH - LEFT - RIGHT);
  }

  show(view) {
    const known = view.position_m != null;
    this.walker.classList.toggle("gone", !known);
    const ghost = known && view.rest_m != null && Math.abs(view.rest_m - view.position_m) > 0.02;
    this.rest.classList.toggle("gone", !ghost);
    this.path.classList.toggle("gone", !ghost);
    const turn = this.setup.reverse ? " scale(-1 1)" : "";
    if (known) this.walker.setAttribute("transform", `translate(${this.x(view.position_m).toFixed(1)} 0)${turn}`);
    if (ghost) {
      this.rest.setAttribute("cx", this.x(view.rest_m));
      this.path.setAttribute("x1", this.x(view.position_m));
      this.path.setAttribute("x2", this.x(view.rest_m));
    }
    const now_ms = Date.now();
    if (now_ms - this.labelled_ms > 2000) {
      this.labelled_ms = now_ms;
      this.svg.setAttribute("aria-label", known
        ? fill(_("The deck from above. The walker is {position} metres from the console end; the rear line is at {rear}."), { position: view.position_m.toFixed(2), rear: this.setup.rear_m.toFixed(2) })
        : _("The deck from above. Nobody is seen on it."));
    }
  }
}
