/* How a cooperation graph looks: icons and colours of the page, a drawing that comes out the same every time, a picture. */

const ROLE_COLOURS = { research: "--td-series-1", application: "--td-series-2", transfer: "--td-series-3", talent: "--td-series-4" };
const DASHES = { application: [7, 4], transfer: [2, 3], talent: [9, 3, 2, 3] };
const SIZES = { organisation: 46, project: 46, model: 34, agreement: 32, person: 28 };
const SHAPES = { organisation: "round-rectangle", project: "ellipse", person: "ellipse", model: "round-hexagon", agreement: "round-tag" };
const RINGS = ["project", "organisation", "model", "agreement", "person"]; // from the middle outwards, others beyond
const MARGIN_PX = 24;
const IDEOGRAPHS = /[\u3400-\u9fff]/;
const NAME_SHOWN = 44; // letters; all of it stands beside the drawing and in the tables

export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** The icons of the page by name, each as an image in one colour. */
export class Icons {
  async load(url) {
    const answer = await fetch(url);
    const sprite = new DOMParser().parseFromString(await answer.text(), "image/svg+xml");
    this.symbols = new Map([...sprite.querySelectorAll("symbol")].map((symbol) => [symbol.id, symbol.innerHTML]));
    return this;
  }

  image(name, fill) {
    const inner = this.symbols.get(name) ?? this.symbols.get("circle");
    return `data:image/svg+xml,${encodeURIComponent(`<svg xmlns="http://www.w3.org/2000/svg" width="32" height="32" viewBox="0 0 16 16" fill="${fill}">${inner}</svg>`)}`;
  }
}

/** Nodes and links as cytoscape takes them; on rings to begin with, so that the same graph always looks the same. */
export function elementsOf({ nodes, links }) {
  const rings = new Map();
  for (const node of nodes) {
    const ring = RINGS.includes(node.kind) ? node.kind : "other";
    rings.set(ring, [...(rings.get(ring) ?? []), node]);
  }
  const placed = [...rings].flatMap(([ring, on]) => on.map((node, i) => {
    const out = 90 * (1 + (RINGS.indexOf(ring) + RINGS.length + 1) % (RINGS.length + 1));
    const angle = (2 * Math.PI * i) / on.length + out;
    return { group: "nodes", data: node, position: { x: out * Math.cos(angle), y: out * Math.sin(angle) }, classes: node.ended ? "ended" : "" };
  }));
  return [...placed, ...links.map((link, i) => ({ group: "edges", data: { id: `link${i}`, ...link }, classes: link.ended ? "ended" : "" }))];
}

/** Lay it out, then use the room there is: what is laid out in a square gets as wide, or as high, as the place for it. */
export function arrange(cy, { clientWidth, clientHeight }) {
  cy.layout(layoutOf(cy.nodes().length)).run();
  const box = cy.nodes().boundingBox({ includeLabels: false });
  const wider = (clientWidth / clientHeight) / (box.w / box.h || 1);
  const by = Math.min(Math.max(wider, 0.5), 2);
  cy.nodes().positions((node) => ({ x: node.position("x") * Math.max(by, 1), y: node.position("y") / Math.min(by, 1) }));
  cy.fit(undefined, MARGIN_PX);
}

function shortened(name) {
  return name.length > NAME_SHOWN ? `${name.slice(0, NAME_SHOWN - 1)}…` : name;
}

function layoutOf(count) {
  return {
    name: "cose", animate: false, randomize: false, fit: false, nodeDimensionsIncludeLabels: true,
    idealEdgeLength: () => 50, nodeRepulsion: () => 9000, gravity: 0.6, componentSpacing: 50,
    numIter: count > 150 ? 350 : 900,
  };
}

