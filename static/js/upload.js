/* <form data-upload>: sends the form with a progress bar, an estimate of the time left and a way to stop. Without
   JavaScript the same form is sent by the browser. The answers it understands are described in docs/design.md. */

const MEASURE_MS = 4000;

function size(bytes, lang) {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte"];
  const at = Math.min(units.length - 1, Math.floor(Math.log(Math.max(bytes, 1)) / Math.log(1000)));
  return new Intl.NumberFormat(lang, { style: "unit", unit: units[at], unitDisplay: "short", maximumSignificantDigits: 3 })
    .format(bytes / 1000 ** at);
}

function duration(seconds, lang) {
  const [value, unit] = seconds >= 90 ? [Math.round(seconds / 60), "minute"] : [Math.max(1, Math.round(seconds)), "second"];
  return new Intl.NumberFormat(lang, { style: "unit", unit, unitDisplay: "long" }).format(value);
}

/** Speed over the last seconds, so a stall or a burst shows; returns seconds left or null while unknown. */
function estimator() {
  const seen = [];
  return (sent, total) => {
    const now = performance.now();
    seen.push([now, sent]);
    while (seen.length > 2 && now - seen[0][0] > MEASURE_MS) seen.shift();
    const [then, before] = seen[0];
    return now - then < 400 || sent === before ? null : ((total - sent) * (now - then)) / (sent - before) / 1000;
  };
}

/** Show the page that came back (the form with its errors) in place, and put the reader at its first error. */
function showAnswer(html) {
  const page = new DOMParser().parseFromString(html, "text/html");
  const fresh = page.querySelector("main");
  if (!fresh) return false;
  document.querySelector("main").replaceWith(fresh);
  (fresh.querySelector(".is-invalid, .invalid-feedback, [role=alert]") ?? fresh).scrollIntoView({ block: "center" });
  fresh.focus();
  prepare();
  return true;
}

function send(form, submitter) {
  const lang = document.documentElement.lang;
  const area = form.querySelector('[data-part="progress"]');
  const part = (name) => area.querySelector(`[data-part="${name}"]`);
  const bar = area.querySelector("progress");
  const left = estimator();
  const request = new XMLHttpRequest();
  const end = (text) => {
    part("text").textContent = text;
    part("eta").textContent = "";
    bar.value = 0;
    part("cancel").hidden = true;
    for (const button of form.querySelectorAll("[type=submit]")) button.disabled = false;
  };
  request.upload.addEventListener("progress", ({ loaded, total }) => {
    bar.value = (100 * loaded) / total;
    const seconds = left(loaded, total);
    part("text").textContent = loaded < total ? `${area.dataset.tSending}: ${Math.floor((100 * loaded) / total)}%` : area.dataset.tChecking;
    part("eta").textContent = `${size(loaded, lang)} / ${size(total, lang)}${seconds && loaded < total ? ` · ${duration(seconds, lang)} ${area.dataset.tLeft}` : ""}`;
    if (loaded >= total) bar.removeAttribute("value");
  });
  request.addEventListener("load", () => {
    const to = request.getResponseHeader("HX-Redirect");
    if (to) location.assign(to);
    else if (!showAnswer(request.responseText)) end(area.dataset.tFailed);
  });
  request.addEventListener("error", () => end(area.dataset.tFailed));
  request.addEventListener("abort", () => end(area.dataset.tCancelled));
  part("cancel").hidden = false;
  part("cancel").onclick = () => request.abort();
  request.open("POST", form.action);
  request.setRequestHeader("HX-Request", "true");
  request.send(new FormData(form, submitter));
  area.hidden = false;
  for (const button of form.querySelectorAll("[type=submit]")) button.disabled = true;
}

/** Name and size of the chosen file, and the dashed area as a place to drop one. */
function prepareDrop(area) {
  const input = area.querySelector("input[type=file]");
  const chosen = area.querySelector('[data-part="chosen"]');
  const lang = document.documentElement.lang;
  const show = () => {
    chosen.textContent = [...input.files].map((file) => `${file.name} (${size(file.size, lang)})`).join(", ");
  };
  input.addEventListener("change", show);
  for (const name of ["dragenter", "dragover"]) {
    area.addEventListener(name, (event) => { event.preventDefault(); area.classList.add("over"); });
  }
  for (const name of ["dragleave", "drop"]) area.addEventListener(name, () => area.classList.remove("over"));
  area.addEventListener("drop", (event) => {
    event.preventDefault();
    if (!event.dataTransfer.files.length) return;
    input.files = event.dataTransfer.files;
    show();
  });
}

function prepare() {
  for (const form of document.querySelectorAll("form[data-upload]:not([data-ready])")) {
    form.dataset.ready = "";
    form.querySelectorAll("[data-drop]").forEach(prepareDrop);
    form.addEventListener("submit", (event) => {
      const input = form.querySelector("input[type=file]");
      if (event.defaultPrevented || !input?.files.length) return;
      event.preventDefault();
      send(form, event.submitter);
    });
  }
}

prepare();
document.addEventListener("htmx:load", prepare);
