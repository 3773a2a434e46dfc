/* Live fragments: <div data-live hx-get="…" hx-trigger="every 2s, live:resume">. Nobody looking, nothing asked: polls of a
   hidden tab are dropped, and the fragment is fetched once at return. A lost connection is said once and taken back. */

function isPoll(detail) {
  return detail.elt?.closest?.("[data-live]") && !detail.requestConfig?.triggeringEvent;
}

function say(text) {
  const status = document.getElementById("connection");
  if (status && status.textContent !== text) status.textContent = text;
}

function resume() {
  if (document.hidden || !window.htmx) return;
  for (const element of document.querySelectorAll("[data-live]")) window.htmx.trigger(element, "live:resume");
}

/** A poll after sign-out ends at the sign-in page: go there instead of showing it inside the fragment. */
function leftForSignIn(detail) {
  const asked = new URL(detail.pathInfo.requestPath, location.href).pathname;
  const got = new URL(detail.xhr.responseURL || location.href, location.href);
  return got.pathname !== asked && got.searchParams.has("next");
}

export function startLive() {
  document.addEventListener("visibilitychange", resume);
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (document.hidden && isPoll(event.detail)) event.preventDefault();
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (!leftForSignIn(event.detail)) return;
    event.preventDefault();
    location.reload();
  });
  const lost = () => say(document.getElementById("connection")?.dataset.lost ?? "");
  document.addEventListener("htmx:sendError", lost);
  document.addEventListener("htmx:timeout", lost);
  document.addEventListener("htmx:afterRequest", (event) => { if (event.detail.successful) say(""); });
}
