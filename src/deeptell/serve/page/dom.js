// Elements from names, properties and children. Text is always text: nothing is parsed as HTML.

const SVG = "http://www.w3.org/2000/svg";

export function el(name, properties = {}, ...children) {
  return filled(document.createElement(name), properties, children);
}

export function svg(name, properties = {}, ...children) {
  return filled(document.createElementNS(SVG, name), properties, children);
}

function filled(element, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

// A sign beside each answer, so that its colour is not all that tells them apart.
export function mark(verdict) {
  const paths = {
    "likely manipulated": ["M12 3 22 20.5H2Z", "M12 9.5v5", "M12 17.3v.2"],
    "no manipulation found": ["M12 2.5a9.5 9.5 0 1 0 0 19 9.5 9.5 0 1 0 0-19Z", "M7.5 12.3l3 3 6-6.3"],
    "cannot tell": ["M12 2.5a9.5 9.5 0 1 0 0 19 9.5 9.5 0 1 0 0-19Z", "M9 9.3c.3-3.6 6-3.4 6 .1 0 2.2-3 2.3-3 4.8", "M12 17.3v.2"],
  };
  return svg("svg", { class: "mark", viewBox: "0 0 24 24", "aria-hidden": "true" },
    ...paths[verdict].map((d) => svg("path", { d })));
}

export function verdictClass(verdict) {
  return { "likely manipulated": "manipulated", "no manipulation found": "not-found", "cannot tell": "cannot-tell" }[verdict] ?? "";
}
