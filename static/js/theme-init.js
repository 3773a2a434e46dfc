/* Runs before the first paint, so the chosen appearance never flashes. The choice is made in theme.js. */
(() => {
  let choice = null;
  try { choice = localStorage.getItem("tandem-theme"); } catch { /* storage is closed: follow the system */ }
  const dark = choice === "dark" || (choice !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.bsTheme = dark ? "dark" : "light";
})();
