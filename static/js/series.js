/* The measurements of one run: gathered by name, smoothed, thinned for drawing, lined up on one axis. Pure; no page. */

const DRAWN_POINTS = 1500;

/** Series by name; `points` of an answer are added to what is there. */
export class SeriesStore {
  constructor() {
    this.byName = new Map();
  }

  /** Take one answer of the series address; returns true when something changed. */
  add({ series = [], reset = false }) {
    if (reset) this.byName.clear();
    for (const { name, label, group, rank, x, y } of series) {
      const kept = this.byName.get(name) ?? { name, label: label || name, group: group || groupOf(name), rank: rank ?? 0, x: [], y: [] };
      const after = kept.x.at(-1) ?? -Infinity;
      for (let i = 0; i < x.length; i += 1) {
        if (x[i] <= after || !Number.isFinite(y[i])) continue; // an answer asked for twice adds nothing twice
        kept.x.push(x[i]);
        kept.y.push(y[i]);
      }
      this.byName.set(name, kept);
    }
    return reset || series.some(({ x }) => x.length > 0);
  }

  get all() {
    return [...this.byName.values()];
  }

  /** Names of the groups, what matters most first, whichever was measured first. */
  get groups() {
    return [...new Set(this.all.sort((a, b) => a.rank - b.rank).map((series) => series.group))];
  }

  ofGroup(group) {
    return this.all.filter((series) => series.group === group);
  }
}

function groupOf(name) {
  return name.slice(name.lastIndexOf("/") + 1);
}

/**
 * Exponential mean, corrected for its start (as in Adam), so the first points are not pulled to zero. The weight holds
 * for `step` along x: a series measured forty times more rarely is smoothed forty times less per point.
 */
export function smooth(x, y, weight, step) {
  if (!weight) return y;
  let mean = 0;
  let seen = 0;
  return y.map((value, i) => {
    const kept = i ? weight ** ((x[i] - x[i - 1]) / step) : weight;
    mean = kept * mean + (1 - kept) * value;
    seen = kept * seen + 1 - kept;
    return mean / seen;
  });
}

/** The closest spacing along x among the series, to measure a smoothing by. */
export function spacing(series) {
  const each = series.filter(({ x }) => x.length > 1).map(({ x }) => (x.at(-1) - x[0]) / (x.length - 1));
  return Math.max(Math.min(...each), 1e-9);
}

/** Keep the first, lowest, highest and last point of each bucket: no spike is lost, however many points there are. */
export function thin(x, y, most = DRAWN_POINTS) {
  if (x.length <= most) return [x, y];
  const size = Math.ceil(x.length / (most / 4));
  const keptX = [];
  const keptY = [];
  for (let start = 0; start < x.length; start += size) {
    const end = Math.min(start + size, x.length);
    let low = start;
    let high = start;
    for (let i = start; i < end; i += 1) {
      if (y[i] < y[low]) low = i;
      if (y[i] > y[high]) high = i;
    }
    for (const i of [...new Set([start, low, high, end - 1])].sort((a, b) => a - b)) {
      keptX.push(x[i]);
      keptY.push(y[i]);
    }
  }
  return [keptX, keptY];
}

/** One x axis for several series: `[[x…], [y or undefined…], …]`, as uPlot wants it (undefined: no point, line goes on). */
export function align(pairs) {
  const xs = [...new Set(pairs.flatMap(([x]) => x))].sort((a, b) => a - b);
  const row = new Map(xs.map((x, i) => [x, i]));
  const columns = pairs.map(([x, y]) => {
    const column = new Array(xs.length).fill(undefined);
    x.forEach((value, i) => { column[row.get(value)] = y[i]; });
    return column;
  });
  return [xs, ...columns];
}

/** At most `most` rows spread evenly over the series, always with the last: for the table below the curve. */
export function rowsFor(series, most = 40) {
  const [xs, ...columns] = align(series.map(({ x, y }) => [x, y]));
  const step = Math.max(1, Math.ceil(xs.length / most));
  const picked = xs.map((_, i) => i).filter((i) => (xs.length - 1 - i) % step === 0);
  return picked.map((i) => [xs[i], ...columns.map((column) => column[i])]);
}

/** Short, in the page's language: 0.00031, 2.847, 12,400. */
export function number(value, lang) {
  if (value === undefined || value === null || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e9)) return value.toExponential(2);
  return value.toLocaleString(lang, size >= 1000 ? { maximumFractionDigits: 0 } : { maximumSignificantDigits: 4 });
}
