// The answer to one file: what, who, when, how sure and why.

import * as api from "./api.js";
import { el, mark, verdictClass } from "./dom.js";
import { Player } from "./player.js";
import { clock, percent, t } from "./text.js";
import { timeline } from "./timeline.js";

export function welcome() {
  return [el("h2", {}, t("welcome_title")), el("p", { class: "soft" }, t("welcome"))];
}

export function gone() {
  return [el("p", {}, t("gone"))];
}

export function pending(job, actions) {
  const said = { queued: "waiting", running: "examining" }[job.state];
  return [
    el("h2", {}, job.name),
    el("p", {}, said ? t(said) : t(job.state)),
    job.error ? el("p", { class: "notice" }, job.error) : null,
    said ? el("progress", { max: 1, value: job.progress, "aria-label": t("examining") }) : null,
    buttons(job, actions, Boolean(said)),
  ];
}

export function answer(job, content, actions) {
  const [file] = content.files;
  const player = file.media ? new Player(api.media(job.id), file) : null;
  const length = lengthOf(file);
  return [
    el("h2", {}, job.name),
    el("p", { class: `answer ${verdictClass(file.verdict)}` }, mark(file.verdict), t(file.verdict)),
    el("p", {}, t(`means ${file.verdict}`)),
    file.fake_probability === null ? null : el("p", { class: "small" }, t("score", { percent: percent(file.fake_probability) })),
    reasons(file.reasons),
    alarms(file),
    file.stress ? el("p", {}, t("stress_held", file.stress)) : null,
    player?.element ?? null,
    file.people.length ? el("h3", {}, t("people")) : null,
    ...file.people.map((person) => personOf(job, person, content.page.evidence[person.person] ?? [], player, length)),
    facts(file.facts),
    el("p", { class: "notice" }, t("limits")),
    buttons(job, actions, false),
  ];
}

function lengthOf(file) {
  const last = Math.max(0, ...file.people.flatMap((person) => person.scores.map((score) => score.seconds)));
  return Math.max(file.media?.duration_seconds ?? 0, last);
}

function reasons(list) {
  if (!list.length) return null;
  return el("div", {}, el("h3", {}, t("why")), el("ul", {}, ...list.map((reason) => el("li", {}, reason.text))));
}

function alarms(file) {
  const known = file.false_alarms_per_1000;
  if (!known) return el("p", { class: "small soft" }, t("alarms_none"));
  const values = { expected: rounded(known.expected), low: rounded(known.low), high: rounded(known.high), of: known.measured_on, unit: known.unit };
  return el("p", { class: "small" }, t("alarms", values));
}

const rounded = (value) => (value < 10 ? value.toFixed(1) : Math.round(value).toString());

function personOf(job, person, evidence, player, length) {
  const score = person.fake_probability === null ? null : t("person_score", { percent: percent(person.fake_probability) });
  return el("section", { class: "person", "aria-label": t("person", { number: person.person }) },
    el("h4", {}, t("person", { number: person.person }), " ",
      el("span", { class: `label ${verdictClass(person.verdict)}` }, mark(person.verdict), t(person.verdict)),
      score ? el("span", { class: "soft small" }, ` ${score}`) : null),
    person.reasons.length ? el("ul", { class: "small" }, ...person.reasons.map((reason) => el("li", {}, reason.text))) : null,
    player && length > 0 && person.scores.length ? timeline(person, player, length) : null,
    player && length > 0 ? stretches(person, player) : null,
    faces(job, evidence, player));
}

function stretches(person, player) {
  if (!person.suspicious_seconds.length) return el("p", { class: "small soft" }, t("suspicious_none"));
  return el("p", { class: "small" }, `${t("suspicious")}: `,
    ...person.suspicious_seconds.map(([start, end]) =>
      el("button", { type: "button", class: "time", onclick: () => player.seek(start) }, `${clock(start)} – ${clock(end)}`)));
}

function faces(job, evidence, player) {
  if (!evidence.length) return null;
  const heats = evidence.map((one) => el("img", { class: "heat", src: api.picture(job.id, one.heat), alt: "", loading: "lazy" }));
  const slide = el("input", {
    type: "range", min: 0, max: 100, value: 0, "aria-label": t("heat"), title: t("heat_help"),
    oninput: () => heats.forEach((heat) => { heat.style.opacity = slide.value / 100; }),
  });
  return el("div", {}, el("p", { class: "small soft" }, t("evidence")),
    el("div", { class: "faces" }, ...evidence.map((one, i) =>
      el("button", { type: "button", class: "face", onclick: () => player?.seek(one.seconds),
        "aria-label": t("face_at", { time: clock(one.seconds), percent: percent(one.fake_probability) }) },
        el("img", { src: api.picture(job.id, one.face), alt: "", loading: "lazy" }), heats[i],
        el("span", { class: "small" }, `${clock(one.seconds)}, ${percent(one.fake_probability)} %`)))),
    el("p", { class: "small slide" }, el("label", {}, `${t("heat")} `, slide)));
}

function facts(list) {
  if (!list.length) return null;
  return el("details", {}, el("summary", {}, t("facts")), el("p", { class: "small soft" }, t("facts_note")),
    el("dl", { class: "small" }, ...list.flatMap((fact) => [el("dt", {}, fact.says), el("dd", {}, fact.means)])));
}

function buttons(job, actions, isOpen) {
  const done = job.state === "done";
  return el("p", { class: "actions" },
    done ? el("a", { class: "button", href: api.report(job.id), download: "" }, t("report")) : null,
    done ? el("a", { class: "button quiet", href: api.document_(job.id), target: "_blank", rel: "noopener" }, t("json")) : null,
    isOpen ? el("button", { type: "button", class: "quiet", onclick: () => actions.cancel(job) }, t("cancel")) : null,
    el("button", { type: "button", class: "quiet danger", onclick: () => actions.erase(job) }, t("delete")));
}
