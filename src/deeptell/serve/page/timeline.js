// A person's score over time; a click or the arrow keys move the player.

import { el, svg, verdictClass } from "./dom.js";
import { clock, percent, t } from "./text.js";

const WIDTH = 600;
const HEIGHT = 64;
const STEPS = 50; // that the arrow keys cut a video into

export function timeline(person, player, length) {
  const x = (seconds) => (WIDTH * seconds) / length;
  const y = (share) => 2 + (HEIGHT - 4) * (1 - share);
  const points = person.scores.map((score) => `${x(score.seconds).toFixed(1)},${y(score.fake_probability).toFixed(1)}`);
  const hand = svg("line", { class: "hand", y1: 0, y2: HEIGHT });
  const picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("line", { class: "half", x1: 0, x2: WIDTH, y1: y(0.5), y2: y(0.5) }),
    ...person.suspicious_seconds.map(([start, end]) =>
      svg("rect", { class: "stretch", x: x(start), width: Math.max(2, x(end) - x(start)), y: 0, height: HEIGHT })),
    svg("polyline", { class: "scores", points: points.join(" ") }),
    ...(points.length === 1 ? [svg("circle", { cx: points[0].split(",")[0], cy: points[0].split(",")[1], r: 3 })] : []),
    hand);
  const element = el("div", {
    class: `timeline ${verdictClass(person.verdict)}`, role: "slider", tabindex: 0,
    "aria-label": t("timeline", { number: person.person }), "aria-valuemin": 0, "aria-valuemax": length.toFixed(2),
    onclick: (event) => {
      const place = element.getBoundingClientRect();
      player.seek((length * (event.clientX - place.left)) / place.width);
    },
    onkeydown: (event) => {
      const moves = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10 };
      const ends = { Home: 0, End: length };
      if (!(event.key in moves) && !(event.key in ends)) return;
      event.preventDefault();
      const to = event.key in ends ? ends[event.key] : player.seconds + (moves[event.key] * length) / STEPS;
      player.seek(Math.min(length, Math.max(0, to)));
    },
  }, picture);
  const moved = () => {
    const seconds = player.seconds;
    hand.setAttribute("x1", x(seconds));
    hand.setAttribute("x2", x(seconds));
    const score = nearest(person.scores, seconds);
    element.setAttribute("aria-valuenow", seconds.toFixed(2));
    element.setAttribute("aria-valuetext", t("timeline_at", { time: clock(seconds), percent: score ? percent(score.fake_probability) : "–" }));
  };
  player.onTime(moved);
  moved();
  return element;
}

function nearest(scores, seconds) {
  return scores.reduce((best, score) =>
    best && Math.abs(best.seconds - seconds) <= Math.abs(score.seconds - seconds) ? best : score, null);
}
