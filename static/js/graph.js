/* <td-graph>: who works with whom, drawn by cytoscape from the JSON inside the element. Written by
   templates/components/_graph.html. What one chooses is told beside the drawing, with links; the tables say all of it. */

import { arrange, elementsOf, Icons, lookOf, pictureOf } from "./graph-look.js";

const ZOOM = 1.3;

/** The library, once for all drawings of the page. */
function library(url) {
  // It would write a style element of its own, which the security policy refuses; what it says is in pages.css.
  if (!document.getElementById("__________cytoscape_stylesheet")) {
    const mark = document.createElement("meta");
    mark.id = "__________cytoscape_stylesheet";
    document.head.append(mark);
  }
  window.tandemCytoscape ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = url;
    script.onload = () => resolve(window.cytoscape);
    script.onerror = reject;
    document.head.append(script);
  });
  return window.tandemCytoscape;
}

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value != null) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

class Graph extends HTMLElement {
  async connectedCallback() {
    if (this.host) return;
    const t = this.dataset;
    this.graph = JSON.parse(this.querySelector('script[type="application/json"]').textContent);
    this.host = element("div", { class: "graph-canvas", role: "img", "aria-label": `${t.title}. ${t.tDrawing}` });
    this.about = element("div", { class: "graph-about", "aria-live": "polite" }, element("p", { class: "muted" }, t.tHint));
    const button = (label, text, act) => element("button", { type: "button", class: "btn btn-quiet btn-sm", "aria-label": label, onclick: act }, text);
    this.bar = element("div", { class: "graph-bar", role: "group", "aria-label": t.title },
      button(t.tNearer, "+", () => this.zoom(ZOOM)), button(t.tFarther, "−", () => this.zoom(1 / ZOOM)),
      button(t.tWhole, t.tWhole, () => this.cy.fit(undefined, 24)), button(t.tSave, t.tPicture, () => this.save()));
    this.append(element("div", { class: "graph-place" }, this.host, this.bar), this.about);
    try {
      const [cytoscape, icons] = await Promise.all([library(t.cytoscape), new Icons().load(t.icons)]);
      if (this.isConnected) this.draw(cytoscape, icons);
    } catch {
      this.replaceChildren(element("p", { class: "muted graph-lost", role: "status" }, t.tLost));
    }
  }

  disconnectedCallback() {
    document.removeEventListener("tandem:theme", this.dress);
    this.cy?.destroy();
  }

  draw(cytoscape, icons) {
    this.cy = cytoscape({
      container: this.host, elements: elementsOf(this.graph), style: lookOf(icons), layout: { name: "preset" },
      minZoom: 0.1, maxZoom: 3, boxSelectionEnabled: false, autounselectify: true,
    });
    arrange(this.cy, this.host);
    this.dress = () => this.cy.style(lookOf(icons));
    document.addEventListener("tandem:theme", this.dress);
    // The wheel scrolls the page; with Ctrl it comes nearer, as on a map.
    this.host.addEventListener("wheel", (event) => { if (!event.ctrlKey && !event.metaKey) event.stopImmediatePropagation(); }, { capture: true });
    this.cy.on("tap", "node", ({ target }) => this.choose(target));
    this.cy.on("tap", ({ target }) => { if (target === this.cy) this.choose(null); });
    this.cy.on("mouseover", "node", () => { this.host.style.cursor = "pointer"; });
    this.cy.on("mouseout", "node", () => { this.host.style.cursor = ""; });
    this.dataset.drawn = String(this.cy.elements().length);
  }

  zoom(factor) {
    this.cy.zoom({ level: this.cy.zoom() * factor, renderedPosition: { x: this.host.clientWidth / 2, y: this.host.clientHeight / 2 } });
  }

  /** Show what a node has to do with; null: nothing in particular. */
  choose(node) {
    this.cy.elements().removeClass("aside near chosen");
    if (node) {
      const near = node.closedNeighborhood();
      this.cy.elements().difference(near).addClass("aside");
      near.edges().addClass("near");
      node.addClass("chosen");
    }
    this.about.replaceChildren(...(node ? this.told(node) : [element("p", { class: "muted" }, this.dataset.tHint)]));
  }

  told(node) {
    const t = this.dataset;
    const { name, kindLabel, detail, url, narrower, ended } = node.data();
    const said = [kindLabel, detail, ended ? t.tEnded : ""].filter(Boolean).join(" · ");
    const links = node.connectedEdges().map((edge) => {
      const other = edge.source().id() === node.id() ? edge.target() : edge.source();
      const jump = element("button", { type: "button", class: "btn-plain", onclick: () => this.choose(other) }, other.data("name"));
      const parts = other.id() === edge.target().id() ? [`${edge.data("label")} `, jump] : [jump, ` ${edge.data("label")} ${name}`];
      return element("li", { class: edge.data("ended") ? "muted" : null }, ...parts);
    });
    return [
      element("div", { class: "graph-about-head" }, element("div", {}, element("strong", {}, name), element("span", { class: "row-note" }, said)),
        element("span", { class: "cluster" }, element("a", { class: "btn btn-primary btn-sm", href: url }, t.tOpen),
          ...(narrower ? [element("a", { class: "btn btn-quiet btn-sm", href: `${location.pathname}?${narrower}` }, t.tNarrow)] : []),
          element("button", { type: "button", class: "btn btn-quiet btn-sm", onclick: () => this.choose(null) }, t.tClose))),
      element("ul", { class: "graph-about-links" }, ...links),
    ];
  }

  async save() {
    this.choose(null);
    const legend = [...this.closest("section").querySelectorAll("[data-role]")].map((row) => ({ role: row.dataset.role, text: row.textContent.trim() }));
    const url = URL.createObjectURL(await pictureOf(this.cy, { title: this.dataset.title, legend }));
    element("a", { href: url, download: this.dataset.file }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
  }
}

customElements.define("td-graph", Graph);
