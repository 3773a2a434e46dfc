/* Buttons with data-confirm ask first, in the one <dialog id="confirm-dialog"> of the page. Optional: data-confirm-title,
   data-confirm-label (the button's word) and data-confirm-word (must be typed). Without JavaScript the form is sent. */

let agreed = null;

/** Ask; resolves to true only when the person chose to go on. */
function ask(button) {
  const dialog = document.getElementById("confirm-dialog");
  const part = (name) => dialog.querySelector(`[data-part="${name}"]`);
  const title = dialog.querySelector("h2");
  const word = button.dataset.confirmWord ?? "";
  const input = dialog.querySelector("input");
  title.textContent = button.dataset.confirmTitle || title.dataset.default;
  part("text").textContent = button.dataset.confirm;
  part("ok").textContent = button.dataset.confirmLabel || part("ok").dataset.default;
  part("word").hidden = !word;
  part("expected").textContent = word;
  input.value = "";
  part("ok").disabled = Boolean(word);
  input.oninput = () => { part("ok").disabled = input.value.trim() !== word; };
  dialog.returnValue = "cancel";
  dialog.showModal();
  if (word) input.focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "ok"), { once: true });
  });
}

export function startConfirm() {
  document.addEventListener("submit", async (event) => {
    const { submitter: button, target: form } = event;
    if (!button?.dataset.confirm || agreed === button || form.hasAttribute("hx-post")) return;
    event.preventDefault();
    event.stopPropagation();
    if (!(await ask(button))) return;
    agreed = button;
    // Live parts of the page are replaced while one reads the question; a form that is gone with them would send nothing.
    if (!form.isConnected) {
      form.hidden = true;
      document.body.append(form);
    }
    form.requestSubmit(button);
    agreed = null;
  }, true);
  document.addEventListener("htmx:confirm", async (event) => {
    const button = event.detail.triggeringEvent?.submitter ?? event.detail.elt;
    if (!button?.dataset?.confirm) return;
    event.preventDefault();
    if (await ask(button)) event.detail.issueRequest(true);
  });
}
