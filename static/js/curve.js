/* <td-curve data-series-url data-uplot>: a run's curves while it runs. Written by templates/components/_curve.html;
   the answer it reads is described in docs/design.md. Nobody looking, nothing asked; errors wait longer each time. */

import { draw, seriesColour } from "./chart.js";
import { number, rowsFor, SeriesStore } from "./series.js";

const SLOWEST_MS = 30000;

/** The library, once for all curves of the page. */
function plotLibrary(url) {
  window.tandemPlot ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = url;
    script.onload = resolve;
    script.onerror = reject;
    document.head.append(script);
  });
  return window.tandemPlot;
}

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

class Curve extends HTMLElement {
  connectedCallback() {
    if (this.store) return this.poll();
    this.lang = document.documentElement.lang;
    this.store = new SeriesStore();
    this.cursor = "";
    this.hidden_ = new Set();
    this.smoothing = 0;
    this.logarithmic = false;
    this.wait_ms = Number(this.dataset.pollMs) || 2000;
    this.build();
    this.redraw = () => this.draw();
    this.wake = () => { if (!document.hidden) this.poll(); };
    document.addEventListener("tandem:theme", this.redraw);
    document.addEventListener("visibilitychange", this.wake);
    this.sizes = new ResizeObserver(() => this.plot?.setSize({ width: this.host.clientWidth, height: this.plot.height }));
    this.sizes.observe(this.host);
    return this.poll();
  }

  disconnectedCallback() {
    clearTimeout(this.timer);
    document.removeEventListener("tandem:theme", this.redraw);
    document.removeEventListener("visibilitychange", this.wake);
    this.sizes?.disconnect();
  }

  build() {
    const t = this.dataset;
    this.note = this.querySelector(".curve-note");
    this.groups = element("div", { class: "segments", role: "group", "aria-label": t.tGroups });
    const logBox = element("input", { type: "checkbox", onchange: (e) => { this.logarithmic = e.target.checked; this.draw(); } });
    const slider = element("input", {
      type: "range", min: 0, max: 0.98, step: 0.02, value: 0,
      oninput: (e) => { this.smoothing = Number(e.target.value); this.draw(); },
    });
    const end = element("span", { class: "curve-end" }, element("label", {}, logBox, t.tLog), element("label", {}, t.tSmooth, slider));
    this.bar = element("div", { class: "curve-bar", hidden: true }, this.groups, ...("plain" in t ? [] : [end]));
    this.host = element("div", { class: "curve-plot", role: "img", hidden: true });
    this.at = element("span", { class: "curve-at muted" });
    this.legend = element("div", { class: "curve-legend", role: "group", "aria-label": t.tSeries });
    this.rows = element("div", { class: "table-wrap", tabindex: 0, role: "region", "aria-label": t.tTable });
    this.table = element("details", { class: "curve-data", hidden: true, ontoggle: () => this.fillTable() },
      element("summary", {}, t.tTable), this.rows);
    this.append(this.bar, this.host, element("div", { class: "curve-foot" }, this.legend, this.at), this.table);
  }

