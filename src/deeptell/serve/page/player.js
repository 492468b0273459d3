// The clip or picture, with a box around each face in the colour of its person's answer.

import { el, verdictClass } from "./dom.js";
import { t } from "./text.js";

const NEAR = 1.5; // times the usual gap between two examined frames, over which a box is drawn

export class Player {
  constructor(url, file) {
    this.people = file.people.map((person) => ({ ...person, gap: usualGap(person.scores) }));
    this.size = [file.media?.width ?? 0, file.media?.height ?? 0];
    this.isPicture = Boolean(file.media?.is_picture);
    this.canvas = el("canvas", { "aria-hidden": "true" });
    this.shown = this.isPicture
      ? el("img", { src: url, alt: t("media_label") })
      : el("video", { src: url, controls: true, preload: "metadata", playsinline: true, "aria-label": t("media_label") });
    this.box = el("input", { type: "checkbox", id: "boxes", checked: true, onchange: () => this.draw() });
    this.missing = el("p", { class: "soft", hidden: true }, t("media_none"));
    this.element = el("div", { class: "player" },
      el("div", { class: "screen" }, this.shown, this.canvas), this.missing,
      el("p", { class: "small" }, this.box, " ", el("label", { for: "boxes" }, t("boxes"))));
    this.shown.addEventListener("error", () => { this.missing.hidden = false; });
    for (const event of ["loadeddata", "load", "seeked", "pause"]) this.shown.addEventListener(event, () => this.draw());
    this.shown.addEventListener("play", () => this.follow());
    this.watcher = new ResizeObserver(() => this.draw());
    this.watcher.observe(this.shown);
  }

  get seconds() {
    return this.isPicture ? 0 : this.shown.currentTime;
  }

  get length() {
    return this.isPicture ? 0 : this.shown.duration;
  }

  seek(seconds) {
    if (!this.isPicture) this.shown.currentTime = seconds;
  }

  onTime(heard) {
    this.shown.addEventListener("timeupdate", heard);
  }

  follow() {
    this.draw();
    if (!this.shown.paused && this.shown.isConnected) requestAnimationFrame(() => this.follow());
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.shown;
    const sharp = window.devicePixelRatio || 1;
    this.canvas.width = width * sharp;
    this.canvas.height = height * sharp;
    const [own, tall] = this.size;
    if (!this.box.checked || !own || !width) return;
    const scale = Math.min(width / own, height / tall);
    const left = (width - own * scale) / 2;
    const top = (height - tall * scale) / 2;
    const pen = this.canvas.getContext("2d");
    pen.scale(sharp, sharp);
    const colours = getComputedStyle(this.canvas);
    for (const person of this.people) {
      const box = boxAt(person, this.seconds);
      if (!box) continue;
      const [x1, y1, x2, y2] = box.map((edge, i) => edge * scale + (i % 2 ? top : left));
      pen.lineWidth = 3;
      pen.strokeStyle = colours.getPropertyValue(`--box-${verdictClass(person.verdict)}`);
      pen.strokeRect(x1, y1, x2 - x1, y2 - y1);
      label(pen, t("person", { number: person.person }), x1, y1, pen.strokeStyle);
    }
  }
}

function label(pen, text, x, y, colour) {
  pen.font = "600 13px system-ui, sans-serif";
  const width = pen.measureText(text).width + 10;
  const top = Math.max(0, y - 20);
  pen.fillStyle = colour;
  pen.fillRect(x - 1.5, top, width, 20);
  pen.fillStyle = "#fff";
  pen.fillText(text, x + 4, top + 14.5);
}

function usualGap(scores) {
  const gaps = scores.slice(1).map((score, i) => score.seconds - scores[i].seconds).sort((a, b) => a - b);
  return gaps.length ? gaps[Math.floor(gaps.length / 2)] : Infinity;
}

// Between two examined frames the box moves evenly; far from any there is none.
function boxAt({ scores, gap }, seconds) {
  if (!scores.length) return null;
  let after = scores.findIndex((score) => score.seconds > seconds);
  if (after === -1) after = scores.length;
  const [a, b] = [scores[after - 1], scores[after]];
  if (!a) return b.seconds - seconds <= gap * NEAR ? b.box_xyxy : null;
  if (!b) return seconds - a.seconds <= gap * NEAR ? a.box_xyxy : null;
  if (b.seconds - a.seconds > gap * 2 * NEAR) return null;
  const share = (seconds - a.seconds) / (b.seconds - a.seconds);
  return a.box_xyxy.map((edge, i) => edge + share * (b.box_xyxy[i] - edge));
}
