// The files that are being sent, wait, are examined, or were.

import { el, mark, verdictClass } from "./dom.js";
import { bytes, percent, t } from "./text.js";

export class Queue {
  constructor(list) {
    this.list = list;
    this.items = new Map(); // by id of the job, or of the upload
    this.empty = el("li", { class: "soft" }, t("empty"));
    this.list.append(this.empty);
  }

  // A file that is being sent stands in front until the server knows it.
  sending(key, name) {
    const state = el("span", { class: "state" });
    const bar = el("progress", { max: 1, value: 0, "aria-label": name });
    const item = el("li", { class: "job" }, el("span", { class: "name" }, name), state, bar);
    this.put(key, item, true);
    return {
      progress: (share) => { bar.value = share; state.textContent = t("uploading", { percent: Math.floor(100 * share) }); },
      failed: (reason) => { bar.remove(); state.textContent = t("upload_failed", { reason }); item.classList.add("bad"); },
      done: () => this.remove(key),
    };
  }

  show(job, { first = false } = {}) {
    const link = el("a", { class: "job", href: `#${job.id}`, "aria-current": this.chosen === job.id ? "true" : null },
      el("span", { class: "name" }, job.name),
      el("span", { class: `state ${verdictClass(job.verdict)}` }, ...stateOf(job)),
      el("span", { class: "soft small" }, bytes(job.size)));
    if (job.state === "running") link.append(el("progress", { max: 1, value: job.progress, "aria-hidden": "true" }));
    const item = el("li", {}, link);
    const old = this.items.get(job.id);
    if (!old) return this.put(job.id, item, first);
    const focused = old.contains(document.activeElement);
    old.replaceWith(item);
    this.items.set(job.id, item);
    if (focused) link.focus();
  }

  put(key, item, first) {
    this.empty.remove();
    this.items.set(key, item);
    if (first) this.list.prepend(item);
    else this.list.append(item);
  }

  remove(key) {
    this.items.get(key)?.remove();
    this.items.delete(key);
    if (!this.items.size) this.list.append(this.empty);
  }

  choose(id) {
    this.chosen = id;
    for (const [key, item] of this.items) {
      const link = item.querySelector("a");
      if (link) key === id ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current");
    }
  }
}

function stateOf(job) {
  if (job.state === "done") return [mark(job.verdict), t(job.verdict)];
  return [t(job.state, { percent: Math.floor(100 * job.progress) })];
}
