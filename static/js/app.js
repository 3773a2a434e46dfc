/* What every page needs. Charts, logs and uploads load their own module from their component. */

import { startConfirm } from "./confirm.js";
import { startCopy } from "./copy.js";
import { startLive } from "./live.js";
import { startTabs } from "./tabs.js";
import { startTheme } from "./theme.js";
import { startTime } from "./time.js";

startTheme();
startCopy();
startConfirm();
startLive();
startTime();
startTabs();

document.addEventListener("click", (event) => {
  event.target.closest("[data-dismiss]")?.closest(".notice")?.remove();
});
