// Owns the charts of the last seconds. uPlot draws them, five times a second.

import { _ } from "./words.js";

const SPAN_S = 20, REDRAW_MS = 200;

function css(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function chart(id, series, low, high) {
  const host = document.getElementById(id);
  const axis = { stroke: css("--soft"), grid: { stroke: css("--line"), width: 1 }, ticks: { show: false }, font: "12px system-ui" };
  const plot = new uPlot({
    width: host.clientWidth, height: 120, legend: { show: false }, cursor: { show: false }, padding: [6, 18, 0, 0],
    scales: { x: { time: false, range: () => [-SPAN_S, 0] }, y: { range: (_plot, min, max) => [Math.min(low, min ?? low), Math.max(high, 1.08 * (max ?? high))] } },
    axes: [{ ...axis, size: 22, values: (_plot, at) => at.map((v) => (v === 0 ? _("now") : `${v} s`)) }, { ...axis, size: 38 }],
    series: [{}, ...series.map(([color, dash]) => ({ stroke: css(color), width: dash ? 1.5 : 2, dash, points: { show: false }, spanGaps: false }))],
  }, [[0], ...series.map(() => [null])], host);
  new ResizeObserver(() => plot.setSize({ width: host.clientWidth, height: 120 })).observe(host);
  return plot;
}

export class Charts {
  constructor(setup, recent) {
    this.setup = setup;
    this.rows = recent; // what the device has kept, so that nobody waits for a picture
    this.drawn_ms = 0;
    const build = () => {
      this.plots?.forEach((plot) => plot.destroy());
      this.plots = [
        chart("c-position", [["--accent"], ["--bad", [6, 5]], ["--bad", [6, 5]]], 0, setup.deck_m),
        chart("c-down", [["--accent"], ["--bad", [6, 5]]], 0, 1),
        chart("c-tilt", [["--accent"]], -10, 20),
      ];
      this.draw();
    };
    build();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", build);
  }

  add(view) {
    if (view.t_s == null) return;
    const last = this.rows.at(-1);
    if (last && (view.t_s < last.t_s || view.t_s - last.t_s > SPAN_S)) this.rows = [];
    else if (last && view.t_s - last.t_s > 1) this.rows.push({ t_s: last.t_s + 0.1 });
    this.rows.push(view);
    while (this.rows[0].t_s < view.t_s - SPAN_S) this.rows.shift();
    if (Date.now() - this.drawn_ms >= REDRAW_MS && !document.hidden) this.draw();
  }

  draw() {
    this.drawn_ms = Date.now();
    if (!this.rows.length) return;
    const now_s = this.rows.at(-1).t_s;
    const x = this.rows.map((row) => row.t_s - now_s);
    const of = (key) => this.rows.map((row) => row[key] ?? null);
    const flat = (value) => x.map(() => value);
    this.plots[0].setData([x, of("position_m"), flat(this.setup.front_m), flat(this.setup.rear_m)]);
    this.plots[1].setData([x, of("down_m_s"), of("down_limit_m_s")]);
    this.plots[2].setData([x, of("tilt_deg")]);
  }
}
