/* A row of tabs that is wider than the screen scrolls: it begins where the open one is, with its neighbours beside it. */

export function startTabs() {
  for (const open of document.querySelectorAll(".nav-tabs [aria-current]")) {
    const row = open.closest(".nav-tabs");
    const [tab, seen] = [open.getBoundingClientRect(), row.getBoundingClientRect()];
    row.scrollLeft += tab.left + tab.width / 2 - (seen.left + seen.width / 2);
  }
}
