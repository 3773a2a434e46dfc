/* <time data-relative datetime="…">: "3 minutes ago" in the page's language, kept true while the page is open. */

const UNITS = [["year", 31557600], ["month", 2629800], ["week", 604800], ["day", 86400], ["hour", 3600], ["minute", 60]];
const TICK_MS = 30000;

function words(seconds, format) {
  for (const [unit, size_s] of UNITS) {
    if (Math.abs(seconds) >= size_s) return format.format(Math.trunc(seconds / size_s), unit);
  }
  return format.format(Math.trunc(seconds / 10) * 10, "second");
}

function update(root = document) {
  const format = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "auto" });
  for (const element of root.querySelectorAll("time[data-relative]")) {
    const text = words((Date.parse(element.dateTime) - Date.now()) / 1000, format);
    if (element.textContent !== text) element.textContent = text;
  }
}

export function startTime() {
  update();
  setInterval(() => { if (!document.hidden) update(); }, TICK_MS);
  document.addEventListener("htmx:afterSwap", () => update());
  document.addEventListener("visibilitychange", () => { if (!document.hidden) update(); });
}