/** The style sheet of the drawing, from the colours of the page as they are now. */
export function lookOf(icons) {
  const ink = colour("--td-ink");
  const soft = colour("--td-ink-2");
  const surface = colour("--td-surface");
  const accent = colour("--td-accent");
  return [
    { selector: "node", style: {
      label: (node) => shortened(node.data("name")), color: ink, "font-family": colour("--td-font"), "font-size": 11, "text-valign": "bottom", "text-margin-y": 4,
      "text-wrap": "wrap", "text-max-width": 120, "text-overflow-wrap": (node) => (IDEOGRAPHS.test(node.data("name")) ? "anywhere" : "whitespace"), "text-outline-color": surface, "text-outline-width": 2, "min-zoomed-font-size": 4,
      width: (node) => SIZES[node.data("kind")] ?? 32, height: (node) => SIZES[node.data("kind")] ?? 32,
      shape: (node) => SHAPES[node.data("kind")] ?? "round-diamond",
      "background-color": colour("--td-inset"), "border-width": 1.5, "border-color": colour("--td-line-strong"),
      "background-image": (node) => icons.image(node.data("icon"), soft), "background-width": "52%", "background-height": "52%",
      "overlay-opacity": 0,
    } },
    { selector: "node[kind = 'organisation']", style: { "font-size": 13, "font-weight": 600, "border-color": accent, "background-color": colour("--td-accent-soft"), "background-image": (node) => icons.image(node.data("icon"), accent) } },
    { selector: "node[kind = 'project']", style: { "font-size": 13, "font-weight": 600, "border-color": accent, "background-color": accent, "background-image": (node) => icons.image(node.data("icon"), colour("--td-on-accent")) } },
    { selector: "edge", style: {
      width: 1.6, "curve-style": "bezier", "target-arrow-shape": "triangle", "arrow-scale": 0.8, "overlay-opacity": 0,
      "line-color": (edge) => colour(ROLE_COLOURS[edge.data("role")] ?? "--td-line-strong"),
      "target-arrow-color": (edge) => colour(ROLE_COLOURS[edge.data("role")] ?? "--td-line-strong"),
      "line-style": (edge) => (DASHES[edge.data("role")] ? "dashed" : "solid"),
      "line-dash-pattern": (edge) => DASHES[edge.data("role")] ?? [6, 3],
    } },
    { selector: ".ended", style: { opacity: 0.45 } },
    { selector: ".aside", style: { opacity: 0.12 } },
    { selector: "edge.near", style: { opacity: 1, label: "data(label)", color: soft, "font-size": 10, "text-rotation": "autorotate", "text-background-color": surface, "text-background-opacity": 0.9, "text-background-padding": 2 } },
    { selector: "node.chosen", style: { "border-width": 3, "border-color": colour("--td-warn"), label: "data(name)" } },
  ];
}

/** The whole drawing as a PNG with its title and its legend: [{text, role}] as they are on the page. */
export async function pictureOf(cy, { title, legend }) {
  const drawn = await createImageBitmap(await cy.png({ output: "blob-promise", full: true, scale: 2, maxWidth: 6000, maxHeight: 6000, bg: colour("--td-surface") }));
  const canvas = document.createElement("canvas");
  const pen = canvas.getContext("2d");
  const font = (size, weight = 400) => `${weight} ${size}px ${colour("--td-font")}`;
  const line = 44;
  canvas.width = Math.max(drawn.width, 900) + 2 * line;
  canvas.height = drawn.height + 3.5 * line + legend.length * line;
  pen.fillStyle = colour("--td-surface");
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(drawn, (canvas.width - drawn.width) / 2, 2 * line);
  pen.fillStyle = colour("--td-ink");
  pen.font = font(32, 600);
  pen.fillText(title, line, 1.3 * line, canvas.width - 2 * line);
  pen.font = font(24);
  legend.forEach(({ text, role }, i) => {
    const y = drawn.height + (3 + i) * line;
    pen.strokeStyle = colour(ROLE_COLOURS[role] ?? "--td-line-strong");
    pen.lineWidth = 4;
    pen.setLineDash((DASHES[role] ?? []).map((part) => part * 2.5));
    pen.beginPath();
    pen.moveTo(line, y - 8);
    pen.lineTo(line + 70, y - 8);
    pen.stroke();
    pen.fillText(text, line + 90, y, canvas.width - line - 130);
  });
  return new Promise((resolve) => { canvas.toBlob(resolve, "image/png"); });
}
