// The words of the page. All of them are in strings.en.json, so that they can be translated.

let words = {};

export async function loadWords() {
  words = await (await fetch("/page/strings.en.json")).json();
  for (const place of document.querySelectorAll("[data-text]")) place.textContent = t(place.dataset.text);
}

export function t(key, values = {}) {
  return (words[key] ?? key).replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

export function percent(share) {
  if (share < 0.01) return "<1";
  if (share > 0.99) return ">99";
  return String(Math.round(share * 100));
}

export function clock(seconds) {
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

export function bytes(count) {
  if (count < 1e6) return `${Math.max(1, Math.round(count / 1e3))} kB`;
  return count < 1e9 ? `${(count / 1e6).toFixed(1)} MB` : `${(count / 1e9).toFixed(2)} GB`;
}
