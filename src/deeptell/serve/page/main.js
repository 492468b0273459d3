// The page: files go in, events come back, and the file named in the address is shown.

import * as api from "./api.js";
import { el } from "./dom.js";
import { Queue } from "./queue.js";
import { answer, gone, pending, welcome } from "./result.js";
import { loadWords, t } from "./text.js";

const AT_ONCE = 3; // files that are sent at the same time

const place = (id) => document.getElementById(id);
const known = new Map(); // jobs by id
const result = place("result");
let queue;
let oldest = null;
let shown = null; // what the result panel shows: id and state
let uploads = 0;

await loadWords();
await opened();
start();

// Where a token is asked for, the page waits for it.
async function opened() {
  for (;;) {
    try {
      return await api.jobs();
    } catch (error) {
      if (error.status !== 401) {
        tell(t("error", { reason: error.message }));
        await new Promise((resolve) => setTimeout(resolve, 2000));
      } else await token();
    }
  }
}

function token() {
  return new Promise((resolve) => {
    const field = el("input", { id: "token", type: "password", autocomplete: "off", required: true });
    const said = el("p", { role: "alert" });
    result.replaceChildren(el("form", {
      onsubmit: async (event) => {
        event.preventDefault();
        try {
          await api.open(field.value.trim());
          resolve();
        } catch (error) {
          said.textContent = error.message;
        }
      },
    }, el("h2", {}, t("token_title")), el("p", {}, t("token")),
    el("p", {}, el("label", { for: "token" }, `${t("token_label")} `), field, " ", el("button", { type: "submit", class: "button" }, t("token_send"))), said));
    field.focus();
  });
}

async function start() {
  queue = new Queue(place("queue"));
  const listed = await more();
  api.follow(listed.last_event, heard);
  place("older").addEventListener("click", more);
  place("files").addEventListener("change", (event) => { take(event.target.files); event.target.value = ""; });
  dropping();
  window.addEventListener("hashchange", route);
  route();
}

async function more() {
  const listed = await api.jobs(oldest);
  for (const job of listed.jobs) {
    known.set(job.id, job);
    queue.show(job);
    oldest = job.number;
  }
  place("older").hidden = listed.jobs.length < 50;
  return listed;
}

async function heard(kind, event) {
  const { job: id } = event;
  if (kind === "deleted") {
    known.delete(id);
    queue.remove(id);
    if (shown?.id === id) route();
    return;
  }
  let job = known.get(id);
  if (job && kind === "running") Object.assign(job, { state: kind, progress: event.progress });
  else {
    try {
      job = await api.job(id);
    } catch {
      return; // erased meanwhile
    }
  }
  const isNew = !known.has(id);
  known.set(id, job);
  queue.show(job, { first: isNew });
  if (kind === "done") tell(t("told_done", { name: job.name, verdict: t(job.verdict) }));
  if (kind === "failed") tell(t("told_failed", { name: job.name, reason: job.error }));
  if (shown?.id === id) show(job);
}

function tell(words) {
  place("told").textContent = words;
}

function dropping() {
  const drop = place("drop");
  for (const name of ["dragover", "drop"]) window.addEventListener(name, (event) => event.preventDefault());
  drop.addEventListener("dragover", () => drop.classList.add("over"));
  for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => take(event.dataTransfer.files));
}

async function take(files) {
  const options = { rate: place("rate").value, stress: place("stress").checked };
  const waiting = [...files].map((file) => ({ file, item: queue.sending(`upload-${uploads++}`, file.name) }));
  const isOne = waiting.length === 1; // the list that was given is emptied meanwhile
  let last = null;
  const sender = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) last = (await sent(next, options)) ?? last;
  };
  await Promise.all(Array.from({ length: AT_ONCE }, sender));
  if (last && isOne) location.hash = last.id;
}

async function sent({ file, item }, options) {
  tell(t("told_sending", { name: file.name }));
  item.progress(0);
  try {
    const job = await api.send(file, options, item.progress);
    item.done();
    if (!known.has(job.id)) {
      known.set(job.id, job);
      queue.show(job, { first: true });
    }
    return job;
  } catch (error) {
    const reason = error.message || t("upload_lost");
    item.failed(reason);
    tell(t("told_failed", { name: file.name, reason }));
    return null;
  }
}

async function route() {
  const id = decodeURIComponent(location.hash.slice(1));
  queue.choose(id);
  shown = null;
  if (!id) return result.replaceChildren(...welcome());
  const isPast = () => decodeURIComponent(location.hash.slice(1)) !== id; // another was chosen meanwhile
  try {
    const job = known.get(id) ?? (await api.job(id));
    if (isPast()) return;
    known.set(id, job);
    await show(job);
    result.focus({ preventScroll: window.innerWidth > 900 });
  } catch (error) {
    if (isPast()) return;
    result.replaceChildren(...(error.status === 404 ? gone() : [t("error", { reason: error.message })]));
  }
}

const actions = {
  cancel: (job) => api.cancel(job.id).catch((error) => tell(error.message)),
  erase: (job) => sure(t("delete_sure", { name: job.name }), async () => {
    await api.erase(job.id);
    known.delete(job.id);
    queue.remove(job.id);
    tell(t("told_deleted", { name: job.name }));
    location.hash = "";
  }),
};

async function show(job) {
  const again = shown?.id === job.id && shown.state === job.state;
  shown = { id: job.id, state: job.state };
  if (job.state !== "done") {
    const bar = again ? result.querySelector("progress") : null;
    if (bar) bar.value = job.progress;
    else result.replaceChildren(...pending(job, actions).filter(Boolean));
    return;
  }
  if (again) return;
  const content = await api.result(job.id);
  if (shown?.id === job.id) result.replaceChildren(...answer(job, content, actions).filter(Boolean));
}

function sure(question, act) {
  const dialog = el("dialog", { "aria-label": question }, el("p", {}, question),
    el("p", { class: "actions" },
      el("button", { type: "button", class: "button danger", onclick: async () => {
        dialog.close();
        try {
          await act();
        } catch (error) {
          tell(error.message);
        }
      } }, t("yes")),
      el("button", { type: "button", class: "quiet", onclick: () => dialog.close() }, t("no"))));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
