/* <td-log data-log-url>: follows a text that grows, by byte offset. Written by templates/components/_log.html.
   GET url?offset=N answers the text from there on, X-Log-Offset (ask next from) and X-Log-Finished. */

const MOST_LINES = 4000;
const SLOWEST_MS = 30000;
const NEAR_END_PX = 40;

class Log extends HTMLElement {
  connectedCallback() {
    if (!this.pre) this.build();
    this.wake = () => { if (!document.hidden) this.poll(); };
    document.addEventListener("visibilitychange", this.wake);
    this.poll();
  }

  disconnectedCallback() {
    clearTimeout(this.timer);
    document.removeEventListener("visibilitychange", this.wake);
  }

  build() {
    this.pre = this.querySelector(".log");
    this.offset = 0;
    this.rest = "";
    this.wait_ms = this.usual_ms = Number(this.dataset.pollMs) || 2000;
    this.decoder = new TextDecoder();
    this.follow = document.createElement("input");
    this.follow.type = "checkbox";
    this.follow.checked = true;
    this.follow.addEventListener("change", () => this.toEnd());
    const label = document.createElement("label");
    label.append(this.follow, ` ${this.dataset.tFollow}`);
    this.status = document.createElement("span");
    this.status.className = "muted curve-end";
    this.status.setAttribute("role", "status");
    const bar = document.createElement("div");
    bar.className = "curve-bar";
    bar.append(label, this.status);
    this.prepend(bar);
    // Reading further up stops the following; scrolling back to the end takes it up again.
    this.pre.addEventListener("scroll", () => { this.follow.checked = this.distance() < NEAR_END_PX; }, { passive: true });
  }

  distance() {
    return this.pre.scrollHeight - this.pre.scrollTop - this.pre.clientHeight;
  }

  toEnd() {
    if (this.follow.checked) this.pre.scrollTop = this.pre.scrollHeight;
  }

  async poll() {
    clearTimeout(this.timer);
    if (this.finished || document.hidden || this.asking) return;
    this.asking = true;
    try {
      const url = new URL(this.dataset.logUrl, location.href);
      url.searchParams.set("offset", String(this.offset));
      const answer = await fetch(url, { headers: { Accept: "text/plain" } });
      if (!answer.ok) throw new Error(String(answer.status));
      const bytes = await answer.arrayBuffer();
      this.offset = Number(answer.headers.get("X-Log-Offset") ?? this.offset + bytes.byteLength);
      this.finished = answer.headers.get("X-Log-Finished") === "true";
      this.add(this.decoder.decode(bytes, { stream: !this.finished }));
      this.wait_ms = bytes.byteLength ? this.usual_ms / 2 : this.usual_ms;
      this.say(this.pre.childElementCount ? "" : this.dataset.tEmpty);
    } catch {
      this.wait_ms = Math.min(this.wait_ms * 2, SLOWEST_MS);
      this.say(this.dataset.tLost);
    } finally {
      this.asking = false;
    }
    if (!this.finished && this.isConnected) this.timer = setTimeout(() => this.poll(), this.wait_ms);
  }

  say(text) {
    if (this.status.textContent !== text) this.status.textContent = text;
  }

  /** Whole lines at once; what is after the last line break waits for its end. A carriage return rewrites its line. */
  add(text) {
    const lines = (this.rest + text).split("\n");
    this.rest = this.finished ? "" : lines.pop();
    if (this.finished && lines.at(-1) === "") lines.pop();
    if (!lines.length) return;
    const page = document.createDocumentFragment();
    for (const line of lines.slice(-MOST_LINES)) {
      const row = document.createElement("div");
      row.textContent = line.slice(line.lastIndexOf("\r", line.length - 2) + 1) || " ";
      if (/\b(ERROR|CRITICAL|Traceback)\b/.test(line)) row.className = "log-error";
      else if (/\bWARN(ING)?\b/.test(line)) row.className = "log-warning";
      page.append(row);
    }
    this.pre.append(page);
    while (this.pre.childElementCount > MOST_LINES) {
      this.pre.firstElementChild.remove();
      this.title = this.dataset.tCut;
    }
    this.toEnd();
  }
}

customElements.define("td-log", Log);
