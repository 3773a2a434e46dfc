/* The appearance buttons [data-theme-choice=auto|light|dark]: remembered on this device, "auto" follows the system. */

const KEY = "tandem-theme";
const system = matchMedia("(prefers-color-scheme: dark)");

function remembered() {
  try { return localStorage.getItem(KEY) ?? "auto"; } catch { return "auto"; }
}

function remember(choice) {
  try {
    if (choice === "auto") localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, choice);
  } catch { /* storage is closed: the choice lasts for this page */ }
}

/** Apply a choice; everything drawn on canvas listens for "tandem:theme" and draws itself anew. */
function apply(choice) {
  const dark = choice === "dark" || (choice === "auto" && system.matches);
  document.documentElement.dataset.bsTheme = dark ? "dark" : "light";
  for (const button of document.querySelectorAll("[data-theme-choice]")) {
    button.setAttribute("aria-pressed", String(button.dataset.themeChoice === choice));
  }
  document.dispatchEvent(new CustomEvent("tandem:theme"));
}

export function startTheme() {
  apply(remembered());
  system.addEventListener("change", () => apply(remembered()));
  addEventListener("storage", (event) => { if (event.key === KEY) apply(remembered()); });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-theme-choice]");
    if (!button) return;
    remember(button.dataset.themeChoice);
    apply(button.dataset.themeChoice);
  });
}
