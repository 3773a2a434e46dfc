/* <td-branches>: a question is shown once the answer is given that opens its branch. Without this every question shows,
   and the server leaves out what was not asked. */

class Branches extends HTMLElement {
  connectedCallback() {
    this.addEventListener("change", () => this.update());
    this.update();
  }

  update() {
    for (const line of this.querySelectorAll("[data-on]")) {
      const field = this.querySelector(`[name="${line.dataset.on}"]`);
      const asked = field && !field.closest("[hidden]");
      line.hidden = !(asked && JSON.parse(line.dataset.is).includes(field.value));
    }
  }
}

customElements.define("td-branches", Branches);
