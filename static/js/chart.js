/* How a curve is drawn with uPlot: colours of the theme, axes in the page's language, log scale, hover. */

import { align, number, smooth, spacing, thin } from "./series.js";

const HEIGHT_PX = 260;
const COLOURS = 6;

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

export function seriesColour(index) {
  return colour(`--td-series-${(index % COLOURS) + 1}`);
}

/** Column data of the drawn series: raw behind, smoothed in front when a smoothing is chosen. */
function columns(series, smoothing, logarithmic) {
  const usable = (y) => (logarithmic ? y.map((value) => (value > 0 ? value : null)) : y);
  const pairs = [];
  const step = spacing(series);
  for (const { x, y } of series) {
    if (smoothing) pairs.push(thin(x, usable(y)));
    pairs.push(thin(x, usable(smooth(x, y, smoothing, step))));
  }
  return align(pairs);
}

function lines(series, smoothing) {
  const options = [];
  for (const { label, index } of series) {
    const stroke = seriesColour(index);
    const common = { label, spanGaps: true, points: { show: false } };
    if (smoothing) options.push({ ...common, stroke, width: 1, alpha: 0.28 });
    options.push({ ...common, stroke, width: 2 });
  }
  return options;
}

/** Steps are whole: no marks between them. */
const WHOLE = [...Array(9).keys()].flatMap((power) => [1, 2, 5].map((n) => n * 10 ** power));

function axes(stepLabel, lang, logarithmic, step) {
  const common = {
    stroke: colour("--td-ink-2"),
    font: `12px ${colour("--td-font")}`,
    ticks: { show: false },
    grid: { stroke: colour("--td-line"), width: 1 },
  };
  const print = (_, values) => values.map((value) => (value === null ? "" : number(value, lang)));
  const x = { ...common, label: stepLabel, labelSize: 20, labelFont: common.font, size: 32, grid: { show: false }, incrs: WHOLE, values: (_, values) => values.map(step) };
  const y = { ...common, size: 62, values: print };
  if (logarithmic) y.space = 24;
  return [x, y];
}

/**
 * Draw, or draw anew: `series` [{x, y, label, index}] of one group; `onHover(step, values)` with the raw index or null.
 * Returns the uPlot object; the caller destroys it before the next drawing.
 */
export function draw({ host, series, smoothing, logarithmic, stepLabel, step, lang, onHover }) {
  const uPlot = window.uPlot;
  const data = columns(series, smoothing, logarithmic);
  const stride = smoothing ? 2 : 1;
  const options = {
    width: Math.max(host.clientWidth, 200),
    height: HEIGHT_PX,
    legend: { show: false },
    cursor: { points: { size: 7 }, drag: { x: true, y: false } },
    scales: { x: { time: false }, y: logarithmic ? { distr: 3 } : {} },
    axes: axes(stepLabel, lang, logarithmic, step),
    series: [{}, ...lines(series, smoothing)],
    hooks: {
      setCursor: [(plot) => {
        const at = plot.cursor.idx;
        onHover(at == null ? null : data[0][at], at == null ? [] : series.map((_, i) => nearest(data[(i + 1) * stride], at)));
      }],
    },
  };
  return new uPlot(options, data, host);
}

/** The last value at or before a position: series measured rarely still answer while hovering. */
function nearest(column, at) {
  for (let i = at; i >= 0; i -= 1) if (column[i] != null) return column[i];
  return undefined;
}