  async poll() {
    clearTimeout(this.timer);
    if (this.finished || document.hidden || this.asking) return;
    this.asking = true;
    try {
      const url = new URL(this.dataset.seriesUrl, location.href);
      if (this.cursor !== "") url.searchParams.set("after", this.cursor);
      const answer = await fetch(url, { headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(String(answer.status));
      const body = await answer.json();
      await plotLibrary(this.dataset.uplot);
      this.take(body);
      this.wait_ms = Number(this.dataset.pollMs) || 2000;
    } catch {
      this.wait_ms = Math.min(this.wait_ms * 2, SLOWEST_MS);
      this.say(this.dataset.tLost);
    } finally {
      this.asking = false;
    }
    if (!this.finished && this.isConnected) this.timer = setTimeout(() => this.poll(), this.wait_ms);
  }

  take(body) {
    this.cursor = body.cursor ?? "";
    this.finished = Boolean(body.finished);
    const changed = this.store.add(body);
    const empty = this.store.all.length === 0;
    this.say(empty ? (this.finished ? this.dataset.tEmpty : this.dataset.tWaiting) : "");
    if (empty || (!changed && this.plot)) return;
    this.group = this.store.groups.includes(this.chosen) ? this.chosen : this.store.groups[0];
    this.fillGroups();
    this.draw();
  }

  say(text) {
    this.note.textContent = text;
    this.note.hidden = !text;
  }

  fillGroups() {
    this.bar.hidden = false;
    const names = this.store.groups;
    if (this.groups.childElementCount === names.length) return;
    this.groups.replaceChildren(...names.map((name) => element("button", {
      type: "button", "aria-pressed": String(name === this.group),
      onclick: () => { this.group = this.chosen = name; this.draw(); },
    }, name)));
  }

  draw() {
    if (!this.group || !window.uPlot) return;
    const all = this.store.ofGroup(this.group).map((series, index) => ({ ...series, index }));
    const shown = all.filter(({ name }) => !this.hidden_.has(name));
    this.host.hidden = this.table.hidden = false;
    for (const button of this.groups.children) button.setAttribute("aria-pressed", String(button.textContent === this.group));
    this.fillLegend(all);
    this.plot?.destroy();
    this.plot = draw({
      host: this.host, series: shown, smoothing: this.smoothing, logarithmic: this.logarithmic, lang: this.lang,
      stepLabel: this.dataset.tStep, step: (x) => this.step(x), onHover: (step, values) => this.hover(shown, step, values),
    });
    const said = shown.map(({ label, x, y }) => `${label}: ${number(y.at(-1), this.lang)} (${this.dataset.tStep} ${this.step(x.at(-1))})`);
    this.host.setAttribute("aria-label", `${this.dataset.title}. ${said.join("; ")}`);
    if (this.table.open) this.fillTable();
  }

  fillLegend(all) {
    const key = all.map(({ name }) => name).join("|");
    if (this.legendKey !== key) {
      this.legendKey = key;
      this.legend.replaceChildren(...all.map(({ name, label }) => element("label", {},
        element("input", { type: "checkbox", checked: !this.hidden_.has(name), onchange: (e) => {
          this.hidden_[e.target.checked ? "delete" : "add"](name);
          this.draw();
        } }), element("span", { class: "swatch" }), label, element("strong"))));
    }
    all.forEach(({ index }, i) => this.legend.children[i].querySelector(".swatch").style.setProperty("--swatch", seriesColour(index)));
    this.hover(all, null, []);
  }

  /** A step as people write it; a year has no thousands. */
  step(x) {
    return "years" in this.dataset && x != null ? String(x) : number(x, this.lang);
  }

  hover(series, step, values) {
    const names = this.store.ofGroup(this.group).map(({ name }) => name);
    series.forEach(({ name, y }, i) => {
      const value = this.legend.children[names.indexOf(name)]?.querySelector("strong");
      if (value) value.textContent = number(step == null ? y.at(-1) : values[i], this.lang);
    });
    this.at.textContent = step == null ? "" : `${this.dataset.tStep} ${this.step(step)}`;
  }

  fillTable() {
    if (!this.table.open || !this.group) return;
    const series = this.store.ofGroup(this.group);
    const head = element("tr", {}, ...[this.dataset.tStep, ...series.map(({ label }) => label)].map((text) => element("th", { scope: "col" }, text)));
    const best = (pick) => series.map(({ y }) => number(y.reduce((a, b) => pick(a, b), y[0]), this.lang));
    const line = (cells, kind = "td") => element("tr", {}, ...cells.map((text, i) => element(i ? "td" : kind, { class: "num", scope: i ? null : "row" }, text)));
    const rows = rowsFor(series).reverse().map((row) => line(row.map((value, i) => (i ? number(value, this.lang) : this.step(value))), "th"));
    this.rows.replaceChildren(element("table", { class: "table" }, element("caption", { class: "visually-hidden" }, this.dataset.title),
      element("thead", {}, head), element("tbody", {}, line([this.dataset.tBest, ...best(Math.min)], "th"), line([this.dataset.tHighest, ...best(Math.max)], "th"), ...rows)));
  }
}

customElements.define("td-curve", Curve);
