/* Small drawings from data in the page: <td-bars>, <td-confusion>, <td-spark>. Bars and matrices are real tables, so they
   read aloud and copy as such; the histogram is an SVG with a table below. No drawing needs a colour to be understood. */

const SVG = "http://www.w3.org/2000/svg";

function html(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function svg(tag, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function print(value) {
  return Number.isFinite(value) ? value.toLocaleString(document.documentElement.lang, { maximumSignificantDigits: 4 }) : "–";
}

/** The data written by Django's json_script inside the element. */
class Drawing extends HTMLElement {
  connectedCallback() {
    if (this.drawn) return;
    this.drawn = true;
    const script = this.querySelector('script[type="application/json"]');
    const data = script ? JSON.parse(script.textContent) : null;
    const empty = !data?.labels?.length;
    this.append(...(empty ? [html("p", { class: "muted" }, this.dataset.tEmpty)] : this.draw(data)));
  }
}

function barTable({ labels, values }, { title, tName, tValue, plain }) {
  const most = Math.max(...values, 1e-12);
  const sum = values.reduce((a, b) => a + b, 0);
  const head = html("thead", { class: "visually-hidden" }, html("tr", {}, ...[tName, tValue, ""].map((text) => html(text ? "th" : "td", text ? { scope: "col" } : {}, text))));
  const rows = labels.map((label, i) => html("tr", {},
    html("th", { scope: "row", title: label }, String(label)),
    html("td", { class: "num" }, `${print(values[i])}${sum > 0 && plain === undefined ? ` · ${print(Math.round((1000 * values[i]) / sum) / 10)}%` : ""}`),
    html("td", { class: "bar-cell", "aria-hidden": "true" }, svg("svg", {}, svg("rect", { width: `${(100 * values[i]) / most}%`, height: "100%", rx: 3 })))));
  return html("table", { class: "bars" }, html("caption", { class: "visually-hidden" }, title), head, html("tbody", {}, ...rows));
}

function histogram({ labels, values }, options) {
  const most = Math.max(...values, 1e-12);
  const range = (i) => (labels.length > values.length ? `${print(labels[i])} – ${print(labels[i + 1])}` : String(labels[i]));
  const width = 100 / values.length;
  const bars = values.map((value, i) => svg("g", {}, svg("title", {}, `${range(i)}: ${print(value)}`), svg("rect", {
    x: `${i * width}%`, width: `${width * 0.94}%`, y: `${100 - (100 * value) / most}%`, height: `${(100 * value) / most}%`,
  })));
  const middle = labels[Math.floor(labels.length / 2)];
  return [
    svg("svg", { class: "histogram", role: "img", "aria-label": `${options.title}: ${range(values.indexOf(Math.max(...values)))} (${print(most)})` }, ...bars),
    html("div", { class: "histogram-axis", "aria-hidden": "true" }, ...[labels[0], middle, labels.at(-1)].map((x) => html("span", {}, typeof x === "number" ? print(x) : x))),
    html("details", { class: "curve-data" }, html("summary", {}, options.tTable), barTable({ labels: values.map((_, i) => range(i)), values }, options)),
  ];
}

class Bars extends Drawing {
  draw(data) {
    return this.dataset.kind === "histogram" ? histogram(data, this.dataset) : [barTable(data, this.dataset)];
  }
}

class Confusion extends Drawing {
  draw({ labels, matrix }) {
    const { title, tActual, tPredicted } = this.dataset;
    const head = html("tr", {}, html("th", { scope: "col" }, `${tActual} ↓ · ${tPredicted} →`), ...labels.map((label) => html("th", { scope: "col" }, String(label))));
    const rows = matrix.map((row, i) => {
      const sum = row.reduce((a, b) => a + b, 0) || 1;
      const cells = row.map((value, j) => {
        const cell = html("td", { class: i === j ? "hit" : value ? "miss" : "" }, print(value));
        cell.style.setProperty("--heat", String(value / sum));
        return cell;
      });
      return html("tr", {}, html("th", { scope: "row" }, String(labels[i])), ...cells);
    });
    return [html("div", { class: "table-wrap", tabindex: 0, role: "region", "aria-label": title },
      html("table", { class: "confusion" }, html("caption", { class: "visually-hidden" }, title), html("thead", {}, head), html("tbody", {}, ...rows)))];
  }
}

class Spark extends HTMLElement {
  connectedCallback() {
    const values = this.dataset.values.split(",").map(Number).filter(Number.isFinite);
    if (values.length < 2) return;
    const low = Math.min(...values);
    const span = Math.max(...values) - low || 1;
    const points = values.map((value, i) => `${((100 * i) / (values.length - 1)).toFixed(2)},${(22 - (20 * (value - low)) / span).toFixed(2)}`);
    this.replaceChildren(svg("svg", { viewBox: "0 0 100 24", preserveAspectRatio: "none", role: "img", "aria-label": `${this.dataset.label}: ${print(values[0])} → ${print(values.at(-1))}` },
      svg("path", { d: `M${points.join("L")}` })));
  }
}

customElements.define("td-bars", Bars);
customElements.define("td-confusion", Confusion);
customElements.define("td-spark", Spark);
