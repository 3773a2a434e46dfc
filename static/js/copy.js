/* Copy buttons: [data-copy="text"], or an empty [data-copy] inside .code-block that copies the block's code. */

const SHOWN_MS = 1600;

async function copy(button) {
  const text = button.dataset.copy || button.closest(".code-block")?.querySelector("code")?.textContent || "";
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    copyBySelection(text);
  }
  button.dataset.copied = "";
  const status = document.getElementById("copied");
  if (status) status.textContent = status.dataset.text;
  setTimeout(() => {
    delete button.dataset.copied;
    if (status) status.textContent = "";
  }, SHOWN_MS);
}

/** The clipboard interface exists on secure pages only; on http:// in a laboratory network the old way still works. */
function copyBySelection(text) {
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "visually-hidden";
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

export function startCopy() {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (button) copy(button);
  });
}
